"""What each knob of a method is worth: studies whose trials change one setting of a base.

    one_at_a_time(trials, {"steps": "steps of the search"}, {"steps": 40})   # one row a value
    better, worse = told_apart(rows)                    # beyond their own interval
    more_helps("crops", {4: few, 8: base, 16: many})    # two comparisons, for a law
    combination("pareto-40-2-8", {"steps": 40, "embeddings": 5, "crops": 8})  # (40, 2, 8)

A trial is named after its knob and value, `steps-80`; the trial `base` changes nothing.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from corrlib.experiments import laws
from corrlib.metrics import pck_interval

ENDS = ("difference", "diff. low", "diff. high")


def one_at_a_time(
    trials: Mapping[str, pd.DataFrame],
    knobs: Mapping[str, str],
    at_base: Mapping[str, Any],
    alpha: float = 0.1,
) -> pd.DataFrame:
    """One row a knob's value: `trial`, `knob`, `value`, whether it is the `base`, PCK in percent
    with its 95 % interval over pictures, and its difference from the base on the same points.

    `trials` are keypoint tables by name, `knobs` titles by knob in the order of the rows, and
    `at_base` the base's values. A trial that repeats the base's value is left out, and so is a knob
    that no trial changes. Raises ValueError where there is no trial `base`.
    """
    if "base" not in trials:
        raise ValueError("the study has no trial base, so nothing can be compared with it")
    rows = [("base", knob, str(at_base[knob])) for knob in knobs if knob in at_base]
    for name in trials:
        knob, _, value = name.rpartition("-")
        if knob in knobs and value != str(at_base.get(knob)):
            rows.append((name, knob, value))
    order = {knob: place for place, knob in enumerate(knobs)}
    rows = sorted(rows, key=lambda row: order[row[1]])
    turned = {knob for name, knob, _ in rows if name != "base"}
    found = []
    for name, knob, value in rows:
        if knob in turned:
            score = pck_interval(trials[name], alpha=alpha)
            gap = laws.compare(name, trials[name], trials["base"], alpha=alpha).interval
            row = {"trial": name, "knob": knobs[knob], "value": value, "base": name == "base"}
            row |= {"pck": score.value, "low": score.low, "high": score.high}
            found.append(row | dict(zip(ENDS, gap, strict=True)))
    columns = ["trial", "knob", "value", "base", "pck", "low", "high", *ENDS]
    return pd.DataFrame(found, columns=columns)


def told_apart(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Of the rows of `one_at_a_time` those that are better, and those that are worse than the base
    beyond their own interval, the largest difference first.
    """
    rows = rows[~rows["base"]].sort_values("difference", key=abs, ascending=False, kind="stable")
    return rows[rows["diff. low"] > 0], rows[rows["diff. high"] < 0]


def listed(rows: pd.DataFrame) -> str:
    """Rows of `one_at_a_time` in words: knob and value with the difference in points, or none."""
    texts = [f"{r.knob} {r.value} ({r.difference:+.1f})" for r in rows.itertuples()]
    return "; ".join(texts) or "none"


def values_of(
    trials: Mapping[str, pd.DataFrame], knob: str, at_base: int
) -> dict[int, pd.DataFrame]:
    """The tables of a knob whose values are whole numbers, by value, the base's among them."""
    found = {
        int(name.rpartition("-")[2]): table
        for name, table in trials.items()
        if name.rpartition("-")[0] == knob
    }
    return dict(sorted((found | {at_base: trials["base"]}).items()))


def more_helps(
    unit: str, tables: Mapping[int, pd.DataFrame], alpha: float = 0.1
) -> list[laws.Comparison]:
    """The comparisons of "more of it helps, with diminishing returns": the most minus the least;
    and the one in the middle minus the straight line from the least to the most there, for returns
    that diminish lie above that line.

    Raises ValueError on fewer than three values.
    """
    if len(values := sorted(tables)) < 3:
        raise ValueError(f"got {len(values)} values of {unit}; wanted three or more for a bend")
    low, mid, high = values[0], values[len(values) // 2], values[-1]
    part = (mid - low) / (high - low)
    bend = [(1, tables[mid]), (part - 1, tables[low]), (-part, tables[high])]
    more = laws.compare(f"{high} - {low} {unit}", tables[high], tables[low], alpha=alpha)
    return [more, laws.contrast(f"{mid} - line from {low} to {high}", bend, alpha=alpha)]


def combination(trial: str, base: Mapping[str, int]) -> tuple[int, ...] | None:
    """The values of all knobs of `base`, in its order, in a trial that changes one of them
    (`steps-80`) or names all of them (`pareto-80-5-8`); None where it changes anything else.
    """
    if trial == "base":
        return tuple(base.values())
    knob, _, values = trial.partition("-")
    if knob == "pareto":
        return tuple(map(int, values.split("-")))
    return tuple({**base, knob: int(values)}.values()) if knob in base else None
