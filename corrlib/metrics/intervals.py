"""How sure a number is: confidence intervals of one method's PCK, of the difference of two, of any
weighted sum of several, and of a plain mean.

Pairs that share a picture are not independent, and the intervals know it (`clustered_error`). They
were tried out on tables whose true difference is zero, of 24 to 1,080 pairs: 95 % intervals leave
zero out in about one of twenty (`tests/metrics/test_interval_calibration.py`).
"""

from collections.abc import Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from corrlib.metrics.clustered_error import Sharing, clustered_error, t_quantile
from corrlib.metrics.pck import Counter, percent
from corrlib.metrics.table import groups, require


class Interval(NamedTuple):
    """A value and the ends of its confidence interval, all in its own unit (PCK: percent;
    differences: percentage points).
    """

    value: float
    low: float
    high: float


def pck_interval(
    table: pd.DataFrame,
    by: str = "point",
    *,
    alpha: Real = 0.1,
    over: str = "image",
    level: float = 0.95,
    strict: bool = False,
) -> Interval:
    """PCK in percent with its confidence interval; the keypoints of a pair go together.

    `over="image"`: pairs that share a picture (columns `source_image`, `target_image`) are
    dependent; `over="pair"`: pairs are independent, which is right only where each has pictures of
    its own. The ends stay within 0 and 100, and are these where a single pair tells nothing. Under
    a protocol, measure first: `pck_interval(measured(table, p), p.by, alpha=0.1, strict=p.strict)`.
    Raises as `pck` does.
    """
    how = {"alpha": alpha, "over": over, "level": level, "strict": strict}
    return contrast_interval([(1, table)], by, **how)


def interval_table(
    table: pd.DataFrame, by: str = "point", group: Sequence[str] = ("category",), **options: Any
) -> pd.DataFrame:
    """`pck_interval` of each group of rows: one row a group, columns the group's, by, pck, low,
    high, keypoints, pairs.

    `options` are those of `pck_interval`. Groups keep the order of the table.
    """
    rows = []
    for labels, part in groups(table, group):
        value, low, high = pck_interval(part, by, **options)
        size = {"keypoints": len(part), "pairs": part["pair"].nunique()}
        rows.append({**labels, "by": by, "pck": value, "low": low, "high": high, **size})
    return pd.DataFrame(rows)


def paired_interval(
    table_a: pd.DataFrame,
    table_b: pd.DataFrame,
    by: str | tuple[str, str] = "point",
    *,
    alpha: Real = 0.1,
    over: str = "image",
    level: float = 0.95,
    strict: bool | tuple[bool, bool] = False,
) -> Interval:
    """(difference, low, high) of PCK, a minus b in percentage points, on the same keypoints.

    What makes a keypoint hard for both cancels, so that a difference is surer than either number.
    To compare two ways of counting the same predictions, `by` and `strict` may be pairs (of a, of
    b), and the tables `measured` by two protocols. Raises as `contrast_interval`.
    """
    how = {"alpha": alpha, "over": over, "level": level, "strict": strict}
    return contrast_interval([(1, table_a), (-1, table_b)], by, **how)


def contrast_interval(
    terms: Sequence[tuple[Real, pd.DataFrame]],
    by: str | Sequence[str] = "point",
    *,
    alpha: Real = 0.1,
    over: str = "image",
    level: float = 0.95,
    strict: bool | Sequence[bool] = False,
) -> Interval:
    """The sum of weight * PCK over `terms` (weight, table) in percentage points, with its interval.

    The tables hold the same keypoints, in any order; raises ValueError naming the first that only
    one of them has, and as `pck` does. `by` and `strict` may be given term by term.
    """
    first = terms[0][1]
    tables = [first, *(_aligned(first, table) for _, table in terms[1:])]
    by, strict = (
        [of] * len(terms) if isinstance(of, str | bool) else list(of) for of in (by, strict)
    )
    value, residuals, designs = 0.0, 0.0, {}
    for (weight, _), table, how, sign in zip(terms, tables, by, strict, strict=True):
        right, total = Counter(table).counts(alpha, how, sign)
        shares = 100 * _shares(right, total, table)
        weights, cells = designs[how] = _design(total)
        mean = np.bincount(cells, shares) / np.bincount(cells, weights)
        value += weight * float(percent(right.sum(0), total.sum(0)))
        residuals += weight * (shares - weights * mean[cells])
    sharing = _sharing(first, over)
    found = [clustered_error(residuals, *design, sharing) for design in designs.values()]
    error, degrees = min(found, key=lambda one: one[1])  # of two ways of counting, the less sure
    ends = [sum(100 * pick(float(weight), 0.0) for weight, _ in terms) for pick in (min, max)]
    return _interval(value, error, degrees, level, *ends)


