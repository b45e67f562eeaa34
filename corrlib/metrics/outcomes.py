"""Who is right where: two methods' answers to the same points, beside one another."""

from collections.abc import Sequence
from numbers import Real

import pandas as pd

from corrlib.metrics.pck import Counter, correct

KEY = ["pair", "keypoint"]


def outcome_table(
    first: pd.DataFrame,
    second: pd.DataFrame,
    alphas: Sequence[Real] = (0.15, 0.10, 0.05),
    *,
    strict: bool = False,
) -> pd.DataFrame:
    """Percent of points that both methods, only one or none of them answers rightly, at each alpha.

    Columns: alpha, neither, second (right where the first is wrong), first, both, which sum to 100;
    oracle, the share that always choosing the better answer would reach; keypoints. Both arguments
    are keypoint tables of one method each. Raises ValueError where they do not hold the same points
    under the same tolerances.
    *Source:* "A Tale of Two Features", Table 6, with `<` as its released code counts (`strict`).
    """
    a, b = (_in_order(table) for table in (first, second))
    if len(a) != len(b) or not (a[KEY].to_numpy() == b[KEY].to_numpy()).all():
        raise ValueError(
            f"the tables hold {len(a)} and {len(b)} points that are not the same ones; match the "
            "same pairs with both methods"
        )
    if not (a["tolerance_px"] == b["tolerance_px"]).all():
        raise ValueError("the tables count by different tolerances; measure both by one protocol")
    rows = []
    for alpha in alphas:
        one, other = (correct(table, alpha, strict=strict) for table in (a, b))
        cells = {
            "neither": ~one & ~other,
            "second": ~one & other,
            "first": one & ~other,
            "both": one & other,
            "oracle": one | other,
        }
        shares = {name: 100 * float(where.mean()) for name, where in cells.items()}
        rows.append({"alpha": alpha, **shares, "keypoints": len(a)})
    return pd.DataFrame(rows)


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    Counter(table)  # refuses what cannot be counted, and several methods at once
    if table.duplicated(KEY).any():
        twice = table.loc[table.duplicated(KEY), KEY].iloc[0]
        raise ValueError(f"pair {twice['pair']} has keypoint {twice['keypoint']!r} twice")
    return table.sort_values(KEY, kind="stable").reset_index(drop=True)
