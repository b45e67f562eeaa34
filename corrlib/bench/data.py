"""How fast pairs are read, and how fast a hundred thousand keypoints are counted."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Literal

import numpy as np
import pandas as pd
from PIL import Image

from corrlib import metrics
from corrlib.bench import benchmark
from corrlib.data.spair import SPair
from corrlib.experiments.profiles import load_profile
from corrlib.metrics.protocol import Protocol
from corrlib.toybox.writing.spair import ImageRecord, write_image, write_split
from corrlib.validation.kinds import Count

PIXELS = (500, 375)  # (width, height) of most photographs of SPair-71k
IMAGES, CATEGORIES = (
    24,
    ("aeroplane", "cat", "dog"),
)  # of the tree that is written where there is none
KEYPOINTS = 8  # a pair


@benchmark("data")
def bench_data(
    root: str | None = None,
    split: Literal["trn", "val", "test"] = "test",
    pairs: Count = 400,
    keypoints: Count = 100_000,
    runs: Count = 3,
) -> dict[str, Any]:
    """Pairs of an SPair-71k tree read a second by one worker, and the seconds of a whole PCK table;
    medians of `runs`.

    The tree is `root`, else the toybox's, else one that is written to a temporary folder. A pair is
    its annotations (of the pair and both images) and, with images, both decoded to RGB; each run
    opens the tree anew. "per_second" is of the clock, with whatever else the machine does;
    "per_processor_second" is not. The table is measured under SPair-71k's protocol, then counted:
    three averages at three alphas, and each category. Raises FileNotFoundError where `root` holds
    no tree.
    """
    with tempfile.TemporaryDirectory() as folder:
        tree, what = _tree(root, Path(folder))
        read = _reading(tree, split, pairs, runs)
    result = {"tree": what, **read, "runs": runs, "workers": 1}
    table = keypoint_table(keypoints)
    seconds = [_seconds(lambda: whole_table(table)) for _ in range(runs)]
    clock, processor = (median(column) for column in zip(*seconds, strict=True))
    counted = {
        "keypoints": len(table),
        "pairs": int(table["pair"].nunique()),
        "categories": int(table["category"].nunique()),
    }
    return {
        **result,
        "pck_table": {
            **counted,
            "cells": len(whole_table(table)),
            "seconds": clock,
            "processor_seconds": processor,
        },
    }


def _tree(root: str | None, folder: Path) -> tuple[Path, str]:
    """The tree to read, and what it is in a word."""
    if root is not None:
        return Path(root), "given"
    profile = load_profile("toybox")
    toybox = profile.path(profile["data"]["root"])
    if (toybox / "PairAnnotation").is_dir():
        return toybox, "toybox"
    return write_tree(folder), "written"


def _reading(tree: Path, split: str, count: int, runs: int) -> dict[str, Any]:
    """Throughput over `count` pairs, evenly spread over the split."""
    found: dict[str, Any] = {}
    every = SPair(tree, split)
    chosen = sorted({i * len(every) // count for i in range(count)})
    sizes = [every[i].source.size for i in chosen[:50]]
    found |= {
        "pairs": len(chosen),
        "median_image": [int(median(side)) for side in zip(*sizes, strict=True)],
    }
    for name, images in (("annotations", False), ("with_images", True)):
        seconds = [
            _seconds(lambda images=images: _read(tree, split, chosen, images)) for _ in range(runs)
        ]
        clock, processor = (median(column) for column in zip(*seconds, strict=True))
        found[name] = {
            "per_second": len(chosen) / clock,
            "per_processor_second": len(chosen) / processor,
        }
    return found


def _read(tree: Path, split: str, chosen: list[int], images: bool) -> None:
    pairs = SPair(tree, split)
    for i in chosen:
        pair = pairs[i]
        if images:
            pair.source.image(), pair.target.image()


def _seconds(function: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of the clock and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - clock, time.process_time() - processor


def whole_table(table: pd.DataFrame) -> pd.DataFrame:
    """What a paper prints of one method: PCK by point, image and category at three alphas, and of
    each category.
    """
    measured = metrics.measured(table, Protocol())
    totals = metrics.pck_table(measured, group=("method",))
    return pd.concat(
        [totals, metrics.pck_table(measured, by=("point", "image"), group=("method", "category"))],
        ignore_index=True,
    )


def keypoint_table(keypoints: int, seed: int = 0) -> pd.DataFrame:
    """A keypoint table of that many rows with random answers: eight a pair, eighteen categories,
    boxes of 100 to 300 pixels.
    """
    rng = np.random.default_rng(seed)
    pair = np.arange(keypoints) // KEYPOINTS
    names = np.char.add(np.char.zfill(pair.astype(str), 6), "-source-target")
    box = rng.uniform(100, 300, pair[-1] + 1)[pair]
    columns = {
        "method": "random",
        "pair": names,
        "category": np.char.add("category", (pair % 18).astype(str)),
    }
    columns |= {"keypoint": (np.arange(keypoints) % KEYPOINTS).astype(str), "box_px": box}
    for name in ("target_x", "target_y"):
        columns[name] = rng.uniform(0, 300, keypoints)
    for name in ("x", "y"):
        columns[f"predicted_{name}"] = columns[f"target_{name}"] + rng.normal(
            scale=20, size=keypoints
        )
    return pd.DataFrame(columns)


def write_tree(root: Path, seed: int = 0) -> Path:
    """A tree of SPair-71k's layout with photograph-sized pictures, every ordered pair of a
    category; the folder itself.
    """
    rng = np.random.default_rng(seed)
    records: dict[str, list[ImageRecord]] = {category: [] for category in CATEGORIES}
    for i in range(IMAGES):
        category = CATEGORIES[i % len(CATEGORIES)]
        coarse = rng.integers(0, 256, (PIXELS[1] // 5, PIXELS[0] // 5, 3), dtype=np.uint8)
        places = {
            str(k): (int(rng.integers(PIXELS[0])), int(rng.integers(PIXELS[1])))
            for k in range(KEYPOINTS)
        }
        record = ImageRecord(f"{i:06d}", category, *PIXELS, box=(1, 1, *PIXELS), keypoints=places)
        write_image(
            root, Image.fromarray(coarse).resize(PIXELS), record, np.zeros(PIXELS[::-1], np.uint8)
        )
        records[category].append(record)
    write_split(
        root,
        "test",
        [(a, b) for same in records.values() for a in same for b in same if a is not b],
    )
    return root
