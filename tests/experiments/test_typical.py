"""Pairs are shown by a rule: the order does not hang on rows, and the middle is the middle."""

import pandas as pd
import pytest

from corrlib.experiments import typical


def keypoints(right: dict[str, list[bool]]) -> pd.DataFrame:
    rows = [
        {
            "pair": pair,
            "category": "toy",
            "keypoint": str(i),
            "tolerance_px": 100.0,
            "distance_px": 5.0 if ok else 40.0,
        }
        for pair, answers in right.items()
        for i, ok in enumerate(answers)
    ]
    return pd.DataFrame(rows)


TABLE = keypoints(
    {
        "half": [True, False, True, False],
        "none": [False] * 5,
        "all": [True] * 4,
        "short": [True] * 2,
        "most": [True, True, True, False],
        "few": [True, False, False, False],
    }
)


def test_the_order_is_by_the_share_of_right_points():
    assert list(typical.ranked(TABLE).index) == ["none", "few", "half", "most", "all"]
    assert typical.ranked(TABLE)["half"] == 0.5


def test_rows_in_another_order_change_nothing():
    turned = TABLE.sample(frac=1, random_state=1)
    assert typical.ranked(turned).equals(typical.ranked(TABLE))


def test_equal_shares_are_told_apart_by_distance():
    table = pd.concat([TABLE, keypoints({"worse": [False] * 4}).assign(distance_px=90.0)])
    assert list(typical.ranked(table).index)[:2] == ["worse", "none"]


@pytest.mark.parametrize(("part", "name"), [(0, "none"), (0.5, "half"), (1, "all")])
def test_a_part_of_the_order_names_a_pair(part, name):
    assert typical.at(TABLE, part) == name


def test_pairs_with_few_points_are_shown_only_where_there_are_no_others():
    assert list(typical.ranked(TABLE[TABLE["pair"] == "short"]).index) == ["short"]


def test_what_cannot_be_shown_is_refused():
    with pytest.raises(ValueError, match="no pair to show"):
        typical.ranked(TABLE.head(0))
    with pytest.raises(ValueError, match="wanted 0"):
        typical.at(TABLE, 1.5)
