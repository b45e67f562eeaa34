"""Your own images: a folder, and optionally a csv file with one row a point that says what
corresponds to what.

    pairs.csv: source,target,source_x,source_y,target_x,target_y[,keypoint][,category]

Image names are relative to the folder; x and y are pixels of the original images, centre of the
first pixel (0, 0) (or `origin=1`), of the picture as viewers show it: upright, where the camera
noted in its EXIF data that it was held sideways. Without the file, every image is paired with every
other, and there are no points.
"""

from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from corrlib.coords import require_inside
from corrlib.data.files import listing, read_csv
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
            self._rows = rows
            self._ends = {
                name: tuple(part.iloc[0][["source", "target"]]) for name, part in rows.items()
            }
        else:
            files = root.iterdir() if root.is_dir() else ()
            images = sorted(
                p.name for p in files if p.suffix.lower() in ENDINGS and not p.name.startswith(".")
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

    @property
    def has_points(self) -> bool:
        """Whether there is a csv file, which says what corresponds to what."""
        return bool(self._rows)

    @property
    def images(self) -> list[str]:
        """Names of all images of these pairs, sorted, without opening any."""
        return sorted({end for name in self._names for end in self._ends[name]})

    def heading(self) -> str:
        """That it is a folder, and whether it has points."""
        return self.title if self._rows else f"{self.title} without points"

    def amount(self) -> str:
        """How many pairs of how many images."""
        return f"{super().amount()} of {len(self.images):,} images"

    def category_of(self, name: str) -> str:
        """What the column category says of the pair, else "image"."""
        return self._said(name) or "image"

    def _said(self, name: str) -> str | None:
        """The category in the file; None without the column, or where it is empty."""
        rows = self._rows.get(name)
        if rows is None or "category" not in rows:
            return None
        return next((word for word in rows["category"] if word), None)

    def item(self, name: str) -> Pair:
        """The pair of this name. Raises FileNotFoundError or ValueError naming the image or the
        point that is wrong.
        """
        ends = self._ends[name]
        rows = self._rows.get(name, pd.DataFrame({column: [] for column in NUMBERS}))
        source, target = (self._view(end, self._said(name)) for end in ends)
        points = []
        for side, view in (("source", source), ("target", target)):
            xy = (
                torch.tensor(rows[[f"{side}_x", f"{side}_y"]].to_numpy("float32"))
                - self.protocol.origin
            )
            require_inside(xy, view.size, f"{self.path}, {ends[0]} -> {ends[1]}: {side} point")
            points.append(xy)
        words = rows["keypoint"] if "keypoint" in rows else [""] * len(rows)
        keypoints = tuple(word or str(i) for i, word in enumerate(words))
        return Pair(name, source, target, *points, keypoints, self.category_of(name))

    def _view(self, name: str, category: str | None) -> View:
        if name not in self._opened:
            self._opened[name] = View.open(self.root / name, id=name)
        return replace(self._opened[name], category=category)


def read_points(path: Path) -> pd.DataFrame:
    """The csv file's rows, an empty word as "". Raises ValueError naming the column or the line
    that is wrong.
    """
    text = dict.fromkeys(("source", "target", "keypoint", "category"), str)
    table = read_csv(path, dtype=text, keep_default_na=False)  # an image may be called NA.png
    if missing := [c for c in COLUMNS if c not in table]:
        raise ValueError(
            f"{path} has no column {', '.join(missing)}; it has {', '.join(table.columns)}"
        )
    if not len(table):
        raise ValueError(f"{path} has a header and no rows; write one row a point")
    for column in set(text) & set(table):
        table[column] = table[column].fillna("").str.strip()
    number = table[NUMBERS].apply(pd.to_numeric, errors="coerce")
    wrong = number.isna().any(axis=1) | (table[["source", "target"]] == "").any(axis=1)
    _refuse(path, wrong, "coordinates must be numbers, and both images named")
    if "category" in table:
        said = table[table["category"] != ""]
        first = said.groupby(["source", "target"])["category"].transform("first")
        wrong = said["category"] != first
        _refuse(path, wrong, "another category than that of the pair's first row")
    table[NUMBERS] = number
    return table


def _refuse(path: Path, wrong: pd.Series, why: str) -> None:
    """Raise a ValueError that names the first of the lines that are wrong."""
    if wrong.any():
        lines = ", ".join(str(i + 2) for i in wrong[wrong].index[:5])
        raise ValueError(f"{path}, line {lines}: {why}")
