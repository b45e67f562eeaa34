"""How sure a number is: bootstrap intervals over pairs or images, of one method and of the
difference of two.
"""

from collections.abc import Iterator, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from corrlib.metrics.pck import Counter, percent
from corrlib.metrics.table import groups, require

CHUNK = 2**22  # random numbers drawn at a time by the bootstrap


class Interval(NamedTuple):
    """A value and the ends of its confidence interval, all in its own unit (PCK: percent;
    differences: percentage points).
    """

    value: float
    low: float
    high: float


def bootstrap(
    table: pd.DataFrame,
    by: str = "point",
    n: int = 1000,
    seed: int = 0,
    *,
    alpha: Real = 0.1,
    over: str = "pair",
    level: float = 0.95,
    strict: bool = False,
) -> Interval:
    """PCK with its percentile bootstrap interval, from `n` resamples of whole pairs (keypoints of a
    pair go together).

    `over="image"` resamples images and weighs a pair by the product of how often its two images
    were drawn (columns `source_image` and `target_image`): wider, and right where few images make
    many pairs. With `by="category"` a category that a resample loses keeps the value of the whole
    table, so that the mean is always over the same categories. Under a protocol, measure first:
    `bootstrap(measured(table, p), p.by, alpha=0.1, strict=p.strict)`. Raises as `pck` does.
    *Source:* Efron 1979; for images Owen 2007, "The pigeonhole bootstrap".
    """
    right, total = Counter(table).counts(alpha, by, strict)
    draws = np.concatenate([_resampled(w, right, total) for w in _weights(table, n, seed, over)])
    return Interval(float(percent(right.sum(0), total.sum(0))), *_quantiles(draws, level))


def bootstrap_table(
    table: pd.DataFrame,
    by: str = "point",
    group: Sequence[str] = ("category",),
    n: int = 1000,
    seed: int = 0,
    **options: Any,
) -> pd.DataFrame:
    """`bootstrap` of each group of rows: one row a group, columns the group's, by, pck, low, high,
    keypoints, pairs.

    `options` are those of `bootstrap`. Groups keep the order of the table.
    """
    rows = []
    for labels, part in groups(table, group):
        value, low, high = bootstrap(part, by, n, seed, **options)
        size = {"keypoints": len(part), "pairs": part["pair"].nunique()}
        rows.append({**labels, "by": by, "pck": value, "low": low, "high": high, **size})
    return pd.DataFrame(rows)


def paired_bootstrap(
    table_a: pd.DataFrame,
    table_b: pd.DataFrame,
    by: str | tuple[str, str] = "point",
    n: int = 1000,
    seed: int = 0,
    *,
    alpha: Real = 0.1,
    over: str = "pair",
    level: float = 0.95,
    strict: bool | tuple[bool, bool] = False,
) -> Interval:
    """(difference, low, high) of PCK, a minus b in percentage points, both computed on the same
    resamples.

    The tables hold the same keypoints, in any order; raises ValueError naming the first that only
    one of them has. To compare two ways of counting the same predictions, `by` and `strict` may be
    pairs (of a, of b), and the tables `measured` by two protocols.
    """
    a, b = _aligned(table_a, table_b)
    by, strict = (x if isinstance(x, tuple) else (x, x) for x in (by, strict))
    hows = zip((a, b), by, strict, strict=True)
    (right_a, total_a), (right_b, total_b) = (
        Counter(t).counts(alpha, how, sign) for t, how, sign in hows
    )
    draws = [
        _resampled(w, right_a, total_a) - _resampled(w, right_b, total_b)
        for w in _weights(a, n, seed, over)
    ]
    difference = percent(right_a.sum(0), total_a.sum(0)) - percent(right_b.sum(0), total_b.sum(0))
    return Interval(float(difference), *_quantiles(np.concatenate(draws), level))


def mean_interval(
    values: Any, groups: Any = None, n: int = 1000, seed: int = 0, *, level: float = 0.95
) -> Interval:
    """The mean of one number a pair, sequence or object (an accuracy, T5, J), with its percentile
    bootstrap interval.

    `groups` names for each value what is resampled as a whole, such as the sequence of a pair; None
    resamples the values. Raises ValueError when there is no value, when one is not finite, or when
    the lengths differ.
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
    right, total = np.bincount(codes, values), np.bincount(codes).astype(float)
    draws = np.concatenate([(w @ right) / (w @ total) for w in _draws(len(names), n, seed)])
    return Interval(float(values.mean()), *_quantiles(draws, level))


def _resampled(weights: np.ndarray, right: np.ndarray, total: np.ndarray) -> np.ndarray:
    """PCK in percent of each resample; NaN where the only cell is lost, which the quantiles
    skip.
    """
    instead = right.sum(0) / total.sum(0) if total.shape[1] > 1 else None
    return percent(weights @ right, weights @ total, instead)


def _weights(table: pd.DataFrame, n: int, seed: int, over: str) -> Iterator[np.ndarray]:
    """Blocks of the n x pairs matrix that says how often each resample drew each pair (in order of
    appearance).
    """
    if over not in ("pair", "image"):
        raise ValueError(f"over is {over!r}; wanted 'pair' or 'image'")
    unique = table.drop_duplicates("pair")
    if over == "pair":
        yield from _draws(len(unique), n, seed)
        return
    require(table, ("source_image", "target_image"))
    codes, names = pd.factorize(pd.concat([unique["source_image"], unique["target_image"]]))
    source, target = np.split(codes, 2)
    for times in _draws(len(names), n, seed):
        yield times[:, source] * times[:, target]


def _draws(units: int, n: int, seed: int) -> Iterator[np.ndarray]:
    """Blocks of the n x units matrix that says how often each resample drew each unit."""
    rng = np.random.default_rng(seed)
    step = max(1, CHUNK // units)
    for start in range(0, n, step):
        rows = min(step, n - start)
        drawn = rng.integers(units, size=(rows, units)) + units * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units).astype(float)


def _quantiles(draws: np.ndarray, level: float) -> tuple[float, float]:
    low, high = np.nanquantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _aligned(a: pd.DataFrame, b: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables in the order of `a`."""
    keys = ["pair", "keypoint"]
    index = []
    for name, table in (("first", a), ("second", b)):
        require(table, keys)
        index.append(pd.MultiIndex.from_frame(table[keys]))
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
    return a, b.iloc[index[1].get_indexer(index[0])]
