"""A look at a whole copy of JHMDB: clips, joints, masks, and the lists of its splits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from corrlib.data.checks.findings import Notice, broken_frames, counted, told, walk
from corrlib.data.jhmdb import JHMDB
from corrlib.data.jhmdb_files import listed_actions, read_joints
from corrlib.types import Video

PUBLISHED = {"clips": 928, "actions": 21, "clips of test 1": 268}


def check(root: str | Path, *, decode: bool = True, **options: Any) -> Iterator[str]:
    """Findings: listed clips without a folder, missing or damaged joints and masks, and (with
    `decode`) frames that do not decode; notices of frames without joints and of counts unlike the
    published ones.
    """
    options = dict(options)
    lists, numbers = options.pop("lists", "splits"), (options.pop("number", None),)
    try:
        data = JHMDB(root, lists=None, **options)
    except (OSError, ValueError) as error:
        yield told(error)
        return
    short = 0

    def about(name: str, clip: Video | None) -> Iterator[str]:
        nonlocal short
        if clip is None or decode:
            yield from broken_frames(data.root / "Rename_Images" / name, decode)
        if clip is None:  # a frame that is broken does not hide that its joints are too
            read_joints(data.joints_path(name))
        else:
            short += clip.tags["annotated"] < len(clip)
            if decode and clip.masks is not None:
                clip.masks(0)

    yield from walk(data, about)
    if short:
        yield Notice(
            f"{short:,} of {len(data):,} clips have more frames than joints; the joints of "
            "these frames are NaN"
        )
    found = {"clips": len(data), "actions": len(data.categories)}
    if lists is not None and (data.root / lists).is_dir():
        yield from _lists(data, lists, numbers if numbers != (None,) else (1, 2, 3), found, options)
    else:
        yield Notice(f"no folder {data.root / (lists or 'splits')}: every split has all clips")
    for what in [what for what in PUBLISHED if what in found]:
        yield from counted(f"{what} of JHMDB", {what: found[what]}, {what: PUBLISHED[what]})


def _lists(data: JHMDB, lists: str, numbers: tuple, found: dict, options: dict) -> Iterator[str]:
    """What is wrong with the lists; how many clips each has goes into `found`."""
    for number in numbers:
        actions = listed_actions(data.root / lists, number)
        if actions and (missing := set(data.categories) - set(actions)) and lists == "splits":
            yield (
                f"{data.root / lists} has no list of split {number} for "
                f"{', '.join(sorted(missing))}; unpack it again"
            )
        for split in JHMDB.splits if actions or number == numbers[0] else ():
            try:
                clips = JHMDB(data.root, split, number=number, lists=lists, **options)
                if lists == "splits":
                    found[f"clips of {split} {number}"] = len(clips)
            except (FileNotFoundError, ValueError) as error:
                yield told(error)
