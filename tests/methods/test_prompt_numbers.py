"""The papers' numbers that chapter 05 reads: they add up, agree with each other, and say where they
come from.
"""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from corrlib.experiments import report

NUMBERS = Path(__file__).parents[2] / "book/paper_numbers"
WEAK = ["PMD", "PSCNet-SE", "VGG+MLS", "DINO+MLS", "ASIC"]


@pytest.fixture(scope="module")
def spair() -> pd.DataFrame:
    """The supplement's table 2, one column a method."""
    rows = report.read_paper(NUMBERS / "prompt_spair.csv")
    assert not rows.duplicated(["method", "category"]).any() and set(rows["threshold"]) == {
        "0.1 box"
    }
    return rows.pivot(index="category", columns="method", values="pck")


def test_the_papers_total_is_the_mean_of_its_categories(spair):
    assert len(spair.drop(["mean", "all"])) == 18
    for method in ("Hedlin et al.", "DINO+MLS", "DINO+NN"):
        assert spair[method].drop(["mean", "all"]).mean() == pytest.approx(
            spair[method]["mean"], abs=0.051
        )
    assert spair["Hedlin et al."]["mean"] == 45.4


def test_how_often_it_wins(spair):
    ours, others = spair["Hedlin et al."], spair[WEAK].max(axis=1)
    ours, others = (values.drop(["mean", "all"]) for values in (ours, others))
    assert sorted(ours.index[others > ours]) == [
        "aeroplane",
        "bottle",
    ]  # the supplement's 16 of 18, one of them level
    assert list(ours.index[others == ours]) == ["person"]
    pwarpc = spair["PWarpC-NC-Net"].drop(["mean", "all"])
    assert sorted(ours.index[pwarpc > ours]) == ["bottle", "tvmonitor"]
    assert (ours >= others.combine(pwarpc, max)).sum() == 15


def test_what_two_papers_print_agrees(spair):
    dift = report.read_paper(NUMBERS / "dift_spair.csv")
    for here, there, definition in (
        ("PWarpC-NC-Net", "PWarpC", "per image"),
        ("PMD", "PMD", "per image"),
        ("ASIC", "ASIC", "per point"),
    ):
        rows = dift[(dift["method"] == there) & (dift["definition"] == definition)].set_index(
            "category"
        )["pck"]
        pd.testing.assert_series_equal(
            spair[here].dropna().sort_index(), rows.sort_index(), check_names=False
        )


def test_the_benchmarks_table_says_protocol_and_source_of_every_number(spair):
    rows = pd.read_csv(NUMBERS / "prompt_benchmarks.csv")
    assert (
        rows.notna().all(axis=None)
        and not rows.duplicated(["method", "benchmark", "protocol", "alpha"]).any()
    )
    assert rows["pck"].between(0, 100).all() and set(rows["alpha"]) == {0.05, 0.1}
    for method in spair.columns.intersection(rows["method"].unique()):
        there = rows[
            (rows["method"] == method) & (rows["benchmark"] == "SPair-71k") & (rows["alpha"] == 0.1)
        ]["pck"].iloc[0]
        assert there == spair[method][["mean", "all"]].dropna().iloc[0]
    both = rows.pivot_table(
        index=["method", "benchmark", "protocol"], columns="alpha", values="pck"
    ).dropna()
    assert (both[0.05] < both[0.1]).all()


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("prompt_laws.yml", ["layers", "embeddings", "crops", "word", "across", "dift"]),
        ("dift_laws.yml", ["layer", "peak", "clean", "ensemble", "prompt", "size"]),
    ],
)
def test_every_law_has_its_claim_whose_it_is_and_a_word_on_each_verdict(file, names):
    laws = yaml.safe_load((NUMBERS / file).read_text())
    assert list(laws) == names
    for law in laws.values():
        law.pop("paper", None)
        assert set(law) == {"claim", "whose", "where", "holds", "does not", "cannot tell"}
        assert all(
            len(text) > 20
            for said in law.values()
            for text in ([said] if isinstance(said, str) else said)
        )
