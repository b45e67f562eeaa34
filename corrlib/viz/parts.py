"""Parts without names: clusters in colours, and principal components of the foreground alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from torch import Tensor

from corrlib.coords import Frame
from corrlib.matching.feature_maps import joint_pca
from corrlib.types import FeatureMap
from corrlib.viz.style import CYCLE, INK, bare

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
