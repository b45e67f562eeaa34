"""A paper's claims in words, tested: each is one or more comparisons of two keypoint tables, with a
confidence interval each.

    helps = compare("the prompt - no prompt", with_prompt, without)
    little = compare("no prompt + 5 - the prompt", without, with_prompt, margin=5)
    law = Law("a category prompt helps a little", (helps, little))
    law.verdict        # "holds", "does not" or "cannot tell"
    table([law, ...])  # one row a law, as `viz.law_plot` draws them

A law of several comparisons holds when each of them does (the intersection-union test: no
correction for their number is needed), and does not when one of them does not: that verdict comes
by luck more often, the more comparisons there are. NumPy and pandas only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd

from corrlib.metrics import Interval, paired_bootstrap

HOLDS, DOES_NOT, CANNOT_TELL, NOT_RUN = "holds", "does not", "cannot tell", "not run"


def verdict(low: Real, high: Real) -> str:
    """What a confidence interval of a difference says of "it is greater than zero": holds, does
    not, or cannot tell.
    """
    return HOLDS if low > 0 else DOES_NOT if high < 0 else CANNOT_TELL


@dataclass(frozen=True)
class Comparison:
    """A difference of two PCKs in percentage points, plus the `margin` that was granted, with its
    interval; NaN was not run.
    """

    text: str
    interval: Interval
    margin: float = 0.0
    pairs: int = 0

    @property
    def verdict(self) -> str:
        """Whether the difference is greater than zero."""
        return (
            verdict(self.interval.low, self.interval.high)
            if np.isfinite(self.interval.value)
            else NOT_RUN
        )


@dataclass(frozen=True)
class Law:
    """A claim, true when every one of its comparisons is."""

    text: str
    parts: Sequence[Comparison]

    @property
    def deciding(self) -> Comparison:
        """The comparison that decides the verdict: the one most clearly against the law, else the
        first without an answer, else the one least clearly for it."""
        order = {DOES_NOT: 0, NOT_RUN: 1, CANNOT_TELL: 2, HOLDS: 3}
        clear = (DOES_NOT, HOLDS)
        return min(
            self.parts,
            key=lambda part: (
                order[part.verdict],
                part.interval.low if part.verdict in clear else 0.0,
            ),
        )

    @property
    def verdict(self) -> str:
        """The verdict of the deciding comparison."""
        return self.deciding.verdict


def compare(
    text: str,
    a: pd.DataFrame | None,
    b: pd.DataFrame | None,
    *,
    margin: Real = 0.0,
    alpha: Real = 0.1,
    by: str = "point",
    over: str = "image",
    n: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Comparison:
    """PCK of `a` minus PCK of `b`, plus `margin`, in points, with the paired bootstrap's interval
    over the pairs that both have.

    `margin` turns "a is better" into "a is at most `margin` worse". Images are resampled
    (`over="image"`): an image is in several pairs, so pairs are not independent, and resampling
    pairs would give too narrow an interval. None for a table gives a comparison that was not run.
    Raises ValueError when the tables share no pair, and as `metrics.paired_bootstrap`.
    """
    if a is None or b is None:
        return Comparison(text, Interval(*[float("nan")] * 3), float(margin))
    shared = set(a["pair"]) & set(b["pair"])
    if not shared:
        raise ValueError(
            f"{text!r}: the two tables have no pair in common; compare runs of the same split"
        )
    a, b = (table[table["pair"].isin(shared)] for table in (a, b))
    found = paired_bootstrap(a, b, by, n, seed, alpha=float(alpha), over=over, level=level)
    return Comparison(
        text, Interval(*(value + margin for value in found)), float(margin), len(shared)
    )


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


COLUMNS = ("comparison", "difference", "low", "high", "margin", "pairs")


def _row(part: Comparison) -> dict:
    return dict(zip(COLUMNS, (part.text, *part.interval, part.margin, part.pairs), strict=True))
