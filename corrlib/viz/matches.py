"""Two images side by side and what was matched between them."""

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Rectangle
from matplotlib.patheffects import Normal, Stroke

from corrlib.types import Pair
from corrlib.viz.style import BLUE, GREY, INK, ORANGE, PAPER, bare, to_array, to_pixels

HALO = [
    Stroke(linewidth=3.6, foreground=PAPER, alpha=0.75),
    Normal(),
]  # keeps a line visible on any image


def matches(
    ax: Axes,
    images: Pair | Sequence[Any],
    query: Any = None,
    predicted: Any = None,
    target: Any = None,
    tolerance: Real | None = None,
    *,
    alpha: Real = 0.1,
    names: Sequence[str] | None = None,
    legend: bool = False,
) -> Axes:
    """Draw matches between two images: right ones as solid blue lines, wrong ones as dashed orange
    ones.

    `images` is a `Pair` (whose points and target box then give `query`, `target` and the tolerance,
    `alpha` times the longer side of the box) or (source, target) images. `query` and `target` are n
    x 2 points, (x, y) in pixels of each original image; `predicted` too, or None to show what is
    annotated. A match is right when it is no farther than `tolerance` pixels from its target, whose
    circle is drawn; without `target` no match is judged and all are grey. The target is drawn at
    the source's height. Returns `ax`. Raises ValueError when the numbers of points differ.
    """
    if isinstance(images, Pair):
        pair, images = images, (images.source, images.target)
        query = pair.source_points if query is None else query
        target = pair.target_points if target is None else target
        if tolerance is None:
            box = pair.target_box or (0, 0, *pair.target.size)
            tolerance = alpha * max(box[2] - box[0], box[3] - box[1])
    left, right = (to_pixels(image) for image in images)
    query = to_array(query).reshape(-1, 2)
    judged = target is not None and predicted is not None
    target = to_array(target if target is not None else predicted).reshape(-1, 2)
    predicted = target if predicted is None else to_array(predicted).reshape(-1, 2)
    if not len(query) == len(predicted) == len(target):
        raise ValueError(
            f"got {len(query)} query, {len(predicted)} predicted and {len(target)} target "
            "points; wanted as many of each"
        )
    if judged and tolerance is None:
        raise ValueError(
            "got target points without a tolerance; give tolerance in target pixels, or a Pair"
        )

    scale, gap = left.shape[0] / right.shape[0], 0.03 * left.shape[1]
    offset = left.shape[1] + gap

    def place(points):  # target pixels to the axes
        return (points + 0.5) * scale - 0.5 + (offset, 0)

    _show(ax, left, 0, 1)
    _show(ax, right, offset, scale)
    ax.set_xlim(-0.5, offset + right.shape[1] * scale - 0.5)
    ax.set_ylim(left.shape[0] - 0.5, -0.5)
    distance = np.linalg.norm(predicted - target, axis=1)
    ok = distance <= tolerance if judged else np.zeros(len(query), bool)
    for i in np.argsort(ok, kind="stable"):  # right ones on top
        color = (BLUE if ok[i] else ORANGE) if judged else GREY
        ends = np.stack([query[i], place(predicted)[i]])
        dash = "-" if ok[i] or not judged else (0, (3.2, 1.6))
        ax.plot(
            *ends.T,
            color=color,
            linestyle=dash,
            linewidth=1.9,
            path_effects=HALO,
            solid_capstyle="round",
            zorder=3,
        )
        ax.plot(
            *ends.T,
            "o",
            color=color,
            markersize=6.5,
            markeredgecolor=PAPER,
            markeredgewidth=1.1,
            linestyle="none",
            zorder=5,
        )
        if judged:
            ring = Circle(
                place(target)[i],
                tolerance * scale,
                fill=False,
                edgecolor=color,
                linewidth=1.3,
                zorder=4,
            )
            ring.set_path_effects([Stroke(linewidth=2.8, foreground=PAPER, alpha=0.6), Normal()])
            ax.add_patch(ring)
        if names is not None:
            outline = [Stroke(linewidth=2.5, foreground=PAPER), Normal()]
            ax.annotate(
                names[i],
                query[i],
                (6, 5),
                textcoords="offset points",
                fontsize=9,
                color=INK,
                path_effects=outline,
                zorder=6,
            )
    if legend:
        ax.legend(
            handles=legend_lines(),
            loc="upper center",
            bbox_to_anchor=(0.5, 0),
            ncols=3,
            handlelength=2.4,
            columnspacing=1.4,
        )
    return bare(ax)


def legend_lines() -> list[Line2D]:
    """What the colours and lines of `matches` mean, for a figure's own legend."""
    return [
        Line2D([], [], color=BLUE, linewidth=2, label="right"),
        Line2D([], [], color=ORANGE, linewidth=2, linestyle=(0, (2.2, 1.2)), label="wrong"),
        Line2D(
            [],
            [],
            color=GREY,
            marker="o",
            markersize=10,
            markerfacecolor="none",
            linestyle="none",
            label="right if within",
        ),
    ]


def points(
    ax: Axes, image: Any, at: Any, *, names: Sequence[str] | None = None, color: str = BLUE
) -> Axes:
    """Draw an image with marked points, n x 2 (x, y) in its pixels, and their names if given.
    Returns `ax`.
    """
    _show(ax, to_pixels(image), 0, 1)
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

    Names stand in two columns, left and right of the image, in the order of the points' heights, so
    they never overlap. Returns `ax`. Raises ValueError when there are not as many names as points.
    """
    pixels, at = to_pixels(image), to_array(at).reshape(-1, 2)
    if len(names) != len(at):
        raise ValueError(f"got {len(at)} points and {len(names)} names; wanted as many of each")
    _show(ax, pixels, 0, 1)
    height, width = pixels.shape[:2]
    order = np.argsort(at[:, 0], kind="stable")
    for side, group in ((-1, order[: len(at) // 2]), (1, order[len(at) // 2 :])):
        group = group[np.argsort(at[group, 1], kind="stable")]
        x, rows = (
            (-0.05 if side < 0 else 1.05) * width,
            height * (np.arange(len(group)) + 0.5) / max(len(group), 1),
        )
        for i, y in zip(group, rows, strict=True):
            line = [
                Stroke(linewidth=2, foreground=PAPER, alpha=0.35),
                Normal(),
            ]  # seen on dark pictures too
            ax.plot(
                [at[i, 0], x],
                [at[i, 1], y],
                color=INK,
                linewidth=0.8,
                clip_on=False,
                path_effects=line,
                zorder=3,
            )
            ax.text(
                x,
                y,
                f" {names[i]} ",
                ha="right" if side < 0 else "left",
                va="center",
                fontsize=9,
                color=INK,
            )
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
    _show(ax, pixels, 0, 1, "bicubic" if reach else "antialiased")
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


def _show(
    ax: Axes, pixels: np.ndarray, x: Real, scale: Real, interpolation: str = "antialiased"
) -> None:
    height, width = pixels.shape[0] * scale, pixels.shape[1] * scale
    ax.imshow(
        pixels, extent=(x - 0.5, x + width - 0.5, height - 0.5, -0.5), interpolation=interpolation
    )
