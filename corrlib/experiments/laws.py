"""A paper's claims in words, tested: each is one or more contrasts of keypoint tables, with a
confidence interval each.

    helps = compare("the prompt - no prompt", with_prompt, without)
    little = contrast("no prompt - 0.9 of the prompt", [(1, without), (-0.9, with_prompt)])
    law = Law("a category prompt helps a little", (helps, little))
    law.verdict        # "holds", "does not" or "cannot tell"
    table([law, ...])  # one row a law, as `viz.law_plot` draws them

A share of a number that was measured itself (nine tenths of the other's PCK, half of a gain, the
line through two points of a curve) is a weight of a contrast, not a margin: then its own
uncertainty is in the interval. That two settings are *equal* is a claim too, `equal`: no
difference found is no evidence that there is none.

A law of several contrasts holds when each of them does (the intersection-union test: no correction
for their number is needed), and does not when one of them does not: that verdict comes by luck more
often, the more contrasts there are. NumPy, pandas and SciPy only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd

from corrlib.metrics import Interval, contrast_interval

HOLDS, DOES_NOT, CANNOT_TELL, NOT_RUN = "holds", "does not", "cannot tell", "not run"


def verdict(low: Real, high: Real, above: Real = 0.0, below: Real = np.inf) -> str:
    """What a confidence interval says of "it lies above `above` and below `below`": holds, does
    not, or cannot tell.
    """
    if low > above and high < below:
        return HOLDS
    return DOES_NOT if high < above or low > below else CANNOT_TELL


@dataclass(frozen=True)
class Comparison:
    """A difference of PCKs in percentage points, plus the `margin` that was granted, with its
    interval, and between which ends it is claimed to lie (`above`, `below`); NaN was not run.
    `unit` is what it is measured in, where that is something else.
    """

    text: str
    interval: Interval
    margin: float = 0.0
    pairs: int = 0
    above: float = 0.0
    below: float = np.inf
    unit: str = "points"

    @property
    def verdict(self) -> str:
        """Whether the difference lies between the ends."""
        value, low, high = self.interval
        return verdict(low, high, self.above, self.below) if np.isfinite(value) else NOT_RUN

    @property
    def clearance(self) -> float:
        """By how many points the interval lies inside of the claim, or, negative, outside of it; 0
        where an end is in it, or nothing was run.
        """
        _, low, high = self.interval
        inside = min(low - self.above, self.below - high)
        outside = max(self.above - high, low - self.below)
        return {HOLDS: inside, DOES_NOT: -outside}.get(self.verdict, 0.0)

    @property
    def lean(self) -> float:
        """By how many points the difference itself lies inside of the claim, or, negative, outside;
        0 where nothing was run.
        """
        value = self.interval.value
        return min(value - self.above, self.below - value) if np.isfinite(value) else 0.0

    @property
    def half(self) -> float:
        """Half the width of the interval, in points: a smaller margin cannot be decided."""
        return (self.interval.high - self.interval.low) / 2


@dataclass(frozen=True)
class Law:
    """A claim, true when every one of its comparisons is."""

    text: str
    parts: Sequence[Comparison]

    @property
    def deciding(self) -> Comparison:
        """The comparison that decides the verdict: the one most clearly against the law, else of
        those without an answer the one that leans least towards it, else the one least clearly for
        it."""
        order = {DOES_NOT: 0, NOT_RUN: 1, CANNOT_TELL: 2, HOLDS: 3}
        return min(self.parts, key=lambda p: (order[p.verdict], p.clearance, p.lean))

    @property
    def verdict(self) -> str:
        """The verdict of the deciding comparison."""
        return self.deciding.verdict


def contrast(
    text: str,
    terms: Sequence[tuple[Real, pd.DataFrame | None]],
    *,
    margin: Real = 0.0,
    within: Real | None = None,
    alpha: Real = 0.1,
    by: str = "point",
    over: str = "image",
    level: float = 0.95,
) -> Comparison:
    """The sum of weight * PCK over `terms` (weight, keypoint table) plus `margin`, in points, with
    its interval over the pairs that all of them have; claimed to be above 0, or, with `within`,
    between -within and within.

    Pictures are what the interval is over, for one picture is in several pairs. None for a table
    gives a comparison that was not run. Raises ValueError when the tables share no pair, and as
    `metrics.contrast_interval`.
    """
    ends = {} if within is None else {"above": -float(within), "below": float(within)}
    if any(table is None for _, table in terms):
        return Comparison(text, Interval(*[float("nan")] * 3), float(margin), **ends)
    shared = set.intersection(*(set(table["pair"]) for _, table in terms))
    if not shared:
        raise ValueError(
            f"{text!r}: the tables have no pair in common; compare runs of the same split"
        )
    same = [(weight, table[table["pair"].isin(shared)]) for weight, table in terms]
    found = contrast_interval(same, by, alpha=float(alpha), over=over, level=level)
    moved = Interval(*(value + margin for value in found))
    return Comparison(text, moved, float(margin), len(shared), **ends)


def compare(
    text: str, a: pd.DataFrame | None, b: pd.DataFrame | None, *, margin: Real = 0.0, **options
) -> Comparison:
    """PCK of `a` minus PCK of `b`, plus `margin`, as a `contrast`: `margin` turns "a is better"
    into "a is at most `margin` points worse". `options` are those of `contrast`.
    """
    return contrast(text, [(1, a), (-1, b)], margin=margin, **options)


def equal(
    text: str, a: pd.DataFrame | None, b: pd.DataFrame | None, within: Real, **options
) -> Comparison:
    """The claim that two PCKs differ by less than `within` points, by two one-sided tests of 5 %
    each: the 90 % interval of the difference lies between the ends.

    *Source:* Schuirmann 1987, "A Comparison of the Two One-Sided Tests Procedure and the Power
    Approach for Assessing the Equivalence of Average Bioavailability".
    """
    return contrast(text, [(1, a), (-1, b)], within=within, **{"level": 0.90, **options})


def best(scores: pd.Series, among: Iterable | None = None) -> object:
    """The label with the highest score, of those in `among` (default: all); of equal ones the
    first. Raises ValueError on none.
    """
    scores = scores.dropna()
    scores = scores if among is None else scores[scores.index.isin(list(among))]
    if scores.empty:
        raise ValueError(
            "there is no score to choose from: none of these settings was run on validation"
        )
    return scores.idxmax()


def table(laws: Iterable[Law]) -> pd.DataFrame:
    """One row a law: its text, the deciding comparison with its numbers, and the verdict."""
    rows = [{"law": law.text, **_row(law.deciding), "verdict": law.verdict} for law in laws]
    return pd.DataFrame(rows, columns=["law", *COLUMNS, "verdict"])


def parts_table(laws: Iterable[Law]) -> pd.DataFrame:
    """One row a comparison of every law, with its own verdict."""
    rows = [
        {"law": law.text, **_row(part), "verdict": part.verdict}
        for law in laws
        for part in law.parts
    ]
    return pd.DataFrame(rows, columns=["law", *COLUMNS, "verdict"])


def side_by_side(runs: Mapping[str, Iterable[Law]]) -> pd.DataFrame:
    """One row a claim, one column a run: the verdict and the deciding difference with its interval.
    Which comparison decides may differ from run to run. Raises ValueError where the claims do.
    """
    texts = {name: [law.text for law in laws] for name, laws in runs.items()}
    claims = next(iter(texts.values()))
    if other := [name for name, found in texts.items() if found != claims]:
        raise ValueError(f"{', '.join(other)}: other claims than those of {next(iter(texts))}")
    said = {name: [_short(law) for law in laws] for name, laws in runs.items()}
    return pd.DataFrame(said, index=pd.Index(claims, name="law"))


def _short(law: Law) -> str:
    value, low, high = law.deciding.interval
    numbers = f": {value:+.1f} [{low:+.1f}, {high:+.1f}]" if np.isfinite(value) else ""
    return law.verdict + numbers.replace("-", "\N{MINUS SIGN}")


COLUMNS = ("comparison", "difference", "low", "high", "margin", "above", "below", "pairs")


def _row(part: Comparison) -> dict:
    numbers = (part.text, *part.interval, part.margin, part.above, part.below, part.pairs)
    return dict(zip(COLUMNS, numbers, strict=True))
