"""TSS: pairs of images with dense flow and masks of their common object, in both directions.

    {FG3DCar,JODS,PASCAL}/<pair>/
      image1.png image2.png
      mask1.png mask2.png
      flow1.flo flow2.flo     image 1 to 2, image 2 to 1
      flip_gt.txt             1: the objects face opposite ways
      corr.txt                clicked points
      pair.txt                original file names

Flow is in the unmirrored coordinates of both images also where flip is 1: a method that mirrors an
image undoes it in its answer.

*Source:* Taniai, Sinha and Sato, "Joint Recovery of Dense Correspondence and Cosegmentation in Two
Images", 2016, and its evaluation kit.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from corrlib.coords import Points, Size
from corrlib.data.arrays import read_numbers, read_text, read_values
from corrlib.data.files import find_folder, keep_inside
from corrlib.data.flo import read_flo
from corrlib.data.selection import Categories, Selection
from corrlib.metrics.protocol import Protocol
from corrlib.types import DensePair

GROUPS = {"FG3DCar": 195, "JODS": 81, "PASCAL": 124}  # pairs, each scored in both directions
DIRECTIONS = {"1to2": ("1", "2"), "2to1": ("2", "1")}


class TSS(Selection[DensePair]):
    """Both directions of every pair, named "FG3DCar/001_005:1to2"; categories are the three groups.

    A `DensePair` has the flow (NaN outside of the object), both masks, and the clicked points where
    corr.txt is there. `flip` is a tag: results are reported for all pairs and for
    `filter(flip=False)`. The published measure is T5, the share of the object's pixels whose flow
    is wrong by at most 5 % of the longer side of the image that the flow leads to, per direction,
    then the mean: PCK at alpha 0.05 with the image as its base. `origin` is that of the clicked
    points alone (1: the flow agrees with them to 0.05 px, against 0.2 to 1.9 px with 0). Raises
    FileNotFoundError and ValueError that name folder, file or field.
    """

    title = "TSS"
    task = "flow"
    unit = "directions"
    tags = ("flip", "group", "direction", "object", "source_name", "target_name")
    published = Protocol(base="image", by="image", alphas=(0.05,), origin=1)

    def __init__(
        self, root: str | Path, split: str = "test", categories: Categories = None, **rules: Any
    ):
        self.require_split(split)
        root = find_root(root)
        groups = [root / group for group in GROUPS if (root / group).is_dir()]
        pairs = sorted(
            f"{g.name}/{p.name}"
            for g in groups
            for p in g.iterdir()
            if p.is_dir() and not p.name.startswith(".")
        )
        super().__init__(
            root,
            split,
            [f"{pair}:{way}" for pair in pairs for way in DIRECTIONS],
            categories,
            rules,
        )

    def category_of(self, name: str) -> str:
        """The group, FG3DCar, JODS or PASCAL."""
        return name.split("/")[0]

    def item(self, name: str) -> DensePair:
        """The pair and direction of this name."""
        pair, _, way = name.rpartition(":")
        folder, (a, b) = self.root / pair, DIRECTIONS[way]
        source, target = (
            self.open(f"{pair}/image{i}", folder / f"image{i}.png", object_of(pair)) for i in (a, b)
        )
        points = self._clicked(
            folder / "corr.txt",
            (source.size, target.size) if a == "1" else (target.size, source.size),
        )
        return DensePair(
            id=name,
            source=source,
            target=target,
            source_points=points[a],
            target_points=points[b],
            keypoints=tuple(map(str, range(len(points[a])))),
            category=self.category_of(name),
            tags=self.tags_of(name),
            flow=lambda: torch.from_numpy(read_flo(folder / f"flow{a}.flo", source.size)),
            source_mask=lambda: read_mask(folder / f"mask{a}.png", source.size),
            target_mask=lambda: read_mask(folder / f"mask{b}.png", target.size),
        )

    def tags_of(self, name: str) -> dict[str, Any]:
        """flip (true or false), group, direction, object ("car"), and both original names where
        pair.txt says them.
        """
        pair, _, way = name.rpartition(":")
        path, names = self.root / pair / "flip_gt.txt", self.root / pair / "pair.txt"
        if (flip := read_text(path).strip()) not in ("0", "1"):
            raise ValueError(f"{path} says {flip[:20]!r}; wanted 0 or 1: unpack it again")
        tags = {
            "flip": flip == "1",
            "group": self.category_of(name),
            "direction": way,
            "object": object_of(pair),
        }
        if names.is_file():
            said = read_text(names).split()[-1].split(",")
            if len(said) != 2:
                raise ValueError(
                    f"{names}, last line: {len(said)} names; wanted two, separated by a comma: "
                    "unpack it again"
                )
            tags |= dict(
                zip(
                    ("source_name", "target_name"),
                    said if way == "1to2" else said[::-1],
                    strict=True,
                )
            )
        return tags

    def _clicked(self, path: Path, sizes: tuple[Size, Size]) -> dict[str, Points]:
        """The clicked points of images "1" and "2", which have these sizes; none where there is no
        file.
        """
        table = torch.from_numpy(
            read_numbers(path, (None, 4)) if path.is_file() else np.empty((0, 4))
        ).float()
        points = {}
        for i, size in enumerate(sizes):
            xy = table[:, 2 * i : 2 * i + 2] * torch.tensor(size) - self.protocol.origin
            points[str(i + 1)] = keep_inside(
                xy, size, f"{path}, image {i + 1},", list(map(str, range(len(xy))))
            )
        return points


def object_of(pair: str) -> str:
    """What a pair shows, for a prompt: the word in its folder's name ("PASCAL/bike_01_03": bike);
    FG3DCar has cars only.
    """
    group, _, folder = pair.partition("/")
    return "car" if group == "FG3DCar" else folder.split("_")[0]


def read_mask(path: Path, size: Size | None = None) -> Bool[Tensor, "H W"]:
    """A mask of an object: wherever the file's value is above 0 (files hold 0/255, 0/1, and one of
    them grey values).
    """
    values, mode = read_values(path, size)
    if mode not in ("1", "L", "P"):
        raise ValueError(
            f"{path} has mode {mode}; wanted one grey channel (L): convert it with "
            "image.convert('L')"
        )
    return torch.from_numpy(values > 0)


def find_root(root: str | Path) -> Path:
    """The folder that holds the groups. Raises FileNotFoundError."""
    for group in GROUPS:
        try:
            return find_folder(root, ("TSS_CVPR2016", "Dataset"), (group,), "TSS")
        except FileNotFoundError:
            continue
    return find_folder(root, (), tuple(GROUPS), "TSS")
