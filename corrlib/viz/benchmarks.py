"""What a benchmark asks, drawn from its items: a pair with its points and tolerance, a flow, a
plane, a film.
"""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import hsv_to_rgb
from matplotlib.patches import Ellipse, Rectangle
from matplotlib.patheffects import Normal, Stroke

from corrlib.metrics import apply_homography, tolerance_px
from corrlib.metrics.protocol import Protocol
from corrlib.types import DensePair, Pair
from corrlib.viz.style import BLUE, GREY, INK, ORANGE, PAPER, bare, to_array, to_pixels

HALO = [Stroke(linewidth=2.8, foreground=PAPER, alpha=0.75), Normal()]


def tolerance_radii(pair: Pair, protocol: Protocol, alpha: Real = 0.1) -> tuple[float, float]:
    """How far off an answer may be in x and in y, in original target pixels: a frame that changes
    the shape makes it an ellipse.
    """
    given = {
        "target_box": pair.target_box,
        "source_box": pair.source_box,
        "target_points": pair.target_points,
    }
    sizes = {"source_size": pair.source.size, "target_size": pair.target.size}
    length = alpha * tolerance_px(
        protocol.base, **given, **sizes, frame=protocol.frame, origin=protocol.origin
    )
    (width, height), frame = pair.target.size, protocol.frame or pair.target.size
    return length * width / frame[0], length * height / frame[1]


def asked(ax: Axes, pair: Pair, protocol: Protocol | None = None, alpha: Real = 0.1) -> Axes:
    """A pair with its annotated points, one colour a point in both images; the target is drawn at
    the source's height.

    With `protocol` also what the tolerance refers to (the box of the target, dashed) and, around
    each true point, where an answer is right. Returns `ax`.
    """
    left, right = to_pixels(pair.source), to_pixels(pair.target)
    scale, gap = left.shape[0] / right.shape[0], 0.03 * left.shape[1]
    x0 = left.shape[1] + gap
    for pixels, x, s in ((left, 0, 1), (right, x0, scale)):
        height, width = (n * s for n in pixels.shape[:2])
        ax.imshow(
            pixels,
            extent=(x - 0.5, x + width - 0.5, height - 0.5, -0.5),
            interpolation="antialiased",
        )
    ax.set_xlim(-0.5, x0 + right.shape[1] * scale - 0.5)
    ax.set_ylim(left.shape[0] - 0.5, -0.5)
    source, target = (
        to_array(pair.source_points),
        (to_array(pair.target_points) + 0.5) * scale - 0.5 + (x0, 0),
    )
    colors = mpl.colormaps["turbo"](np.linspace(0.08, 0.95, max(len(source), 2)))
    for i, (color, a, b) in enumerate(zip(colors, source, target, strict=False)):
        if protocol is not None:
            rx, ry = (2 * scale * r for r in tolerance_radii(pair, protocol, alpha))
            ring = Ellipse(
                tuple(b),
                rx,
                ry,
                fill=False,
                edgecolor=color,
                linewidth=1.4,
                path_effects=HALO,
                zorder=3 + i / 100,
            )
            ax.add_patch(ring)
        for x, y in (a, b):
            ax.plot(
                x,
                y,
                "o",
                color=color,
                markersize=5.5,
                markeredgecolor=PAPER,
                markeredgewidth=1.0,
                zorder=6,
            )
    if protocol is not None and (box := base_box(pair, protocol)) is not None:
        x1, y1, x2, y2 = ((np.reshape(box, (2, 2)) + 0.5) * scale - 0.5 + (x0, 0)).ravel()
        frame = Rectangle(
            (x1, y1),
            x2 - x1,
            y2 - y1,
            fill=False,
            edgecolor=INK,
            linestyle=(0, (4, 2)),
            linewidth=1.3,
        )
        frame.set_path_effects(HALO)
        ax.add_patch(frame)
    return bare(ax)


def base_box(pair: Pair, protocol: Protocol) -> tuple[float, float, float, float] | None:
    """The box in the target whose longer side the tolerance refers to; None where it is not in the
    target.
    """
    (width, height), points = pair.target.size, to_array(pair.target_points).astype(float)
    if protocol.base == "image":
        return -0.5, -0.5, width - 0.5, height - 0.5
    if protocol.base == "keypoints":
        return (*points.min(0).tolist(), *points.max(0).tolist())
    if protocol.base == "padded_keypoints_compat":
        return (-1.0, -1.0, *points.max(0).tolist())
    return None if protocol.base == "source_box" else pair.target_box


