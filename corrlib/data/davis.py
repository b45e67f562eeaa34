"""DAVIS-2017: videos with a mask of object ids for every frame.

    DAVIS/JPEGImages/480p/<video>/00000.jpg ...
    DAVIS/Annotations/480p/<video>/00000.png ...
    DAVIS/ImageSets/2017/{train,val}.txt

Masks are indexed PNG: a pixel's value is the object's id, 0 is background and 255 void. Masks in
the style of DAVIS-2016 are grey (mode L) with 0 and 255; they are read as 0 and 1, for read as the
others they would make the whole object void.

*Source:* Pont-Tuset et al., "The 2017 DAVIS Challenge on Video Object Segmentation", 2017, and the
official evaluation package.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from corrlib.data.arrays import read_text
from corrlib.data.check import Notice, counted, each, told
from corrlib.data.files import find_folder, listing
from corrlib.data.frames import broken_frames, frame_paths
from corrlib.data.masks import masks_in, object_ids
from corrlib.data.selection import Categories, Selection
from corrlib.types import Video

PUBLISHED = {"train": {"videos": 60}, "val": {"videos": 30, "frames": 1999, "objects": 61}}


class Davis(Selection[Video]):
    """The videos of a split, sorted by name; each is a category of its own, because DAVIS is
    reported by video and by object.

    A `Video` has `masks(i)` with void as 255, and `objects`, the ids in the first mask. `split`
    "test" is "val", on which papers report. With `lists=False`, or in a copy without ImageSets, it
    is every video there is. `annotations` may be "Annotations_unsupervised". It is not counted by
    PCK: `protocol` is None and `measure` says what is published. Raises FileNotFoundError and
    ValueError that name folder or file.
    """

    title = "DAVIS-2017"
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
        lists: bool = True,
        **rules: Any,
    ):
        split = {"test": "val"}.get(self.require_split(split), split)
        folders = (f"JPEGImages/{resolution}", f"{annotations}/{resolution}")
        root = find_folder(root, ("DAVIS",), folders, "DAVIS-2017")
        self.frames_of, self.masks_of = (root / folder for folder in folders)
        self.listed = lists and (root / "ImageSets").is_dir()
        if self.listed:
            path = root / "ImageSets" / "2017" / f"{split}.txt"
            if not path.is_file():
                raise FileNotFoundError(
                    f"no list {path}; there is {listing(path.parent)}. Choose another split"
                )
            names = read_text(path).split()
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
        return f"{self.title}, {self.split if self.listed else 'all videos (without lists)'}"

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


def check(root: str | Path, *, decode: bool = True) -> list[str]:
    """Every problem of a tree, one sentence each: lists and folders, missing masks and (with
    `decode`) frames and masks that do not decode; and notices of counts unlike the published ones
    and of objects that the first mask has not."""
    return list(dict.fromkeys(_look(root, decode)))


def _look(root: str | Path, decode: bool) -> Iterator[str]:
    try:
        data = Davis(root, lists=False)
    except FileNotFoundError as error:
        yield str(error)
        return
    tags = {}
    names = tqdm(data.names, desc="videos", leave=False, disable=None)
    for name, (problem, video) in zip(data.names, each(data, names), strict=True):
        if video is None:
            yield problem
            yield from broken_frames(data.frames_of / name, decode)
        else:
            tags[name] = video.tags
            yield from _look_at(video, data.masks_of / name, decode)
    if not (data.root / "ImageSets").is_dir():
        yield Notice(f"no folder {data.root / 'ImageSets'}: every split has all videos")
        return
    for split, published in PUBLISHED.items():
        try:
            listed = Davis(root, split).names
        except FileNotFoundError as error:
            yield str(error)
            continue
        found = {"videos": len(listed)} | {
            key: sum(tags.get(n, {key: 0})[key] for n in listed) for key in ("frames", "objects")
        }
        for what, count in published.items():
            yield from counted(
                f"{what} of {split} in DAVIS-2017", {what: found[what]}, {what: count}
            )


def _look_at(video: Video, folder: Path, decode: bool) -> Iterator[str]:
    later: set[int] = set()
    for i, frame in enumerate(video.frames):
        path = folder / f"{frame.path.stem}.png"
        try:
            if decode:
                later |= set(object_ids(video.masks(i)))
            elif not path.is_file():
                yield f"no mask {path}; the data set is incomplete, unpack it again"
        except (OSError, ValueError) as error:
            yield told(error)
    if late := sorted(later - set(map(int, video.objects))):
        yield Notice(
            f"{folder}: objects {', '.join(map(str, late))} are not in the first mask, so that "
            "they cannot be propagated"
        )
    if stray := {p.stem for p in folder.glob("*.png")} - {
        frame.path.stem for frame in video.frames
    }:
        yield f"{folder} has {len(stray)} masks without a frame; the first is {min(stray)}.png"
    if decode:
        yield from broken_frames(video.frames[0].path.parent, decode)
