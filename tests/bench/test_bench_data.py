"""`python -m corrlib bench data`: what it measures is what it says, and counting is fast."""

import json

import numpy as np
import pytest

from corrlib import bench, metrics
from corrlib.bench import data
from corrlib.data import load
from corrlib.metrics.protocol import Protocol


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return data.write_tree(tmp_path_factory.mktemp("tree"))


def test_the_written_tree_is_one_of_spair(tree):
    pairs = load("spair", tree)
    assert len(pairs) == 3 * 8 * 7 and pairs.counts() == {"aeroplane": 56, "cat": 56, "dog": 56}
    assert pairs[0].source.size == (500, 375) and len(pairs[0].keypoints) == 8
    assert (
        np.asarray(pairs[0].source.image()).std() > 20
    )  # pictures, not a flat colour that decodes too fast


def test_the_result(tree):
    result = bench.run("data", root=str(tree), pairs=12, keypoints=4_000, runs=1)
    assert json.loads(json.dumps(result)) == result and result["benchmark"] == "data"
    assert (result["tree"], result["pairs"], result["median_image"], result["workers"]) == (
        "given",
        12,
        [500, 375],
        1,
    )
    for name in ("annotations", "with_images"):
        assert 0 < result[name]["per_second"] and 0 < result[name]["per_processor_second"]
    assert (
        result["with_images"]["per_processor_second"]
        < result["annotations"]["per_processor_second"]
    )
    counted = result["pck_table"]
    assert (counted["keypoints"], counted["pairs"], counted["categories"]) == (4000, 500, 18)
    assert counted["cells"] == 9 + 18 * 2 * 3 and counted["processor_seconds"] > 0


def test_without_a_tree(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "load_profile", lambda name: Nowhere(tmp_path))
    result = data.bench_data(pairs=4, keypoints=800, runs=1)
    assert result["tree"] == "written" and result["pairs"] == 4
    with pytest.raises(FileNotFoundError, match="SPair"):
        data.bench_data(root=str(tmp_path / "nothing"))


class Nowhere(dict):
    """A profile whose toybox was never made."""

    def __init__(self, folder):
        super().__init__(data={"root": "toybox/SPair-71k"})
        self.path = folder.joinpath


def test_a_whole_table_of_a_hundred_thousand_keypoints():
    table = data.keypoint_table(100_000)
    assert table["pair"].nunique() == 12_500 and table["category"].nunique() == 18
    whole = data.whole_table(table)
    measured = metrics.measured(table, Protocol())
    for by in metrics.BY:
        shown = whole.query("by == @by and alpha == 0.1 and category.isna()")["pck"].item()
        assert shown == metrics.pck(measured, by=by)
    cat = measured[measured["category"] == "category3"]
    shown = whole.query("by == 'image' and alpha == 0.15 and category == 'category3'")["pck"].item()
    assert shown == metrics.pck(cat, 0.15, "image")
    right = (
        (cat["distance_px"] <= 0.15 * cat["box_px"]).groupby(cat["pair"]).mean().mean()
    )  # the same by pandas
    assert shown == pytest.approx(100 * right)


def test_the_whole_table_takes_no_more_calls_for_more_rows(calls):
    few, many = (data.keypoint_table(rows) for rows in (4_000, 100_000))
    data.whole_table(few)  # what is imported at the first call is not counted
    assert calls(lambda: data.whole_table(many)) <= 2 * calls(lambda: data.whole_table(few))


@pytest.mark.parametrize("base", metrics.BASES)
@pytest.mark.parametrize("frame", [None, (240, 240)])
def test_no_base_works_row_by_row(base, frame, calls):
    """Keypoint boxes of 12,500 pairs, too, in resized frames."""
    sides = {
        "source_width": 400.0,
        "source_height": 300.0,
        "target_width": 300.0,
        "target_height": 310.0,
    }
    boxes = {
        f"{side}_box_{axis}": 150.0 for side in ("source", "target") for axis in ("width", "height")
    }
    few, many = (
        data.keypoint_table(rows).assign(**sides, **boxes, source_box_px=150.0, image_px=310.0)
        for rows in (4_000, 100_000)
    )
    protocol = Protocol(base=base, frame=frame)
    assert 0 < metrics.pck_under(many, protocol)["pck"].iloc[-1] < 100
    counted = [
        calls(lambda table=table: metrics.pck_under(table, protocol)) for table in (few, many)
    ]
    assert counted[1] <= 2 * counted[0]
