"""One image with what is marked on it: points, their names, circles around one of them."""

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Rectangle
from matplotlib.patheffects import Normal, Stroke
from scipy.optimize import linear_sum_assignment

from corrlib.viz.style import BLUE, INK, ORANGE, PAPER, bare, show, to_array, to_pixels


def points(
    ax: Axes, image: Any, at: Any, *, names: Sequence[str] | None = None, color: str = BLUE
) -> Axes:
    """Draw an image with marked points, n x 2 (x, y) in its pixels, and their names if given.
    Returns `ax`.
    """
    show(ax, to_pixels(image))
    at = to_array(at).reshape(-1, 2)
    ax.plot(*at.T, "o", color=color, markersize=7, markeredgecolor=PAPER, markeredgewidth=1.2)
    for name, xy in zip(names or (), at, strict=False):
        outline = [Stroke(linewidth=2.5, foreground=PAPER), Normal()]
        ax.annotate(
            name,
            xy,
            (6, 4),
            textcoords="offset points",
            fontsize=9,
            color=INK,
            path_effects=outline,
        )
    return bare(ax)


def labelled(ax: Axes, image: Any, at: Any, names: Sequence[str], *, color: str = BLUE) -> Axes:
    """Draw an image with marked points (n x 2, x and y in its pixels) and their names beside it,
    each joined by a thin line.

    Names stand in two columns, left and right of the image, where the lines together are shortest:
    so no two of them cross. Returns `ax`. Raises ValueError when there are not as many names as
    points.
    """
    pixels, at = to_pixels(image), to_array(at).reshape(-1, 2)
    if len(names) != len(at):
        raise ValueError(f"got {len(at)} points and {len(names)} names; wanted as many of each")
    show(ax, pixels)
    height, width = pixels.shape[:2]
    places = _beside(at, width, height)
    for (px, py), (x, y), name in zip(at, places, names, strict=True):
        line = [Stroke(linewidth=2, foreground=PAPER, alpha=0.35), Normal()]  # seen on dark, too
        style = {"color": INK, "linewidth": 0.8, "clip_on": False, "zorder": 3}
        ax.plot([px, x], [py, y], path_effects=line, **style)
        side = {"ha": "right" if x < 0 else "left", "va": "center"}
        ax.text(x, y, f" {name} ", fontsize=9, color=INK, **side)
    ax.plot(
        *at.T,
        "o",
        color=color,
        markersize=5.5,
        markeredgecolor=PAPER,
        markeredgewidth=1,
        linestyle="none",
        zorder=5,
    )
    ax.set_xlim(-0.5, width - 0.5)
    ax.set_ylim(height - 0.5, -0.5)
    return bare(ax)


def _beside(at: np.ndarray, width: int, height: int) -> np.ndarray:
    """A place for the name of each point (n x 2) in one of two columns beside an image, such that
    the lines from points to names are shortest in all. Two of them never cross: with their ends
    exchanged they would be shorter.
    """
    left = len(at) // 2
    columns = [
        np.stack([np.full(n, x * width), height * (np.arange(n) + 0.5) / max(n, 1)], 1)
        for n, x in ((left, -0.05), (len(at) - left, 1.05))
    ]
    slots = np.concatenate(columns)
    apart = np.linalg.norm(at[:, None] - slots[None], axis=2)
    return slots[linear_sum_assignment(apart)[1]]


def circles(
    ax: Axes,
    image: Any,
    centre: Any,
    radii: Sequence[Real],
    labels: Sequence[str] = (),
    *,
    answers: Any = None,
    box: Any = None,
    reach: Real | None = None,
) -> Axes:
    """Draw an image with circles of `radii` pixels around one point (x, y), their `labels` beside
    them one above the other.

    `answers` (n x 2) are marked: in blue those inside the smallest circle, in orange those outside
    of it. `box` (x1, y1, x2, y2) is drawn dashed. With `reach` only the square of `reach` pixels to
    each side of the point is shown, enlarged. Returns `ax`.
    """
    pixels, (x, y) = to_pixels(image), to_array(centre).reshape(2)
    show(ax, pixels, interpolation="bicubic" if reach else "antialiased")
    halo, outline = (
        [Stroke(linewidth=w, foreground=PAPER, alpha=0.85), Normal()] for w in (3.4, 2.8)
    )
    if box is not None:
        x1, y1, x2, y2 = map(float, box)
        ax.add_patch(
            Rectangle(
                (x1, y1),
                x2 - x1,
                y2 - y1,
                fill=False,
                edgecolor=INK,
                linestyle=(0, (4, 2)),
                path_effects=halo,
            )
        )
    height, width = pixels.shape[:2]
    for i, radius in enumerate(radii):
        ax.add_patch(
            Circle((x, y), radius, fill=False, edgecolor=INK, linewidth=1.5, path_effects=halo)
        )
        if i < len(labels):  # on the circle, at an angle of its own
            angle = np.pi * (0.42 - 0.36 * i)
            u, v = x + radius * np.cos(angle), y - radius * np.sin(angle)
            ax.text(
                u,
                v,
                f" {labels[i]}",
                va="bottom",
                fontsize=10,
                color=INK,
                path_effects=outline,
                clip_on=True,
                zorder=7,
            )
    ax.plot(x, y, "+", color=INK, markersize=10, markeredgewidth=1.8, path_effects=halo, zorder=5)
    if answers is not None:
        for u, v in to_array(answers).reshape(-1, 2):
            color = BLUE if (u - x) ** 2 + (v - y) ** 2 <= min(radii) ** 2 else ORANGE
            ax.plot(
                u,
                v,
                "o",
                color=color,
                markersize=8,
                markeredgecolor=PAPER,
                markeredgewidth=1.2,
                zorder=6,
            )
    ax.set_xlim((x - reach, x + reach) if reach else (-0.5, width - 0.5))
    ax.set_ylim((y + reach, y - reach) if reach else (height - 0.5, -0.5))
    return bare(ax)
