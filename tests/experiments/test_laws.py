"""Verdicts are what the intervals say, for tables whose differences are known."""

import numpy as np
import pandas as pd
import pytest

from corrlib import metrics
from corrlib.experiments import laws
from corrlib.experiments.laws import Comparison, Law, compare


def keypoints(right, images=12):
    """A keypoint table of ordered pairs of `images`, four points each; `right(pair, point)` says
    which are within the tolerance.
    """
    rows = []
    for number, (i, j) in enumerate((i, j) for i in range(images) for j in range(images) if i != j):
        for k in range(4):
            distance = 1.0 if right(number, k) else 30.0
            names = {
                "pair": f"p{number}",
                "category": "cat",
                "keypoint": str(k),
                "source_image": f"v{i}",
                "target_image": f"v{j}",
            }
            rows.append({**names, "distance_px": distance, "tolerance_px": 100.0})
    return pd.DataFrame(rows)


HALF = keypoints(lambda pair, k: k < 2)
THREE = keypoints(lambda pair, k: k < 3)
HERE = np.random.default_rng(0).permutation(132) < 66
OTHERS = keypoints(lambda pair, k: HERE[pair])  # as good as HALF over all, on other pairs


def part(low, high):
    return Comparison("a - b", metrics.Interval((low + high) / 2, low, high))


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [(0.1, 2, "holds"), (-2, -0.1, "does not"), (-1, 1, "cannot tell"), (0, 1, "cannot tell")],
)
def test_the_interval_decides(low, high, says):
    assert laws.verdict(low, high) == says == part(low, high).verdict


def test_a_difference_that_is_there_and_one_that_is_not():
    found = compare("three - half", THREE, HALF)
    assert (
        found.interval == pytest.approx((25, 25, 25))
        and found.verdict == "holds"
        and found.pairs == 132
    )
    assert compare("half - three", HALF, THREE).verdict == "does not"
    none = compare("others - half", OTHERS, HALF)
    assert (
        none.interval.value == pytest.approx(0)
        and none.interval.low < 0 < none.interval.high
        and none.verdict == "cannot tell"
    )


def test_a_margin_is_granted_and_added():
    found = compare("half - three", HALF, THREE, margin=30)
    assert (
        found.interval == pytest.approx((5, 5, 5))
        and found.margin == 30
        and found.verdict == "holds"
    )


def test_only_pairs_of_both_tables_count():
    few = THREE[THREE["pair"].isin([f"p{i}" for i in range(60)])]
    assert compare("few", few, HALF).pairs == 60
    with pytest.raises(ValueError, match="no pair in common"):
        compare("none", few, HALF[~HALF["pair"].isin(few["pair"])])


def test_images_are_resampled_not_pairs():
    clustered = keypoints(
        lambda pair, k: (pair // 11) % 2 == 0
    )  # right or wrong with the source image
    wide, narrow = (compare("", clustered, HALF, over=over).interval for over in ("image", "pair"))
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


@pytest.mark.parametrize(
    ("parts", "says", "deciding"),
    [
        ([(1, 2), (0.5, 3)], "holds", 1),
        ([(1, 2), (-1, 3)], "cannot tell", 1),
        ([(-1, 3), (-2, 1)], "cannot tell", 0),
        ([(-3, -2), (-1, 3), (5, 6)], "does not", 0),
    ],
)
def test_a_law_is_as_strong_as_its_weakest_part(parts, says, deciding):
    law = Law("a law", [part(*ends) for ends in parts])
    assert law.verdict == says and law.deciding is law.parts[deciding]
    row = laws.table([law]).iloc[0]
    assert (row["law"], row["verdict"], row["low"]) == ("a law", says, parts[deciding][0])
    assert list(laws.parts_table([law])["verdict"]) == [laws.verdict(*ends) for ends in parts]


def test_what_was_not_run_gives_no_verdict():
    absent = compare("a - b", None, HALF)
    assert np.isnan(absent.interval.value) and absent.verdict == "not run"
    assert Law("a law", [part(1, 2), absent]).verdict == "not run"
    assert Law("a law", [part(-2, -1), absent]).verdict == "does not"


def test_the_best_setting():
    scores = pd.Series({1: 10.0, 51: 30.0, 101: 30.0, 401: np.nan})
    assert laws.best(scores) == 51 and laws.best(scores, [1, 401]) == 1
    with pytest.raises(ValueError, match="none of these"):
        laws.best(scores, [401])
