"""Pairs of two categories: same question in a whole block, nearest view, names and not numbers of
keypoints.
"""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from corrlib.data.across_categories import Across
from corrlib.experiments.evaluate import evaluate, select
from corrlib.methods import load
from corrlib.toybox.writing.spair import CLASS_ID, ImageRecord, write_image, write_split

NAMES = {
    "cat": ("nose", "tail", "chin", "left ear"),
    "dog": ("tail", "badge", "nose", "chin"),
}  # other numbers, other order


def record(name, category, azimuth, hidden=()):
    x = int(azimuth) % 20
    points = {
        str(i): None if part in hidden else (x + 2 * i, 3 * i)
        for i, part in enumerate(NAMES[category])
    }
    return ImageRecord(
        name, category, 64, 48, (3, 4, 43, 34), points, NAMES[category], azimuth=azimuth
    )


@pytest.fixture
def tree(tmp_path):
    cats = [record("a1", "cat", 0.0), record("a2", "cat", 50.0), record("a3", "cat", 340.0)]
    dogs = [
        record("d1", "dog", 10.0),
        record("d2", "dog", 60.0, hidden=("chin",)),
        record("d3", "dog", 300.0),
    ]
    for i, one in enumerate([*cats, *dogs]):
        pixels = np.random.default_rng(i).integers(0, 256, (48, 64, 3), dtype=np.uint8)
        write_image(
            tmp_path,
            Image.fromarray(pixels),
            one,
            np.full((48, 64), CLASS_ID[one.category], np.uint8),
        )
    write_split(
        tmp_path,
        "test",
        [(a, b) for group in (cats, dogs) for a in group for b in group if a is not b],
    )
    return tmp_path


def test_blocks_ask_one_question_of_the_nearest_view_in_each_category(tree):
    pairs = Across(tree, "test", ("cat", "dog"), least=2)
    assert pairs.block == 2 and len(pairs) == 12 and pairs.of == 12
    assert pairs.names[0] == "000000-a1-a3:cat to cat"  # 20 degrees away, over 0; a2 is 50
    assert pairs.names[1] == "000001-a1-d1:cat to dog"
    assert [name.split("-", 1)[1] for name in pairs.names[6:8]] == [
        "d1-d2:dog to dog",
        "d1-a1:dog to cat",
    ]
    for own, other in zip(pairs[::2], pairs[1::2], strict=True):
        assert own.source == other.source and own.keypoints == other.keypoints
        assert own.source.category == own.target.category != other.target.category
        assert (
            torch.equal(own.source_points, other.source_points) and own.source.id != own.target.id
        )
    assert pairs[1].tags == {"azimuth_difference": 10.0}


def test_points_go_by_name(tree):
    pair = Across(tree, "test", ("cat", "dog"), least=2)[1]  # a1 to d1
    assert pair.keypoints == (
        "nose",
        "tail",
        "chin",
    )  # numbers 0, 1, 2 of the cat, 2, 0, 3 of the dog
    assert pair.source_points.tolist() == [[0, 0], [2, 3], [4, 6]]
    assert pair.target_points.tolist() == [[14, 6], [10, 0], [16, 9]]
    assert pair.target_box == (3.0, 4.0, 43.0, 34.0) and pair.category == "cat to dog"


def test_what_is_hidden_anywhere_in_a_block_is_not_asked_and_poor_blocks_are_left_out(tree):
    pairs = Across(tree, "test", ("cat", "dog"), least=2)
    assert (
        pairs.pair("000003-a2-d2:cat to dog").keypoints
        == ("nose", "tail")
        == pairs.pair("000002-a2-a1:cat to cat").keypoints
    )
    fewer = Across(tree, "test", ("cat", "dog"), least=3)
    assert {pair.source.id for pair in fewer} == {"cat/a1", "cat/a3", "dog/d3"}
    assert [name[:6] for name in fewer.names] == [f"{i:06d}" for i in range(len(fewer))]


def test_it_is_matched_and_counted_like_any_data_set(tree):
    pairs = Across(tree, "test", ("cat", "dog"), least=2, by="point")
    table = evaluate(load("copy_position"), pairs, limit=4)
    assert len(table["pair"].unique()) == 4 and table["by"].unique() == ["point"]
    assert table["data"].unique() == ["pairs across categories, test"] and table[
        "subset"
    ].unique() == ["4 of 12 pairs"]
    assert set(table["category"]) <= {"cat to cat", "cat to dog", "dog to cat", "dog to dog"}
    assert [pairs.names[i] for i in select(len(pairs), 4)] == list(dict.fromkeys(table["pair"]))


def test_without_names_nobody_knows_which_points_are_the_same(tree):
    path = tree / "ImageAnnotation/dog/d2.json"
    path.write_text(
        json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "keypoint_names"})
    )
    with pytest.raises(ValueError, match=r"d2.json names no keypoints.*which points are the same"):
        Across(tree, "test", ("cat", "dog"))
    with pytest.raises(ValueError, match="wanted two or more"):
        Across(tree, "test", ("cat",))
    with pytest.raises(ValueError, match="no pairs of sheep"):
        Across(tree, "test", ("cat", "sheep"))
