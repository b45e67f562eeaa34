"""Resizing by bilinear interpolation with NumPy, as published evaluations resize flows and
masks.
"""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float


def resize_bilinear(
    values: Float[np.ndarray, "h w c"], size: tuple[int, int]
) -> Float[np.ndarray, "H W c"]:
    """Values on a grid of `size` (width, height): bilinear between pixel centres, clamped at the
    border, nothing smoothed.

    *Source:* what OpenCV's `resize` does by default; Matlab's and Pillow's smooth when an image
    becomes smaller.
    """
    for axis, new in ((0, size[1]), (1, size[0])):
        old = values.shape[axis]
        centre = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        low = centre.astype(int)
        weight = (centre - low).reshape([-1 if i == axis else 1 for i in range(3)])
        values = (
            np.take(values, low, axis) * (1 - weight)
            + np.take(values, np.minimum(low + 1, old - 1), axis) * weight
        )
    return values


def resize_mask(mask: Any, size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """A mask (H x W, true where above 0) brought to `size` (width, height): interpolated, then true
    above one half.

    Raises ValueError when `mask` is not H x W. *Source:* the TSS evaluation kit.
    """
    mask = np.asarray(mask)
    if mask.ndim != 2 or 0 in mask.shape:
        raise ValueError(f"the mask has shape {mask.shape}; wanted (H, W)")
    return resize_bilinear((mask > 0).astype(float)[..., None], size)[..., 0] > 0.5
