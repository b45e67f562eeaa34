"""From the keypoint table to PCK in all its definitions, with confidence intervals. NumPy and pandas only.

The keypoint table has one row a keypoint: `pair`, `category`, `keypoint`, `distance_px` (answer to truth, target pixels) and
`tolerance_px` (the length that alpha multiplies). PCK is the share of keypoints with distance <= alpha * tolerance, in percent.
What is called "PCK@0.1" differs between papers in three ways: over what it is averaged (`by`), what the tolerance is
(`tolerance_px`, `with_tolerance`) and whether the comparison is strict.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

BY = ("point", "image", "category")
BASES = ("box", "image", "keypoints", "padded_keypoints_compat", "source_box")
CHUNK = 2**22  # random numbers drawn at a time by the bootstrap


class Interval(NamedTuple):
    """A value and the ends of its confidence interval, all in percent (differences: percentage points)."""

    value: float
    low: float
    high: float


def correct(table: pd.DataFrame, alpha: float = 0.1, *, strict: bool = False) -> np.ndarray:
    """For each row whether the answer counts: distance <= alpha * tolerance, or < where `strict`.

    *Source:* `<=` in DIFT, SD4Match and SPair-71k's own tool; `<` in the released code of SD+DINO.
    """
    _require(table, ("pair", "category", "keypoint", "distance_px", "tolerance_px"))
    distance, tolerance = table["distance_px"].to_numpy(float), table["tolerance_px"].to_numpy(float)
    if not len(table):
        raise ValueError("the keypoint table is empty: nothing was matched, or the filter before left no row")
    if np.isnan(distance).any() or not (tolerance > 0).all():
        bad = int(np.argmax(np.isnan(distance) | ~(tolerance > 0)))
        raise ValueError(
            f"row {bad} (pair {table['pair'].iloc[bad]}) has distance {distance[bad]:g} and tolerance {tolerance[bad]:g} px; "
            "a distance must be a number (inf for no answer), a tolerance positive"
        )
    limit = alpha * tolerance
    return distance < limit if strict else distance <= limit


def pck(table: pd.DataFrame, alpha: float = 0.1, by: str = "point", *, strict: bool = False) -> float:
    """PCK in percent of one method's keypoint table.

    `by="point"`: all keypoints pooled. `by="image"`: mean over pairs of each pair's share (what papers call *per image*).
    `by="category"`: keypoints pooled in each category, then the plain mean over categories.
    Raises ValueError on a table that is empty or holds several methods, and on an unknown `by`.
    """
    right, total = _counts(table, alpha, by, strict)
    return float(_percent(right.sum(0), total.sum(0)))


def pck_table(
    table: pd.DataFrame,
    alphas: Sequence[float] = (0.05, 0.1, 0.15),
    by: Sequence[str] = BY,
    group: Sequence[str] = ("method", "preset", "profile"),
    *,
    strict: bool = False,
) -> pd.DataFrame:
    """PCK of each group of rows, one row a group, `by` and alpha; columns: the group's, by, alpha, pck, keypoints, pairs.

    `group=("method", "category")` with `by=("point",)` is the usual table of categories. Groups keep the order of the table.
    """
    _require(table, group)
    rows = []
    for names, part in table.groupby(list(group), sort=False, observed=True):
        size = {"keypoints": len(part), "pairs": part["pair"].nunique()}
        for how in by:
            for alpha in alphas:
                value = pck(part, alpha, how, strict=strict)
                rows.append({**dict(zip(group, names, strict=True)), "by": how, "alpha": alpha, "pck": value, **size})
    return pd.DataFrame(rows)


def bootstrap(
    table: pd.DataFrame, by: str = "point", n: int = 1000, seed: int = 0, *,
    alpha: float = 0.1, over: str = "pair", level: float = 0.95, strict: bool = False,
) -> Interval:  # fmt: skip
    """PCK with its percentile bootstrap interval, from `n` resamples of whole pairs (keypoints of a pair go together).

    `over="image"` resamples images and weighs a pair by the product of how often its two images were drawn (columns
    `source_image` and `target_image`): wider, and right where few images make many pairs. Raises as `pck` does.
    *Source:* Efron 1979; for images Owen 2007, "The pigeonhole bootstrap".
    """
    right, total = _counts(table, alpha, by, strict)
    draws = np.concatenate([_percent(w @ right, w @ total) for w in _weights(table, n, seed, over)])
    return Interval(float(_percent(right.sum(0), total.sum(0))), *_quantiles(draws, level))


def paired_bootstrap(
    table_a: pd.DataFrame, table_b: pd.DataFrame, by: str = "point", n: int = 1000, seed: int = 0, *,
    alpha: float = 0.1, over: str = "pair", level: float = 0.95, strict: bool = False,
) -> Interval:  # fmt: skip
    """(difference, low, high) of PCK, a minus b in percentage points, both computed on the same resamples.

    The tables hold the same keypoints, in any order; raises ValueError naming the first that only one of them has.
    """
    a, b = _aligned(table_a, table_b)
    (right_a, total), (right_b, _) = _counts(a, alpha, by, strict), _counts(b, alpha, by, strict)
    draws = [_percent(w @ right_a, w @ total) - _percent(w @ right_b, w @ total) for w in _weights(a, n, seed, over)]
    difference = _percent(right_a.sum(0), total.sum(0)) - _percent(right_b.sum(0), total.sum(0))
    return Interval(float(difference), *_quantiles(np.concatenate(draws), level))


def tolerance_px(
    base: str = "box", *, target_box: Any = None, source_box: Any = None, target_size: Any = None, target_points: Any = None
) -> float:
    """The length in target pixels that alpha multiplies, from what a benchmark says of a pair; only what `base` reads is needed.

    "box": longer side of the target's object box (x1, y1, x2, y2), x2 - x1 without + 1. "image": longer side of the target image
    (width, height). "keypoints": longer side of the tight box of the target's keypoints (n x 2; rows with NaN are left out).
    "padded_keypoints_compat": the same of keypoints padded with -1 to 40 places, so about the largest coordinate + 1: a known error
    of published PF-Willow numbers, here to reproduce them. "source_box": longer side of the source's box, as prompt optimisation's
    released code takes it on SPair-71k.
    *Source:* DIFT and SPair-71k (box), SCNet (image), Proposal Flow (keypoints), CATs and DHPF (padded).
    """
    needs = {"box": "target_box", "image": "target_size", "source_box": "source_box"}.get(base, "target_points")
    given = {"target_box": target_box, "source_box": source_box, "target_size": target_size, "target_points": target_points}
    if base not in BASES:
        raise ValueError(f"base is {base!r}; wanted one of {', '.join(BASES)}")
    if given[needs] is None:
        raise ValueError(f"base {base!r} needs {needs}, and this pair has none; choose another base")
    values = np.asarray(given[needs], float)
    if base == "image":
        return float(values.max())
    if needs != "target_points":
        return float(max(values[2] - values[0], values[3] - values[1]))
    points = values[~np.isnan(values).any(1)]
    lowest = points.min(0)
    if base == "padded_keypoints_compat" and len(points) < 40:
        lowest = np.minimum(lowest, -1)
    return float((points.max(0) - lowest).max())


def with_tolerance(table: pd.DataFrame, base: str = "box") -> pd.DataFrame:
    """The same table with `tolerance_px` of another base, from its columns.

    "box", "image" and "source_box" read `box_px`, `image_px` and `source_box_px`; the two keypoint bases read the pair's own rows.
    """
    if base not in BASES:
        raise ValueError(f"base is {base!r}; wanted one of {', '.join(BASES)}")
    if not base.endswith(("keypoints", "compat")):
        _require(table, (f"{base}_px",))
        return table.assign(tolerance_px=table[f"{base}_px"])
    _require(table, ("pair", "keypoint", "target_x", "target_y"))
    lengths = {
        pair: tolerance_px(base, target_points=rows.drop_duplicates("keypoint")[["target_x", "target_y"]])
        for pair, rows in table.groupby("pair", observed=True)
    }
    return table.assign(tolerance_px=table["pair"].map(lengths).astype(float))


def _counts(table: pd.DataFrame, alpha: float, by: str, strict: bool) -> tuple[np.ndarray, np.ndarray]:
    """Correct and all keypoints of each pair, as pairs x cells: PCK is the mean over cells of sum(correct) / sum(all)."""
    if by not in BY:
        raise ValueError(f"by is {by!r}; wanted 'point', 'image' or 'category'")
    right = correct(table, alpha, strict=strict)
    for label in ("method", "preset", "layer", "timestep"):
        if label in table and (table[label] != table[label].iloc[0]).any():
            raise ValueError(
                f"the table holds several values of {label!r}; group it first: table.groupby({label!r}).apply(metrics.pck)"
            )
    pair, pairs = pd.factorize(table["pair"])
    total = np.bincount(pair).astype(float)
    right_of_pair = np.bincount(pair, right)
    if by == "point":
        return right_of_pair[:, None], total[:, None]
    if by == "image":
        return (right_of_pair / total)[:, None], np.ones((len(pairs), 1))
    category, categories = pd.factorize(table["category"])
    cell, shape = pair * len(categories) + category, (len(pairs), len(categories))
    return tuple(np.bincount(cell, w, minlength=np.prod(shape)).reshape(shape) for w in (right, np.ones(len(table))))


def _percent(right: np.ndarray, total: np.ndarray) -> np.ndarray | float:
    """Mean over the last axis of right / total, in percent; cells that a resample left empty do not count."""
    filled = total > 0
    with np.errstate(invalid="ignore"):  # a resample may be empty altogether: NaN, which the quantiles skip
        return 100 * np.divide(right, total, out=np.zeros_like(right), where=filled).sum(-1) / filled.sum(-1)


def _weights(table: pd.DataFrame, n: int, seed: int, over: str) -> Iterator[np.ndarray]:
    """Blocks of the n x pairs matrix that says how often each resample drew each pair (in order of appearance)."""
    if over not in ("pair", "image"):
        raise ValueError(f"over is {over!r}; wanted 'pair' or 'image'")
    rng = np.random.default_rng(seed)
    unique = table.drop_duplicates("pair")
    if over == "image":
        _require(table, ("source_image", "target_image"))
        codes, names = pd.factorize(pd.concat([unique["source_image"], unique["target_image"]]))
        source, target = np.split(codes, 2)
        units = len(names)
    else:
        units = len(unique)
    step = max(1, CHUNK // units)
    for start in range(0, n, step):
        rows = min(step, n - start)
        drawn = rng.integers(units, size=(rows, units)) + units * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units).astype(float)
        yield times[:, source] * times[:, target] if over == "image" else times


def _quantiles(draws: np.ndarray, level: float) -> tuple[float, float]:
    low, high = np.nanquantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _aligned(a: pd.DataFrame, b: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables in the order of `a`."""
    keys = ["pair", "keypoint"]
    index = []
    for name, table in (("first", a), ("second", b)):
        _require(table, keys)
        index.append(pd.MultiIndex.from_frame(table[keys]))
        if index[-1].has_duplicates:
            twice = index[-1][index[-1].duplicated()][0]
            raise ValueError(f"the {name} table has keypoint {twice} twice; give the table of one method and one setting")
    for this, other, name in ((0, 1, "first"), (1, 0, "second")):
        alone = ~index[this].isin(index[other])
        if alone.any():
            raise ValueError(f"only the {name} table has keypoint {index[this][alone][0]}; compare tables of the same pairs")
    return a, b.iloc[index[1].get_indexer(index[0])]


def _require(table: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = [name for name in columns if name not in table]
    if missing:
        raise ValueError(f"the keypoint table has no column {', '.join(missing)}; it has {', '.join(map(str, table.columns))}")
