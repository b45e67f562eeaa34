"""Videos and what is known of their frames: masks and bodies."""

from collections.abc import Sequence
from numbers import Real
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from corrlib.types import Video
from corrlib.viz.benchmarks import HALO
from corrlib.viz.style import BLUE, ORANGE, PAPER, PLUM, SAND, TEAL, bare, to_array, to_pixels

OBJECTS = (BLUE, ORANGE, TEAL, PLUM, SAND)  # of a film, in the order of their ids


LIMBS = (  # of a body of JHMDB's fifteen joints
    *(("head", "neck"), ("neck", "belly")),
    *(
        (a.format(side), b.format(side))
        for side in ("right", "left")
        for a, b in (
            ("neck", "{} shoulder"),
            ("{} shoulder", "{} elbow"),
            ("{} elbow", "{} wrist"),
            ("belly", "{} hip"),
            ("{} hip", "{} knee"),
            ("{} knee", "{} ankle"),
        )
    ),
)


def film(
    axes: Sequence[Axes] | np.ndarray, video: Video, frames: Sequence[int] | None = None
) -> np.ndarray:
    """Frames of a video, one an axes: the masks' objects in colours, or joints and limbs where
    there are joints. Returns the axes.

    `frames` are numbers from 0, by default as many as axes, evenly spread from the first to the
    last.
    """
    axes = np.asarray(axes, dtype=object).ravel()
    frames = (
        np.linspace(0, len(video) - 1, len(axes)).round().astype(int) if frames is None else frames
    )
    for ax, i in zip(axes, frames, strict=True):
        pixels = to_pixels(video.frames[i])
        bare(ax).imshow(pixels, interpolation="antialiased")
        if video.joints is not None:
            body(ax, video.objects, to_array(video.joints[i]))
        elif video.masks is not None:
            ids = to_array(video.masks(i))
            for k, name in enumerate(video.objects):
                mask_over(ax, ids == int(name), OBJECTS[k % len(OBJECTS)])
        ax.set_xlim(-0.5, pixels.shape[1] - 0.5)
        ax.set_ylim(pixels.shape[0] - 0.5, -0.5)
    return axes


def mask_over(ax: Axes, mask: Any, color: str, opacity: Real = 0.5) -> Axes:
    """A mask (H x W) laid over what is drawn, with its outline. Returns `ax`."""
    mask = to_array(mask).astype(bool)
    layer = np.zeros((*mask.shape, 4))
    layer[mask] = (*mpl.colors.to_rgb(color), opacity)
    ax.imshow(layer, interpolation="nearest")
    if mask.any() and not mask.all():
        ax.contour(mask, levels=[0.5], colors=[color], linewidths=1.4)
    return ax


def body(
    ax: Axes, names: Sequence[str], joints: Float[np.ndarray, "n 2"], color: str = BLUE
) -> Axes:
    """Joints (x, y; NaN: not there) as dots, those of the left side hollow, and the limbs between
    them as lines. Returns `ax`.
    """
    at = dict(zip(names, joints, strict=True))
    for a, b in LIMBS:
        if a in at and b in at:
            ax.plot(
                *np.stack([at[a], at[b]]).T,
                color=color,
                linewidth=1.8,
                path_effects=HALO,
                solid_capstyle="round",
                zorder=3,
            )
    for name, xy in at.items():
        inside = PAPER if name.startswith("left") else color
        ax.plot(
            *xy,
            "o",
            markersize=4.5,
            markerfacecolor=inside,
            markeredgecolor=color,
            markeredgewidth=1.2,
            zorder=4,
        )
    return ax
