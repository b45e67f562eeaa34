"""Two images side by side and what was matched between them.

A picture more than `SLIM` times as long as it is wide would be a line; it is drawn wider, and the
axis says by how much. The points go with it.
"""

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse
from matplotlib.patheffects import Normal, Stroke

from corrlib.types import Pair
from corrlib.viz.style import BLUE, GREY, INK, ORANGE, PAPER, bare, show, to_array, to_pixels

SLIM = 6
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

    height = left.shape[0]
    (width, stretch), (wide, other) = _width(left, height), _width(right, height)
    offset = width + 0.03 * width
    scales = [
        (drawn / pixels.shape[1], height / pixels.shape[0])
        for drawn, pixels in ((width, left), (wide, right))
    ]

    def first(points):  # source pixels to the axes
        return (points + 0.5) * scales[0] - 0.5

    def place(points):  # target pixels to the axes
        return (points + 0.5) * scales[1] - 0.5 + (offset, 0)

    show(ax, left, (0, width), height)
    show(ax, right, (offset, wide), height)
    if stretch or other:
        said = [f"{side} {how}" for side, how in (("left", stretch), ("right", other)) if how]
        ax.set_xlabel(f"not in proportion: {', '.join(said)}", fontsize=9)
    ax.set_xlim(-0.5, offset + wide - 0.5)
    ax.set_ylim(height - 0.5, -0.5)
    distance = np.linalg.norm(predicted - target, axis=1)
    ok = distance <= tolerance if judged else np.zeros(len(query), bool)
    for i in np.argsort(ok, kind="stable"):  # right ones on top
        color = (BLUE if ok[i] else ORANGE) if judged else GREY
        ends = np.stack([first(query)[i], place(predicted)[i]])
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
            ring = Ellipse(
                place(target)[i],
                *(2 * tolerance * scale for scale in scales[1]),
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
                first(query)[i],
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


def _width(pixels: np.ndarray, height: int) -> tuple[Real, str]:
    """How wide a picture is drawn that is drawn `height` high, and how it is out of proportion, if
    it is.
    """
    true = pixels.shape[1] * height / pixels.shape[0]
    width = min(max(true, height / SLIM), height * SLIM)
    if width == true:
        return true, ""
    if width < true:
        return width, f"{true / width:.3g} times higher than it is"
    return width, f"{width / true:.3g} times wider than it is"


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
