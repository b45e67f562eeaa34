"""DAVIS-2017 and DAVIS-2016: videos with a mask of object ids for every frame.

    DAVIS/JPEGImages/480p/<video>/00000.jpg ...
    DAVIS/Annotations/480p/<video>/00000.png ...
    DAVIS/ImageSets/2017/{train,val,test-dev,test-challenge}.txt    one video a line
    DAVIS/ImageSets/{2016,480p}/{train,val}.txt    of 2016: one video, or one frame and mask, a line

Masks are indexed PNG: a pixel's value is the object's id, 0 is background and 255 void. Masks in
the style of DAVIS-2016 are grey (mode L) with 0 and 255; they are read as 0 and 1, for read as the
others they would make the whole object void. Of test-dev and test-challenge the first mask alone is
published.

*Source:* Pont-Tuset et al., "The 2017 DAVIS Challenge on Video Object Segmentation", 2017; Perazzi
et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation", 2016; the
official evaluation package.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor

from corrlib.data.arrays import read_text
from corrlib.data.files import find_folder, listing, once
from corrlib.data.frames import frame_paths
from corrlib.data.masks import VOID, masks_in, object_ids
from corrlib.data.selection import Categories, Selection
from corrlib.types import Video

LISTS = {2017: ("2017",), 2016: ("2016", "480p", "1080p")}  # folders of ImageSets


class Davis(Selection[Video]):
    """The videos of a split, sorted by name; each is a category of its own, because DAVIS is
    reported by video and by object.

    A `Video` has `masks(i)` with void as 255, and `objects`, the ids in the first mask. `split`
    "test" is "val", on which papers report. `year=2016` takes the lists of DAVIS-2016, and makes
    one object of all of a mask's. With `lists=False`, or in a copy without ImageSets, it is every
    video there is. `annotations` may be "Annotations_unsupervised". It is not counted by PCK:
    `protocol` is None and `measure` says what is published. Raises FileNotFoundError and ValueError
    that name folder or file.
    """

    title = "DAVIS-2017"
    task = "masks"
    unit = "videos"
    splits = ("train", "val", "test", "test-dev", "test-challenge")
    tags = ("frames", "objects")
    published = None
    measure = (
        "J (intersection over union of masks) and F (F-measure of their boundaries, at most "
        "0.008 of the diagonal apart) of every "
        "object and frame but the first and the last one; mean over frames, then over objects; "
        "J&F is the mean of both"
    )

    def __init__(
        self,
        root: str | Path,
        split: str = "val",
        categories: Categories = None,
        annotations: str = "Annotations",
        resolution: str = "480p",
        year: int = 2017,
        lists: bool = True,
        **rules: Any,
    ):
        split = {"test": "val"}.get(self.require_split(split), split)
        if year not in LISTS:
            raise ValueError(f"year={year!r}; DAVIS has lists of {', '.join(map(str, LISTS))}")
        self.year = year
        folders = (f"JPEGImages/{resolution}", f"{annotations}/{resolution}")
        root = find_folder(root, ("DAVIS",), folders, "DAVIS")
        self.frames_of, self.masks_of = (root / folder for folder in folders)
        self.listed = lists and (root / "ImageSets").is_dir()
        if self.listed:
            path = find_list(root / "ImageSets", split, LISTS[year])
            names = read_names(path)
            if missing := [n for n in names if not (self.frames_of / n).is_dir()]:
                count = f"{len(missing)} of {len(names)} videos"
                lacks = f"{path} lists {count} that {self.frames_of} lacks"
                raise FileNotFoundError(f"{lacks}; the first is {missing[0]}; unpack it again")
        else:
            names = [
                p.name
                for p in self.frames_of.iterdir()
                if p.is_dir() and not p.name.startswith(".")
            ]
        super().__init__(root, split, sorted(names), categories, rules)

    def heading(self) -> str:
        """The data set and the split."""
        title = self.title.replace("2017", str(self.year))
        return f"{title}, {self.split if self.listed else 'all videos (without lists)'}"

    def counting(self) -> str:
        """What is published, in a few words; `measure` says more."""
        return "J and F per object, without the first and last frame"

    def category_of(self, name: str) -> str:
        """The video's own name."""
        return name

    def item(self, name: str) -> Video:
        """The video of this name."""
        frames = tuple(
            self.open(f"{name}/{path.stem}", path) for path in frame_paths(self.frames_of / name)
        )
        bare = Video(id=name, frames=frames)
        masks = masks_in(self.masks_of / name, bare)
        if self.year == 2016:
            masks = as_one(masks)
        objects = object_ids(masks(0))
        tags = {"frames": len(frames), "objects": len(objects)}
        return Video(
            id=name,
            frames=frames,
            category=name,
            masks=masks,
            objects=tuple(map(str, objects)),
            tags=tags,
        )


def find_list(folder: Path, split: str, inside: tuple[str, ...]) -> Path:
    """The list of a split in the first of these folders that has it. Raises FileNotFoundError."""
    paths = [folder / name / f"{split}.txt" for name in inside]
    for path in paths:
        if path.is_file():
            return path
    there = "; ".join(listing(path.parent) for path in paths[:1])
    raise FileNotFoundError(f"no list {paths[0]}; there is {there}. Choose another split")


def read_names(path: Path) -> list[str]:
    """Names of the videos in a list: one a line, or (as in 2016) one frame and its mask a line."""
    lines = [line.split()[0] for line in read_text(path).splitlines() if line.strip()]
    if all("/" in line for line in lines):  # "/JPEGImages/480p/bear/00000.jpg /Annotations/..."
        return list(dict.fromkeys(Path(line).parent.name for line in lines))
    return list(once(lines, path))


def as_one(masks: Callable[[int], UInt8[Tensor, "H W"]]) -> Callable[[int], UInt8[Tensor, "H W"]]:
    """The same masks with every object as object 1: what 2016 asks for."""

    def one(i: int) -> UInt8[Tensor, "H W"]:
        ids = masks(i)
        return torch.where((ids > 0) & (ids != VOID), torch.ones_like(ids), ids)

    return one
