"""PCK: the share of keypoints with distance <= alpha * tolerance, in percent.

What is called "PCK@0.1" differs between papers in over what it is averaged (`by`), what the
tolerance is (`tolerance.py`), in which pixels it is measured (`protocols.py`) and whether the
comparison is strict.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from corrlib.metrics.protocol import BY
from corrlib.metrics.table import groups, require, require_one


def correct(table: pd.DataFrame, alpha: Real = 0.1, *, strict: bool = False) -> np.ndarray:
    """For each row whether the answer counts: distance <= alpha * tolerance, or < where `strict`.

    *Source:* `<=` in DIFT, SD4Match and SPair-71k's own tool; `<` in the released code of SD+DINO.
    """
    return Counter(table, grouped=False).correct(alpha, strict)


def pck(
    table: pd.DataFrame, alpha: Real = 0.1, by: str = "point", *, strict: bool = False
) -> float:
    """PCK in percent of one method's keypoint table.

    `by="point"`: all keypoints pooled. `by="image"`: mean over pairs of each pair's share (what
    papers call *per image*). `by="category"`: keypoints pooled in each category, then the plain
    mean over categories. Raises ValueError on a table that is empty or holds several methods, and
    on an unknown `by`.
    """
    return Counter(table).pck(alpha, by, strict)


def pck_table(
    table: pd.DataFrame,
    alphas: Sequence[Real] = (0.05, 0.1, 0.15),
    by: Sequence[str] = BY,
    group: Sequence[str] = ("method", "preset", "profile"),
    *,
    strict: bool = False,
) -> pd.DataFrame:
    """PCK of each group of rows, one row a group, `by` and alpha; columns: the group's, by, alpha,
    pck, keypoints, pairs.

    `group=("method", "category")` with `by=("point",)` is the usual table of categories. Groups
    keep the order of the table.
    """
    rows = []
    for labels, part in groups(table, group):
        counter = Counter(part)
        size = {"keypoints": len(part), "pairs": counter.pairs}
        rows += [
            {**labels, "by": how, "alpha": alpha, "pck": counter.pck(alpha, how, strict), **size}
            for how in by
            for alpha in alphas
        ]
    return pd.DataFrame(rows)


@dataclass
class Counter:
    """One method's keypoint table made ready for counting: names become numbers once, then every
    alpha and average is fast.
    """

    table: pd.DataFrame
    grouped: bool = True

    def __post_init__(self):
        require(self.table, ("pair", "category", "keypoint", "distance_px", "tolerance_px"))
        if not len(self.table):
            raise ValueError(
                "the keypoint table is empty: nothing was matched, or the filter before left no row"
            )
        self.distance, self.tolerance = (
            self.table[name].to_numpy(float) for name in ("distance_px", "tolerance_px")
        )
        if np.isnan(self.distance).any() or not (self.tolerance > 0).all():
            bad = int(np.argmax(np.isnan(self.distance) | ~(self.tolerance > 0)))
            got = f"distance {self.distance[bad]:g} and tolerance {self.tolerance[bad]:g} px"
            raise ValueError(
                f"row {bad} (pair {self.table['pair'].iloc[bad]}) has {got}; "
                "a distance must be a number (inf for no answer), a tolerance positive"
            )
        if self.grouped:
            require_one(self.table)
            self._pair, names = pd.factorize(self.table["pair"])
            self.pairs = len(names)
            self._total = np.bincount(self._pair).astype(float)
            self._category: tuple[Any, int] | None = None

    def correct(self, alpha: Real, strict: bool) -> np.ndarray:
        """Whether each row counts."""
        limit = alpha * self.tolerance
        return self.distance < limit if strict else self.distance <= limit

    def pck(self, alpha: Real, by: str, strict: bool) -> float:
        """PCK in percent."""
        right, total = self.counts(alpha, by, strict)
        return float(percent(right.sum(0), total.sum(0)))

    def counts(self, alpha: Real, by: str, strict: bool) -> tuple[np.ndarray, np.ndarray]:
        """Correct and all keypoints of each pair, as pairs x cells: PCK is the mean over cells of
        sum(correct) / sum(all).
        """
        if by not in BY:
            raise ValueError(f"by is {by!r}; wanted 'point', 'image' or 'category'")
        right = self.correct(alpha, strict)
        if by == "category":
            cell, shape = self._cells()
            return tuple(
                np.bincount(cell, weights, minlength=shape[0] * shape[1]).reshape(shape)
                for weights in (right, np.ones(len(right)))
            )
        right_of_pair = np.bincount(self._pair, right)
        if by == "point":
            return right_of_pair[:, None], self._total[:, None]
        return (right_of_pair / self._total)[:, None], np.ones((self.pairs, 1))

    def _cells(self) -> tuple[np.ndarray, tuple[int, int]]:
        """The cell (pair, category) of each row, and how many there are."""
        if self._category is None:
            category, names = pd.factorize(self.table["category"])
            self._category = (self._pair * len(names) + category, (self.pairs, len(names)))
        return self._category


def percent(
    right: np.ndarray, total: np.ndarray, instead: np.ndarray | None = None
) -> np.ndarray | float:
    """Mean over the last axis (cells) of right / total, in percent; where a cell is empty, of
    `instead`, or NaN without it.
    """
    filled = total > 0
    empty = (
        np.full(right.shape, np.nan) if instead is None else np.broadcast_to(instead, right.shape)
    )
    return 100 * np.divide(right, total, out=empty.copy(), where=filled).mean(-1)
