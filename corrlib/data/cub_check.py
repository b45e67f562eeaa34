"""Looks at a whole tree of CUB-200-2011 and lists everything that is wrong with it, instead of
stopping at the first.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from corrlib.data.check import Notice, counted, told
from corrlib.data.cub import CUB, VARIANTS
from corrlib.data.cub_files import find_root, lacking, read_records
from corrlib.types import View

IMAGES, PARTS = 11_788, 15
HEDLIN = {
    "001.Black_footed_Albatross": 435,
    "002.Laysan_Albatross": 435,
    "003.Sooty_Albatross": 378,
}  # pairs
SLACK = 1  # pixels that a part or a box may reach over its image's border


def check(root: str | Path, *, decode: bool = True) -> Iterator[str]:
    """Findings: the text files against each other and the published counts, parts and boxes against
    images, images.
    """
    try:
        root = find_root(root)
    except FileNotFoundError as error:
        yield told(error)
        return
    broken: list[str] = []
    records = read_records(root, broken)
    yield from broken
    yield from counted("images in images.txt", len(records.names), IMAGES)
    yield from counted("parts", len(records.parts), PARTS)
    gaps = [] if broken else list(lacking(root, records))
    yield from gaps
    for variant in () if broken or gaps else VARIANTS:
        try:
            pairs = CUB(root, variant=variant)
        except (OSError, ValueError, KeyError) as error:
            yield told(error)
            continue
        if variant == "hedlin":
            yield from counted("test pairs of classes 1 to 3", pairs.counts(), HEDLIN)
        if pairs.skipped:
            yield Notice(
                f"{pairs.skipped} test pairs ({variant}) have no part visible in both images "
                "and are left out"
            )
    yield from _images(root, records, decode)


def _images(root: Path, records, decode: bool) -> Iterator[str]:
    """Absent photographs (a class and split that is wholly absent is a subset's, and no fault), and
    what does not fit them.
    """
    groups: dict[tuple[str, bool], list[int]] = {}
    for number, name in records.names.items():
        groups.setdefault((name.split("/")[0], records.training.get(number, False)), []).append(
            number
        )
    absent = 0
    for (folder, _), numbers in tqdm(groups.items(), desc="images", leave=False, disable=None):
        there = [
            number for number in numbers if (root / "images" / records.names[number]).is_file()
        ]
        if not there:
            absent += len(numbers)
            continue
        for number in sorted(set(numbers) - set(there)):
            yield (
                f"no photograph {root / 'images' / records.names[number]}, and others of "
                f"{folder} are there; unpack it again"
            )
        for number in there:
            yield from _one(root, records, number, decode)
    if absent:
        yield Notice(
            f"{absent:,} of {len(records.names):,} photographs are absent, whole classes or "
            "splits of them: a subset"
        )


def _one(root: Path, records, number: int, decode: bool) -> Iterator[str]:
    try:
        view = View.open(root / "images" / records.names[number], own=False)
        if decode:
            view.image()
    except (OSError, ValueError) as error:
        yield told(error)
        return
    size = np.array(view.size)
    if number in records.places:
        places = records.places[number]
        xy, seen = places[:, :2], places[:, 2] > 0
        for i in np.flatnonzero(seen & ((xy < -SLACK) | (xy > size - 1 + SLACK)).any(1)):
            where = f"({xy[i, 0]:g}, {xy[i, 1]:g}), outside of its {size[0]} x {size[1]} image"
            yield (
                f"{root / 'parts' / 'part_locs.txt'}: image {number} has {records.parts[i]!r} "
                f"at {where}"
            )
    if number in records.boxes:
        x, y, width, height = records.boxes[number]
        if (
            width <= 0
            or height <= 0
            or min(x, y) < -SLACK
            or x + width > size[0] + SLACK
            or y + height > size[1] + SLACK
        ):
            box = f"{x:g} {y:g} {width:g} {height:g}"
            yield (
                f"{root / 'bounding_boxes.txt'}: image {number} has the box {box}, not within "
                f"{size[0]} x {size[1]}"
            )
