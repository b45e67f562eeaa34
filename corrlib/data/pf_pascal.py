"""PF-Pascal: pairs of VOC's twenty classes with 4 to 17 common points.

    PF-dataset-PASCAL/JPEGImages/<name>.jpg
    PF-dataset-PASCAL/Annotations/<class>/<name>.mat    kps: n x 2, bbox: 1 x 4
    {test,val,train}_pairs.csv   beside that folder, in it, or in image_pairs/; trn_ in later copies

A list is source_image, target_image, class (1 to 20), and then flip (val, train) or XA, YA, XB, YB
(test): numbers with ";" between them. Points of val and train are in the .mat files, a row of NaN
where one cannot be seen. The splits share images.

*Source:* Ham et al., "Proposal Flow: Semantic Correspondences from Object Proposals", 2018; lists
of Han et al., "SCNet", 2017, as distributed with Rocco et al., "NC-Net", 2018.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps

from corrlib.coords import Points, Size
from corrlib.data.edited_views import Edited
from corrlib.data.files import box_of, find_folder, keep_inside, read_mat, require_shape
from corrlib.data.pf_lists import NAMES, Row, find_list, read_list
from corrlib.data.selection import Categories, Selection
from corrlib.metrics.protocol import Protocol
from corrlib.types import Pair, View

FOLDERS = ("PF-dataset-PASCAL", "PF-PASCAL")
FLIPS = {"W - x": 0, "W - 1 - x": 1}  # what is subtracted from W - x


class PFPascal(Selection[Pair]):
    """The pairs of a list, named "0012-2011_001407-2010_004184:aeroplane" by their line; mirrored
    ones have "-flip" in the name.

    `points` is "csv" (the list's own, where it has them) or "mat" (the .mat files'; keypoint names
    are then their rows). `flip` is how x becomes the mirrored image's: "W - x" as in DHPF's and
    SD4Match's code, which is one pixel too far, or "W - 1 - x". The tag `flip` is 0 or 1. Boxes
    come from the .mat files and are None without them. `lists` is a folder of lists elsewhere, or
    one csv file of any name. `partial` leaves out the lines that cannot be read, which `problems`
    then names.
    Published: longer side of the target image in a square frame (224 in NC-Net, 240 in DHPF: any
    square gives the same PCK), <=, per image. In original pixels, `frame=None`, the same words mean
    another number.
    """

    title, splits, tags = "PF-Pascal", tuple(NAMES), ("flip",)
    published = Protocol(base="image", by="image", alphas=(0.05, 0.1, 0.15), frame=(224, 224))

    def __init__(
        self,
        root: str | Path,
        split: str = "test",
        points: str = "csv",
        flip: str = "W - x",
        lists: str | Path | None = None,
        partial: bool = False,
        categories: Categories = None,
        **rules: Any,
    ):
        self.require_split(split)
        if points not in ("csv", "mat") or flip not in FLIPS:
            raise ValueError(
                f"points={points!r}, flip={flip!r}; wanted points 'csv' or 'mat', flip "
                f"{' or '.join(map(repr, FLIPS))}"
            )
        self.points_of, self.flip = points, flip
        folder = find_folder(root, FOLDERS, ("JPEGImages",), "PF-Pascal")
        places = [Path(lists)] if lists else [folder, folder.parent, Path(root)]
        self.list = places[0] if places[0].suffix == ".csv" else find_list(places, split)
        self.problems: list[str] = []
        self._rows = read_list(self.list, points == "csv", self.problems if partial else None)
        super().__init__(folder, split, list(self._rows), categories, rules)

    def category_of(self, name: str) -> str:
        """The part of a pair's name after the colon."""
        return name.rpartition(":")[2]

    def tags_of(self, name: str) -> dict[str, Any]:
        """Whether both images are mirrored."""
        return {"flip": int(self._rows[name].flip)}

    def row(self, name: str) -> Row:
        """A pair's line in the list."""
        return self._rows[name]

    def item(self, name: str) -> Pair:
        """The pair of this name. Raises FileNotFoundError and ValueError that name file and
        field.
        """
        row = self._rows[name]
        views = [self._view(image, row) for image in row.images]
        if row.points is not None:
            given, keys = row.points, tuple(map(str, range(len(row.points[0]))))
            where = [f"{self.list}, line {row.line}, {columns}" for columns in ("XA;YA", "XB;YB")]
        else:
            paths = [self.annotation_path(row.category, image) for image in row.images]
            every = [
                require_shape(read_mat(path, "kps"), (None, 2), path, "kps").astype(float)
                for path in paths
            ]
            if len(every[0]) != len(every[1]):
                raise ValueError(
                    f"{paths[0]}: kps has {len(every[0])} rows and {paths[1]} {len(every[1])}; "
                    "wanted as many"
                )
            seen = np.flatnonzero(~np.isnan(np.concatenate(every, 1)).any(1))
            if not len(seen):
                raise ValueError(
                    f"{paths[0]} and {paths[1]}: kps have no point visible in both; wanted one "
                    "or more"
                )
            given, keys, where = (
                [xy[seen] for xy in every],
                tuple(map(str, seen)),
                [f"{path}: kps" for path in paths],
            )
        sides = zip(given, views, where, strict=True)
        points = [
            keep_inside(self._placed(xy, view.size, row.flip), view.size, place, keys)
            for xy, view, place in sides
        ]
        boxes = [
            self._box(image, view.size, row) for image, view in zip(row.images, views, strict=True)
        ]
        return Pair(name, *views, *points, keys, row.category, *boxes, self.tags_of(name))

    def annotation_path(self, category: str, image: str) -> Path:
        """Where an image's .mat file is."""
        return self.root / "Annotations" / category / f"{image}.mat"

    def _view(self, image: str, row: Row) -> View:
        view = self.open(image, self.root / "JPEGImages" / f"{image}.jpg", row.category)
        return (
            Edited(f"{image}-flip", view.size, row.category, view.path, edit=mirror)
            if row.flip
            else view
        )

    def _placed(self, xy: np.ndarray, size: Size, flip: bool) -> Points:
        """A file's points with the first pixel at 0, in the mirrored image where `flip`."""
        points = torch.tensor(xy - self.protocol.origin, dtype=torch.float32)
        if flip:
            points[:, 0] = size[0] - FLIPS[self.flip] - points[:, 0]
        return points

    def _box(self, image: str, size: Size, row: Row) -> tuple[float, float, float, float] | None:
        path = self.annotation_path(row.category, image)
        if not path.is_file():
            return None
        bbox = require_shape(read_mat(path, "bbox"), (1, 4), path, "bbox")[0].tolist()
        x1, y1, x2, y2 = box_of(bbox, f"{path}: bbox")
        return (
            (size[0] - FLIPS[self.flip] - x2, y1, size[0] - FLIPS[self.flip] - x1, y2)
            if row.flip
            else (x1, y1, x2, y2)
        )


def mirror(image: Image.Image) -> Image.Image:
    """The image with left and right exchanged."""
    return ImageOps.mirror(image)
