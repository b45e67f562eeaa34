"""Which pairs to show: by a rule that is stated, never by what looks good.

order = ranked(table)               # pairs of a keypoint table, the worst answered first
at(table, 0.5)                      # the pair in the middle of that order
"""

import pandas as pd

from corrlib.metrics.pck import correct

FEW = 4  # points that a shown pair has at least, where any pair has as many


def ranked(table: pd.DataFrame, alpha: float = 0.1, points: int = FEW) -> pd.Series:
    """The share of right points (0 to 1) of each pair with at least `points` points, by pair, the
    worst first.

    Equal shares are ordered by the mean distance in units of the tolerance, the farthest first, and
    then by name, so that no order of rows decides. Pairs with fewer points count only where there
    are no others. Raises ValueError on an empty table.
    """
    if table.empty:
        raise ValueError("the table has no row, so there is no pair to show; match some pairs")
    rows = table.assign(
        right=correct(table, alpha), off=table["distance_px"] / table["tolerance_px"]
    )
    pairs = rows.groupby("pair").agg(
        right=("right", "mean"), off=("off", "mean"), points=("right", "size")
    )
    enough = pairs[pairs["points"] >= points]
    pairs = (enough if len(enough) else pairs).reset_index()
    order = pairs.sort_values(["right", "off", "pair"], ascending=[True, False, True])
    return order.set_index("pair")["right"]


def at(table: pd.DataFrame, part: float | int, alpha: float = 0.1, points: int = FEW) -> str:
    """The name of the pair at `part` of the order of `ranked`: 0 is the worst answered, 0.5 the
    middle, 1 the best. Raises ValueError outside of 0 to 1.
    """
    if not 0 <= part <= 1:
        raise ValueError(f"part is {part}; wanted 0 (the worst answered pair) to 1 (the best)")
    order = ranked(table, alpha, points)
    return str(order.index[round(part * (len(order) - 1))])
