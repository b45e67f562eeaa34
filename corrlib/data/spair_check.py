"""Looks at a whole tree of SPair-71k's layout and lists everything that is wrong with it, instead
of stopping at the first.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tqdm.auto import tqdm

from corrlib.data.check import Notice, counted, told
from corrlib.data.spair import SIZES, SPLITS, SPair
from corrlib.data.spair_files import field, find_root, pair_names, read_json
from corrlib.types import View

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


class Present(SPair):
    """The pairs of a list that have a file: what can be looked at when some have none."""

    listed = staticmethod(partial(pair_names, lacking=True))


def check(root: str | Path, *, decode: bool = True) -> list[str]:
    """Every finding about the data set under `root`, one sentence each; without problems (all but
    `Notice`) it is whole.

    Looks at each split that is there: lists against files, counts against the published ones, each
    pair's fields and keypoints against its two images' annotations, each image (decoded, unless
    `decode=False`), masks, and that no image is in two splits.
    """
    try:
        root = find_root(root)
    except FileNotFoundError as error:
        return [str(error)]
    found: list[str] = []
    if not (root / "Segmentation").is_dir():
        found.append(Notice(f"no folder {root / 'Segmentation'}: masks cannot be read; pairs can"))
    of_split: dict[str, set[str]] = {}
    for split in SPLITS:
        if not (root / "PairAnnotation" / split).is_dir():
            found.append(
                Notice(
                    f"no split folder {root / 'PairAnnotation' / split}: the split {split} "
                    "cannot be read"
                )
            )
            continue
        of_split[split] = set()
        found += _check_split(root, split, of_split[split])
    found += _check_images(root, sorted(set().union(*of_split.values())), decode)
    names = list(of_split)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            if both := of_split[a] & of_split[b]:
                found.append(
                    f"{len(both)} images are in both {a} and {b}; the first is {min(both)}"
                )
    return found


def _check_split(root: Path, split: str, images: set[str]) -> Iterator[str]:
    lists = {}
    for size in SIZES:
        if size == "small" and not (root / "Layout" / "small").is_dir():
            yield Notice(
                f"no folder {root / 'Layout' / 'small'}: of {split} the large list alone can be "
                "read"
            )
            continue
        try:
            lists[size] = SPair(root, split, size)
        except FileNotFoundError as error:
            yield told(error)
            if (root / "Layout" / size / f"{split}.txt").is_file():
                lists[size] = Present(root, split, size)
    if (
        "small" in lists
        and "large" in lists
        and (stray := set(lists["small"].names) - set(lists["large"].names))
    ):
        yield (
            f"{split}: {len(stray)} pairs of the small list are not in the large one; the "
            f"first is {min(stray)}"
        )
    if "large" in lists:
        counts = lists["large"].counts()
        yield from counted(
            f"{split} pairs", counts if split == "test" else sum(counts.values()), PUBLISHED[split]
        )
    pairs = lists.get("large") or lists.get("small")
    for name in tqdm(
        pairs.names if pairs else (), desc=f"{split} pairs", leave=False, disable=None
    ):
        try:
            pair = pairs.item(name)
        except (OSError, ValueError) as error:
            yield told(error)
            continue
        images |= {pair.source.id, pair.target.id}
        annotated = [pairs.annotation(view).get("kps", {}) for view in (pair.source, pair.target)]
        common = {
            k
            for k, point in annotated[0].items()
            if point is not None and annotated[1].get(k) is not None
        }
        if common != set(pair.keypoints):
            differ = ", ".join(sorted(common ^ set(pair.keypoints)))
            yield (
                f"{split}/{name}.json: its keypoints are not those visible in both images; "
                f"they differ in {differ}"
            )


def _check_images(root: Path, ids: list[str], decode: bool) -> Iterator[str]:
    masks = (root / "Segmentation").is_dir()
    for id in tqdm(ids, desc="images", leave=False, disable=None):
        path = root / "ImageAnnotation" / f"{id}.json"
        record = read_json(path)  # read before by its pair
        for name in ("category", "pose", "bndbox", "kps", "azimuth_id"):
            try:
                field(record, name, path)
            except ValueError as error:
                yield told(error)
        if masks and not (root / "Segmentation" / f"{id}.png").is_file():
            yield f"no segmentation {root / 'Segmentation' / f'{id}.png'}"
        if decode:
            try:
                View.open(root / "JPEGImages" / f"{id}.jpg", own=False).image()
            except (OSError, ValueError) as error:
                yield told(error)
