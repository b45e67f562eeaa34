"""A look at a whole copy of SPair-71k's layout: lists, pairs, their images' annotations, masks."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

from corrlib.data.checks.findings import Notice, counted, decoded, told, walk
from corrlib.data.files import box_of
from corrlib.data.spair import SIZES, SPLITS, SPair
from corrlib.data.spair_files import field, find_root
from corrlib.types import Pair

TEST = {
    "aeroplane": 690,
    "bicycle": 650,
    "bird": 702,
    "boat": 702,
    "bottle": 870,
    "bus": 644,
    "car": 564,
    "cat": 600,
    "chair": 646,
    "cow": 640,
    "dog": 600,
    "horse": 600,
    "motorbike": 702,
    "person": 650,
    "pottedplant": 862,
    "sheep": 664,
    "train": 756,
    "tvmonitor": 692,
}
PUBLISHED = {"trn": 53_340, "val": 5_384, "test": TEST}  # pairs of the large lists
FIELDS = ("category", "pose", "bndbox", "kps", "azimuth_id")  # of an image's annotation


def check(root: str | Path, *, decode: bool = True, **options: Any) -> Iterator[str]:
    """Findings of every split that is there: lists against files, counts against the published
    ones, each pair's keypoints against its two images' annotations, images, masks, and that no
    image is in two splits.
    """
    try:
        root = find_root(root)
    except FileNotFoundError as error:
        yield told(error)
        return
    sizes = [options.pop("size")] if "size" in options else SIZES
    if not (root / "Segmentation").is_dir():
        yield Notice(f"no folder {root / 'Segmentation'}: masks cannot be read; pairs can")
    images: dict[str, dict[str, SPair]] = {}
    for split in SPLITS:
        if not (folder := root / "PairAnnotation" / split).is_dir():
            yield Notice(f"no split folder {folder}: the split {split} cannot be read")
            continue
        lists = {}
        for size in sizes:
            yield from _open(root, split, size, options, lists)
        images[split] = {}
        yield from _split(split, lists, images[split])
    for a, b in combinations(images, 2):
        if both := set(images[a]) & set(images[b]):
            yield f"{len(both)} images are in both {a} and {b}; the first is {min(both)}"
    for id, pairs in sorted({id: p for of in images.values() for id, p in of.items()}.items()):
        yield from _image(pairs, id, decode)


def _open(root: Path, split: str, size: str, options: dict, lists: dict) -> Iterator[str]:
    """One list into `lists`, without the pairs that have no file."""
    if size == "small" and not (root / "Layout" / size).is_dir():
        yield Notice(
            f"no folder {root / 'Layout' / size}: of {split} the large list alone can be read"
        )
        return
    try:
        lists[size] = SPair(root, split, size, **options)
    except (FileNotFoundError, ValueError) as error:
        yield told(error)
        if isinstance(error, FileNotFoundError) and (root / f"Layout/{size}/{split}.txt").is_file():
            lists[size] = SPair(root, split, size, partial=True, **options)


def _split(split: str, lists: dict[str, SPair], images: dict[str, SPair]) -> Iterator[str]:
    """Counts and pairs of a split; ids of the images that its pairs name go into `images`."""
    if len(lists) == 2 and (stray := set(lists["small"].names) - set(lists["large"].names)):
        yield (
            f"{split}: {len(stray)} pairs of the small list are not in the large one; the "
            f"first is {min(stray)}"
        )
    if "large" in lists:
        counts = lists["large"].counts()
        found = counts if split == "test" else sum(counts.values())
        yield from counted(f"{split} pairs", found, PUBLISHED[split])
    pairs = lists.get("large") or lists.get("small")

    def keypoints(name: str, pair: Pair | None) -> Iterator[str]:
        if pair is None:
            return
        images[pair.source.id] = images[pair.target.id] = pairs
        a, b = (pairs.annotation(view).get("kps", {}) for view in (pair.source, pair.target))
        common = {k for k, point in a.items() if point is not None and b.get(k) is not None}
        if differ := sorted(common ^ set(pair.keypoints)):
            yield (
                f"{split}/{name}.json: its keypoints are not those visible in both images; "
                f"they differ in {', '.join(differ)}"
            )

    if pairs is not None:
        yield from walk(pairs, keypoints)


def _image(pairs: SPair, id: str, decode: bool) -> Iterator[str]:
    """What lacks in an image's annotation, its mask, and whether it decodes."""
    path = pairs.root / "ImageAnnotation" / f"{id}.json"
    record = pairs.annotation(id)
    for name in FIELDS:
        try:
            value = field(record, name, path)
            if name == "bndbox":
                box_of(value, f"{path}: {name}")
        except ValueError as error:
            yield told(error)
    mask = pairs.root / "Segmentation" / f"{id}.png"
    if mask.parents[1].is_dir() and not mask.is_file():
        yield f"no segmentation {mask}"
    if decode:
        yield from decoded([pairs.view(id)])
