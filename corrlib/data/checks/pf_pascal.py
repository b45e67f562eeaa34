"""A look at a whole copy of PF-Pascal: lists, pairs and their points, .mat files, images."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from corrlib.data.checks.findings import Notice, counted, decoded, told, walk
from corrlib.data.files import find_folder, read_mat, require_shape
from corrlib.data.pf_pascal import FOLDERS, PFPascal
from corrlib.data.voc import VOC_CLASSES
from corrlib.types import Pair, View

CLASS_COUNTS = (15, 30, 10, 6, 8, 32, 19, 27, 13, 3, 8, 24, 9, 27, 12, 7, 1, 13, 20, 15)
TEST = dict(zip(VOC_CLASSES, CLASS_COUNTS, strict=True))
PUBLISHED = {"trn": 2_940, "val": 308, "test": TEST}  # lines; of the first 2,452 differ
POINTS = 2_414  # in the test list
SHARED = {  # images of the first split that the published lists have in the second too
    ("test", "trn"): " (302 of 506)",
    ("test", "val"): " (148 of 506)",
    ("val", "trn"): "",
}
NEAR = 0.01  # pixels by which the test list may differ from the .mat files


def check(root: str | Path, *, decode: bool = True, **options: Any) -> Iterator[str]:
    """Findings: the lists against the published counts, each pair's points against its images, .mat
    files, images.
    """
    try:
        folder = find_folder(root, FOLDERS, ("JPEGImages",), "PF-Pascal")
    except FileNotFoundError as error:
        yield told(error)
        return
    images: dict[str, set[str]] = {}
    one = str(options.get("lists") or "").endswith(".csv")  # which is then the list of one split
    for split in ("test",) if one else PFPascal.splits:
        try:
            pairs = PFPascal(root, split, partial=True, **options)
        except FileNotFoundError as error:
            yield Notice(told(error))
            continue
        except ValueError as error:
            yield told(error)
            continue
        yield from pairs.problems
        images[split] = {image for name in pairs.names for image in pairs.row(name).images}
        found = pairs.counts() if split == "test" else len(pairs)
        yield from counted(f"{split} pairs", found, PUBLISHED[split])
        yield from _pairs(pairs)
    if not images:
        yield "no list of any split can be read, so no pair"
        return
    paths = [folder / "JPEGImages" / f"{i}.jpg" for i in sorted(set().union(*images.values()))]
    for path in paths if decode else ():
        try:
            yield from decoded([View.open(path, own=False)])
        except (OSError, ValueError) as error:
            yield told(error)
    for (a, b), published in SHARED.items():
        if both := images.get(a, set()) & images.get(b, set()):
            yield Notice(
                f"{len(both)} of the {len(images[a])} images of {a} are in {b} too, as in the "
                f"published lists{published}"
            )


def _pairs(pairs: PFPascal) -> Iterator[str]:
    annotated = (pairs.root / "Annotations").is_dir()
    if not annotated:
        yield Notice(
            f"no folder {pairs.root / 'Annotations'}: boxes, and points other than the test "
            "list's, cannot be read"
        )
    listed = [row.points for row in map(pairs.row, pairs.names) if row.points]
    if listed or annotated:  # else there are no points at all, as the notice says
        yield from walk(pairs, lambda name, pair: _differ(pairs, name, pair) if annotated else ())
    points = sum(len(given[0]) for given in listed)
    if points and points != POINTS:
        yield Notice(f"{points:,} points in the {pairs.split} list, published {POINTS:,}")


def _differ(pairs: PFPascal, name: str, pair: Pair | None) -> Iterator[str]:
    """Points of a list that are not among those of the .mat files."""
    row = pairs.row(name)
    for image, xy in zip(row.images, row.points or (), strict=False) if pair else ():
        path = pairs.annotation_path(row.category, image)
        kps = require_shape(read_mat(path, "kps"), (None, 2), path, "kps").astype(float)
        far = np.nan_to_num(np.abs(xy[:, None] - kps[None]).max(-1), nan=np.inf).min(1)
        if (far > NEAR).any():
            yield (
                f"{pairs.list}, line {row.line}: {int((far > NEAR).sum())} points of {image} "
                f"are not in {path}"
            )
