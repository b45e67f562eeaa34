"""SPair-71k, and the toybox, which is written in the same layout: both are read by this code and by nothing else.

    SPair-71k/
      JPEGImages/<category>/<name>.jpg         Segmentation/<category>/<name>.png  (VOC class ids)
      ImageAnnotation/<category>/<name>.json   PairAnnotation/{trn,val,test}/<id>-<source>-<target>:<category>.json
      Layout/{large,small}/{trn,val,test}.txt  one pair name a line

*Source:* Min et al., "SPair-71k: A Large-scale Benchmark for Semantic Correspondence", 2019, and the data set's own files.
"""

import copy
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from corrlib.coords import Points, Size
from corrlib.data.spair_files import angle_between, category_of, field, find_root, pair_names, read_json, view_id
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


class SPair(Sequence[Pair]):
    """The pairs of a split as a lazy sequence: an index gives a `Pair`, a slice or `filter` gives a smaller `SPair`.

    `size` is the published list, "large" (every pair) or "small". `origin` is the number that annotators gave the first
    pixel: 0 uses the keypoints' integers as they are, as every public loader does; 1 subtracts one. A keypoint one pixel
    outside of its image is moved to the border; one farther out raises. Boxes are given as the files have them (VOC,
    1-based). Raises FileNotFoundError and ValueError that name the folder, file or field that is wrong.
    """

    def __init__(
        self,
        root: str | Path,
        split: str = "test",
        size: str = "large",
        categories: str | Collection[str] | None = None,
        origin: int = 0,
    ):
        if split not in SPLITS or size not in SIZES or origin not in (0, 1):
            got = f"split={split!r}, size={size!r}, origin={origin!r}"
            raise ValueError(f"got {got}; wanted a split of {SPLITS}, a size of {SIZES}, and origin 0 or 1")
        self.root, self.split, self.size, self.origin = find_root(root), split, size, origin
        self._annotations: dict[str, dict] = {}
        self._views: dict[str, View] = {}
        self._names = tuple(pair_names(self.root, split, size))
        self.of = len(self._names)  # how many the list has, so that a selection can say what it is a part of
        if categories is not None:
            wanted = {categories} if isinstance(categories, str) else set(categories)
            if unknown := wanted - set(self.categories):
                raise ValueError(f"no pairs of {', '.join(sorted(unknown))} in {self!r}; it has {', '.join(self.categories)}")
            self._names = tuple(n for n in self._names if category_of(n) in wanted)

    # -- the sequence -----------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self._only(self._names[index])
        return self.pair(self._names[index])

    def __repr__(self) -> str:
        part = "" if len(self) == self.of else f" of {self.of:,}"
        what = f"{len(self):,}{part} pairs, {len(self.categories)} categories"
        return f"<SPair-71k layout, {self.split} ({self.size}): {what}, {self.root}>"

    @property
    def names(self) -> tuple[str, ...]:
        """Pair names in the order of the list, without reading any annotation."""
        return self._names

    @property
    def categories(self) -> tuple[str, ...]:
        """Category names that occur, sorted."""
        return tuple(sorted({category_of(name) for name in self._names}))

    def counts(self) -> dict[str, int]:
        """Pairs per category, sorted by name."""
        return dict(sorted(Counter(map(category_of, self._names)).items()))

    def filter(self, **wanted) -> "SPair":
        """Pairs whose category or tags are as wanted: a value, a collection of values, or a function of the value.

        For example `filter(category="cat", viewpoint=0)` or `filter(azimuth_difference=lambda d: d <= 35)`. Raises KeyError on
        a tag that SPair-71k has not, ValueError on `azimuth_difference` where the images carry only an azimuth id.
        """
        known = ("category", *TAGS, *EXTRA_TAGS)
        if unknown := [k for k in wanted if k not in known]:
            raise KeyError(f"no tag {unknown[0]!r}; pairs can be filtered by {', '.join(known)}")
        names = [n for n in self._names if "category" not in wanted or _fits(wanted["category"], category_of(n))]
        rest = {k: v for k, v in wanted.items() if k != "category"}
        return self._only([n for n in names if not rest or self._has(n, rest)])

    def _has(self, name: str, wanted: Mapping[str, Any]) -> bool:
        record, path = self._record(name)
        tags = self._tags(record, path)
        if "azimuth_difference" in wanted and "azimuth_difference" not in tags:
            raise ValueError(f"{self.root} states no azimuth in degrees; filter by viewpoint or by azimuth ids")
        return all(_fits(want, tags.get(key)) for key, want in wanted.items())

    # -- images -----------------------------------------------------------------------------------------------------

    def views(self) -> tuple[View, ...]:
        """Every image that occurs in these pairs, once, sorted by id: the list to extract features of, and to shard."""
        ids = set()
        for name in self._names:
            record, path = self._record(name)
            ids |= {view_id(record, side, path) for side in ("src", "trg")}
        return tuple(self.view(i) for i in sorted(ids))

    def view(self, id: str) -> View:
        """The image "category/name". Raises FileNotFoundError where it is missing, ValueError if not of the stated size."""
        if id not in self._views:
            view = View.open(self.root / "JPEGImages" / f"{id}.jpg", id=id, category=id.split("/")[0])
            path, record = self._annotation_path(id), self.annotation(id)
            stated = (field(record, "image_width", path), field(record, "image_height", path))
            if view.size != stated:
                raise ValueError(f"{view.path} has size {view.size} (width, height), but {path} says {stated}")
            self._views[id] = view
        return self._views[id]

    def annotation(self, view: View | str) -> Mapping[str, Any]:
        """An image's annotation as its file has it (keypoints of ids "0".."29", box, pose, azimuth id, ...)."""
        id = view if isinstance(view, str) else view.id
        if id not in self._annotations:
            self._annotations[id] = read_json(self._annotation_path(id))
        return self._annotations[id]

    def segmentation(self, view: View | str) -> UInt8[np.ndarray, "H W"]:
        """An image's mask of VOC class ids (0 background, 255 undecided). Raises FileNotFoundError where there is none."""
        id = view if isinstance(view, str) else view.id
        path = self.root / "Segmentation" / f"{id}.png"
        if not path.is_file():
            raise FileNotFoundError(f"no segmentation {path}; unpack the data set again, with its folder Segmentation")
        return np.array(Image.open(path))

    # -- one pair ---------------------------------------------------------------------------------------------------

    def pair(self, name: str) -> Pair:
        """The pair of this name, whether or not a selection holds it."""
        record, path = self._record(name)
        source, target = (self.view(view_id(record, side, path)) for side in ("src", "trg"))
        ids = tuple(str(k) for k in field(record, "kps_ids", path))
        return Pair(
            id=name,
            source=source,
            target=target,
            source_points=self._points(record, "src", ids, source.size, path),
            target_points=self._points(record, "trg", ids, target.size, path),
            keypoints=ids,
            category=category_of(name),
            source_box=tuple(map(float, field(record, "src_bndbox", path))),
            target_box=tuple(map(float, field(record, "trg_bndbox", path))),
            tags=self._tags(record, path),
        )

    def _points(self, record: Mapping, side: str, ids: tuple[str, ...], size: Size, path: Path) -> Points:
        points = torch.tensor(field(record, f"{side}_kps", path), dtype=torch.float32).reshape(-1, 2) - self.origin
        if len(points) != len(ids):
            raise ValueError(f"{path}: {side}_kps has {len(points)} points and kps_ids {len(ids)}; wanted as many")
        last = torch.tensor(size, dtype=torch.float32) - 1
        outside = ((points < -1) | (points > last + 1)).any(dim=1)
        if outside.any():
            i = int(outside.nonzero()[0])
            x, y = points[i].tolist()
            where = f"({x:g}, {y:g}), outside of its {size[0]} x {size[1]} image"
            raise ValueError(f"{path}: {side}_kps puts keypoint {ids[i]!r} at {where}")
        return torch.minimum(points.clamp(min=0), last)

    def _tags(self, record: Mapping, path: Path) -> dict[str, Any]:
        tags = {tag: field(record, name, path) for tag, name in TAGS.items()}
        source, target = (self.annotation(view_id(record, side, path)) for side in ("src", "trg"))
        for side, annotation in (("source", source), ("target", target)):
            if "azimuth_id" in annotation:
                tags[f"{side}_azimuth_id"] = annotation["azimuth_id"]
        if "azimuth" in source and "azimuth" in target:
            tags["azimuth_difference"] = angle_between(source["azimuth"], target["azimuth"])
        return tags

    # -- files ------------------------------------------------------------------------------------------------------

    def _record(self, name: str) -> tuple[dict[str, Any], Path]:
        path = self.root / "PairAnnotation" / self.split / f"{name}.json"
        return read_json(path), path

    def _annotation_path(self, id: str) -> Path:
        return self.root / "ImageAnnotation" / f"{id}.json"

    def _only(self, names: Sequence[str]) -> "SPair":
        part = copy.copy(self)  # shares the annotations and views already read
        part._names = tuple(names)
        return part


def _fits(wanted: Any, value: Any) -> bool:
    if callable(wanted):
        return value is not None and bool(wanted(value))
    if isinstance(wanted, Collection) and not isinstance(wanted, str):
        return value in wanted
    return value == wanted
