"""Flow: exact answers, the evaluation kit's numbers on its own files, and every input that does not
fit.
"""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from corrlib import metrics
from corrlib.data.flo import read_flo

REAL = (
    Path(os.environ.get("CORRLIB_DATA", Path(__file__).parents[3] / "shared" / "data"))
    / "tss_sample"
)
real = pytest.mark.skipif(
    not REAL.is_dir(), reason=f"real TSS bytes are not at {REAL}; set CORRLIB_DATA"
)


def shift(u, v, size=(8, 6)):
    """A constant flow."""
    return np.tile(np.array([u, v], float), (*size[::-1], 1))


def test_the_true_flow_is_all_right_and_a_shift_costs_its_length():
    true = shift(2, -1)
    assert metrics.score_flow(true, true, (8, 6)) == {"epe_px": 0, "T5": 100, "pixels": 48}
    off = metrics.score_flow(true + [3, 4], true, (80, 100), alphas=(0.04, 0.05, 0.06))
    assert off == {
        "epe_px": 5,
        "T4": 0,
        "T5": 100,
        "T6": 100,
        "pixels": 48,
    }  # 5 pixels of 100, the limit itself is right


def test_only_known_truth_counts_and_an_unknown_answer_is_wrong():
    true, predicted = shift(1, 1), shift(1, 1)
    true[0], true[1, :4] = np.nan, 1e10  # NaN and the files' mark
    predicted[:2] = 500  # where nothing is known: no matter
    assert metrics.score_flow(predicted, true, (8, 6))["pixels"] == 48 - 12
    predicted[5, :9] = np.nan
    scored = metrics.score_flow(predicted, torch.tensor(true), (8, 6), alphas=(0.05, 0.5))
    assert scored["epe_px"] == np.inf and scored["T5"] == scored["T50"] == pytest.approx(
        100 * (36 - 8 - 4) / 36
    )
    error = metrics.flow_error(predicted, true)
    assert np.isnan(error).sum() == 12 and np.isinf(error).sum() == 8 and (error == 0).sum() == 24


def test_the_threshold_is_of_the_image_that_the_flow_leads_to():
    true = shift(0, 0, (40, 30))
    assert metrics.score_flow(true + [4, 0], true, (100, 60))["T5"] == 100  # 4 <= 5
    assert (
        metrics.score_flow(true + [4, 0], true, (40, 60))["T5"] == 0
    )  # 4 > 3, whatever the flow's own size


def test_resizing_follows_both_images():
    assert np.allclose(
        metrics.resize_flow(shift(2, -3), (8, 6), (16, 18), (16, 18)), shift(4, -9, (16, 18))
    )
    # "stay in place" between images that grow by different factors becomes the map between their
    # grids
    wider = metrics.resize_flow(shift(0, 0), (8, 6), (8, 6), (16, 6))
    assert np.allclose(wider[..., 0], np.arange(8)[None]) and np.allclose(wider[..., 1], 0)
    with_hole = shift(1, 1)
    with_hole[2, 3] = np.nan
    grown = metrics.resize_flow(with_hole, (8, 6), (16, 12), (16, 12))
    hole = np.isnan(grown).all(-1)
    assert np.isnan(grown).any(-1).sum() == hole.sum() == 16 and np.allclose(
        grown[~hole], 2
    )  # every pixel that mixes it
    scored = metrics.score_flow(
        shift(2, -3), shift(4, -9, (16, 18)), (16, 18), predicted_destination=(8, 6)
    )
    assert scored["T5"] == 100 and scored["epe_px"] < 1e-12


def test_mirrored_images_are_undone():
    x = np.arange(8.0)
    mirror = np.stack(
        [np.tile(9 - 2 * x, (6, 1)), np.zeros((6, 8))], -1
    )  # to a 10 pixels wide image: x2 = 9 - x
    assert np.allclose(
        metrics.unmirror_flow(mirror, (10, 6)), 0
    )  # what it was shown mirrored is the same place
    any_flow = np.random.default_rng(0).normal(size=(6, 8, 2))
    for side in ("source", "target"):
        assert np.allclose(
            metrics.unmirror_flow(metrics.unmirror_flow(any_flow, (10, 6), side), (10, 6), side),
            any_flow,
        )
    # a point of the mirrored source at x' = 7 - x that goes to x' + u' does so from x too
    back = metrics.unmirror_flow(any_flow, (10, 6), "source")
    assert (
        back[4, 2, 0] + 2 == pytest.approx(any_flow[4, 5, 0] + 5)
        and back[4, 2, 1] == any_flow[4, 5, 1]
    )
    with pytest.raises(ValueError, match="wanted 'target' or 'source'"):
        metrics.unmirror_flow(any_flow, (10, 6), "both")


def test_smoothness():
    inside = np.zeros((6, 8), bool)
    inside[1:5, 2:6] = True
    ramp = np.stack(
        np.meshgrid(2.0 * np.arange(8), 3.0 * np.arange(6)), -1
    )  # u grows by 2 in x, v by 3 in y
    assert metrics.flow_smoothness(ramp, inside, border=False) == pytest.approx(
        (2 * 12 + 3 * 12) / 16
    )
    assert metrics.flow_smoothness(shift(5, 0), inside, border=False) == 0
    assert metrics.flow_smoothness(shift(5, 0), inside) == pytest.approx(
        5 * 16 / 16
    )  # 16 edges of the square's border jump by 5
    assert metrics.flow_smoothness(shift(5, 0)) == 0  # no border inside of the image
    unknown = ramp.copy()
    unknown[~inside] = np.nan
    assert metrics.flow_smoothness(unknown) == metrics.flow_smoothness(ramp, inside)
    with pytest.raises(ValueError, match="unknown at 32 pixels"):
        metrics.flow_smoothness(unknown, np.ones((6, 8), bool))
    with pytest.raises(ValueError, match="wanted .6, 8. and at least one pixel"):
        metrics.flow_smoothness(ramp, np.zeros((6, 8), bool))