def flow_colors(flow: Any, longest: Real | None = None) -> Float[np.ndarray, "H W 3"]:
    """A flow (H x W x 2, NaN where unknown) as colours: the direction is the hue, the length the
    saturation; unknown is light grey.

    `longest` is the length in pixels that is drawn in full colour, by default the 99th percentile.
    """
    flow = to_array(flow).astype(float)
    known = np.isfinite(flow).all(-1)
    u, v = np.where(known[..., None], flow, 0.0).transpose(2, 0, 1)
    length = np.hypot(u, v)
    longest = longest or (float(np.percentile(length[known], 99)) if known.any() else 1.0) or 1.0
    hue, strength = np.arctan2(-v, u) / (2 * math.pi) % 1.0, np.clip(length / longest, 0, 1)
    colors = hsv_to_rgb(np.stack([hue, 0.12 + 0.88 * strength, np.full_like(hue, 0.92)], axis=-1))
    return np.where(known[..., None], colors, 0.955)


def pulled_back(pair: DensePair) -> Float[np.ndarray, "H W 3"]:
    """The target's pixels brought to where the flow says they are in the source (nearest pixel);
    grey where the flow is unknown.
    """
    flow, target = to_array(pair.flow()).astype(float), to_pixels(pair.target)
    known = np.isfinite(flow).all(-1)
    y, x = np.mgrid[: flow.shape[0], : flow.shape[1]]
    u, v = np.where(known[..., None], flow, 0.0).transpose(2, 0, 1)
    columns, rows = (
        np.clip(np.rint(a), 0, n - 1).astype(int)
        for a, n in zip((x + u, y + v), target.shape[1::-1], strict=True)
    )
    return np.where(known[..., None], target[rows, columns], 0.955)


def dense_pair(axes: Sequence[Axes] | np.ndarray, pair: DensePair) -> np.ndarray:
    """Source, target, the flow from one to the other as colours, and the target pulled back by it,
    into four axes; returns them.
    """
    axes = np.asarray(axes, dtype=object).ravel()
    pictures = (
        to_pixels(pair.source),
        to_pixels(pair.target),
        flow_colors(pair.flow()),
        pulled_back(pair),
    )
    for ax, pixels in zip(axes, pictures, strict=True):
        bare(ax).imshow(pixels, interpolation="antialiased")
    return axes


def plane(axes: Sequence[Axes] | np.ndarray, pair: DensePair, lines: int = 5) -> np.ndarray:
    """A grid on image 1 and where the pair's homography takes it in image k, into two axes. Returns
    the axes.
    """
    axes = np.asarray(axes, dtype=object).ravel()
    (width, height), steps = pair.source.size, np.linspace(0.08, 0.92, lines)
    fine = np.linspace(steps[0], steps[-1], 30)
    segments = [np.c_[np.full(30, s), fine] for s in steps] + [
        np.c_[fine, np.full(30, s)] for s in steps
    ]
    for ax, view, matrix in zip(
        axes, (pair.source, pair.target), (np.eye(3), to_array(pair.homography)), strict=True
    ):
        bare(ax).imshow(to_pixels(view), interpolation="antialiased")
        for i, segment in enumerate(segments):
            line = apply_homography(matrix, segment * (width - 1, height - 1))
            ax.plot(*line.T, color=BLUE if i < lines else ORANGE, linewidth=1.6, path_effects=HALO)
        ax.set_xlim(-0.5, view.size[0] - 0.5)
        ax.set_ylim(view.size[1] - 0.5, -0.5)
    return axes


def absent(axes: Any, text: str = "not on\nthis disk") -> Any:
    """Empty axes that say why they are empty, for what could not be drawn. Returns `axes`."""
    for ax in np.asarray(axes, dtype=object).ravel():
        bare(ax)
        ax.set_facecolor("#f4f4f4")
        note = ax.text(
            0.5,
            0.5,
            text,
            transform=ax.transAxes,
            ha="center",
            va="center",
            fontsize=10,
            color=GREY,
        )
        note.set_in_layout(False)
    return axes
