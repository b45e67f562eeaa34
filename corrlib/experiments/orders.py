"""Do methods come in the same order here as in a paper's table? Two by two, with an interval each.

    found = orders(paper, tables, by="image")   # paper: method -> PCK, tables: method -> keypoints
    agreement(found)                            # Kendall's tau, and between which ends it lies

A rank correlation of seven methods takes every difference for certain, however small. Here a
difference counts for or against the paper only where its interval leaves out zero; where it does
not, the order is open, and tau is somewhere between two ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from corrlib.experiments import laws

SAME, OTHER, OPEN = "the same", "the other way round", "open"
WORDS = {laws.HOLDS: SAME, laws.DOES_NOT: OTHER, laws.CANNOT_TELL: OPEN}


def orders(
    paper: Mapping[str, float] | pd.Series, tables: Mapping[str, pd.DataFrame], **how
) -> pd.DataFrame:
    """One row for every two methods that both have: the paper's `better` and `worse` one, `paper`'s
    difference and ours with its interval (`difference`, `low`, `high`, points), and the `order`.

    Two that are equal in the paper are left out. `how` goes to `laws.compare`. Raises ValueError
    where fewer than two methods are in both.
    """
    paper = dict(paper)  # a pandas Series runs over its values
    both = [name for name in paper if name in tables]
    if len(both) < 2:
        raise ValueError(
            f"of the paper's {', '.join(paper) or 'no methods'} the tables have "
            f"{', '.join(both) or 'none'}; an order wants two or more"
        )
    rows = []
    for pair in combinations(both, 2):
        worse, better = sorted(pair, key=paper.__getitem__)
        if paper[worse] == paper[better]:
            continue
        part = laws.compare("", tables[better], tables[worse], **how)
        value, low, high = part.interval
        gap = paper[better] - paper[worse]
        rows.append((better, worse, gap, value, low, high, WORDS[part.verdict]))
    columns = ["better", "worse", "paper", "difference", "low", "high", "order"]
    return pd.DataFrame(rows, columns=columns)


@dataclass(frozen=True)
class Agreement:
    """Kendall's tau of two orders, from -1 (reversed) to 1 (the same): `tau` as measured, `low` and
    `high` where all open orders go against the paper or with it; `p`, the chance of a tau this far
    from 0 for methods in random order (exact); `methods`, and how many orders are `decided`.
    """

    tau: float
    low: float
    high: float
    p: float
    methods: int
    decided: int
    of: int


def agreement(found: pd.DataFrame) -> Agreement:
    """What the rows of `orders` come to. Methods that are equal in the paper count neither way."""
    counts = found["order"].value_counts().reindex([SAME, OTHER, OPEN], fill_value=0)
    same, other, still = (int(n) for n in counts)
    total = same + other + still
    agree = int((found["difference"] > 0).sum()) - int((found["difference"] < 0).sum())
    names = dict.fromkeys([*found["better"], *found["worse"]])
    return Agreement(
        tau=agree / total,
        low=(same - other - still) / total,
        high=(same - other + still) / total,
        p=_chance(agree, len(names)),
        methods=len(names),
        decided=same + other,
        of=total,
    )


def _chance(agree: int, methods: int) -> float:
    """Two-sided and exact: how often a random order of `methods` is this far from none at all."""
    swapped = np.ones(1)  # how many orders have 0, 1, 2, ... pairs the other way round
    for k in range(2, methods + 1):
        swapped = np.convolve(swapped, np.ones(k))
    score = len(swapped) - 1 - 2 * np.arange(len(swapped))
    return float(swapped[abs(score) >= abs(agree)].sum() / swapped.sum())
