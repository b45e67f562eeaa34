"""Numbers drawn: layer by timestep, curves with bands, a training record, the laws."""

import textwrap
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter

from corrlib.experiments.laws import verdict
from corrlib.viz.style import BLUE, CYCLE, GREY, INK, ORANGE, PAPER, SEQUENTIAL, to_array

VERDICTS = {"holds": (BLUE, "o"), "does not": (ORANGE, "s"), "cannot tell": (GREY, "D")}


def layer_grid(
    ax: Axes,
    table: pd.DataFrame,
    *,
    value: str = "pck",
    digits: int = 0,
    label: str = "PCK, percent",
) -> Axes:
    """A table of layers (rows) by timesteps (columns) as colours with the numbers in them, the best
    one framed.

    `table` has one row a layer and one column a timestep, or is long with columns layer, t and
    `value`. Cells without a number were not run, and say so by being empty. Returns `ax`.
    """
    if {"layer", "t", value} <= set(table.columns):
        table = table.pivot_table(index="layer", columns="t", values=value, sort=False).sort_index(
            axis=1
        )
    numbers = table.to_numpy(dtype=float)
    bar = {"label": label, "pad": 0.02, "aspect": 30, "fraction": 0.05}
    seaborn.heatmap(
        table,
        ax=ax,
        cmap=SEQUENTIAL,
        annot=True,
        fmt=f".{digits}f",
        annot_kws={"fontsize": 10},
        cbar_kws=bar,
    )
    ax.set_facecolor("#eeeeee")
    if np.isfinite(numbers).any():
        row, column = np.unravel_index(np.nanargmax(numbers), numbers.shape)
        for color, width in ((PAPER, 4.5), (ORANGE, 2.4)):
            frame = {
                "fill": False,
                "edgecolor": color,
                "linewidth": width,
                "joinstyle": "round",
                "clip_on": False,
            }
            ax.add_patch(Rectangle((column + 0.03, row + 0.05), 0.94, 0.9, **frame))
    ax.tick_params(length=0, rotation=0)
    ax.set(xlabel="timestep", ylabel="")
    return ax


def curve_with_band(
    ax: Axes,
    x: Any,
    y: Any,
    low: Any = None,
    high: Any = None,
    *,
    label: str | None = None,
    color: str | None = None,
    marker: str = "o",
) -> Axes:
    """A curve through (x, y) and, between `low` and `high`, the band of its confidence interval.
    Returns `ax`.
    """
    x, y = to_array(x), to_array(y)
    (line,) = ax.plot(
        x,
        y,
        marker=marker,
        markersize=5,
        label=label,
        color=color,
        markeredgecolor=PAPER,
        markeredgewidth=0.8,
    )
    if low is not None and high is not None:
        ax.fill_between(
            x, to_array(low), to_array(high), color=line.get_color(), alpha=0.18, linewidth=0
        )
    _rules(ax)
    return ax


