"""A look at a whole copy of CUB-200-2011: its text files, both variants' pairs, and every image,
also of the ten thousand that no pair asks for.
"""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from corrlib.data.checks.findings import SLACK, Notice, counted, told
from corrlib.data.cub import CUB, VARIANTS
from corrlib.data.cub_files import Records, find_root, lacking, read_records
from corrlib.data.files import box_of
from corrlib.types import View

IMAGES, PARTS = 11_788, 15
HEDLIN = {  # pairs
    "001.Black_footed_Albatross": 435,
    "002.Laysan_Albatross": 435,
    "003.Sooty_Albatross": 378,
}


def check(root: str | Path, *, decode: bool = True, **options: Any) -> Iterator[str]:
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
    variants = [options.pop("variant")] if "variant" in options else VARIANTS
    for variant in () if broken or gaps else variants:
        try:
            pairs = CUB(root, variant=variant, **options)
        except (OSError, ValueError, KeyError) as error:
            yield told(error)
            continue
        if variant == "hedlin" and not options:
            yield from counted("test pairs of classes 1 to 3", pairs.counts(), HEDLIN)
        if pairs.skipped:
            yield Notice(
                f"{pairs.skipped} test pairs ({variant}) have no part visible in both images "
                "and are left out"
            )
    yield from _images(root, records, decode)


def _images(root: Path, records: Records, decode: bool) -> Iterator[str]:
    """Absent photographs (a class and split that is wholly absent is a subset's, and no fault), and
    what does not fit them.
    """

    def group(number: int) -> tuple[str, bool]:
        return records.names[number].split("/")[0], records.training.get(number, False)

    absent, numbers = 0, sorted(records.names, key=lambda number: (group(number), number))
    bar = tqdm(numbers, desc="images", leave=False, disable=None)
    for (folder, _), of in groupby(bar, key=group):
        paths = {number: root / "images" / records.names[number] for number in of}
        there = [number for number, path in paths.items() if path.is_file()]
        absent += len(paths) if not there else 0
        for number, path in paths.items() if there else ():
            if path.is_file():
                yield from _one(root, records, number, decode)
            else:
                yield f"no photograph {path}, and others of {folder} are there; unpack it again"
    if absent:
        yield Notice(
            f"{absent:,} of {len(records.names):,} photographs are absent, whole classes or "
            "splits of them: a subset"
        )


def _one(root: Path, records: Records, number: int, decode: bool) -> Iterator[str]:
    try:
        view = View.open(root / "images" / records.names[number], own=False)
        if decode:
            view.image()
    except (OSError, ValueError) as error:
        yield told(error)
        return
    size = np.array(view.size)
    if number in records.places:
        xy, seen = records.places[number][:, :2], records.places[number][:, 2] > 0
        for i in np.flatnonzero(seen & ((xy < -SLACK) | (xy > size - 1 + SLACK)).any(1)):
            where = f"({xy[i, 0]:g}, {xy[i, 1]:g}), outside of its {size[0]} x {size[1]} image"
            yield (
                f"{root / 'parts' / 'part_locs.txt'}: image {number} has {records.parts[i]!r} "
                f"at {where}"
            )
    if number in records.boxes:
        x, y, width, height = records.boxes[number]
        where = f"{root / 'bounding_boxes.txt'}: image {number}"
        try:
            box = box_of((x, y, x + width, y + height), where)
        except ValueError:
            yield f"{where} has a box {width:g} x {height:g}; wanted sides above 0"
            return
        if min(box[:2]) < -SLACK or box[2] > size[0] + SLACK or box[3] > size[1] + SLACK:
            said = f"{x:g} {y:g} {width:g} {height:g}"
            yield f"{where} has the box {said}, not within {size[0]} x {size[1]}"
