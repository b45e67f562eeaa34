"""Middlebury's .flo files, written; `corrlib.data.flo` says what they hold and reads them."""

from pathlib import Path
from typing import Any

import numpy as np

from corrlib.data.flo import LIMIT, TAG, UNKNOWN
from corrlib.toybox.writing import write


def write_flo(path: str | Path, flow: Any) -> None:
    """Write a flow (height x width x 2 in pixels, array or tensor on the CPU); pixels that are not
    finite are marked unknown.

    What `read_flo` gives is written back to the same bytes of a file of TSS. Raises ValueError on
    another shape and on known flow of 1e9 pixels or more, which the format cannot hold.
    """
    flow = np.asarray(flow, dtype=np.float32).copy()
    if flow.ndim != 3 or flow.shape[2] != 2 or 0 in flow.shape:
        hint = (
            "; rearrange it by einops.rearrange(flow, 'c h w -> h w c')"
            if flow.ndim == 3 and flow.shape[0] == 2
            else ""
        )
        raise ValueError(f"flow for {path} has shape {flow.shape}; wanted (height, width, 2){hint}")
    known = np.isfinite(flow).all(axis=2)
    if (np.abs(flow[known]) >= LIMIT).any():
        largest = np.abs(flow[known]).max()
        raise ValueError(
            f"flow for {path} reaches {largest:g} pixels; from 1e9 on the format means unknown "
            "(use NaN)"
        )
    flow[~known] = UNKNOWN
    header = TAG.astype("<f4").tobytes() + np.array([flow.shape[1], flow.shape[0]], "<i4").tobytes()
    write(path, header + flow.astype("<f4").tobytes())