def training_record(
    axes: Sequence[Axes] | np.ndarray,
    record: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    forecast: Any = None,
) -> np.ndarray:
    """When does correspondence emerge? The loss (first axes) and PCK (second) against images seen,
    in doublings. Returns the axes.

    `record` is a training record (or its list "record"): rows of images, loss and pck, a mapping
    from "layer@t" to percent. A layer's curve is its best timestep at each row that looked at it; a
    "curve" of (images, loss) in the record is drawn thin behind the loss. Where the world of the
    validation pairs changes, curves begin anew and a line says so. `forecast` (as
    `corrlib.experiments.forecast` gives) adds what the next doubling is expected to reach.
    """
    axes = np.asarray(axes, dtype=object).ravel()
    curve = record.get("curve", ()) if isinstance(record, Mapping) else ()
    rows = record["record"] if isinstance(record, Mapping) else record
    images = np.array([row["images"] for row in rows], float)
    if len(curve):
        seen, loss = np.array(curve, float).T
        axes[0].plot(seen, _smooth(loss), color=BLUE, alpha=0.35, linewidth=1.2)
    curve_with_band(axes[0], images, [row["loss"] for row in rows], color=BLUE)
    axes[0].set_ylabel("loss")
    of_world = np.array([row.get("world", "hard") for row in rows])
    worlds = list(dict.fromkeys(of_world.tolist()))
    layers = list(dict.fromkeys(name.split("@")[0] for name in rows[-1]["pck"]))
    for layer, color in zip(layers, CYCLE, strict=False):
        of = [[v for name, v in row["pck"].items() if name.split("@")[0] == layer] for row in rows]
        best = np.array([max(values, default=np.nan) for values in of])
        for k, world in enumerate(worlds):
            taken = np.isfinite(best) & (of_world == world)
            name = layer if k == 0 else "_" + layer
            curve_with_band(axes[1], images[taken], best[taken], label=name, color=color)
        if forecast is not None and forecast.layer == layer:
            reach = [[forecast.next - forecast.next_low], [forecast.next_high - forecast.next]]
            axes[1].errorbar(
                forecast.images, forecast.next, reach, fmt="o", mfc="none", color=color, capsize=3
            )
    for ax in axes[: 2 * (len(worlds) > 1)]:
        ax.axvline(images[of_world == worlds[-1]][0], color=GREY, linestyle=":", linewidth=1)
    if len(worlds) > 1:
        place = (images[of_world == worlds[-1]][0], 0.02)
        axes[1].annotate(
            f"{worlds[-1]} ", place, xycoords=("data", "axes fraction"), ha="right", fontsize=9
        )
    axes[1].set_ylabel("PCK@0.1, percent")
    axes[1].set_ylim(0, 1.4 * max(max(row["pck"].values()) for row in rows))  # room for the legend
    axes[1].legend(handlelength=1.6, fontsize=9, loc="upper left")
    for ax in axes[:2]:
        ax.set_xscale("log", base=2)
        doublings = 1000 * 2.0 ** np.arange(-9, 20)
        doublings = doublings[(doublings > 0.9 * images.min()) & (doublings < 1.1 * images.max())]
        ax.set_xticks(doublings[:: -(-len(doublings) // 5)])
        ax.xaxis.set_major_formatter(
            FuncFormatter(lambda n, _: f"{n / 1000:,.0f}k" if n >= 1000 else f"{n:.0f}")
        )
        ax.minorticks_off()
        ax.set_xlabel("images seen")
    return axes


def law_plot(
    ax: Axes, laws: Any, *, unit: str = "difference in PCK, points", wrap: int = 30
) -> Axes:
    """One line a law: the measured difference with its confidence interval, coloured by verdict.
    Returns `ax`.

    `laws` is a table (or a sequence of mappings) with columns law, difference, low, high and,
    unless it follows from the interval as in `verdict`, verdict: "holds", "does not" or "cannot
    tell". Where columns above and below are the two ends of a claim, the room between them is
    shaded. A column margin says what is in a difference beside what was measured: it is taken out,
    and a short line stands where the claim begins, in place of zero. A difference of NaN was not
    run. The first law is at the top.
    """
    laws = pd.DataFrame(laws).reset_index(drop=True)
    ax.axvline(0, color=INK, linewidth=1)
    for i, row in laws.iterrows():
        if not np.isfinite(row["difference"]):
            ax.text(0, i, "  not run", va="center", color=GREY, fontsize=10, style="italic")
            continue
        says = row["verdict"] if "verdict" in laws else verdict(row["low"], row["high"])
        color, marker = VERDICTS[says]
        margin = row.get("margin", 0.0)
        if np.isfinite(row.get("below", np.inf)):
            room = row["below"] - row["above"]
            ax.barh(i, room, 0.6, row["above"] - margin, color=GREY, alpha=0.2, linewidth=0)
        elif margin:
            ax.plot([-margin, -margin], [i - 0.35, i + 0.35], color=INK, linewidth=2)
        low, high = row["low"] - margin, row["high"] - margin
        ax.plot([low, high], [i, i], color=color, linewidth=2.6, solid_capstyle="round")
        ax.plot(
            row["difference"] - margin,
            i,
            marker,
            color=color,
            markersize=8,
            markeredgecolor=PAPER,
            markeredgewidth=1,
        )
        ax.annotate(
            says,
            (1, i),
            (6, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            color=color,
        )
    ax.set_ylim(len(laws) - 0.5, -0.5)
    ax.set_yticks(range(len(laws)), [_wrapped(text, wrap) for text in laws["law"]])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(unit)
    ax.grid(axis="x", color="#dddddd", linewidth=0.7)
    ax.set_axisbelow(True)
    return ax


def size_plot(ax: Axes, table: pd.DataFrame, *, share: float = 0.5) -> Axes:
    """Differences beside those of a paper: a point each, at the paper's difference and at ours with
    its interval, coloured by whether ours reaches `share` of the paper's. Returns `ax`.

    `table` is that of `readings.at_size`; what was not run is not drawn. One line is where both are
    equal, one where ours is `share` of the paper's.
    """
    words = {
        "holds": f"at least {share:g} of it",
        "does not": f"less than {share:g} of it",
        "cannot tell": "cannot tell",
    }
    for says, (color, marker) in VERDICTS.items():
        part = table[table["verdict"] == says]
        bars = [part["here"] - part["low"], part["high"] - part["here"]]
        look = {"color": color, "fmt": marker, "elinewidth": 1.6, "markeredgecolor": PAPER}
        ax.errorbar(part["paper"], part["here"], yerr=bars, label=words[says], **look)
    end = 1.05 * table["paper"].max()
    for part, text in ((1.0, "as large"), (share, f"{share:g} of it")):
        ax.plot(
            [0, end], [0, part * end], color=INK, linewidth=1, linestyle="-" if part == 1 else "--"
        )
        ax.annotate(text, (end, part * end), (4, 0), textcoords="offset points", va="center")
    ax.axhline(0, color=GREY, linewidth=1)
    ax.set(xlabel="difference in the paper, points", ylabel="difference here, points")
    return ax


def category_bars(
    ax: Axes, values: pd.Series, line: Real | None = None, *, unit: str = "PCK, percent"
) -> Axes:
    """One horizontal bar a category, longest at the top, and a line at the value over all. Returns
    `ax`.

    `values` is a series by category; the totals "mean" and "all" that `report.per_category` adds
    are left out.
    """
    values = values.drop(["mean", "all"], errors="ignore").sort_values(kind="stable")
    ax.barh(range(len(values)), values, height=0.72, color=BLUE, alpha=0.85)
    ax.set_yticks(range(len(values)), values.index, fontsize=9)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-0.6, len(values) - 0.4)
    ax.grid(axis="x", color="#dddddd", linewidth=0.7)
    ax.set_axisbelow(True)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(unit)
    if line is not None:
        ax.axvline(line, color=ORANGE, linewidth=1.8, linestyle=(0, (4, 2)))
    return ax


def _rules(ax: Axes) -> None:
    ax.grid(axis="y", color="#dddddd", linewidth=0.7)
    ax.set_axisbelow(True)


def _smooth(values: np.ndarray, window: int = 9) -> np.ndarray:
    padded = np.pad(values, window // 2, mode="edge")
    return np.convolve(padded, np.full(window, 1 / window), mode="valid")[: len(values)]


def _wrapped(text: str, width: int) -> str:
    """Lines of about equal length, as few as `width` allows."""
    fill = [textwrap.wrap(text, w, break_long_words=False) for w in range(1, width + 1)]
    return "\n".join(next(lines for lines in fill if len(lines) == len(fill[-1])))
