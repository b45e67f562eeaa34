"""Features across time and space, and the weights that a head gives them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from corrlib.heads.aggregation import Cell
from corrlib.types import FeatureMap
from corrlib.viz.maps import pca_colors
from corrlib.viz.style import HEAT, INK, PAPER, bare, to_array


def mixing_weights(
    ax: Axes, mixture: Any, timesteps: Sequence[int], numbers: Sequence[int], *, largest: int = 1
) -> Axes:
    """A head's mixing weights as a heat map, a layer a row and a timestep a column; the `largest`
    are named in percent.

    `mixture` runs over layers first, as a head's does; `numbers` are the layers' as in the paper.
    Raises ValueError where it is not as long as the two say. *Source:* the paper's Figure 5.
    """
    values = to_array(mixture)
    if values.shape != (len(timesteps) * len(numbers),):
        raise ValueError(
            f"got weights of shape {values.shape}; wanted {len(timesteps)} timesteps x "
            f"{len(numbers)} layers = {len(timesteps) * len(numbers)}"
        )
    grid = values.reshape(len(timesteps), len(numbers)).T
    image = ax.imshow(100 * grid, cmap=HEAT, vmin=0, aspect="auto")
    ax.figure.colorbar(image, ax=ax, label="weight in %", shrink=0.9)
    ax.set_xticks(range(len(timesteps)), timesteps)
    ax.set_yticks(range(len(numbers)), numbers)
    ax.set(xlabel="timestep", ylabel="layer")
    for i in np.argsort(-values, kind="stable")[:largest]:
        column, row = divmod(int(i), len(numbers))
        ink = INK if grid[row, column] > grid.max() / 2 else PAPER
        text = f"{100 * values[i]:.2g}"
        ax.text(column, row, text, ha="center", va="center", color=ink, fontsize=8)
    return ax


def time_and_space(
    axes: Any,
    maps: Mapping[Cell, FeatureMap],
    layers: Sequence[str],
    timesteps: Sequence[int],
    *,
    numbers: Sequence[int] = (),
) -> np.ndarray:
    """One image's features at every layer (rows) and timestep (columns) as colours of their
    principal components.

    Components are joint along a row, so that one colour means the same from left to right; between
    rows it means nothing. `axes` are len(layers) x len(timesteps). Returns them. Raises ValueError
    when there are others.
    """
    axes = np.asarray(axes, dtype=object)
    if axes.shape != (len(layers), len(timesteps)):
        raise ValueError(
            f"got axes {axes.shape}; wanted {len(layers)} layers x {len(timesteps)} timesteps"
        )
    names = numbers or range(1, len(layers) + 1)
    for row, layer, name in zip(axes, layers, names, strict=True):
        colors = pca_colors([maps[layer, t] for t in timesteps])
        for ax, picture in zip(row, colors, strict=True):
            ax.imshow(picture)
            bare(ax)
        row[0].set_ylabel(f"layer {name}", fontsize=9)
    for ax, t in zip(axes[0], timesteps, strict=True):
        ax.set_title(f"t = {t}", fontsize=9)
    return axes
