"""A random search drawn: every setting against PCK, and how much of the best of n is luck."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from corrlib.viz.charts import curve_with_band
from corrlib.viz.style import BLUE, GREY, INK, ORANGE, PAPER

CURVES = {
    "apparent": (ORANGE, "-", "best of n"),
    "left_out": (BLUE, "-", "the same choice, unseen pictures"),
    "luck": (GREY, "--", "luck alone"),
}


def settings_scatter(
    axes: Sequence[Axes] | np.ndarray,
    trials: pd.DataFrame,
    space: Mapping[str, Any],
    *,
    error: str = "apart",
    unit: str = "PCK@0.1, percent",
) -> np.ndarray:
    """One axes a setting of the searched `space`: its value against PCK, one dot a trial, the best
    ringed. Returns the axes.

    `trials` has one row a trial: a column a setting (`random_search.table`), and those of
    `search_optimism.scores`.
    An axis is logarithmic where the law is. Bars are one standard error, of column `error`: "apart"
    for how sure dots are to each other, "error" for PCK itself; without that column there is none.
    Axes beyond the settings are removed.
    """
    axes = np.asarray(axes, dtype=object).ravel()
    if len(axes) < len(space):
        raise ValueError(
            f"got {len(axes)} axes for {len(space)} settings; wanted one for each of "
            f"{', '.join(space)}"
        )
    best = trials["pck"].to_numpy().argmax()
    for ax, (name, entry) in zip(axes, space.items(), strict=False):
        ((law, values),) = entry.items()
        x = _places(ax, trials[name], law, values)
        ax.plot(
            x,
            trials["pck"],
            "o",
            color=BLUE,
            markersize=6,
            alpha=0.75,
            markeredgecolor=PAPER,
            markeredgewidth=0.8,
        )
        ax.plot(
            x[best],
            trials["pck"].iloc[best],
            "o",
            color="none",
            markersize=10,
            markeredgecolor=ORANGE,
            markeredgewidth=2,
        )
        ax.set_xlabel(name.replace("_", " "))
        ax.grid(axis="y", color="#dddddd", linewidth=0.7)
        ax.set_axisbelow(True)
        ax.margins(y=0.08)  # room for the ring
        if ax.get_subplotspec() is None or ax.get_subplotspec().is_first_col():
            ax.set_ylabel(unit)
        if error in trials:
            ax.errorbar(x, trials["pck"], trials[error], fmt="none", ecolor=GREY, alpha=0.5)
    for ax in axes[len(space) :]:
        ax.remove()
    return axes[: len(space)]


def best_of_n(ax: Axes, found: pd.DataFrame, *, unit: str = "PCK@0.1, percent") -> Axes:
    """What a search of n trials reports, what its choice scores on unseen pictures, and luck alone.
    Returns `ax`.

    `found` is `search_optimism.best_of_n`: bands are how sure the second is, and where searches
    fall whose trials are equal in truth. The gap of the first two at the largest n, the optimism,
    is written at its right.
    """
    marker = "o" if len(found) <= 24 else ""
    for name, (color, dash, label) in CURVES.items():
        band = () if name == "apparent" else (found[f"{name}_low"], found[f"{name}_high"])
        curve_with_band(ax, found["n"], found[name], *band, label=label, color=color, marker=marker)
        ax.lines[-1].set_linestyle(dash)
    last = found.iloc[-1]
    place, margin = last["n"] + 0.025 * len(found), 0.05 * len(found)
    ends = [last["left_out"], last["apparent"]]
    ax.plot([place, place], ends, color=INK, linewidth=1.2, marker="_", markersize=7)
    gap = (
        f"optimism\n{last['optimism']:.1f} points\n± "
        f"{(last['optimism_high'] - last['optimism_low']) / 2:.1f}"
    )
    style = {
        "textcoords": "offset points",
        "va": "center",
        "fontsize": 10,
        "color": INK,
        "annotation_clip": False,
    }
    ax.annotate(gap, (place, np.mean(ends)), (7, 0), **style)
    ax.set_xlim(1 - margin, last["n"] + margin)
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
    ax.set(xlabel="trials, n", ylabel=unit)
    ax.legend(
        fontsize=10,
        ncols=3,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        handlelength=1.8,
        columnspacing=1.4,
    )
    return ax


def _places(ax: Axes, drawn: pd.Series, law: str, values: Sequence[Any]) -> np.ndarray:
    """Where the drawn values lie on the x axis, which is set up for their law."""
    if law == "choice":
        number = {_word(value): i for i, value in enumerate(values)}
        x = np.array([number[_word(value)] for value in drawn], float)
        for i in number.values():  # dots of one choice side by side
            here = np.flatnonzero(x == i)
            x[here] += np.linspace(-0.22, 0.22, len(here)) if len(here) > 1 else 0
        ax.set_xticks(
            range(len(number)), list(number), fontsize=11 if len("".join(number)) <= 10 else 9
        )
        ax.set_xlim(-0.5, len(number) - 0.5)
        return x
    low, high = values
    if law.startswith("log"):
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        reach = (high / low) ** 0.06
        ax.set_xlim(low / reach, high * reach)
    else:
        ax.xaxis.set_major_locator(
            MaxNLocator(4, integer=law == "integer", steps=[1, 2, 2.5, 5, 10])
        )
        ax.set_xlim(low - 0.06 * (high - low), high + 0.06 * (high - low))
    return drawn.to_numpy(float)


def _word(value: Any) -> str:
    return "+".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
