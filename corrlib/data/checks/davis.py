"""A look at a whole copy of DAVIS: lists and folders, every frame and every mask."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from corrlib.data.arrays import WHOLE
from corrlib.data.checks.findings import Notice, broken_frames, counted, told, walk
from corrlib.data.davis import LISTS, Davis, find_list, read_names
from corrlib.data.masks import object_ids
from corrlib.types import Video

PUBLISHED = {
    "train": {"videos": 60},
    "val": {"videos": 30, "frames": 1999, "objects": 61},
    "test-dev": {"videos": 30},
    "test-challenge": {"videos": 30},
}
FIRST_ONLY = ("test-dev", "test-challenge")  # one mask a video is all that is published


def check(root: str | Path, *, decode: bool = True, **options: Any) -> Iterator[str]:
    """Findings: lists and folders, missing masks and (with `decode`) frames and masks that do not
    decode; notices of counts unlike the published ones and of objects that the first mask has not.
    """
    try:
        data = Davis(root, **{**options, "lists": False})
    except (FileNotFoundError, ValueError) as error:
        yield told(error)
        return
    tags: dict[str, Any] = {}
    lists = data.root / "ImageSets"
    listed = {split: _listed(lists, split) for split in PUBLISHED}
    whole = {name for split, names in listed.items() if split not in FIRST_ONLY for name in names}
    first_only = 0

    def about(name: str, video: Video | None) -> Iterator[str]:
        nonlocal first_only
        if video is None:
            yield from broken_frames(data.frames_of / name, decode)
            return
        tags[name] = video.tags
        there = {p.stem for p in (data.masks_of / name).glob("*.png") if p.name[0] != "."}
        one = len(there) == 1 and len(video) > 1 and name not in whole
        first_only += one
        yield from _masks(video, data.masks_of / name, there, 1 if one else len(video), decode)
        if decode:
            yield from broken_frames(data.frames_of / name, decode)

    yield from walk(data, about)
    if first_only:
        yield Notice(
            f"{first_only} videos have their first mask alone, as {' and '.join(FIRST_ONLY)} are "
            "published: masks can be propagated there, and not scored"
        )
    if not lists.is_dir():
        yield Notice(f"no folder {lists}: every split has all videos")
        return
    yield from _lists(root, listed, tags, {**options, "year": 2017})


def _listed(folder: Path, split: str) -> list[str]:
    """Names in the lists of a split of both years; none where there is no list."""
    names: list[str] = []
    for inside in LISTS.values():
        try:
            names += read_names(find_list(folder, split, inside))
        except (FileNotFoundError, ValueError):  # told where the split itself is looked at
            continue
    return names


def _lists(root: str | Path, listed: dict, tags: dict, options: dict) -> Iterator[str]:
    """What is wrong with the lists of 2017, and their counts against the published ones."""
    some = any(listed.values())
    for split, published in PUBLISHED.items():
        try:
            names = Davis(root, split, **options).names
        except (FileNotFoundError, ValueError) as error:
            if not isinstance(error, FileNotFoundError) or listed[split] or not some:
                yield told(error)
            elif split not in FIRST_ONLY:  # each archive of DAVIS has the lists of its own splits
                yield Notice(told(error))
            continue
        found = {"videos": len(names)} | {
            key: sum(tags.get(n, {key: 0})[key] for n in names) for key in ("frames", "objects")
        }
        for what, count in published.items():
            said = f"{what} of {split} in DAVIS-2017"
            yield from counted(said, {what: found[what]}, {what: count})


def _masks(video: Video, folder: Path, there: set[str], count: int, decode: bool) -> Iterator[str]:
    """Masks of the first `count` frames that are missing or damaged, and those of no frame."""
    later: set[int] = set()
    stems = [frame.id.rpartition("/")[2] for frame in video.frames]
    for i, stem in enumerate(stems[:count]):
        try:
            if decode:
                later |= set(object_ids(video.masks(i)))
            elif stem not in there:
                yield f"no mask {folder / f'{stem}.png'}; {WHOLE}"
        except (OSError, ValueError) as error:
            yield told(error)
    if late := sorted(later - set(map(int, video.objects))):
        yield Notice(
            f"{folder}: objects {', '.join(map(str, late))} are not in the first mask, so that "
            "they cannot be propagated"
        )
    if stray := there - set(stems):
        yield f"{folder} has {len(stray)} masks without a frame; the first is {min(stray)}.png"
