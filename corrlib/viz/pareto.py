"""Cost drawn: where time goes, and what accuracy it buys."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from corrlib.viz.style import CYCLE, GREY, INK, PAPER, to_array

MARKERS = "osD^vP"


def seconds(value: float | int) -> str:
    """A time in words, to two digits: "31 s", "1.4 s", "0.31 s", "43 ms", "0.6 ms"."""
    shown, unit = (value, "s") if value >= 0.0995 else (1000 * value, "ms")
    return f"{shown:.{0 if shown >= 9.95 else 1 if shown >= 0.995 else 2}f} {unit}"


def time_bars(
    ax: Axes,
    table: pd.DataFrame,
    *,
    share: bool = False,
    colors: Sequence[str] = CYCLE,
    least: float | int = 0.045,
) -> Axes:
    """One horizontal bar a row, made of its columns one after the other, with the sum at its end.
    Returns `ax`.

    `table` holds seconds. With `share` every bar is as long as 100 percent. Parts that take at
    least the share `least` of the longest bar have their share of their own bar written on them, in
    percent. The first row is at the top; the legend above names the columns. Raises ValueError on a
    time below 0.
    """
    values = table.to_numpy(dtype=float)
    if not (values >= 0).all():
        raise ValueError("a part's time is negative or not a number; wanted seconds, 0 or more")
    total, left = values.sum(1), np.zeros(len(values))
    long = 100 * values / total[:, None] if share else values
    for k, name in enumerate(table.columns):
        color = colors[k % len(colors)]
        ax.barh(
            range(len(long)),
            long[:, k],
            left=left,
            color=color,
            height=0.66,
            label=name,
            edgecolor=PAPER,
            linewidth=0.8,
        )
        for i, width in enumerate(long[:, k]):
            if width >= least * long.sum(1).max():
                text = f"{100 * values[i, k] / total[i]:.0f} %"
                ax.text(
                    left[i] + width / 2, i, text, ha="center", va="center", color=PAPER, fontsize=9
                )
        left = left + long[:, k]
    for i, value in enumerate(total):
        ax.annotate(
            seconds(value),
            (left[i], i),
            (5, 0),
            textcoords="offset points",
            va="center",
            fontsize=10,
            color=INK,
        )
    ax.set_yticks(range(len(long)), table.index)
    ax.set_ylim(len(long) - 0.5, -0.5)
    ax.set_xlim(0, 1.12 * left.max())
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.legend(
        fontsize=9,
        ncols=len(table.columns),
        loc="lower center",
        bbox_to_anchor=(0.45, 1),
        handlelength=1,
        columnspacing=1.2,
    )
    return ax


def front(cost: Any, value: Any) -> np.ndarray:
    """Which points nobody beats: of the points that cost no more, none is better, and of equally
    good ones none is cheaper.
    """
    cost, value = to_array(cost).astype(float), to_array(value).astype(float)
    best, kept = -np.inf, np.zeros(len(cost), bool)
    for i in np.lexsort((-value, cost)):
        if value[i] > best:
            kept[i], best = True, value[i]
    return kept


def pareto(
    ax: Axes,
    table: pd.DataFrame,
    *,
    cost: str = "seconds",
    value: str = "pck",
    group: str = "group",
    label: str = "label",
    aside: Sequence[str] = (),
) -> Axes:
    """Accuracy against seconds on a logarithmic axis, a marker a row, with a line through those
    that no other row beats.

    `table` has columns `cost`, `value`, `label` and `group` (colour and marker, in order of
    appearance). Rows on the front have their `label` above them and, where there are columns `low`
    and `high`, their interval; the others are pale. Groups named in `aside` are no part of the
    race: they neither beat nor are beaten, and are shown like those on the front. Returns `ax`.
    """
    racing = ~table[group].isin(list(aside)).to_numpy()
    best = np.zeros(len(table), bool)
    best[racing] = front(table[cost][racing], table[value][racing])
    line = table[best].sort_values(cost)
    ax.plot(line[cost], line[value], color=GREY, linewidth=1.2, zorder=1)
    for k, name in enumerate(dict.fromkeys(table[group])):
        mine = (table[group] == name).to_numpy()
        for rows, alpha in (
            (table[mine & (best | ~racing)], 1.0),
            (table[mine & racing & ~best], 0.4),
        ):
            style = {"color": CYCLE[k % len(CYCLE)], "alpha": alpha, "zorder": 2 + alpha}
            if alpha == 1 and {"low", "high"} <= set(table.columns):
                ax.vlines(rows[cost], rows["low"], rows["high"], linewidth=1.2, **style)
            ax.plot(
                rows[cost],
                rows[value],
                MARKERS[k % len(MARKERS)],
                markersize=7,
                markeredgecolor=PAPER,
                **style,
            )
        ax.plot([], [], MARKERS[k % len(MARKERS)], color=CYCLE[k % len(CYCLE)], label=name)
    named = pd.concat([line, table[~racing]]).sort_values(cost)
    ends = named["high" if "high" in named else value]
    gaps = np.diff(np.log(named[cost])) < 0.05 * np.log(table[cost].max() / table[cost].min())
    aside_by = 5.0 * (
        np.append(False, gaps).astype(int) - np.append(gaps, False)
    )  # names of close neighbours move apart
    for at, y, text, x in zip(named[cost], ends, named[label], aside_by, strict=True):
        style = {"rotation": 90, "ha": "center", "va": "bottom", "fontsize": 8.5, "color": INK}
        ax.annotate(text, (at, y), (x, 6), textcoords="offset points", **style)
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: seconds(x)))
    ax.set(xlabel="seconds a match", ylabel="PCK, percent")
    ax.margins(0.12)
    ax.set_ylim(0, 1.3 * ends.max())  # room for the names
    ax.grid(color="#dddddd", linewidth=0.7)
    ax.set_axisbelow(True)
    return ax
