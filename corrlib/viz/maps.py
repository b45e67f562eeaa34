"""What a feature map looks like: heat over an image, principal components as colours, galleries."""

from collections.abc import Sequence
from numbers import Real
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from corrlib.matching.feature_maps import joint_pca
from corrlib.types import FeatureMap
from corrlib.viz.style import HEAT, INK, PAPER, WIDTH, bare, to_array, to_pixels


def heat(
    ax: Axes,
    image: Any,
    heatmap: Any,
    point: Any = None,
    *,
    limits: tuple[Real, Real] | None = None,
    best: bool = True,
    opacity: Real = 0.85,
) -> Axes:
    """Lay a heat map (h x w, any resolution) over an image, here grey: the hotter, the less of the
    image shows through.

    `point` (x, y) in pixels of the image is ringed: where the answer should be, or where the
    question is. `best` marks the first maximum of the map. `limits` are the values at the two ends
    of the colours, by default those of the map. Returns `ax`.
    """
    pixels, values = to_pixels(image), to_array(heatmap).squeeze()
    if values.ndim != 2:
        raise ValueError(
            f"got a heat map of shape {to_array(heatmap).shape}; wanted one map, h x w"
        )
    height, width = pixels.shape[:2]
    grey = 0.35 + 0.65 * (pixels @ np.array([0.299, 0.587, 0.114]))
    low, high = limits or (float(values.min()), float(values.max()))
    share = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
    colors = mpl.colormaps[HEAT](share)
    colors[..., 3] = opacity * np.sqrt(share)
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    ax.imshow(grey, cmap="gray", vmin=0, vmax=1, extent=extent, interpolation="antialiased")
    # coarse maps are drawn smooth, as they are read; fine ones as they are
    ax.imshow(
        colors, extent=extent, interpolation="bilinear" if values.shape[0] < height else "nearest"
    )
    if best:
        y, x = np.unravel_index(values.argmax(), values.shape)
        x, y = (x + 0.5) / values.shape[1] * width - 0.5, (y + 0.5) / values.shape[0] * height - 0.5
        ax.plot(x, y, "X", color=INK, markersize=9, markeredgecolor=PAPER, markeredgewidth=1.2)
    if point is not None:
        x, y = to_array(point).reshape(2)
        ax.plot(
            x,
            y,
            "o",
            markersize=12,
            markerfacecolor="none",
            markeredgecolor=PAPER,
            markeredgewidth=3.2,
        )
        ax.plot(
            x,
            y,
            "o",
            markersize=12,
            markerfacecolor="none",
            markeredgecolor=INK,
            markeredgewidth=1.4,
        )
    ax.set_xlim(-0.5, width - 0.5)
    ax.set_ylim(height - 0.5, -0.5)
    return bare(ax)


def pca_colors(maps: Sequence[FeatureMap], *, cut: Real = 2.0) -> list[np.ndarray]:
    """The first three joint principal components of all `maps` as red, green and blue, h x w x 3 in
    [0, 1] each.

    One colour means the same in every map. Each component is spread from its `cut`-th to its (100 -
    `cut`)-th percentile over all maps; signs are fixed, so a figure does not change colour from run
    to run.
    """
    parts = [to_array(fm.values) for fm in joint_pca(maps, 3)]
    cells = np.concatenate([part.reshape(3, -1) for part in parts], axis=1)
    low, high = np.percentile(cells, [cut, 100 - cut], axis=1)
    spread = np.maximum(high - low, 1e-12)
    return [np.clip((np.moveaxis(part, 0, -1) - low) / spread, 0, 1) for part in parts]


def pca(
    maps: Sequence[FeatureMap], axes: Sequence[Axes] | np.ndarray, *, titles: Sequence[str] = ()
) -> np.ndarray:
    """Draw `pca_colors` of each map into its axes, each at the place of its image that it covers.
    Returns the axes.

    Raises ValueError when there are fewer axes than maps.
    """
    axes = np.asarray(axes, dtype=object).ravel()
    if len(axes) < len(maps):
        raise ValueError(f"got {len(axes)} axes for {len(maps)} feature maps; give one a map")
    for i, (ax, fm, colors) in enumerate(zip(axes, maps, pca_colors(maps), strict=False)):
        x0, y0, x1, y1 = fm.frame.edges
        ax.imshow(colors, extent=(x0, x1, y1, y0))
        ax.set_xlim(-0.5, fm.frame.image[0] - 0.5)
        ax.set_ylim(fm.frame.image[1] - 0.5, -0.5)
        if i < len(titles):
            ax.set_title(titles[i])
    for ax in axes:
        bare(ax)
    return axes


def gallery(
    images: Sequence[Any],
    titles: Sequence[str] = (),
    cols: int = 4,
    *,
    axes: Any = None,
    width: Real = WIDTH,
) -> np.ndarray:
    """Images in rows of `cols`, with titles if given, in a new figure `width` inches wide or in
    `axes`. Returns all axes, flat.
    """
    pixels = [to_pixels(image) for image in images]
    if axes is None:
        tall = [p.shape[0] / p.shape[1] for p in pixels]
        rows = [
            max(tall[i : i + cols]) * width / cols + (0.28 if len(titles) else 0.02)
            for i in range(0, len(tall), cols)
        ]
        figure = plt.figure(figsize=(width, sum(rows)))
        axes = figure.subplots(len(rows), cols, squeeze=False, gridspec_kw={"height_ratios": rows})
    axes = np.asarray(axes, dtype=object).ravel()
    for i, (ax, image) in enumerate(zip(axes, pixels, strict=False)):
        ax.imshow(image, interpolation="antialiased")
        if i < len(titles):
            ax.set_title(titles[i], fontsize=10, pad=3)
    for ax in axes:
        bare(ax)
    return axes
