"""What prompt optimisation looks like: attention over images, knobs as small multiples, pairs by
their share of right answers.
"""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from matplotlib.patheffects import Normal, Stroke
from matplotlib.ticker import MaxNLocator

from corrlib.viz.maps import heat
from corrlib.viz.style import BLUE, CYCLE, GREY, INK, ORANGE, PAPER, to_array

STAR = "#ffd92f"  # the truth, as in the paper's figures
HALO = [Stroke(linewidth=3.2, foreground=PAPER, alpha=0.8), Normal()]


def attended(
    ax: Axes,
    image: Any,
    attention: Any,
    *,
    truth: Any = None,
    answer: Any = None,
    tolerance: Real | None = None,
) -> Axes:
    """Attention (h x w) over an image, a yellow star at the true point and a cross at the answer,
    both (x, y) in its pixels.

    With `tolerance` (pixels) a ring says how far off an answer may be, and ring and cross are blue
    for a right answer and orange for a wrong one; without it the cross is dark. Colours go from the
    map's own least to its largest value. Returns `ax`.
    """
    heat(ax, image, attention, best=False)
    color = INK
    if truth is not None:
        x, y = to_array(truth).reshape(2)
        if tolerance is not None:
            if answer is not None:
                color = (
                    BLUE
                    if np.hypot(*(to_array(answer).reshape(2) - (x, y))) <= tolerance
                    else ORANGE
                )
            ring = Circle(
                (x, y),
                tolerance,
                fill=False,
                edgecolor=color,
                linewidth=1.6,
                path_effects=HALO,
                zorder=4,
            )
            ax.add_patch(ring)
        ax.plot(
            x, y, "*", color=STAR, markersize=13, markeredgecolor=INK, markeredgewidth=0.9, zorder=6
        )
    if answer is not None:
        x, y = to_array(answer).reshape(2)
        ax.plot(
            x,
            y,
            "X",
            color=color,
            markersize=9,
            markeredgecolor=PAPER,
            markeredgewidth=1.2,
            zorder=7,
        )
    return ax


def knobs(
    axes: Sequence[Axes] | np.ndarray,
    table: pd.DataFrame,
    base: Real | None = None,
    *,
    cols: int = 3,
) -> np.ndarray:
    """One panel a knob: PCK over the knob's values with its intervals; panels without a knob are
    taken off. Returns the axes.

    `table` has one row a trial with columns knob, value, pck, low, high and, where True, `base`:
    the setting that all panels share, drawn hollow. Values that are all numbers are joined by a
    line at their places, others are ticks. `base` is drawn as a dashed line across. The y axes of
    all panels begin at zero and end at one height.
    """
    axes = np.asarray(axes, dtype=object).ravel()
    names = list(dict.fromkeys(table["knob"]))
    if len(axes) < len(names):
        raise ValueError(f"got {len(axes)} axes for {len(names)} knobs; give one a knob")
    top = 1.08 * float(table["high"].max())
    for i, (ax, name) in enumerate(zip(axes, names, strict=False)):
        rows = table[table["knob"] == name]
        numbers = pd.to_numeric(rows["value"], errors="coerce")
        numeric = bool(numbers.notna().all())
        rows = rows.assign(x=numbers if numeric else np.arange(len(rows))).sort_values(
            "x", kind="stable"
        )
        if base is not None:
            ax.axhline(base, color=GREY, linewidth=1, linestyle=(0, (4, 2)))
        bars = np.abs(rows[["low", "high"]].to_numpy(float).T - rows["pck"].to_numpy(float))
        ax.errorbar(
            rows["x"], rows["pck"], yerr=bars, fmt="none", ecolor=BLUE, elinewidth=1.4, alpha=0.55
        )
        if numeric:
            ax.plot(rows["x"], rows["pck"], color=BLUE, linewidth=1.5)
        marked = (
            rows["base"].fillna(False).astype(bool)
            if "base" in rows
            else pd.Series(False, rows.index)
        )
        for part, inside in ((rows[~marked], BLUE), (rows[marked], PAPER)):
            ax.plot(
                part["x"],
                part["pck"],
                "o",
                markersize=5.5,
                markerfacecolor=inside,
                markeredgecolor=BLUE,
                zorder=4,
            )
        if numeric:
            whole = bool((rows["x"] == rows["x"].round()).all())
            ax.xaxis.set_major_locator(MaxNLocator(4, integer=whole, steps=[1, 2, 5, 10]))
        else:
            ax.set_xticks(rows["x"], [str(value) for value in rows["value"]], fontsize=9)
            ax.set_xlim(-0.6, len(rows) - 0.4)
        ax.set_ylim(0, top)
        ax.set_title(name, fontsize=10)
        ax.tick_params(labelsize=9, labelleft=i % cols == 0)
        ax.grid(axis="y", color="#dddddd", linewidth=0.7)
        ax.set_axisbelow(True)
    for ax in axes[len(names) :]:
        ax.set_axis_off()
    return axes


def share_bins(
    shares: Mapping[str, Sequence[Real]], edges: Sequence[Real] = (0, 0.25, 0.5, 0.75, 1)
) -> pd.DataFrame:
    """The percentage of pairs in each bin of the share of right answers, one column a method; rows
    are named "0", "1-25", ...

    The first bin holds the pairs without any right answer, the others those above an edge and up to
    the next one. *Source:* the bins of Hedlin et al., supplement, figure 11, which has eleven.
    """
    percent = [round(100 * edge) for edge in edges]
    names = [
        f"{percent[0]}",
        *(f"{a + 1}-{b}" for a, b in zip(percent[:-1], percent[1:], strict=True)),
    ]
    found = {}
    for method, values in shares.items():
        values = np.asarray(values, float)
        if not len(values) or values.min() < edges[0] or values.max() > edges[-1]:
            raise ValueError(
                f"{method}: {len(values)} shares; wanted at least one, all from {edges[0]} to "
                f"{edges[-1]}"
            )
        places = np.searchsorted(np.asarray(edges, float) + 1e-9, values)
        found[method] = 100 * np.bincount(places, minlength=len(names)) / len(values)
    return pd.DataFrame(found, index=pd.Index(names, name="right answers, percent"))


def share_chart(ax: Axes, bins: pd.DataFrame) -> Axes:
    """Bars of `share_bins` side by side, one colour a method. Returns `ax`."""
    width = 0.8 / len(bins.columns)
    for i, (name, color) in enumerate(zip(bins.columns, CYCLE, strict=False)):
        places = np.arange(len(bins)) + (i - (len(bins.columns) - 1) / 2) * width
        ax.bar(places, bins[name], width=0.92 * width, color=color, label=name)
    ax.set_xticks(range(len(bins)), bins.index)
    ax.tick_params(axis="x", length=0)
    ax.set(xlabel=bins.index.name, ylabel="percent of pairs")
    ax.grid(axis="y", color="#dddddd", linewidth=0.7)
    ax.set_axisbelow(True)
    ax.legend(
        fontsize=9,
        ncols=2,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        columnspacing=1.2,
        handlelength=1.4,
    )
    return ax
