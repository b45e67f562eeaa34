"""Ways of counting the same predictions, drawn beside each other."""

from collections.abc import Iterable, Mapping
from numbers import Real

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse
from matplotlib.patheffects import Normal, Stroke

from corrlib.metrics.protocol import Protocol
from corrlib.types import Pair
from corrlib.viz.benchmarks import tolerance_radii
from corrlib.viz.style import BLUE, GREY, INK, ORANGE, PAPER, PLUM, TEAL, bare, to_array, to_pixels

KINDS = {  # of a way of counting: colour, marker, words
    "published": (BLUE, "o", "the reference"),
    "other": (TEAL, "D", "another definition"),
    "error": (ORANGE, "s", "a known error"),
}


def ways(
    ax: Axes, table: pd.DataFrame, *, unit: str = "difference in PCK, points", legend: bool = True
) -> Axes:
    """One line a way of counting: its difference from the first with its interval, and its own PCK
    at the right. Returns `ax`.

    `table` has columns group, way, kind ("published", "other": another definition, "error": a known
    error of released code), pck, difference, low, high; the first is at the top, and there is a gap
    between groups.
    """
    table = table.reset_index(drop=True)
    y = (
        np.arange(len(table))
        + 0.55 * (table["group"] != table["group"].shift()).cumsum().to_numpy()
    )
    ax.axvline(0, color=INK, linewidth=1)
    right = {
        "xycoords": ("axes fraction", "data"),
        "textcoords": "offset points",
        "ha": "right",
        "va": "center",
    }
    for place, (_, row) in zip(y, table.iterrows(), strict=True):
        color, marker, _ = KINDS[row["kind"]]
        ax.plot(
            [row["low"], row["high"]],
            [place, place],
            color=color,
            linewidth=2.6,
            solid_capstyle="round",
            zorder=3,
        )
        ax.plot(
            row["difference"],
            place,
            marker,
            color=color,
            markersize=7.5,
            markeredgecolor=PAPER,
            markeredgewidth=1,
            zorder=4,
        )
        ax.annotate(f"{row['pck']:.1f}", (1, place), (30, 0), color=color, **right)
    ax.set_yticks(y, table["way"], fontsize=10)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(y[-1] + 0.6, y[0] - 0.6)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color="#dddddd", linewidth=0.7)
    ax.set_axisbelow(True)
    ax.set_xlabel(unit)
    ax.annotate(
        "PCK",
        (1, 1),
        (30, 3),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="right",
        fontsize=10,
        color=GREY,
    )
    if legend:
        place = {"loc": "lower center", "bbox_to_anchor": (0.35, 1.0), "ncols": 3}
        ax.legend(
            handles=marks(table["kind"]), fontsize=10, handlelength=1.6, columnspacing=1.2, **place
        )
    return ax


def marks(kinds: Iterable[str] = KINDS) -> list[Line2D]:
    """What the colours and marks of `ways` mean, for a figure's own legend."""
    there = [KINDS[kind] for kind in KINDS if kind in set(kinds)]
    return [
        Line2D([], [], marker=m, color=c, linewidth=2.4, markersize=7, label=words)
        for c, m, words in there
    ]


def tolerances(
    ax: Axes, pair: Pair, rules: Mapping[str, Protocol], alpha: Real = 0.1, point: int | None = None
) -> Axes:
    """Around one true point of a pair's target, where an answer is right by each of several rules;
    a legend below. Returns `ax`.

    `point` is the keypoint's number, by default the one nearest to the middle of them all; the
    picture is enlarged around it.
    """
    targets, pixels = to_array(pair.target_points), to_pixels(pair.target)
    near = np.abs(targets - targets.mean(0)).sum(1).argmin()
    x, y = targets[near if point is None else point]
    ax.imshow(pixels, interpolation="bicubic")
    halo = [Stroke(linewidth=3.2, foreground=PAPER, alpha=0.7), Normal()]
    dashes = ("-", (0, (5, 1.5)), (0, (2, 1.2)), (0, (6, 1.5, 1.5, 1.5)))
    radii = [tolerance_radii(pair, protocol, alpha) for protocol in rules.values()]
    for color, dash, name, (rx, ry) in zip(
        (BLUE, ORANGE, TEAL, PLUM), dashes, rules, radii, strict=False
    ):
        style = {"edgecolor": color, "linestyle": dash, "linewidth": 2}
        ax.add_patch(Ellipse((x, y), 2 * rx, 2 * ry, fill=False, path_effects=halo, **style))
        ax.plot([], [], color=color, linestyle=dash, label=name)
    ax.plot(x, y, "+", color=INK, markersize=10, markeredgewidth=1.8, path_effects=halo)
    reach = 2.0 * np.max(radii)
    ax.set_xlim(x - reach, x + reach)
    ax.set_ylim(y + reach, y - reach)
    ax.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        ncols=2,
        fontsize=9,
        handlelength=1.8,
        columnspacing=1.0,
    )
    return bare(ax)
