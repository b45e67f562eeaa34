"""CUB-200-2011: both ways of pairing on a tiny tree and on the real bytes, crops to the pixel."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from corrlib.data import check_tree, load
from corrlib.data.cub import CUB
from corrlib.data.cub_files import cleaned
from corrlib.data.edited_views import cropped, half_up, square
from corrlib.experiments.evaluate import evaluate
from corrlib.types import Matches
from tests.data.cub_tree import DATA, cub_tree, problems, ramp, real


@pytest.fixture(params=["\n", "\r\n"], ids=["LF", "CRLF"])
def tree(tmp_path, request) -> Path:
    """Class 1 with three test images and one of training, class 2 with two test images that share
    no part.
    """
    return cub_tree(tmp_path, request.param)


class Exact:
    """Answers the truth moved by (3, 2)."""

    name, preset, settings = "exact", "toybox", "exact"

    def __init__(self, pairs):
        self.truth = {(p.source.id, p.target.id): p.target_points for p in pairs}

    def __call__(self, source, target, queries, *, seed=0):
        return Matches(
            self.truth[source.id, target.id] + torch.tensor([3.0, 2.0]), torch.ones(len(queries))
        )


def test_unordered_pairs_of_the_first_classes(tree):
    pairs = load("cub", tree)
    assert load("cub", tree.parent).names == pairs.names
    assert pairs.names == tuple(
        f"001.Black_Bird/{ends}" for ends in ("a:b", "a:d", "b:d")
    )  # c is for training
    assert pairs.skipped == 1 and "(hedlin, pairs left out that have no common part: 1)" in repr(
        pairs
    )
    pair = pairs[0]
    assert pair.keypoints == ("back", "beak") and pair.target_points.tolist() == [
        [12, 20],
        [30, 22],
    ]  # unchanged: origin 0
    assert (pair.target_box, pair.source.size, pair.source.category) == (
        (10, 8, 40, 29),
        (64, 48),
        "Black Bird",
    )
    assert CUB(tree, origin=1)[0].target_points.tolist() == [[11, 19], [29, 21]]
    assert [view.id for view in pairs.views()] == [
        "001.Black_Bird/a",
        "001.Black_Bird/b",
        "001.Black_Bird/d",
    ]
    with pytest.raises(
        ValueError,
        match=r"classes=\(1, 7\): not all have test images; classes that have some: 1, 2",
    ):
        CUB(tree, classes=(1, 7))
    with pytest.raises(ValueError, match="variant='congealing'; wanted 'hedlin' or 'asic'"):
        CUB(tree, variant="congealing")
    with pytest.raises(ValueError, match="no pairs of 003.Blue"):
        CUB(tree, categories="003.Blue")


def test_the_box_is_scaled_by_the_width_alone(tree):
    pairs = CUB(tree)
    table = evaluate(Exact(pairs), pairs)
    assert set(table["tolerance_px"]) == {30 * 512 / 64}
    assert table["distance_px"].to_numpy() == pytest.approx(np.hypot(3 * 512 / 64, 2 * 512 / 48))
    correct = evaluate(Exact(pairs), CUB(tree, base="box"))
    assert set(correct["tolerance_px"]) == {max(30 * 512 / 64, 21 * 512 / 48)}
    assert (
        "base target box scaled by the width's factor alone (compatibility), <=, frame 512 x 512"
        in repr(pairs)
    )


def test_squares_and_crops():
    assert [half_up(v) for v in (0.5, 1.5, 2.5, -0.5, -1.5, 2.4)] == [1, 2, 3, -1, -2, 2]
    # from 0 on 10..39 x 8..28, 30 x 21 px; 5 % more on each side 8.5..40.5 x 6.95..29.05; rounded
    # 9..41 x 7..29
    assert square((11, 9, 40, 29), 0.05) == (9, 7 - 5, 33)
    assert square((1, 1, 10, 10), 0.0) == (0, 0, 10)
    crop = np.asarray(cropped(ramp(), -3, 40, 16, 16))  # reaches over the left and the lower border
    x, y = np.clip(np.arange(-3, 13), 0, 63), np.clip(np.arange(40, 56), 0, 47)
    assert np.array_equal(crop[..., 0], np.tile(4 * x, (16, 1))) and np.array_equal(
        crop[..., 1], np.tile(4 * y, (16, 1)).T
    )


def test_ordered_pairs_of_crops(tree):
    pairs = CUB(tree, variant="asic")
    assert (
        pairs.names[:3] == tuple(f"001.Black_Bird/{ends}" for ends in ("a:b", "a:d", "b:a"))
        and len(pairs) == 6
    )
    assert "(asic, all images of the split, pairs left out that have no common part: 2)" in repr(
        pairs
    )
    assert "PCK per point, base target image, <, original pixels, first pixel 1" in repr(pairs)
    pair = pairs[0]
    x1, y1, side = square((10, 8, 40, 29), 0.05)
    assert pair.target.size == (256, 256) == pair.target.image().size
    expected = (np.array([[12, 20], [30, 22]]) - 1 - [x1, y1]) * 256 / side
    assert pair.target_points.numpy() == pytest.approx(expected, abs=1e-4)
    where = pair.target_points.round().int().tolist()
    for (x, y), (u, v) in zip(
        where, [(11, 19), (29, 21)], strict=True
    ):  # the ramp's colour says which pixel it was
        red, green, _ = pair.target.image().getpixel((x, y))
        assert abs(red / 4 - u) < 0.6 and abs(green / 4 - v) < 0.6
    assert (
        pair.target.id == "001.Black_Bird/b-crop"
        and pair.target.digest() != load("cub", tree)[0].target.digest()
    )
    assert set(evaluate(Exact(pairs), pairs)["tolerance_px"]) == {256}


def test_the_cleaned_list_chooses_images_and_boxes(tree):
    folder = tree / "cachedir" / "cub" / "data"
    folder.mkdir(parents=True)
    images = [
        {"id": i, "rel_path": f"{i}.jpg", "bbox": {"x1": 5, "y1": 6, "x2": 24, "y2": 25}}
        for i in (1, 4)
    ]
    savemat(folder / "test_cub_cleaned.mat", {"images": np.array(images, dtype=object)})
    assert cleaned(folder / "test_cub_cleaned.mat") == {1: (5, 6, 24, 25), 4: (5, 6, 24, 25)}
    pairs = CUB(tree, variant="asic")
    assert pairs.names == (
        "001.Black_Bird/a:d",
        "001.Black_Bird/d:a",
    ) and "(asic, cleaned list)" in repr(pairs)
    x1, y1, side = square((5, 6, 24, 25), 0.05)
    assert pairs[0].source_points[0].tolist() == pytest.approx(
        [(11 - 1 - x1) * 256 / side, (20 - 1 - y1) * 256 / side], abs=1e-4
    )
    assert len(CUB(tree)) == 3  # the other way of pairing does not use it


def test_a_box_of_the_cleaned_list_that_is_none_is_named(tmp_path):
    box = {"x1": 24, "y1": 6, "x2": 5, "y2": 25}
    path = tmp_path / "list.mat"
    savemat(path, {"images": np.array([{"id": 7, "bbox": box}], dtype=object)})
    with pytest.raises(ValueError, match=r"list.mat: bbox of image 7 is .24, 6, 5, 25.; wanted"):
        cleaned(path)


@real
def test_the_real_bytes():
    pairs = load("cub", DATA)
    assert (
        tuple(pairs.counts().values()) == (435, 435, 378)
        and len(pairs) == 1248
        and pairs.skipped == 0
    )
    first = pairs.filter(category="001.Black_footed_Albatross")
    assert len(first) == 435 and len(first.views()) == 30
    visible = [
        int((pairs.records.places[n][:, 2] > 0).sum())
        for n, name in pairs.records.names.items()
        if name.startswith("001")
    ]
    assert 6 <= min(visible) and max(visible) <= 14
    pair = first[0]
    assert pair.id.endswith("Black_Footed_Albatross_0046_18:Black_Footed_Albatross_0002_55")
    assert (
        pair.source_points[0].tolist() == [312, 182]
        and pair.keypoints[0] == "beak"
        and pair.source_box == (60, 27, 385, 331)
    )
    crops = CUB(DATA, variant="asic", classes=(1,))
    assert len(crops) == 30 * 29 and crops[0].source.image().size == (256, 256)
    assert problems(DATA) == []
    assert any("513 of 543 photographs are absent" in notice for notice in check_tree("cub", DATA))