def test_means_of_groups_with_and_without_flip():
    rows = [("A", False, 90.0), ("A", True, 10.0), ("A", False, 70.0), ("B", True, 20.0)]
    table = metrics.flow_table(
        [{"group": g, "flip": f, "epe_px": 1.0, "T5": t, "pixels": 9} for g, f, t in rows]
    )
    cells = table.set_index(["group", "row"])["T5"]
    assert cells["A", "Average"] == pytest.approx(170 / 3) and cells["A", "w/o flip"] == 80
    assert cells["B", "Average"] == 20 and np.isnan(cells["B", "w/o flip"])
    assert (
        cells["mean", "Average"] == pytest.approx((170 / 3 + 20) / 2)
        and cells["mean", "w/o flip"] == 80
    )
    assert table.query("group == 'mean'")["directions"].tolist() == [4, 2]
    with pytest.raises(ValueError, match="no flip; they have group"):
        metrics.flow_table([{"group": "A", "T5": 1.0}])
    with pytest.raises(ValueError, match="no direction"):
        metrics.flow_table([])


def test_what_does_not_fit_is_refused():
    true = shift(0, 0)
    with pytest.raises(ValueError, match=r"wanted \(H, W, 2\); put the components last"):
        metrics.flow_error(np.zeros((2, 6, 8)), true)
    with pytest.raises(ValueError, match="4 x 6 .* true one 8 x 6; bring it to the same size"):
        metrics.flow_error(shift(0, 0, (4, 6)), true)
    with pytest.raises(ValueError, match="give predicted_destination"):
        metrics.score_flow(shift(0, 0, (4, 6)), true, (8, 6))
    with pytest.raises(ValueError, match="known at no pixel"):
        metrics.score_flow(true, np.full((6, 8, 2), np.nan), (8, 6))
    with pytest.raises(ValueError, match="wanted .H, W."):
        metrics.resize_mask(np.zeros((2, 3, 4)), (5, 5))


def official(group):
    """(folder, direction, the official row) of each scored direction."""
    with open(REAL / "Results" / group / "scores.csv") as file:
        rows = [row for row in csv.DictReader(file) if row["Src"] != "-"]
    folders = sorted(
        {row["Row"].removesuffix("_1to2") for row in rows}
    )  # the kit names both directions 1to2
    return [
        (REAL / "Results" / group / f, REAL / "Dataset" / group / f, k, rows[2 * i + k])
        for i, f in enumerate(folders)
        for k in (0, 1)
    ]


@real
@pytest.mark.parametrize("group", ["FG3DCar", "PASCAL"])
def test_official_scores(group):
    rows, alphas = [], tuple(k / 100 for k in range(1, 51))
    for result, truth, k, wanted in official(group):
        predicted, true = (
            [read_flo(folder / f"flow{i}.flo") for i in (1, 2)] for folder in (result, truth)
        )
        (width, height), there = true[1 - k].shape[1::-1], predicted[1 - k].shape[1::-1]
        scored = metrics.score_flow(
            predicted[k], true[k], (width, height), alphas=alphas, predicted_destination=there
        )
        assert [scored[f"T{i}"] / 100 for i in range(1, 51)] == pytest.approx(
            [float(wanted[f"T{i}"]) for i in range(1, 51)], abs=2e-5
        )
        assert round(scored["T5"] / 100, 4) == round(float(wanted["T5"]), 4)
        masks = [
            np.array(Image.open(folder / f"mask{k + 1}.png").convert("L")) > 0
            for folder in (result, truth)
        ]
        overlap = metrics.jaccard(metrics.resize_mask(masks[0], masks[1].shape[::-1]), masks[1])
        assert overlap == pytest.approx(float(wanted["SegIUR"]), abs=5e-5)
        rows.append({**scored, "flip": wanted["Flip"] == "1", "group": group})
    means = metrics.flow_table(rows).set_index("row")
    if group == "FG3DCar":  # the rows of means in the file
        assert (
            round(means.loc["Average", "T5"] / 100, 4)
            == round(means.loc["w/o flip", "T5"] / 100, 4)
            == 0.9780
        )
    else:  # flipped pairs only
        assert np.isnan(means.loc["w/o flip", "T5"]) and means.loc["Average", "T5"] < 5


@real
def test_a_flip_pair_is_scored_in_unmirrored_coordinates():
    folder = REAL / "Dataset" / "PASCAL" / "bike_01_03"
    true = read_flo(folder / "flow1.flo")
    with Image.open(folder / "image2.png") as image:
        size = image.size
    shown = metrics.unmirror_flow(
        true, size
    )  # what a perfect method answers that was shown image 2 mirrored
    assert metrics.score_flow(metrics.unmirror_flow(shown, size), true, size)["T5"] == 100
    assert metrics.score_flow(shown, true, size)["T5"] < 20
