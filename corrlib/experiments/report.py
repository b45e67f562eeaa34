"""Tables of results: ours beside a paper's, per category, and as files. NumPy and pandas only.

    paper = report.read_paper("book/paper_numbers/dift_spair.csv")
    table = report.comparison(keypoints, paper, method="DIFT (SD 2.1)", by="point")
    export.export(table, "build/toybox/tables/dift", caption="DIFT on SPair-71k",
            provenance=report.provenance(keypoints, run))

A number never travels without its definition and its run: every row says which PCK it is and which
part of the data it was measured on, and what was not run says "not run" instead of being left out.
"""

from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from corrlib import __version__, metrics

PAPER_COLUMNS = ("benchmark", "method", "definition", "threshold", "category", "pck")
TOTALS = ("mean", "all")  # over categories, and over all points (or pairs)
NOT_RUN, NOT_GIVEN = "not run", "not given"


def definition(
    alpha: Real = 0.1, by: str = "point", length: str = "box", strict: bool = False
) -> str:
    """Which PCK a number is, in the words of the papers' numbers: "per point, 0.1 box"."""
    return f"per {by}, {alpha:g} {length}" + (", strict" if strict else "")


def read_paper(path: str | Path) -> pd.DataFrame:
    """A paper's numbers, PCK in percent, one row a method, definition and category. Raises
    ValueError on a missing column.
    """
    rows = pd.read_csv(path)
    if missing := [name for name in PAPER_COLUMNS if name not in rows]:
        raise ValueError(
            f"{path} has no column {', '.join(missing)}; it has {', '.join(rows.columns)}"
        )
    return rows


def per_category(
    table: pd.DataFrame, *, alpha: Real = 0.1, by: str = "point", strict: bool = False
) -> pd.Series:
    """PCK in percent of each category, sorted by name, then their unweighted "mean", then "all"
    pooled.

    `by` is "point" or "image" (the mean over pairs). Raises ValueError on another `by`.
    """
    if by not in ("point", "image"):
        raise ValueError(
            f"by is {by!r}; wanted 'point' or 'image' (the mean of categories is the row 'mean')"
        )
    score = {
        name: metrics.pck(rows, alpha=float(alpha), by=by, strict=strict)
        for name, rows in table.groupby("category")
    }
    score["mean"] = float(np.mean(list(score.values()))) if score else float("nan")
    score["all"] = (
        metrics.pck(table, alpha=float(alpha), by=by, strict=strict) if len(table) else float("nan")
    )
    return pd.Series(score, name=_label(table), dtype=float).rename_axis("category")


def by_method(
    tables: Mapping[str, pd.DataFrame | None],
    *,
    alpha: Real = 0.1,
    by: str = "point",
    length: str = "box",
    strict: bool = False,
) -> pd.DataFrame:
    """One row a method, one column a category (and mean, all), with its PCK's definition and its
    run; None is a method not run.
    """
    columns = {
        name: per_category(t, alpha=alpha, by=by, strict=strict)
        for name, t in tables.items()
        if t is not None
    }
    categories = sorted({c for scores in columns.values() for c in scores.index if c not in TOTALS})
    frame = pd.DataFrame(columns, index=[*TOTALS[::-1], *categories], dtype=float).T.reindex(
        list(tables)
    )
    frame["definition"] = definition(alpha, by, length, strict)
    frame["run"] = [describe(tables[name]) for name in frame.index]
    return frame.rename_axis(index="method", columns=None)


