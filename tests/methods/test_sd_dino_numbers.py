"""What "A Tale of Two Features" prints, as chapter 07 reads it: whole tables, sums that agree."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from corrlib.experiments import laws, report

NUMBERS = Path(__file__).parents[2] / "book/paper_numbers"
OURS = ("DINOv2-ViT-B/14", "Stable Diffusion", "Fuse-ViT-B/14")


def test_rows_of_table_3_are_whole_and_their_means_are_near_the_total():
    rows = report.read_paper(NUMBERS / "sd_dino_spair.csv")
    table = rows.pivot(index="method", columns="category", values="pck")
    assert table.shape == (17, 19)
    whole = table.drop(index=["GANgealing", "NeuCongeal"])
    assert whole.notna().all().all() and table.loc["GANgealing"].count() == 4
    off = (whole.drop(columns="all").mean(axis=1) - whole["all"]).abs()
    # totals are pooled or weighed by pairs, so that they need not be the plain mean
    assert off.max() < 1.7, off.sort_values()
    assert round(whole.loc["Fuse-ViT-B/14"].drop("all").mean(), 1) == 63.3
    by = rows.groupby("method")[["definition", "supervision"]].first()
    for name in OURS:
        assert tuple(by.loc[name]) == ("per point", "none")
        assert tuple(by.loc[f"{name}, head"]) == ("per image", "full")
        assert whole.loc[f"{name}, head", "all"] > whole.loc[name, "all"]
    assert whole.loc["Fuse-ViT-B/14", "all"] == 64.0


def test_outcomes_sum_to_a_hundred_and_give_the_marginals_back():
    rows = pd.read_csv(NUMBERS / "sd_dino_outcomes.csv")
    table = rows.pivot(index=["benchmark", "alpha"], columns="case", values="share")
    assert table.sum(axis=1).tolist() == pytest.approx([100] * 6, abs=0.11)
    dino = table["DINO alone is right"] + table["both are right"]
    assert dino["SPair-71k", 0.1] == pytest.approx(55.6, abs=0.15)  # Table 3's DINOv2
    assert dino["PF-Pascal", 0.1] == pytest.approx(77.3, abs=0.05)  # Table 4's


def test_groups_of_tss_are_weighed_by_their_pairs():
    counts = pd.Series({"FG3DCar": 195, "JODS": 81, "PASCAL": 124})
    smooth = pd.read_csv(NUMBERS / "sd_dino_smoothness.csv")
    table = smooth.pivot(index="method", columns="group", values="smoothness")
    mean = (table[counts.index] * counts).sum(axis=1) / counts.sum()
    assert (mean - table["mean"])[["Stable Diffusion", "Fuse-ViT-B/14"]].abs().max() < 0.02
    rows = pd.read_csv(NUMBERS / "sd_dino_benchmarks.csv")
    tss = rows[(rows["benchmark"] == "TSS") & rows["method"].isin(OURS)]
    table = tss.pivot(index="method", columns="group", values="pck")
    mean = (table[counts.index] * counts).sum(axis=1) / counts.sum()
    assert (mean - table["mean"]).abs().max() < 0.1


def test_every_facet_of_every_model():
    rows = pd.read_csv(NUMBERS / "sd_dino_facets.csv")
    table = rows.pivot(index="model", columns=["layer", "facet"], values="pck")
    assert table.shape == (3, 8) and table.notna().all().all()
    assert table.loc["DINOv2-ViT-B/14"].idxmax() == (11, "token")
    assert table.loc["DINOv1-ViT-S/8"].idxmax() == (9, "key")


def test_claims_have_words_for_every_verdict():
    known = yaml.safe_load((NUMBERS / "sd_dino_laws.yml").read_text())
    assert len(known) == 14
    for law in known.values():
        law.pop("paper", None)
        assert set(law) == {"claim", "whose", "where", laws.HOLDS, laws.DOES_NOT, laws.CANNOT_TELL}
        for words in law.values():
            assert all(text.strip() for text in ([words] if isinstance(words, str) else words))
