"""Tables: paper, ours and difference, never of two definitions; what was not run says so; files of
equal bytes.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from corrlib import __version__
from corrlib.experiments import report
from corrlib.experiments.table_files import export

NUMBERS = Path(__file__).parents[2] / "book" / "paper_numbers" / "dift_spair.csv"


def keypoints(subset="", profile="toybox", categories=("cat", "dog")):
    """cat: pairs of 1/1 and 1/3 right; dog: one pair of 1/2. Per point cat 50, dog 50; per image
    cat 66.7, dog 50.
    """
    right = {"cat": [[1], [1, 0, 0]], "dog": [[1, 0]]}
    rows = [
        {
            "category": c,
            "pair": f"{c}{i}",
            "keypoint": str(k),
            "distance_px": 5.0 if ok else 50.0,
            "tolerance_px": 100.0,
        }
        for c in categories
        for i, pair in enumerate(right[c])
        for k, ok in enumerate(pair)
    ]
    return pd.DataFrame(rows).assign(method="dift", preset="toybox", profile=profile, subset=subset)


def paper(**changes):
    rows = [("cat", 60.0), ("dog", 40.0), ("cow", 30.0), ("all", 45.0)]
    base = {
        "benchmark": "SPair-71k",
        "method": "DIFT",
        "definition": "per point",
        "threshold": "0.1 box",
    }
    return pd.DataFrame([{**base, **changes, "category": c, "pck": v} for c, v in rows])


def test_per_category_by_point_and_by_image():
    assert report.per_category(keypoints()).to_dict() == {
        "cat": 50.0,
        "dog": 50.0,
        "mean": 50.0,
        "all": 50.0,
    }
    by_image = report.per_category(keypoints(), by="image")
    np.testing.assert_allclose(
        by_image[["cat", "dog", "mean", "all"]],
        [200 / 3, 50, 175 / 3, 100 * (1 + 1 / 3 + 1 / 2) / 3],
    )
    assert (
        report.per_category(keypoints(), alpha=0.05)["all"] == 50.0
    )  # 5 px of 100 is right at 0.05 ...
    assert (
        report.per_category(keypoints(), alpha=0.05, strict=True)["all"] == 0.0
    )  # ... unless it has to be below
    with pytest.raises(ValueError, match="wanted 'point' or 'image'"):
        report.per_category(keypoints(), by="category")


def test_comparison():
    table = report.comparison(keypoints(subset="20 of 400 pairs"), paper(), method="DIFT")
    assert list(table.columns) == ["paper", "ours", "difference", "definition", "run"]
    assert list(table.index) == ["cat", "cow", "dog", "mean", "all"]
    assert table["difference"].drop(["cow", "mean"]).to_dict() == {
        "cat": -10.0,
        "dog": 10.0,
        "all": 5.0,
    }
    assert set(table["definition"]) == {"per point, 0.1 box"}
    assert set(table["run"]) == {"profile toybox, dift (toybox), subset: 20 of 400 pairs"}
    text = report.shown(table)
    assert text.loc["cow", ["paper", "ours", "difference"]].tolist() == ["30.0", "not run", ""]
    assert text.loc["mean", ["paper", "ours", "difference"]].tolist() == ["not given", "50.0", ""]
    assert text.loc["dog", "difference"] == "+10.0"


def test_what_was_not_run_says_so():
    table = report.comparison(None, paper(), method="DIFT")
    assert set(report.shown(table)["ours"]) == {"not run"} and set(table["run"]) == {"not run"}
    assert report.provenance(None)["profile"] == "not run"


def test_two_definitions_are_never_set_side_by_side():
    for wrong in ({"by": "image"}, {"alpha": 0.05}, {"length": "image"}, {"strict": True}):
        with pytest.raises(ValueError, match="are not 'per .*'; they are per point, 0.1 box"):
            report.comparison(keypoints(), paper(), method="DIFT", **wrong)
    with pytest.raises(ValueError, match="no 'DINO' on SPair-71k; they have DIFT on SPair-71k"):
        report.comparison(keypoints(), paper(), method="DINO")
    table = report.comparison(
        keypoints(), paper(threshold="0.1 box, strict"), method="DIFT", strict=True
    )
    assert set(table["definition"]) == {"per point, 0.1 box, strict"}


def test_by_method():
    table = report.by_method(
        {"dift": keypoints(), "pixels": None, "latents": keypoints(categories=["dog"])}
    )
    assert list(table.columns) == ["all", "mean", "cat", "dog", "definition", "run"] and list(
        table.index
    ) == ["dift", "pixels", "latents"]
    text = report.shown(table)
    assert text.loc["pixels"].tolist() == ["not run"] * 4 + ["per point, 0.1 box", "not run"]
    assert text.loc["latents", ["cat", "dog"]].tolist() == ["not run", "50.0"]


def test_provenance_names_all_that_a_number_rests_on():
    run = {"settings": "DiftSettings(t=261)", "weights": "0123abcd", "seed": 0, "parts": 3}
    assert report.provenance(keypoints(), run) == {
        "profile": "toybox",
        "method": "dift",
        "preset": "toybox",
        "subset": "no, all pairs",
        "settings": "DiftSettings(t=261)",
        "weights": "0123abcd",
        "seed": 0,
        "pairs": 3,
        "points": 6,
        "version": __version__,
    }
    assert report.provenance(keypoints("1 of 9 pairs"))["subset"] == "1 of 9 pairs"


def test_shown_has_no_negative_zero():
    assert report.shown(pd.DataFrame({"ours": [-0.04], "difference": [-0.04]})).loc[0].tolist() == [
        "0.0",
        "+0.0",
    ]


def test_export(tmp_path):
    table = report.comparison(keypoints("1 of 9 pairs"), paper(), method="DIFT")
    told = report.provenance(keypoints("1 of 9 pairs"), {"settings": "S(a='<&')", "seed": 3})
    files = export(table, tmp_path / "one" / "dift", caption="DIFT & friends, 50%", provenance=told)
    again = export(
        table.copy(), tmp_path / "two" / "dift", caption="DIFT & friends, 50%", provenance=told
    )
    assert [f.name for f in files] == ["dift.csv", "dift.json", "dift.tex", "dift.html"]
    assert [f.read_bytes() for f in files] == [f.read_bytes() for f in again]
    assert sorted(os.listdir(tmp_path / "one")) == sorted(
        f.name for f in files
    )  # no half-written file is left
    csv, data, tex, html = (f.read_text() for f in files)
    assert (
        csv.splitlines()[2]
        == 'cow,30.0,not run,,"per point, 0.1 box","profile toybox, dift (toybox), subset: 1 of '
        '9 pairs"'
    )
    data = json.loads(data)
    assert (
        data["provenance"]["seed"] == 3
        and data["rows"][1]["ours"] is None
        and data["rows"][0]["difference"] == -10.0
    )
    assert (
        r"\caption{DIFT \& friends, 50\%}" in tex
        and r"\par\smallskip{\small per point, 0.1 box; profile toybox, dift" in tex
    )
    assert (
        r"cat & 60.0 & 50.0 & -10.0 \\" in tex
        and "% seed: 3" in tex
        and r"\begin{tabular}{lrrr}" in tex
    )
    assert (
        "S(a=&#x27;&lt;&amp;&#x27;)" in html
        and '<th scope="row">cow</th>' in html
        and "subset: 1 of 9 pairs</caption>" in html
    )
    with pytest.raises(ValueError, match="cannot export to xlsx"):
        export(table, tmp_path / "x", kinds=["xlsx"])


@pytest.mark.skipif(not NUMBERS.is_file(), reason="the book's paper numbers are not here")
def test_the_papers_numbers_can_be_compared():
    numbers = report.read_paper(NUMBERS)
    table = report.comparison(None, numbers, method="DIFT (SD 2.1)", by="image")
    assert (
        len(table) == 20
        and table.loc["all", "paper"] == 52.9
        and np.isnan(table.loc["mean", "paper"])
    )
    table = report.comparison(None, numbers, method="DIFT (SD 2.1)")
    assert table.loc[["mean", "all"], "paper"].tolist() == [57.7, 59.5]


def test_a_paper_without_a_column_is_refused(tmp_path):
    (tmp_path / "p.csv").write_text("method,pck\nDIFT,1\n")
    with pytest.raises(ValueError, match="no column benchmark, definition"):
        report.read_paper(tmp_path / "p.csv")


def test_reading_results_needs_no_torch():
    code = (
        "import sys, corrlib.experiments.report, corrlib.experiments.table_files; "
        "sys.exit('torch' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0
    )