def comparison(
    ours: pd.DataFrame | None,
    paper: pd.DataFrame,
    *,
    method: str,
    benchmark: str = "SPair-71k",
    alpha: Real = 0.1,
    by: str = "point",
    length: str = "box",
    strict: bool = False,
) -> pd.DataFrame:
    """Paper, ours and difference (ours - paper) in percent for each category, mean and all, each
    with its definition and its run.

    `ours` is a keypoint table, or None where nothing was run; `paper` the rows of `read_paper`, of
    which those of `method`, `benchmark` and this very definition are taken. A number that is not
    there is NaN, shown as "not run" (ours) or "not given" (the paper's). Raises ValueError when the
    paper has no such rows: numbers of different definitions are never set side by side.
    """
    wanted = definition(alpha, by, length, strict)
    there = paper[(paper["method"] == method) & (paper["benchmark"] == benchmark)]
    if there.empty:
        known = sorted(set(paper["method"] + " on " + paper["benchmark"]))
        raise ValueError(
            f"the paper's numbers have no {method!r} on {benchmark}; they have {', '.join(known)}"
        )
    defined = there["definition"] + ", " + there["threshold"]
    chosen = there[defined == wanted]
    if chosen.empty:
        known = "; ".join(sorted(set(defined)))
        raise ValueError(
            f"the paper's numbers of {method!r} on {benchmark} are not {wanted!r}; they are {known}"
        )
    theirs = chosen.set_index("category")["pck"].astype(float)
    mine = (
        per_category(ours, alpha=alpha, by=by, strict=strict)
        if ours is not None
        else pd.Series(dtype=float)
    )
    categories = sorted((set(theirs.index) | set(mine.index)) - set(TOTALS))
    frame = pd.DataFrame(
        {"paper": theirs, "ours": mine}, index=pd.Index([*categories, *TOTALS], name="category")
    )
    frame["difference"] = frame["ours"] - frame["paper"]
    frame["definition"] = wanted
    frame["run"] = describe(ours)
    return frame


def describe(table: pd.DataFrame | None) -> str:
    """A run in few words, its profile and the part of the data first: "profile toybox, dift
    (toybox), subset: 20 of 400 pairs".
    """
    if table is None or table.empty:
        return NOT_RUN
    subset = ", ".join(s for s in _unique(table, "subset") if s)
    name = _label(table)
    return ", ".join(
        filter(
            None,
            [
                f"profile {'/'.join(_unique(table, 'profile'))}",
                name,
                f"subset: {subset}" if subset else "",
            ],
        )
    )


def provenance(table: pd.DataFrame | None, run: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Where a table's numbers come from: profile, method, preset, settings, weights' hash, seed,
    subset, data set, rules of counting, counts and version.

    `run` is what the matches' folder says of itself (run.json). Nothing in it changes from one
    equal run to the next.
    """
    told = {key: (run or {}).get(key) for key in ("settings", "weights", "seed")}
    if table is None or table.empty:
        return {"profile": NOT_RUN, **told, "version": __version__}
    rules = [key for key in ("data", "base", "by", "strict", "origin", "frame") if key in table]
    labels = {
        key: "/".join(_unique(table, key))
        for key in ("profile", "method", "preset", "subset", *rules)
    }
    counts = {"pairs": int(table["pair"].nunique()), "points": len(table)}
    return {
        **labels,
        "subset": labels["subset"] or "no, all pairs",
        **told,
        **counts,
        "version": __version__,
    }


def shown(frame: pd.DataFrame, digits: int = 1) -> pd.DataFrame:
    """The table as it is printed: text, `digits` decimals, signs on differences, and words where
    there is no number.
    """
    text = pd.DataFrame(index=frame.index)
    for name in frame.columns:
        if not pd.api.types.is_float_dtype(frame[name]):
            text[name] = frame[name].astype(str)
            continue
        spec, absent = (
            (f"+.{digits}f", "")
            if name == "difference"
            else (f".{digits}f", NOT_GIVEN if name == "paper" else NOT_RUN)
        )
        # adding 0.0 turns a rounded -0.0 into 0.0
        text[name] = [
            absent if np.isnan(v) else format(round(float(v), digits) + 0.0, spec)
            for v in frame[name]
        ]
    return text


def _label(table: pd.DataFrame) -> str:
    method, preset = ("/".join(_unique(table, key)) for key in ("method", "preset"))
    return f"{method} ({preset})" if preset else method


def _unique(table: pd.DataFrame, column: str) -> list[str]:
    return list(dict.fromkeys(table[column].astype(str))) if column in table else []
