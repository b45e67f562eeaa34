"""What all functions on the keypoint table ask of it."""

from collections.abc import Sequence

import pandas as pd


def require(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise a ValueError that names the columns which the table lacks, and those it has."""
    missing = [name for name in columns if name not in table]
    if missing:
        raise ValueError(
            f"the keypoint table has no column {', '.join(missing)}; it has "
            f"{', '.join(map(str, table.columns))}"
        )


def require_one(table: pd.DataFrame) -> None:
    """Raise a ValueError when the rows are those of several methods or settings: PCK would count
    each keypoint several times.
    """
    for label in ("trial", "method", "preset", "layer", "timestep"):
        if label in table and (table[label] != table[label].iloc[0]).any():
            raise ValueError(
                f"the table holds several values of {label!r}; group it first: "
                f"table.groupby({label!r}).apply(metrics.pck)"
            )


def groups(table: pd.DataFrame, by: Sequence[str]):
    """Pairs of (labels of a group, its rows) in the table's order; no label gives the whole table
    as one group.
    """
    require(table, by)
    if not by:
        return [({}, table)]
    found = table.groupby(list(by), sort=False, observed=True)
    return [(dict(zip(by, names, strict=True)), rows) for names, rows in found]
