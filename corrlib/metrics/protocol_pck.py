"""The same predictions counted under a `Protocol`: base, frame, comparison and average together,
and several side by side.

table = evaluate.score(matches)
# one row an alpha, with the rules in words
metrics.pck_under(table, pairs.protocol)
metrics.compare(table, {"correct": p, "as released": p.but(base="padded_keypoints_compat")})
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from corrlib.metrics.intervals import pck_interval
from corrlib.metrics.pck import Counter
from corrlib.metrics.protocol import Protocol
from corrlib.metrics.table import groups, require
from corrlib.metrics.tolerance import scales, tolerances


def measured(table: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """The keypoint table with `distance_px` and `tolerance_px` as the protocol measures them: in
    its frame, of its base.

    A frame scales truth, prediction and boxes per axis, as loaders do that resize images to a
    square without keeping their shape; a distance in it is not the original one times a factor.
    Loaders that pad to a square instead scale both axes by one factor, which changes no PCK of a
    box: they need no frame. Where an answer is not finite the distance is inf: wrong at every
    alpha. `protocol.origin` matters to the padded box only: the loader has subtracted it from all
    points. Raises ValueError naming a missing column, or a pair without the box that the base
    needs.
    """
    require(table, ("target_x", "target_y", "predicted_x", "predicted_y"))
    squares = [
        (
            (table[f"predicted_{axis}"].to_numpy(float) - table[f"target_{axis}"].to_numpy(float))
            * scale
        )
        ** 2
        for axis, scale in zip("xy", scales(table, protocol.frame), strict=True)
    ]
    distance = np.sqrt(squares[0] + squares[1])
    answered = table[["predicted_x", "predicted_y"]].notna().all(axis=1).to_numpy()
    return table.assign(
        distance_px=np.where(answered, distance, np.inf),
        tolerance_px=tolerances(table, protocol.base, protocol.frame, protocol.origin),
    )


def pck_under(
    table: pd.DataFrame, protocol: Protocol, group: Sequence[str] = (), *, over: str | None = None
) -> pd.DataFrame:
    """PCK in percent as the protocol counts: one row a group and alpha, with the rules and the
    counts beside the number.

    Columns: the group's, alpha, pck, then low and high (the ends of `pck_interval`, where `over` is
    given, "image" or "pair"), pairs, keypoints, and the protocol's base, by, strict, origin, frame.
    """
    rules = {name: value for name, value in protocol.labels().items() if name != "alphas"}
    rows = []
    for labels, part in groups(measured(table, protocol), group):
        counter = Counter(part)
        for alpha in protocol.alphas:
            row = {
                **labels,
                "alpha": alpha,
                "pck": counter.pck(alpha, protocol.by, protocol.strict),
            }
            if over:
                _, row["low"], row["high"] = pck_interval(
                    part, protocol.by, alpha=alpha, over=over, strict=protocol.strict
                )
            rows.append({**row, "pairs": counter.pairs, "keypoints": len(part), **rules})
    return pd.DataFrame(rows)


def compare(
    table: pd.DataFrame, protocols: Mapping[str, Protocol], group: Sequence[str] = (), **options
) -> pd.DataFrame:
    """`pck_under` of the same predictions for several protocols, their names in the first column,
    `protocol`.
    """
    found = [
        pck_under(table, rules, group, **options).assign(protocol=name)
        for name, rules in protocols.items()
    ]
    whole = pd.concat(found, ignore_index=True)
    return whole[["protocol", *whole.columns.drop("protocol")]]
