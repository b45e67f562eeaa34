"""What the paper of Diffusion Hyperfeatures prints, as chapter 09 reads it."""

from pathlib import Path

import yaml

from corrlib.experiments import laws, report

NUMBERS = Path(__file__).parents[2] / "book/paper_numbers"


def test_every_row_has_two_benchmarks_and_two_thresholds():
    rows = report.read_paper(NUMBERS / "hyperfeatures.csv")
    table = rows.pivot(index="method", columns=["benchmark", "threshold"], values="pck")
    assert table.shape == (11, 4) and table.notna().all().all()
    assert set(rows["verified"]) == {"yes"}
    for benchmark in ("SPair-71k", "CUB"):  # a box is smaller than its image
        assert (table[benchmark, "0.1 box"] < table[benchmark, "0.1 image"]).all()
    ours = table.loc["Ours"]
    assert (ours >= table.loc[[name for name in table.index if "SD-" in name]]).all().all()
    assert ours["SPair-71k", "0.1 box"] == 64.61


def test_claims_have_words_for_every_verdict():
    known = yaml.safe_load((NUMBERS / "hyperfeatures_laws.yml").read_text())
    assert len(known) == 8
    for law in known.values():
        wanted = {"claim", "whose", "where", laws.HOLDS, laws.DOES_NOT, laws.CANNOT_TELL}
        law.pop("paper", None)
        assert set(law) == wanted and all(text.strip() for text in law.values())
