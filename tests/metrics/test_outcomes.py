"""The table of outcomes: shares that sum to 100, in whatever order the points come."""

import pandas as pd
import pytest

from corrlib import metrics
from corrlib.metrics.outcomes import outcome_table


def table(method: str, distances: list[float]) -> pd.DataFrame:
    n = len(distances)
    return pd.DataFrame(
        {
            "method": method,
            "pair": [f"p{i // 2}" for i in range(n)],
            "category": "cat",
            "keypoint": [str(i % 2) for i in range(n)],
            "distance_px": distances,
            "tolerance_px": 100.0,
        }
    )


SD, DINO = table("sd", [1, 1, 1, 30, 30, 10.0]), table("dino", [2, 30, 30, 2, 30, 10.0])


def test_shares_are_counted_by_hand():
    found = outcome_table(SD, DINO, [0.1])
    row = found.iloc[0]
    assert (row["both"], row["first"], row["second"], row["neither"]) == pytest.approx(
        (100 / 3, 100 / 3, 100 / 6, 100 / 6)
    )
    assert row["oracle"] == pytest.approx(500 / 6) and row["keypoints"] == 6
    strict = outcome_table(SD, DINO, [0.1], strict=True).iloc[0]
    assert strict["both"] == pytest.approx(100 / 6)  # a distance of exactly 10 px


def test_rows_agree_with_pck_and_sum_to_a_hundred():
    found = outcome_table(SD, DINO)
    assert found["alpha"].tolist() == [0.15, 0.10, 0.05]
    cells = found[["neither", "second", "first", "both"]]
    assert cells.sum(axis=1).tolist() == pytest.approx([100] * 3)
    for _, row in found.iterrows():
        assert row["first"] + row["both"] == pytest.approx(metrics.pck(SD, row["alpha"]))
        assert row["second"] + row["both"] == pytest.approx(metrics.pck(DINO, row["alpha"]))


def test_the_order_of_rows_does_not_matter():
    turned = DINO.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(outcome_table(SD, turned), outcome_table(SD, DINO))


def test_other_points_are_refused():
    with pytest.raises(ValueError, match="6 and 4 points that are not the same"):
        outcome_table(SD, DINO.iloc[:4])
    with pytest.raises(ValueError, match="different tolerances"):
        outcome_table(SD, DINO.assign(tolerance_px=50.0))
    with pytest.raises(ValueError, match="pair p0 has keypoint '0' twice"):
        outcome_table(SD, pd.concat([DINO, DINO]))
