"""The statistics that the calibrated world is judged by, on a tree whose numbers are known."""

import numpy as np
import pytest
from PIL import Image

from corrlib.bench.world import SPAIR_71K, bench_world
from corrlib.toybox.writing.spair import ImageRecord, write_image, write_split


def record(name: str, side: int, **more) -> ImageRecord:
    points = {str(i): (10 + i, 10) for i in range(more.pop("points", 4))}
    return ImageRecord(name, "cat", 100, 80, (1, 1, side, 20), points, ("a",) * 4, **more)


def test_boxes_views_flags_and_points_of_a_tree(tmp_path):
    one = record("one", 40)
    two = record("two", 60, azimuth=50, truncated=True, points=2)
    three = record("three", 80, azimuth=180, occluded=True)
    for image in (one, two, three):
        write_image(tmp_path, Image.new("RGB", (100, 80)), image, np.zeros((80, 100), np.uint8))
    write_split(tmp_path, "test", [(one, two), (one, three)])
    found = bench_world(root=str(tmp_path))
    assert found["spair_71k"] == SPAIR_71K
    assert found["root"] == {
        "pairs": 2,
        "images": 3,
        "box_over_image": {"10 %": 0.4, "25 %": 0.4, "50 %": 0.5, "75 %": 0.65, "90 %": 0.74},
        "viewpoint": {"easy": 0.0, "medium": 0.5, "hard": 0.5},
        "no_truncation": 0.5,
        "no_occlusion": 0.5,
        "points_a_pair": 3.0,
    }


def test_without_a_tree_it_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="SPair"):
        bench_world(root=str(tmp_path))
