"""Parts without names: clusters in colours, and principal components of the foreground alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.colors import hsv_to_rgb, to_rgb
from torch import Tensor

from corrlib.coords import Frame
from corrlib.matching.feature_maps import joint_pca
from corrlib.types import FeatureMap
from corrlib.viz.style import CYCLE, INK, bare, to_array, to_pixels

SHADE = 0.55  # how much of the colour lies on the picture


def clusters(
    ax: Axes, labels: Any, frame: Frame, image: Any = None, *, colors: Sequence[str] = CYCLE
) -> Axes:
    """Clusters (h x w, -1 for none) in colours at the place that `frame` says, on `image` if given.

    Raises ValueError where there are more clusters than colours.
    """
    labels = np.asarray(labels)
    if labels.max() >= len(colors):
        raise ValueError(
            f"got {labels.max() + 1} clusters and {len(colors)} colours; give one colour each"
        )
    painted = np.zeros((*labels.shape, 4))
    for i in range(labels.max() + 1):
        painted[labels == i] = (*to_rgb(colors[i]), SHADE if image is not None else 1.0)
    width, height = frame.image
    if image is not None:
        ax.imshow(image, extent=(-0.5, width - 0.5, height - 0.5, -0.5))
    x0, y0, x1, y1 = frame.edges
    ax.imshow(painted, extent=(x0, x1, y1, y0), interpolation="nearest")
    ax.set_xlim(-0.5, width - 0.5)
    ax.set_ylim(height - 0.5, -0.5)
    ax.set_facecolor(INK if image is None else "none")
    return bare(ax)


def polar_colors(mask: Bool[Tensor, "H W"]) -> Float[np.ndarray, "3 H W"]:
    """A colour for every place: the hue is the direction from the mask's centre, the saturation the
    distance, full at the mask's farthest pixel. What is matched to a place takes its colour.

    *Source:* the dense colour maps of the notebooks of "A Tale of Two Features".
    """
    mask = np.asarray(mask)
    if not mask.any():
        raise ValueError("the mask is empty; wanted the pixels of an object")
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]]
    x, y = x - x[mask].mean(), y - y[mask].mean()
    far = np.hypot(x, y)
    hue, strength = np.arctan2(-y, x) / (2 * np.pi) % 1.0, np.clip(far / far[mask].max(), 0, 1)
    colors = hsv_to_rgb(np.stack([hue, 0.1 + 0.9 * strength, np.full_like(hue, 0.95)], -1))
    return np.moveaxis(colors, -1, 0)


def painted(ax: Axes, image: Any, colors: Any, opacity: float = 0.85) -> Axes:
    """Colours (3 x H x W, NaN where there are none) laid over a picture of that size, here grey.
    Returns `ax`.
    """
    grey = to_pixels(image) @ np.array([0.299, 0.587, 0.114])
    below = np.repeat((0.5 + 0.5 * grey)[..., None], 3, axis=2)
    above = np.moveaxis(to_array(colors), 0, -1)
    known = np.isfinite(above).all(-1, keepdims=True)
    mixed = opacity * np.nan_to_num(above) + (1 - opacity) * below
    ax.imshow(np.where(known, mixed, below), interpolation="antialiased")
    return bare(ax)


def foreground_colors(
    maps: Sequence[FeatureMap], masks: Sequence[Bool[Tensor, "_ _"]]
) -> list[np.ndarray]:
    """Red, green and blue (h x w x 3 in [0, 1]) from the second to the fourth joint principal
    component of the maps with their background set to zero; the background is black.

    The first component only parts foreground from background. Each of the others is spread over its
    own image's foreground. Raises ValueError where a mask has another shape than its map.
    *Source:* `vis_pca_mask` of the notebooks of "A Tale of Two Features", Figure 2.
    """
    for fm, mask in zip(maps, masks, strict=True):
        if mask.shape != fm.values.shape[1:]:
            raise ValueError(
                f"a mask of {tuple(mask.shape)} does not fit a map of "
                f"{tuple(fm.values.shape[1:])} cells; bring it to the map's grid"
            )
    alone = [
        FeatureMap(torch.where(mask.to(fm.values.device), fm.values, 0.0), fm.frame)
        for fm, mask in zip(maps, masks, strict=True)
    ]
    result = []
    for fm, mask in zip(joint_pca(alone, 4), masks, strict=True):
        shown, inside = fm.values[1:].cpu().numpy(), mask.cpu().numpy()
        low, high = (f(shown[:, inside], axis=1)[:, None, None] for f in (np.min, np.max))
        spread = (shown - low) / np.maximum(high - low, 1e-12)
        result.append(np.moveaxis(np.where(inside, spread, 0.0), 0, -1))
    return result
