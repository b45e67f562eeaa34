"""Masks of object ids in PNG files: indexed (DAVIS-2017) or grey with 0 and 255 (DAVIS-2016), and
those of a whole video.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from corrlib.coords import Size
from corrlib.data.arrays import read_values
from corrlib.types import Video

VOID = 255  # not scored


def masks_in(folder: str | Path, video: Video) -> Callable[[int], UInt8[Tensor, "H W"]]:
    """The masks of a video's frames that lie in `folder` under the frames' names, read when asked
    for: annotations or a result.
    """
    names = [frame.id.rpartition("/")[2] for frame in video.frames]
    return lambda i: read_mask(Path(folder) / f"{names[i]}.png", video.frames[i].size)


def read_mask(path: str | Path, size: Size | None = None) -> UInt8[Tensor, "H W"]:
    """Object ids of an indexed PNG (255 void) or of a 2016-style mask (grey 0 and 255, read as 0
    and 1).

    Raises FileNotFoundError or ValueError naming the file if it is missing, damaged, in colours, or
    not of `size` (width, height).
    """
    values, mode = read_values(Path(path), size)
    if mode not in ("P", "L", "1"):
        raise ValueError(
            f"{path} has mode {mode}; wanted an indexed PNG (P): colours are no ids, save it "
            "without image.convert"
        )
    ids = values.astype(np.uint8)
    found = np.unique(ids)
    if mode == "L" and found[-1] == VOID:
        if len(found) > 2 or found[0] not in (0, VOID):
            some = ", ".join(map(str, found[:6]))
            raise ValueError(
                f"{path} is grey (mode L) with values {some}...; wanted 0 and 255, or an "
                "indexed PNG (P) of ids"
            )
        ids = (ids > 0).astype(np.uint8)
    return torch.from_numpy(ids)


def object_ids(mask: UInt8[Tensor, "H W"]) -> list[int]:
    """Ids of the objects in a mask, ascending, without background and void."""
    return [i for i in mask.unique().tolist() if i not in (0, VOID)]