def mean_interval(values: Any, groups: Any = None, *, level: float = 0.95) -> Interval:
    """The mean of one number a pair, sequence or object (an accuracy, T5, J), with its interval.

    `groups` names for each value what goes together, such as the sequence of a pair; None takes
    values for independent. Values of a single group tell nothing of another: the ends are infinite.
    Raises ValueError when there is no value, when one is not finite, or when the lengths differ.
    """
    values = np.asarray(values, float)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(
            f"values have shape {values.shape}; wanted at least one finite number a pair, "
            "sequence or object"
        )
    if groups is not None and len(groups) != len(values):
        raise ValueError(f"{len(values)} values and {len(groups)} groups; wanted one group a value")
    codes, names = pd.factorize(np.arange(len(values)) if groups is None else np.asarray(groups))
    sums, weights = np.bincount(codes, values), np.bincount(codes) / len(values)
    residuals = sums / len(values) - weights * values.mean()
    alone = Sharing.of(np.arange(len(names)))
    error, degrees = clustered_error(residuals, weights, np.zeros(len(names), int), alone)
    return _interval(float(values.mean()), error, degrees, level, -np.inf, np.inf)


def _interval(value, error, degrees, level, bottom, top) -> Interval:
    half = error * t_quantile(level, degrees) if error else 0.0
    return Interval(value, float(max(value - half, bottom)), float(min(value + half, top)))


def _shares(right: np.ndarray, total: np.ndarray, table: pd.DataFrame) -> np.ndarray:
    """What each pair adds to PCK (0 to 1)."""
    if (several := (total > 0).sum(1) > 1).any():
        pair = pd.unique(table["pair"])[int(several.argmax())]
        raise ValueError(
            f"pair {pair} has keypoints of several categories; an interval over categories wants "
            "one a pair"
        )
    return (right / total.sum(0)).sum(1) / total.shape[1]


def _design(total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What each pair counts, and the cell whose mean is subtracted from it: its category, where
    that has a second pair; the others are compared with each other."""
    weights = (total / total.sum(0)).sum(1) / total.shape[1]
    cells = (total > 0).argmax(1)
    cells = np.where(np.bincount(cells)[cells] > 1, cells, total.shape[1])
    return weights, pd.factorize(cells)[0]


def _sharing(table: pd.DataFrame, over: str) -> Sharing:
    if over not in ("pair", "image"):
        raise ValueError(f"over is {over!r}; wanted 'pair' or 'image'")
    unique = table.drop_duplicates("pair")
    if over == "pair":
        return Sharing.of(unique["pair"])
    ends = ("source_image", "target_image")
    require(table, ends)
    return Sharing.of(*(unique[end] for end in ends))


def _aligned(first: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The keypoints of `table` in the order of the first one."""
    keys = ["pair", "keypoint"]
    index = []
    for name, one in (("first", first), ("second", table)):
        require(one, keys)
        index.append(pd.MultiIndex.from_frame(one[keys]))
        if index[-1].has_duplicates:
            twice = index[-1][index[-1].duplicated()][0]
            raise ValueError(
                f"the {name} table has keypoint {twice} twice; give the table of one method and "
                "one setting"
            )
    for this, other, name in ((0, 1, "first"), (1, 0, "second")):
        alone = ~index[this].isin(index[other])
        if alone.any():
            raise ValueError(
                f"only the {name} table has keypoint {index[this][alone][0]}; compare tables of "
                "the same pairs"
            )
    return table.iloc[index[1].get_indexer(index[0])]
