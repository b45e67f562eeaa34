"""Files of JHMDB: the clips that there are, the lists of splits, joints and masks in MATLAB
files.
"""

import functools
from collections.abc import Callable
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from corrlib.data.arrays import read_text
from corrlib.data.files import listing, once, read_mat, require_shape
from corrlib.types import View

JOINTS = (
    *(
        "neck",
        "belly",
        "head",
        "right shoulder",
        "left shoulder",
        "right hip",
        "left hip",
        "right elbow",
        "left elbow",
    ),
    *("right knee", "left knee", "right wrist", "left wrist", "right ankle", "left ankle"),
)
MARKS = {"1": "train", "2": "test"}


def clips(root: Path) -> list[str]:
    """Names "<action>/<clip>" of all folders of images, sorted."""
    actions = [
        p for p in (root / "Rename_Images").iterdir() if p.is_dir() and not p.name.startswith(".")
    ]
    return sorted(
        f"{a.name}/{c.name}"
        for a in actions
        for c in a.iterdir()
        if c.is_dir() and not c.name.startswith(".")
    )


def listed_actions(folder: Path, number: int) -> dict[str, Path]:
    """The lists of a split by action, sorted: <action>_test_split1.txt or
    <action>_test_split_1.txt.
    """
    ends = (f"_test_split{number}.txt", f"_test_split_{number}.txt")
    return {
        p.name.rpartition("_test_split")[0]: p
        for p in sorted(folder.iterdir())
        if p.name.endswith(ends) and not p.name.startswith(".")
    }


def listed_clips(folder: Path, split: str, number: int) -> list[str]:
    """Names "<action>/<clip>" of a split from its lists, sorted. Raises FileNotFoundError or
    ValueError naming the list.
    """
    if not (lists := listed_actions(folder, number)):
        wanted = f"<action>_test_split{number}.txt"
        raise FileNotFoundError(
            f"no lists in {folder}: wanted {wanted}; found: {listing(folder)}; unpack it again"
        )
    names = []
    for action, path in lists.items():
        for i, line in enumerate(read_text(path).splitlines(), start=1):
            clip, _, mark = line.strip().rpartition(" ")
            if line.strip() and mark not in (*MARKS, "0"):
                wanted = "wanted <clip>.avi and 1 (train), 2 (test) or 0"
                raise ValueError(f"{path}, line {i}, is {line[:60]!r}; {wanted}: unpack it again")
            if MARKS.get(mark) == split:
                names.append(f"{action}/{clip.strip().removesuffix('.avi')}")
    return sorted(once(names, folder))


def read_joints(path: Path, origin: int = 1) -> Float[Tensor, "frames 15 2"]:
    """Positions in pixels, first pixel (0, 0), from `pos_img` (2 x 15 x frames, first pixel
    `origin`). Raises as `read_mat`.
    """
    positions = require_shape(read_mat(path, "pos_img"), (2, len(JOINTS), None), path, "pos_img")
    return torch.from_numpy(positions.astype("float32")).permute(2, 1, 0).contiguous() - origin


def puppet_masks(path: Path, frames: tuple[View, ...]) -> Callable[[int], UInt8[Tensor, "H W"]]:
    """A clip's masks (1 where the person is), read when first asked for; `part_mask` is H x W x
    frames.
    """

    @functools.cache
    def whole() -> UInt8[Tensor, "H W frames"]:
        width, height = frames[0].size
        parts = require_shape(read_mat(path, "part_mask"), (height, width, None), path, "part_mask")
        return torch.from_numpy((parts > 0).astype("uint8"))

    def mask(i: int) -> UInt8[Tensor, "H W"]:
        if i >= (count := whole().shape[2]):
            raise ValueError(
                f"{path}: part_mask has {count} frames; frame {i} (counted from 0) has no mask"
            )
        return whole()[:, :, i]

    return mask
