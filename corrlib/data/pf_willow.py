"""PF-Willow: ten sub-classes of four objects, ten photographs each with ten points that are always
visible.

    <root>/<sub-class>/<name>.png
    <root>/<sub-class>/<name>.mat    pts_coord: 2 x 10, x above y, first pixel 1
    <root>/test_pairs.csv            optional: the pairs and both images' points

The root is called PF-dataset-WILLOW by its authors, PF-dataset in the zip file, PF-WILLOW in later
copies. A sub-class (M) is made of halves of the others: 70 photographs in all, and a mean over
sub-classes counts 30 of them twice.

*Source:* Ham et al., "Proposal Flow", 2016, and its released evaluation (all ordered pairs within a
sub-class).
"""

import filecmp
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from corrlib.coords import Points, Size
from corrlib.data.files import find_folder, keep_inside, listing, read_mat, require_shape
from corrlib.data.pf_lists import read_willow
from corrlib.data.selection import Categories, Selection
from corrlib.metrics.protocol import Protocol
from corrlib.types import Pair, View

FOLDERS = ("PF-dataset-WILLOW", "PF-dataset", "PF-WILLOW")
SUB_CLASSES = (  # sorted
    "car(G)",
    "car(M)",
    "car(S)",
    "duck(S)",
    "motorbike(G)",
    "motorbike(M)",
    "motorbike(S)",
    "winebottle(M)",
    "winebottle(wC)",
    "winebottle(woC)",
)
WORDS = {"winebottle": "wine bottle"}  # of a prompt
POINTS = tuple(map(str, range(10)))


class PFWillow(Selection[Pair]):
    """All ordered pairs within each sub-class, named "car(G)/Cars_006a:Cars_007a", or those of a
    csv file.

    `pairs` is "all" or a csv file's name (relative to the root, or a path): source, target, then x
    and y of ten source points, then of ten target points. The category is the sub-class; the tag
    `object` and the views' category are the object. There are no boxes in the files: `source_box`
    and `target_box` are the tight boxes of the points. Images are one view wherever the same
    photograph occurs. Published: tight box of the target's points, <=, per image, original pixels
    (Proposal Flow; its < differs in ties alone); DHPF's family used
    `base="padded_keypoints_compat", frame=(240, 240)`, CNNGeometric `base="source_box"`.
    """

    title, tags = "PF-Willow", ("object",)
    published = Protocol(base="keypoints", by="image", alphas=(0.05, 0.1, 0.15), origin=1)

    def __init__(
        self,
        root: str | Path,
        split: str = "test",
        pairs: str = "all",
        categories: Categories = None,
        **rules: Any,
    ):
        self.require_split(split)
        root = find_root(root)
        self._points: dict[Path, np.ndarray] = {}
        self._ids: dict[Path, str] = {}
        self._given = {} if pairs == "all" else read_willow(root / pairs)
        super().__init__(root, split, list(self._given) or all_pairs(root), categories, rules)

    def category_of(self, name: str) -> str:
        """The sub-class, the part of a name before the slash."""
        return name.split("/")[0]

    def item(self, name: str) -> Pair:
        """The pair of this name. Raises FileNotFoundError and ValueError that name file and
        field.
        """
        category, stems = self.category_of(name), name.split("/")[1].split(":")
        views = [self.photograph(category, stem) for stem in stems]
        if name in self._given:
            sides = zip(self._given[name], ("source", "target"), views, strict=True)
            points = [
                self._inside(xy, view.size, f"{name}, {side} of the csv file")
                for xy, side, view in sides
            ]
        else:
            points = [self.points(category, stem) for stem in stems]
        boxes = [(*xy.amin(0).tolist(), *xy.amax(0).tolist()) for xy in points]
        return Pair(
            name, *views, *points, POINTS, category, *boxes, {"object": category.split("(")[0]}
        )

    def points(self, category: str, stem: str) -> Points:
        """The ten points of an image of a sub-class, first pixel 0, from its .mat file."""
        path = self.root / category / f"{stem}.mat"
        if path not in self._points:
            self._points[path] = require_shape(
                read_mat(path, "pts_coord"), (2, 10), path, "pts_coord"
            ).T
        return self._inside(
            self._points[path], self.photograph(category, stem).size, f"{path}: pts_coord"
        )

    def photograph(self, category: str, stem: str) -> View:
        """The photograph, under the name of the first sub-class that has the very same file."""
        path, what = self.root / category / f"{stem}.png", category.split("(")[0]
        if path not in self._ids:
            others = [
                self.root / c / path.name
                for c in SUB_CLASSES
                if c.startswith(f"{what}(") and c < category
            ]
            same = [
                other
                for other in others
                if other.is_file() and path.is_file() and filecmp.cmp(other, path, shallow=False)
            ]
            self._ids[path] = f"{(same or [path])[0].parent.name}/{stem}"
        return self.open(self._ids[path], path, WORDS.get(what, what))

    def _inside(self, given: np.ndarray, size: Size, where: str) -> Points:
        return keep_inside(
            torch.tensor(given - self.protocol.origin, dtype=torch.float32), size, where, POINTS
        )


def find_root(root: str | Path) -> Path:
    """The folder that holds the sub-classes. Raises FileNotFoundError."""
    root = Path(root)
    for folder in (root, *(root / name for name in FOLDERS)):
        if folder.is_dir() and any((folder / name).is_dir() for name in SUB_CLASSES):
            return folder
    return find_folder(root, FOLDERS, SUB_CLASSES[:1], "PF-Willow")


def all_pairs(root: Path) -> list[str]:
    """Names of all ordered pairs within each sub-class, sorted. Raises FileNotFoundError on a
    sub-class without images.
    """
    names = []
    for folder in sorted(
        path for path in root.iterdir() if path.is_dir() and path.name in SUB_CLASSES
    ):
        stems = sorted(
            path.stem
            for path in folder.iterdir()
            if path.suffix == ".png" and not path.name.startswith(".")
        )
        if len(stems) < 2:
            raise FileNotFoundError(
                f"{folder} has {len(stems)} png images; wanted 2 or more; found: {listing(folder)}"
            )
        names += [f"{folder.name}/{a}:{b}" for a, b in permutations(stems, 2)]
    return names
