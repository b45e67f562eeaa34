"""JHMDB: clips of people with the positions of fifteen joints in every frame, and optionally masks
of the person.

    Rename_Images/<action>/<clip>/00001.png ...
    joint_positions/<action>/<clip>/joint_positions.mat
    puppet_mask/<action>/<clip>/puppet_mask.mat
    splits/<action>_test_split1.txt         a line: <clip>.avi 1 or 2, train or test

*Source:* Jhuang et al., "Towards understanding action recognition", 2013; counted as in the code
that follows Wang, Jabri and Efros, "Learning correspondence from the cycle-consistency of time",
2019.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from corrlib.data.check import Notice, counted, each, told
from corrlib.data.files import find_folder
from corrlib.data.frames import broken_frames, frame_paths
from corrlib.data.jhmdb_files import (
    JOINTS,
    clips,
    listed_actions,
    listed_clips,
    puppet_masks,
    read_joints,
)
from corrlib.data.selection import Categories, Selection
from corrlib.types import Video

PUBLISHED = {"clips": 928, "actions": 21, "clips of test 1": 268}


class JHMDB(Selection[Video]):
    """The clips of a split, named "catch/<clip>" and sorted; categories are the actions.

    A `Video` has `joints` (frames x 15 x 2 in pixels; they may lie outside of the image; NaN in
    frames beyond the annotated ones), their names as `objects`, and `masks(i)`, 1 where the person
    is, where puppet_mask is there. `number` is which of the three splits, `lists` the folder of
    their lists ("sub_splits": those of sub-JHMDB). With `lists=None`, or in a copy without that
    folder, it is every clip there is. `origin` is the number of the first pixel in the files. It is
    not counted by PCK's bases: `protocol` is None and `measure` says what is published. Raises
    FileNotFoundError and ValueError that name folder, file or variable.
    """

    title = "JHMDB"
    unit = "clips"
    splits = ("train", "test")
    tags = ("frames", "annotated")
    published = None
    measure = (
        "PCK of the joints in every frame but the first: distance <= 0.1, 0.2 ... 0.5 of 0.6 x "
        "the diagonal of the box of that "
        "frame's joints, per joint, then the mean of the fifteen; a joint without a prediction "
        "is wrong (the published code leaves "
        "it out)"
    )

    def __init__(
        self,
        root: str | Path,
        split: str = "test",
        categories: Categories = None,
        number: int = 1,
        lists: str | None = "splits",
        origin: int = 1,
        **rules: Any,
    ):
        if number not in (1, 2, 3) or origin not in (0, 1):
            raise ValueError(
                f"got number={number!r} and origin={origin!r}; wanted one of the splits 1, 2, 3 "
                "and origin 0 or 1"
            )
        self.number, self.origin = number, origin
        root = find_folder(root, ("JHMDB",), ("Rename_Images", "joint_positions"), "JHMDB")
        self.listed, names = lists is not None and (root / lists).is_dir(), clips(root)
        if self.listed:
            there, names = set(names), listed_clips(root / lists, self.require_split(split), number)
            if missing := [n for n in names if n not in there]:
                lacks = (
                    f"{root / lists} lists {len(missing):,} of {len(names):,} {split} clips "
                    f"that {root / 'Rename_Images'} lacks"
                )
                raise FileNotFoundError(f"{lacks}; the first is {missing[0]}; unpack it again")
        super().__init__(root, self.require_split(split), names, categories, rules)

    def heading(self) -> str:
        """The data set and the split."""
        which = "all clips (without lists)"
        if self.listed:
            which = f"{self.split} (split {self.number})"
        return f"{self.title}, {which}"

    def counting(self) -> str:
        """What is published, in a few words; `measure` says more."""
        return (
            "PCK per joint, base 0.6 x diagonal of the joints' box, <=, without the first "
            f"frame, first pixel {self.origin}"
        )

    def category_of(self, name: str) -> str:
        """The action."""
        return name.split("/")[0]

    def joints_path(self, name: str) -> Path:
        """The file with the joints of a clip."""
        return self.root / "joint_positions" / name / "joint_positions.mat"

    def item(self, name: str) -> Video:
        """The clip of this name."""
        paths = frame_paths(self.root / "Rename_Images" / name)
        frames = tuple(self.open(f"{name}/{path.stem}", path) for path in paths)
        where = self.joints_path(name)
        joints = read_joints(where, self.origin)
        puppet = self.root / "puppet_mask" / name / "puppet_mask.mat"
        if (missing := len(frames) - len(joints)) < 0:
            images = f"{paths[0].parent} has {len(frames)} images"
            raise ValueError(
                f"{where} has joints of {len(joints)} frames, but {images}; unpack both again"
            )
        return Video(
            id=name,
            frames=frames,
            category=self.category_of(name),
            masks=puppet_masks(puppet, frames) if puppet.is_file() else None,
            joints=torch.cat([joints, torch.full((missing, len(JOINTS), 2), torch.nan)]),
            objects=JOINTS,
            tags={"frames": len(frames), "annotated": len(joints)},
        )


def check(root: str | Path, *, decode: bool = True) -> list[str]:
    """Every problem of a tree, one sentence each: listed clips without a folder, missing or damaged
    joints and masks, and (with `decode`) frames that do not decode; and notices of frames without
    joints and of counts unlike the published ones."""
    return list(dict.fromkeys(_look(root, decode)))  # a broken frame is told once


def _look(root: str | Path, decode: bool) -> Iterator[str]:
    try:
        data = JHMDB(root, lists=None)
    except FileNotFoundError as error:
        yield str(error)
        return
    short = 0
    names = tqdm(data.names, desc="clips", leave=False, disable=None)
    for name, (problem, clip) in zip(data.names, each(data, names), strict=True):
        try:
            if clip is None:
                yield problem
                read_joints(
                    data.joints_path(name)
                )  # a frame that is broken does not hide that these are too
            else:
                short += clip.tags["annotated"] < len(clip)
                if decode and clip.masks is not None:
                    clip.masks(0)
        except (OSError, ValueError) as error:
            yield told(error)
        if clip is None or decode:
            yield from broken_frames(data.root / "Rename_Images" / name, decode)
    if short:
        yield Notice(
            f"{short:,} of {len(data):,} clips have more frames than joints; the joints of "
            "these frames are NaN"
        )
    found = {"clips": len(data), "actions": len(data.categories)}
    if (lists := data.root / "splits").is_dir():
        for number in (1, 2, 3):
            if (actions := listed_actions(lists, number)) and (
                missing := set(data.categories) - set(actions)
            ):
                yield (
                    f"{lists} has no list of split {number} for {', '.join(sorted(missing))}; "
                    "unpack it again"
                )
            for split in JHMDB.splits if actions or number == 1 else ():
                try:
                    found[f"clips of {split} {number}"] = len(JHMDB(root, split, number=number))
                except (FileNotFoundError, ValueError) as error:
                    yield str(error)
    else:
        yield Notice(f"no folder {lists}: every split has all clips")
    for what in [what for what in PUBLISHED if what in found]:
        yield from counted(f"{what} of JHMDB", {what: found[what]}, {what: PUBLISHED[what]})
