"""Your own images: a folder, and optionally a csv file with one row a point that says what
corresponds to what.

    pairs.csv: source,target,source_x,source_y,target_x,target_y[,keypoint][,category]

Image names are relative to the folder; x and y are pixels of the original images, centre of the
first pixel (0, 0) (or `origin=1`), of the picture as viewers show it: upright, where the camera
noted in its EXIF data that it was held sideways. Without the file, every image is paired with every
other, and there are no points.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from corrlib.coords import require_inside
from corrlib.data.check import decoded, told
from corrlib.data.files import listing
from corrlib.data.selection import Categories, Selection
from corrlib.metrics.protocol import Protocol
from corrlib.types import Pair, View

COLUMNS = ("source", "target", "source_x", "source_y", "target_x", "target_y")
NUMBERS = list(COLUMNS[2:])
ENDINGS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".tif", ".tiff", ".webp")


class Folder(Selection[Pair]):
    """The pairs of `root`/`points`, in the order in which they first occur in the file; `split` is
    not used by a plain folder.

    Pairs have no boxes, so they are counted by the target's image, or with `base="keypoints"` by
    the tight box of its points. All pairs are looked at when the folder is opened, which reads the
    images' headers, because own files have the most mistakes; `early=False` leaves it. Raises
    FileNotFoundError or ValueError naming the file, the column or the row that is wrong.
    """

    title, splits = "folder", ("trn", "val", "test")
    published = Protocol(base="image", by="image")

    def __init__(
        self,
        root: str | Path,
        split: str = "test",
        points: str = "pairs.csv",
        early: bool = True,
        categories: Categories = None,
        **rules: Any,
    ):
        self.path, root = Path(root) / points, Path(root)
        self._rows: dict[str, pd.DataFrame] = {}
        if self.path.is_file():
            rows = {
                f"{a}:{b}": part
                for (a, b), part in read_points(self.path).groupby(["source", "target"], sort=False)
            }
            self._rows, self._ends = (
                rows,
                {name: tuple(part.iloc[0][["source", "target"]]) for name, part in rows.items()},
            )
        else:
            images = (
                sorted(p.name for p in root.iterdir() if p.suffix.lower() in ENDINGS)
                if root.is_dir()
                else []
            )
            if len(images) < 2 or points != "pairs.csv":
                raise FileNotFoundError(
                    f"no {self.path}; write one with the header {','.join(COLUMNS)} and one row "
                    "a point. "
                    f"Found: {listing(root)}"
                )
            self._ends = {f"{a}:{b}": (a, b) for a, b in permutations(images, 2)}
        super().__init__(root, self.require_split(split), list(self._ends), categories, rules)
        if early and self._rows:
            for name in self._names:
                self.item(name)

    def heading(self) -> str:
        """That it is a folder, and whether it has points."""
        return self.title if self._rows else f"{self.title} without points"

    def amount(self) -> str:
        """How many pairs of how many images."""
        return (
            f"{super().amount()} of "
            f"{len({end for name in self._names for end in self._ends[name]}):,} images"
        )

    def category_of(self, name: str) -> str:
        """What the column category says, else "image"."""
        rows = self._rows.get(name)
        return str(rows["category"].iloc[0]) if rows is not None and "category" in rows else "image"

    def item(self, name: str) -> Pair:
        """The pair of this name. Raises FileNotFoundError or ValueError naming the image or the
        point that is wrong.
        """
        ends, category = self._ends[name], self.category_of(name)
        rows = self._rows.get(name, pd.DataFrame({column: [] for column in NUMBERS}))
        source, target = (self._view(end, category if "category" in rows else None) for end in ends)
        points = []
        for side, view in (("source", source), ("target", target)):
            xy = (
                torch.tensor(rows[[f"{side}_x", f"{side}_y"]].to_numpy("float32"))
                - self.protocol.origin
            )
            require_inside(xy, view.size, f"{self.path}, {ends[0]} -> {ends[1]}: {side} point")
            points.append(xy)
        keypoints = (
            rows["keypoint"].astype(str) if "keypoint" in rows else map(str, range(len(rows)))
        )
        return Pair(name, source, target, *points, tuple(keypoints), category)

    def _view(self, name: str, category: str | None) -> View:
        if name not in self._opened:
            self._opened[name] = View.open(self.root / name, id=name)
        return replace(self._opened[name], category=category)


def read_points(path: Path) -> pd.DataFrame:
    """The csv file's rows. Raises ValueError naming the column or the line that is wrong."""
    table = pd.read_csv(path, dtype={"source": str, "target": str})
    if missing := [c for c in COLUMNS if c not in table]:
        raise ValueError(
            f"{path} has no column {', '.join(missing)}; it has {', '.join(table.columns)}"
        )
    if not len(table):
        raise ValueError(f"{path} has a header and no rows; write one row a point")
    number = table[NUMBERS].apply(pd.to_numeric, errors="coerce")
    bad = number.isna().any(axis=1) | table[["source", "target"]].isna().any(axis=1)
    if bad.any():
        lines = ", ".join(str(i + 2) for i in bad.to_numpy().nonzero()[0][:5])
        raise ValueError(
            f"{path}, line {lines}: coordinates must be numbers, and both images named"
        )
    table[NUMBERS] = number
    return table


def check(root: str | Path, *, decode: bool = True) -> Iterator[str]:
    """Findings: the csv file, each pair's images and points, and that every image can be
    decoded.
    """
    try:
        pairs = Folder(root, early=False)
    except (OSError, ValueError) as error:
        yield told(error)
        return
    said, views = set(), {}
    for end in sorted({end for name in pairs.names for end in pairs._ends[name]}):
        try:
            views[end] = View.open(pairs.root / end)
        except (OSError, ValueError) as error:
            said.add(told(error))
            yield told(error)
    for name in pairs.names if pairs._rows else ():
        try:
            pairs.item(name)
        except (OSError, ValueError) as error:
            if told(error) not in said:
                yield told(error)
    if decode:
        yield from decoded(views.values())
