"""A tiny tree in CUB-200-2011's layout, and where the real bytes are."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from corrlib.data import check_tree
from corrlib.data.checks.findings import Notice

DATA = (
    Path(os.environ.get("CORRLIB_DATA", Path(__file__).parents[3] / "shared" / "data"))
    / "cub200_subset"
)
real = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"real CUB-200-2011 bytes are not at {DATA}; set CORRLIB_DATA"
)
PARTS = ("back", "beak", "left eye")


def ramp(size=(64, 48)) -> Image.Image:
    """A picture whose pixel at (x, y) has the colour (4 x, 4 y, 7)."""
    y, x = np.mgrid[: size[1], : size[0]]
    return Image.fromarray(np.stack([4 * x, 4 * y, np.full_like(x, 7)], -1).astype(np.uint8))


def cub_tree(tmp_path, newline) -> Path:
    """Class 1 with three test images and one of training, class 2 with two test images that share
    no part.
    """
    root = tmp_path / "CUB_200_2011"
    names = [
        "001.Black_Bird/a.png",
        "001.Black_Bird/b.png",
        "001.Black_Bird/c.png",
        "001.Black_Bird/d.png",
    ]
    names += ["002.Red_Bird/e.png", "002.Red_Bird/f.png"]
    for name in names:
        path = root / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        ramp().save(path)
    locs = {i: [(10.0 + i, 20.0, 1), (30.0, 20.0 + i, 1), (0.0, 0.0, 0)] for i in (1, 2, 3, 4)}
    locs |= {
        5: [(5.0, 5.0, 1), (0.0, 0.0, 0), (0.0, 0.0, 0)],
        6: [(0.0, 0.0, 0), (6.0, 6.0, 1), (7.0, 7.0, 1)],
    }
    files = {
        "images.txt": [f"{i} {name}" for i, name in enumerate(names, 1)],
        "train_test_split.txt": ["1 0", "2 0", "3 1", "4 0", "5 0", "6 0"],
        "bounding_boxes.txt": [f"{i} 10.0 8.0 30.0 21.0" for i in range(1, 7)],
        "parts/parts.txt": [f"{i} {name}" for i, name in enumerate(PARTS, 1)],
        "parts/part_locs.txt": [
            f"{i} {k} {x} {y} {v}"
            for i, rows in locs.items()
            for k, (x, y, v) in enumerate(rows, 1)
        ],
    }
    (root / "parts").mkdir()
    for name, lines in files.items():
        (root / name).write_bytes("".join(line + newline for line in lines).encode())
    return root


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def problems(root: Path) -> list[str]:
    return [found for found in check_tree("cub", root) if not isinstance(found, Notice)]
