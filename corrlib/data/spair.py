"""SPair-71k: pairs of eighteen categories with named points. The toybox is written in the same
layout and read by this code.

    SPair-71k/
      JPEGImages/<category>/<name>.jpg         Segmentation/<category>/<name>.png  (VOC class ids)
      ImageAnnotation/<category>/<name>.json
      PairAnnotation/{trn,val,test}/<id>-<source>-<target>:<category>.json
      Layout/{large,small}/{trn,val,test}.txt  one pair name a line

*Source:* Min et al., "SPair-71k: A Large-scale Benchmark for Semantic Correspondence", 2019, and
the data set's own files.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from PIL import Image

from corrlib.coords import Points, Size
from corrlib.data.files import box_of, keep_inside
from corrlib.data.selection import Categories, Selection, fits
from corrlib.data.spair_files import (
    angle_between,
    category_of,
    field,
    find_root,
    pair_files,
    read_json,
    view_id,
)
from corrlib.data.voc import CLASS_ID
from corrlib.metrics.protocol import Protocol
from corrlib.types import Pair, View

SPLITS = ("trn", "val", "test")
SIZES = ("large", "small")
TAGS = {  # our tag: field of a pair's json
    "viewpoint": "viewpoint_variation",  # 0 easy, 1 medium, 2 hard
    "scale": "scale_variation",  # 0 easy, 1 medium, 2 hard
    "truncation": "truncation",  # 0 none, 1 source, 2 target, 3 both
    "occlusion": "occlusion",  # as truncation
    "source_pose": "src_pose",
    "target_pose": "trg_pose",
}
EXTRA_TAGS = ("source_azimuth_id", "target_azimuth_id", "azimuth_difference")


class SPair(Selection[Pair]):
    """The pairs of a split as a lazy sequence: an index gives a `Pair`, a slice or `filter` gives a
    smaller `SPair`.

    `size` is the published list, "large" (every pair) or "small"; `partial` leaves out the pairs of
    it that have no file, instead of refusing an incomplete copy. `origin` is the number that
    annotators gave the first pixel: 0 uses the keypoints' integers as they are, as every public
    loader does; 1 subtracts one. A keypoint one pixel outside of its image is moved to the border;
    one farther out raises. Boxes are given as the files have them (VOC, 1-based). `rules` change
    the published protocol: target box, <=, per image (DIFT prints per point too, SD+DINO pools per
    category with <). Raises FileNotFoundError and ValueError that name the folder, file or field
    that is wrong.
    """

    title, splits, tags = "SPair-71k layout", SPLITS, (*TAGS, *EXTRA_TAGS)
    published = Protocol(base="box", by="image", alphas=(0.01, 0.05, 0.1))

    def __init__(
        self,
        root: str | Path,
        split: str = "test",
        size: str = "large",
        partial: bool = False,
        categories: Categories = None,
        **rules: Any,
    ):
        self.require_split(split)
        if size not in SIZES:
            raise ValueError(
                f"size={size!r}; SPair-71k has the lists {', '.join(map(repr, SIZES))}"
            )
        self.size = size
        self._annotations: dict[str, dict] = {}
        root = find_root(root)
        self._files = pair_files(root, split, size, partial)
        super().__init__(root, split, list(self._files), categories, rules)

    def heading(self) -> str:
        """The layout, the split and the list."""
        return f"{self.title}, {self.split} ({self.size})"

    def category_of(self, name: str) -> str:
        """The part of a pair's name after the colon."""
        return category_of(name)

    def tags_of(self, name: str) -> Mapping[str, Any]:
        """A pair's tags, from the annotations alone."""
        return self._tags(*self._record(name))

    def _has(self, name: str, wanted: Mapping[str, Any]) -> bool:
        tags = self.tags_of(name)
        if "azimuth_difference" in wanted and "azimuth_difference" not in tags:
            raise ValueError(
                f"{self.root} states no azimuth in degrees; filter by viewpoint or by azimuth ids"
            )
        return all(fits(want, tags.get(key)) for key, want in wanted.items())

    # ---------------- images

    def views(self) -> tuple[View, ...]:
        """Every image that occurs in these pairs, once, sorted by id: the list to extract features
        of, and to shard.
        """
        ids = set()
        for name in self._names:
            record, path = self._record(name)
            ids |= {view_id(record, side, path) for side in ("src", "trg")}
        return tuple(self.view(i) for i in sorted(ids))

    def view(self, id: str) -> View:
        """The image "category/name". Raises FileNotFoundError where it is missing, ValueError if
        not of the stated size.
        """
        if id not in self._opened:
            path, record = self._annotation_path(id), self.annotation(id)
            view = View.open(
                self.root / "JPEGImages" / f"{id}.jpg", id=id, category=id.split("/")[0], own=False
            )
            stated = (field(record, "image_width", path), field(record, "image_height", path))
            if view.size != stated:
                raise ValueError(
                    f"{view.path} has size {view.size} (width, height), but {path} says {stated}"
                )
            self._opened[id] = view
        return self._opened[id]

    def annotation(self, view: View | str) -> Mapping[str, Any]:
        """An image's annotation as its file has it (keypoints of ids "0".."29", box, pose, azimuth
        id, ...).
        """
        id = view if isinstance(view, str) else view.id
        if id not in self._annotations:
            self._annotations[id] = read_json(self._annotation_path(id))
        return self._annotations[id]

    def with_names(self, pair: Pair) -> Pair:
        """The pair with its keypoints by the names that the annotation has for them; the toybox
        has names, SPair-71k numbers only, which stay.
        """
        names = self.annotation(pair.source).get("keypoint_names")
        if not names:
            return pair
        return replace(pair, keypoints=tuple(names[int(i)] for i in pair.keypoints))

    def segmentation(self, view: View | str) -> UInt8[np.ndarray, "H W"]:
        """An image's mask of VOC class ids (0 background, 255 undecided). Raises FileNotFoundError
        where there is none.

        Raises ValueError where the file is not a mask of the image's size.
        """
        view = self.view(view) if isinstance(view, str) else view
        path = self.root / "Segmentation" / f"{view.id}.png"
        if not path.is_file():
            raise FileNotFoundError(
                f"no segmentation {path}; unpack the data set again, with its folder Segmentation"
            )
        try:
            with Image.open(path) as image:
                mask = np.array(image)
        except (OSError, SyntaxError) as error:
            raise ValueError(
                f"cannot decode {path}: {error}; the file is truncated or corrupt, fetch it again"
            ) from error
        if mask.dtype != np.uint8 or mask.shape != view.size[::-1]:
            got = f"{mask.dtype} values of shape {mask.shape}"
            raise ValueError(
                f"{path} has {got}; wanted class numbers (uint8) of shape {view.size[::-1]} "
                "(height, width)"
            )
        return mask

    def mask(self, view: View | str) -> Bool[np.ndarray, "H W"]:
        """Where an image's segmentation shows its category. Raises as `segmentation`, and KeyError
        on no VOC category.
        """
        category = (view if isinstance(view, str) else view.id).split("/")[0]
        return self.segmentation(view) == CLASS_ID[category]

    # ---------------- one pair

    def item(self, name: str) -> Pair:
        """The pair of this name, whether or not a selection holds it."""
        record, path = self._record(name)
        source, target = (self.view(view_id(record, side, path)) for side in ("src", "trg"))
        ids = tuple(str(k) for k in field(record, "kps_ids", path, list))
        return Pair(
            id=name,
            source=source,
            target=target,
            source_points=self._points(record, "src", ids, source.size, path),
            target_points=self._points(record, "trg", ids, target.size, path),
            keypoints=ids,
            category=category_of(name),
            source_box=box_of(field(record, "src_bndbox", path), f"{path}: src_bndbox"),
            target_box=box_of(field(record, "trg_bndbox", path), f"{path}: trg_bndbox"),
            tags=self._tags(record, path),
        )

    def pair_annotation(self, name: str) -> Mapping[str, Any]:
        """A pair's annotation as its file has it."""
        return self._record(name)[0]

    def _points(
        self, record: Mapping, side: str, ids: tuple[str, ...], size: Size, path: Path
    ) -> Points:
        given = field(record, f"{side}_kps", path)
        try:
            points = torch.tensor(given, dtype=torch.float32).reshape(-1, 2) - self.protocol.origin
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(
                f"{path}: {side}_kps is {str(given)[:60]}; wanted a list of [x, y]"
            ) from error
        if len(points) != len(ids):
            raise ValueError(
                f"{path}: {side}_kps has {len(points)} points and kps_ids {len(ids)}; wanted as "
                "many"
            )
        return keep_inside(points, size, f"{path}: {side}_kps", ids)

    def _tags(self, record: Mapping, path: Path) -> dict[str, Any]:
        tags = {tag: field(record, name, path) for tag, name in TAGS.items()}
        source, target = (self.annotation(view_id(record, side, path)) for side in ("src", "trg"))
        for side, annotation in (("source", source), ("target", target)):
            if "azimuth_id" in annotation:
                tags[f"{side}_azimuth_id"] = annotation["azimuth_id"]
        if "azimuth" in source and "azimuth" in target:
            tags["azimuth_difference"] = angle_between(source["azimuth"], target["azimuth"])
        return tags

    # ---------------- files

    def _record(self, name: str) -> tuple[dict[str, Any], Path]:
        file = self._files.get(name, name)
        path = self.root / "PairAnnotation" / self.split / f"{file}.json"
        return read_json(path), path

    def _annotation_path(self, id: str) -> Path:
        return self.root / "ImageAnnotation" / f"{id}.json"
