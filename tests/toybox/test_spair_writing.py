"""The writer of SPair-71k's layout: deterministic, complete, and strict about what it is given."""

import json
from pathlib import Path

import numpy as np
import pytest

from corrlib.data.spair_files import angle_between
from corrlib.toybox.writing.spair import (
    ImageRecord,
    common_keypoints,
    scale_variation,
    viewpoint_variation,
    write_image,
    write_split,
)
from tests.data.spair_tree import REAL, picture, record, spair_tree


@pytest.fixture
def tree(tmp_path) -> Path:
    """Three cats and two dogs, four pairs in test, one in val."""
    return spair_tree(tmp_path)


def test_difficulty_thresholds():
    assert (angle_between(350, 10), angle_between(-90, 90), angle_between(5, 5)) == (
        20.0,
        180.0,
        0.0,
    )
    a = record("a")
    assert [
        viewpoint_variation(a, record("b", azimuth=d)) for d in (0, 34.9, 35, 79.9, 80, 180, 325.1)
    ] == [0, 0, 1, 1, 2, 2, 0]
    scales = [
        scale_variation(record("a", box=(1, 1, 21, 21)), record("b", box=(1, 1, 1 + n, 1 + n)))
        for n in (20, 25, 27, 35, 37, 15)
    ]
    assert scales == [0, 0, 1, 1, 2, 1]


def test_writer_is_deterministic_and_refuses_what_does_not_fit(tree, tmp_path):
    image, mask, r = picture(7), np.zeros((48, 64), np.uint8), record("z")
    for folder in ("one", "two"):
        write_image(tmp_path / folder, image, r, mask)
        write_split(tmp_path / folder, "trn", [(r, record("y"))], small=1)
    files = [
        {p.relative_to(tmp_path / f): p.read_bytes() for p in (tmp_path / f).rglob("*.*")}
        for f in ("one", "two")
    ]
    assert files[0] == files[1] and len(files[0]) == 6
    assert common_keypoints(r, record("y")) == ["0", "1", "11"]
    with pytest.raises(ValueError, match="name is without"):
        record("a-b")
    with pytest.raises(ValueError, match="no VOC class 'unicorn'"):
        record("a", "unicorn")
    with pytest.raises(ValueError, match="keypoint '0' at .*outside"):
        ImageRecord("a", "cat", 64, 48, (1, 1, 9, 9), {"0": (64, 3)})
    with pytest.raises(ValueError, match="the record says"):
        write_image(tmp_path, picture(0, (32, 32)), r, mask)
    with pytest.raises(ValueError, match="holds"):
        write_image(tmp_path, image, r, mask + 99)
    with pytest.raises(ValueError, match="share 0"):
        write_split(
            tmp_path, "trn", [(r, ImageRecord("q", "cat", 64, 48, (1, 1, 9, 9), {"0": None}))]
        )


def test_written_files_have_every_field_of_the_real_ones(tree):
    if not REAL.is_dir():
        pytest.skip(f"real SPair-71k bytes are not at {REAL}; set CORRLIB_DATA")
    for folder in ("PairAnnotation/test", "ImageAnnotation/dog"):
        theirs, ours = (
            json.loads(min((root / folder).iterdir()).read_text())
            for root in (REAL / "SPair-71k", tree)
        )
        assert list(theirs) == [
            key for key in ours if key in theirs
        ]  # all of them, and in the same order
        assert all(type(ours[key]) is type(theirs[key]) for key in theirs)
    assert list(json.loads((tree / "ImageAnnotation/dog/d1.json").read_text())["kps"]) == [
        str(i) for i in range(30)
    ]
