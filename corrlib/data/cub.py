"""CUB-200-2011: birds with fifteen parts, paired within a class in the two ways in which papers
did.

    CUB_200_2011/images.txt, train_test_split.txt, bounding_boxes.txt
    CUB_200_2011/parts/parts.txt, parts/part_locs.txt
    CUB_200_2011/images/<class folder>/<file>.jpg
    CUB_200_2011/cachedir/cub/data/{test,train}_cub_cleaned.mat   optional: ASIC's (and ACSM's) list

*Source:* Wah et al., "The Caltech-UCSD Birds-200-2011 Dataset"; pairs and rules of Hedlin et al.,
"Unsupervised Semantic Correspondence Using Stable Diffusion", 2023, and of Gupta et al., "ASIC",
2023, with their released code.
"""

import math
from collections.abc import Collection
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from corrlib.coords import Points
from corrlib.data.cub_files import cleaned, find_root, lacking, read_records
from corrlib.data.edited_views import Edited, cropped, square
from corrlib.data.files import box_of, keep_inside
from corrlib.data.selection import Categories, Selection
from corrlib.metrics.protocol import Protocol
from corrlib.types import Pair, View

SIDE = 256  # pixels of ASIC's crops
ENLARGE = 0.05  # of the box, on each side
VARIANTS = {
    "hedlin": Protocol(
        base="box_x_factor_compat", by="image", alphas=(0.05, 0.1), frame=(512, 512)
    ),
    "asic": Protocol(
        base="image", by="point", alphas=(0.01, 0.02, 0.05, 0.1), strict=True, origin=1
    ),
}
CLASSES = {"hedlin": tuple(range(1, 4)), "asic": tuple(range(1, 15))}


class CUB(Selection[Pair]):
    """Pairs of one class, named "001.Black_footed_Albatross/A:B" by their files; keypoints are the
    parts visible in both images.

    `variant` "hedlin": unordered pairs of classes 1, 2, 3, in original pixels; counted at 512 x 512
    by the target's box, whose longer side its released code scales by 512 / width alone. "asic":
    ordered pairs of square crops around the box, 256 x 256, of ACSM's cleaned list where it is
    there, else of the whole split; counted by the crop's side with <, points pooled. Its code takes
    one class a run and names no set of fourteen: the default is those of 1 to 14 that are there.
    `classes` are class numbers. Pairs without a common part are left out; `skipped` counts them.
    """

    title, splits = "CUB-200-2011", ("test", "trn")

    def __init__(
        self,
        root: str | Path,
        split: str = "test",
        variant: str = "hedlin",
        classes: Collection[int] | None = None,
        categories: Categories = None,
        **rules: Any,
    ):
        self.require_split(split)
        if variant not in VARIANTS:
            raise ValueError(f"variant={variant!r}; wanted {' or '.join(map(repr, VARIANTS))}")
        self.variant, root = variant, find_root(root)
        self.records = read_records(root)
        for problem in lacking(root, self.records):
            raise ValueError(problem)
        path = (
            root
            / "cachedir"
            / "cub"
            / "data"
            / f"{'test' if split == 'test' else 'train'}_cub_cleaned.mat"
        )
        self._cleaned = cleaned(path) if variant == "asic" and path.is_file() else None
        self._numbers = {
            str(Path(name).with_suffix("")): number for number, name in self.records.names.items()
        }
        names, self.skipped = self._pairs(split, classes)
        super().__init__(root, split, names, categories, rules, VARIANTS[variant])

    def heading(self) -> str:
        """The split, the variant and which list of images."""
        images = (
            ""
            if self.variant == "hedlin"
            else ", cleaned list"
            if self._cleaned
            else ", all images of the split"
        )
        left = f", pairs left out that have no common part: {self.skipped}" if self.skipped else ""
        return f"{self.title}, {self.split} ({self.variant}{images}{left})"

    def category_of(self, name: str) -> str:
        """The class folder."""
        return name.split("/")[0]

    def item(self, name: str) -> Pair:
        """The pair of this name. Raises FileNotFoundError and ValueError that name file and
        field.
        """
        folder, stems = name.split("/")
        numbers = [self._numbers[f"{folder}/{stem}"] for stem in stems.split(":")]
        common = [
            i
            for i in range(len(self.records.parts))
            if all(self._visible(number)[i] for number in numbers)
        ]
        views, points, boxes = zip(*(self._side(number, common) for number in numbers), strict=True)
        return Pair(
            name, *views, *points, tuple(self.records.parts[i] for i in common), folder, *boxes
        )

    def photograph(self, number: int) -> View:
        """An image by its number, uncropped."""
        name = self.records.names[number]
        return self.open(
            str(Path(name).with_suffix("")), self.root / "images" / name, word_of(name)
        )

    def _pairs(self, split: str, classes: Collection[int] | None) -> tuple[list[str], int]:
        """Names of all pairs, and how many more have no part in common."""
        names, skipped, every = [], 0, self.records
        of_split = [n for n in sorted(every.names) if every.training.get(n) == (split == "trn")]
        of_split = [n for n in of_split if self._cleaned is None or n in self._cleaned]
        there = sorted({class_of(every.names[n]) for n in of_split})
        wanted = [c for c in CLASSES[self.variant] if c in there] if classes is None else classes
        if not wanted or set(wanted) - set(there):
            have = ", ".join(map(str, there[:20])) or "none"
            raise ValueError(
                f"classes={wanted}: not all have {split} images; classes that have some: {have}"
            )
        for one in wanted:
            images = [n for n in of_split if class_of(every.names[n]) == one]
            for a, b in (combinations if self.variant == "hedlin" else permutations)(images, 2):
                if (self._visible(a) & self._visible(b)).any():
                    names.append(
                        f"{Path(every.names[a]).with_suffix('')}:{Path(every.names[b]).stem}"
                    )
                else:
                    skipped += 1
        return names, skipped

    def _visible(self, number: int) -> np.ndarray:
        return self.records.places[number][:, 2] > 0

    def _side(
        self, number: int, common: list[int]
    ) -> tuple[View, Points, tuple[float, float, float, float]]:
        """An image, its points and its box, cropped where the variant crops."""
        view, names = self.photograph(number), [self.records.parts[i] for i in common]
        points = torch.tensor(
            self.records.places[number][common, :2] - self.protocol.origin, dtype=torch.float32
        )
        points = keep_inside(
            points, view.size, f"{self.root / 'parts' / 'part_locs.txt'}: image {number}", names
        )
        x, y, width, height = self.records.boxes[number]
        box = box_of(
            (x, y, x + width, y + height), f"{self.root / 'bounding_boxes.txt'}: image {number}"
        )
        if self.variant == "hedlin":
            return view, points, box
        x1, y1, side = square((self._cleaned or {}).get(number, box), ENLARGE)
        crop = Edited(
            f"{view.id}-crop",
            (SIDE, SIDE),
            view.category,
            view.path,
            edit=lambda im: cropped(im, x1, y1, side, SIDE),
        )
        scale = (
            SIDE / side
        )  # as released, x * scale: the rule of pixel centres would add (scale - 1) / 2
        moved = (points - points.new_tensor([x1, y1])) * scale
        box = tuple(float((v - (x1, y1)[i % 2]) * scale) for i, v in enumerate(box))
        return crop, keep_inside(moved, crop.size, view.id, names, slack=math.inf), box


def class_of(name: str) -> int:
    """The class number that an image's folder begins with."""
    return int(name.split(".")[0])


def word_of(name: str) -> str:
    """The class in words, for a prompt: "Black footed Albatross"."""
    return name.split("/")[0].partition(".")[2].replace("_", " ")
