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

from pathlib import Path
from typing import Any

import torch

from corrlib.data.files import find_folder
from corrlib.data.frames import frame_paths
from corrlib.data.jhmdb_files import JOINTS, clips, listed_clips, puppet_masks, read_joints
from corrlib.data.selection import Categories, Selection
from corrlib.types import Video


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
    task = "joints"
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
