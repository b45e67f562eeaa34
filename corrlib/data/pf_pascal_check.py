"""Looks at a whole tree of PF-Pascal and lists everything that is wrong with it, instead of
stopping at the first.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from corrlib.data.check import Notice, counted, told
from corrlib.data.files import find_folder, read_mat, require_shape
from corrlib.data.pf_lists import Row, read_list
from corrlib.data.pf_pascal import FOLDERS, PFPascal
from corrlib.data.voc import VOC_CLASSES
from corrlib.types import View

TEST = dict(
    zip(
        VOC_CLASSES,
        (15, 30, 10, 6, 8, 32, 19, 27, 13, 3, 8, 24, 9, 27, 12, 7, 1, 13, 20, 15),
        strict=True,
    )
)
PUBLISHED = {"trn": 2_940, "val": 308, "test": TEST}  # lines; of the first 2,452 differ
POINTS = 2_414  # in the test list
NEAR = 0.01  # pixels by which the test list may differ from the .mat files


class Readable(PFPascal):
    """The lines of a list that can be read; what is wrong with the others is in `problems`."""

    def __init__(self, root: str | Path, split: str):
        self.problems: list[str] = []
        super().__init__(root, split)

    def rows(self, path: Path) -> dict[str, Row]:
        """The lines that can be read."""
        return read_list(path, self.problems)


def check(root: str | Path, *, decode: bool = True) -> Iterator[str]:
    """Findings: the lists against the published counts, each pair's points against its images, .mat
    files, images.
    """
    try:
        folder = find_folder(root, FOLDERS, ("JPEGImages",), "PF-Pascal")
    except FileNotFoundError as error:
        yield told(error)
        return
    images: dict[str, set[str]] = {}
    for split in PFPascal.splits:
        try:
            pairs = Readable(root, split)
            yield from pairs.problems
        except FileNotFoundError as error:
            yield Notice(told(error))
            continue
        except ValueError as error:
            yield told(error)
            continue
        images[split] = {image for name in pairs.names for image in pairs.row(name).images}
        yield from counted(
            f"{split} pairs", pairs.counts() if split == "test" else len(pairs), PUBLISHED[split]
        )
        yield from _pairs(pairs)
    if not images:
        yield "no list of any split can be read, so no pair"
        return
    for image in tqdm(
        sorted(set().union(*images.values())) if decode else (),
        desc="images",
        leave=False,
        disable=None,
    ):
        try:
            View.open(folder / "JPEGImages" / f"{image}.jpg", own=False).image()
        except (OSError, ValueError) as error:
            if not isinstance(
                error, FileNotFoundError
            ):  # an absent one has been told with its pair
                yield told(error)
    for a, b in (("test", "trn"), ("test", "val"), ("val", "trn")):
        if both := images.get(a, set()) & images.get(b, set()):
            yield Notice(
                f"{len(both)} of the {len(images[a])} images of {a} are in {b} too, as in the "
                "published lists (302 of 506)"
            )


def _pairs(pairs: PFPascal) -> Iterator[str]:
    """What is wrong with the pairs of a list, each image's complaint once."""
    said, points = set(), 0
    annotated = (pairs.root / "Annotations").is_dir()
    if not annotated:
        yield Notice(
            f"no folder {pairs.root / 'Annotations'}: boxes, and points other than the test "
            "list's, cannot be read"
        )
    for name in tqdm(pairs.names, desc=f"{pairs.split} pairs", leave=False, disable=None):
        row = pairs.row(name)
        points += len(row.points[0]) if row.points else 0
        if row.points is None and not annotated:
            continue
        try:
            pairs.item(name)
            problem = _differ(pairs, name) if row.points and annotated else ""
        except (OSError, ValueError) as error:
            problem = told(error)
        if problem and problem not in said:
            said.add(problem)
            yield problem
    if points and points != POINTS:
        yield Notice(f"{points:,} points in the {pairs.split} list, published {POINTS:,}")


def _differ(pairs: PFPascal, name: str) -> str:
    """Where a list's points are not among those of the .mat files, in words."""
    row = pairs.row(name)
    for image, xy in zip(row.images, row.points or (), strict=False):
        path = pairs.annotation_path(row.category, image)
        kps = require_shape(read_mat(path, "kps"), (None, 2), path, "kps").astype(float)
        far = np.nan_to_num(np.abs(xy[:, None] - kps[None]).max(-1), nan=np.inf).min(1)
        if (far > NEAR).any():
            return (
                f"{pairs.list}, line {row.line}: {int((far > NEAR).sum())} points of {image} "
                f"are not in {path}"
            )
    return ""
