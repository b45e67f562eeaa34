"""Your own images: a folder, and a CSV file with one row a point that says what corresponds to what.

    pairs.csv: source,target,source_x,source_y,target_x,target_y[,keypoint][,category]

Image names are relative to the folder; x and y are pixels of the original images, centre of the first pixel (0, 0).
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch

from corrlib.coords import require_inside
from corrlib.types import Pair, View

COLUMNS = ("source", "target", "source_x", "source_y", "target_x", "target_y")


class Folder(Sequence[Pair]):
    """The pairs of `root`/`points`, in the order in which they first occur in the file; `split` is not used by a plain folder.

    Pairs have no boxes, so a metric falls back on the target's image. Raises FileNotFoundError or ValueError naming the file, the
    column or the row that is wrong.
    """

    def __init__(self, root: str | Path, split: str = "test", points: str = "pairs.csv"):
        self.root, self.split = Path(root), split
        path = self.root / points
        if not path.is_file():
            raise FileNotFoundError(f"no {path}; write one with the header {','.join(COLUMNS)} and one row a point")
        table = pd.read_csv(path)
        if missing := [c for c in COLUMNS if c not in table]:
            raise ValueError(f"{path} has no column {', '.join(missing)}; it has {', '.join(table.columns)}")
        number = table[list(COLUMNS[2:])].apply(pd.to_numeric, errors="coerce")
        if (bad := number.isna().any(axis=1)).any():
            raise ValueError(f"{path}, line {int(bad.argmax()) + 2}: coordinates must be numbers")
        table[list(COLUMNS[2:])] = number
        self._pairs = [self._pair(names, rows, path) for names, rows in table.groupby(["source", "target"], sort=False)]

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index):
        return self._pairs[index]

    def __repr__(self) -> str:
        return f"<folder {self.root}: {len(self):,} pairs of {len(self.views()):,} images>"

    def views(self) -> tuple[View, ...]:
        """Every image that occurs, once, sorted by id."""
        views = {view.id: view for pair in self._pairs for view in (pair.source, pair.target)}
        return tuple(views[i] for i in sorted(views))

    def _pair(self, names: tuple[str, str], rows: pd.DataFrame, path: Path) -> Pair:
        category = str(rows["category"].iloc[0]) if "category" in rows else None
        source, target = (View.open(self.root / name, id=name, category=category) for name in names)
        points = [torch.tensor(rows[[f"{side}_x", f"{side}_y"]].to_numpy("float32")) for side in ("source", "target")]
        for side, view, xy in zip(("source", "target"), (source, target), points, strict=True):
            require_inside(xy, view.size, f"{path}, {names[0]} -> {names[1]}: {side} point")
        keypoints = rows["keypoint"].astype(str) if "keypoint" in rows else map(str, range(len(rows)))
        return Pair(f"{names[0]}:{names[1]}", source, target, *points, tuple(keypoints), category or "image")
