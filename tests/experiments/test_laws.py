"""Verdicts are what the intervals say, for tables whose differences are known."""

import numpy as np
import pandas as pd
import pytest

from corrlib import metrics
from corrlib.experiments import laws, power
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


def test_pictures_are_what_the_interval_is_over():
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
        ([(-1, 3), (-2, 1)], "cannot tell", 1),  # leans least towards it
        ([(-3, -2), (-1, 3), (5, 6)], "does not", 0),
        ([(-9, -0.1), (-3, -2), (1, 2)], "does not", 1),  # clearly below, not only far to the left
    ],
)
def test_a_law_is_as_strong_as_its_weakest_part(parts, says, deciding):
    law = Law("a law", [part(*ends) for ends in parts])
    assert law.verdict == says and law.deciding is law.parts[deciding]
    row = laws.table([law]).iloc[0]
    assert (row["law"], row["verdict"], row["low"]) == ("a law", says, parts[deciding][0])
    assert list(laws.parts_table([law])["verdict"]) == [laws.verdict(*ends) for ends in parts]


def test_a_share_of_a_measured_number_is_a_weight():
    """Half of THREE is 37.5 %: HALF is above it, and half of HALF below THREE."""
    found = laws.contrast("half - half of three", [(1, HALF), (-0.5, THREE)])
    assert found.interval == pytest.approx((12.5, 12.5, 12.5)) and found.verdict == "holds"
    noisy = laws.contrast("others - half of half", [(1, OTHERS), (-0.5, HALF)])
    alone = metrics.pck_interval(OTHERS)
    assert noisy.interval.value == pytest.approx(25)
    assert noisy.half == pytest.approx((alone.high - alone.low) / 2)  # HALF is the same everywhere
    assert laws.contrast("", [(1, HALF), (-1, None)]).verdict == "not run"


def test_equal_wants_the_interval_inside():
    found = laws.equal("others - half", OTHERS, HALF, within=30)
    wide = laws.compare("others - half", OTHERS, HALF)
    assert found.verdict == "holds" and found.half < wide.half  # two tests of 5 % each: 90 %
    assert laws.equal("", OTHERS, HALF, within=found.half / 2).verdict == "cannot tell"
    assert laws.equal("", THREE, HALF, within=20).verdict == "does not"
    assert laws.equal("", HALF, THREE, within=20).verdict == "does not"
    shown = laws.table([Law("equal", [found])]).iloc[0]
    assert (shown["above"], shown["below"], shown["verdict"]) == (-30, 30, "holds")


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


def test_power_by_hand():
    """An interval of 10 - 1.96 to 10 + 1.96 from 100 pairs has a standard error of 1."""
    pilot = Comparison("a - b", metrics.Interval(10, 10 - 1.959964, 10 + 1.959964), pairs=100)
    assert power.standard_error(pilot) == pytest.approx(1)
    assert power.pairs_needed(pilot, 2.8015853) == 100  # 1.96 + 0.8416 standard errors: 80 %
    assert power.pairs_needed(pilot, 2.8015853 / 2) == 400
    assert power.chance(pilot, 2.801585, 100) == pytest.approx(0.8, abs=1e-4)
    assert power.chance(pilot, 1.959964, 100) == pytest.approx(0.5)
    assert power.chance(pilot, 1.959964 / 2, 400) == pytest.approx(0.5)
    assert power.table({"a": pilot}, 2.8015853).loc["a", "pairs needed"] == 100
    for effect, wanted in ((0, 0.8), (2, 1.0), (2, 0.2)):
        with pytest.raises(ValueError, match="wanted a difference above 0"):
            power.pairs_needed(pilot, effect, wanted)
    with pytest.raises(ValueError, match="was not run"):
        power.chance(compare("a - b", None, HALF), 1, 10)


def test_runs_stand_side_by_side_by_claim():
    nan = Comparison("a - b", metrics.Interval(*[float("nan")] * 3))
    first = [Law("more is better", [part(1, 3)]), Law("less is worse", [part(-3, -1), part(1, 2)])]
    second = [Law("more is better", [part(-1, 2)]), Law("less is worse", [nan])]
    found = laws.side_by_side({"first": first, "second": second})
    assert list(found.index) == ["more is better", "less is worse"]
    assert list(found["first"]) == ["holds: +2.0 [+1.0, +3.0]", "does not: −2.0 [−3.0, −1.0]"]
    assert list(found["second"]) == ["cannot tell: +0.5 [−1.0, +2.0]", "not run"]
    with pytest.raises(ValueError, match="second: other claims than those of first"):
        laws.side_by_side({"first": first, "second": second[:1]})
