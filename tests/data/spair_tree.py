"""A tiny tree in SPair-71k's layout, and where the real bytes are."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from corrlib.data import check_tree
from corrlib.toybox.writing.spair import CLASS_ID, ImageRecord, write_image, write_split

REAL = (
    Path(os.environ.get("CORRLIB_DATA", Path(__file__).parents[3] / "shared" / "data"))
    / "spair71k_subset"
)
real = pytest.mark.skipif(
    not REAL.is_dir(), reason=f"real SPair-71k bytes are not at {REAL}; set CORRLIB_DATA"
)


def check(root, **options) -> list[str]:
    return list(check_tree("spair", root, **options))


def record(name, category="cat", azimuth=0.0, box=(3, 4, 43, 34), **options):
    keypoints = {"0": (5, 6), "1": (40, 30), "2": None, "11": (20, 0)}
    return ImageRecord(
        name,
        category,
        64,
        48,
        box,
        keypoints,
        ("nose", "tail"),
        azimuth=azimuth,
        elevation=12.5,
        **options,
    )


def picture(seed, size=(64, 48)):
    return Image.fromarray(
        np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    )


def spair_tree(tmp_path):
    """Three cats and two dogs, four pairs in test, one in val."""
    cats = [
        record("a1", pose="Left"),
        record("a2", azimuth=50.0, truncated=True),
        record("a3", azimuth=340.0, box=(1, 1, 11, 9)),
    ]
    cats[1].keypoints["1"] = None
    dogs = [record("d1", "dog"), record("d2", "dog", azimuth=180.0, occluded=True)]
    late = [record("v1", "dog"), record("v2", "dog")]
    for i, r in enumerate([*cats, *dogs, *late]):
        mask = np.zeros((48, 64), np.uint8)
        mask[10:20, 10:30] = CLASS_ID[r.category]
        write_image(tmp_path, picture(i), r, mask)
    write_split(
        tmp_path,
        "test",
        [(cats[0], cats[1]), (cats[1], cats[0]), (cats[2], cats[0]), (dogs[0], dogs[1])],
        small=2,
    )
    write_split(tmp_path, "val", [(late[0], late[1])])
    return tmp_path


def edit(tree, path, **changes):
    data = json.loads((tree / path).read_text())
    data.update(changes)
    (tree / path).write_text(json.dumps({k: v for k, v in data.items() if v != "gone"}))
    return path
