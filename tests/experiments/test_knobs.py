"""What each knob is worth, from trials whose answers are made by hand."""

import numpy as np
import pandas as pd
import pytest

from corrlib.experiments.knobs import (
    combination,
    listed,
    more_helps,
    one_at_a_time,
    told_apart,
    values_of,
)

PAIRS, POINTS = 40, 4
BASE = {"steps": 40, "embeddings": 5, "crops": 8}


def trial(share: float, seed: int = 0) -> pd.DataFrame:
    """A keypoint table in which about `share` of the answers are right: the same points are right
    in every table of a larger share, so that differences are sure.
    """
    ease = np.random.default_rng(seed).permutation(PAIRS * POINTS) / (PAIRS * POINTS)
    pair = np.repeat(np.arange(PAIRS), POINTS)
    return pd.DataFrame(
        {
            "pair": [f"p{k}" for k in pair],
            "keypoint": np.tile(np.arange(POINTS), PAIRS),
            "source_image": [f"a{k}" for k in pair],
            "target_image": [f"b{k}" for k in pair],
            "category": "cat",
            "distance_px": np.where(ease < share, 1.0, 99.0),
            "tolerance_px": 100.0,
        }
    )


TRIALS = {
    "base": trial(0.5),
    "steps-10": trial(0.2),
    "steps-40": trial(0.5),
    "steps-80": trial(0.9),
    "crops-16": trial(0.5),
    "pareto-10-1-4": trial(0.1),
}
TITLES = {"crops": "crops of the target", "steps": "steps", "sigma": "sigma"}


def test_one_row_a_value_in_the_order_of_the_knobs():
    rows = one_at_a_time(TRIALS, TITLES, BASE | {"sigma": 16})
    assert rows["knob"].tolist() == ["crops of the target"] * 2 + ["steps"] * 3
    assert rows["value"].tolist() == ["8", "16", "40", "10", "80"]
    assert rows["base"].tolist() == [True, False, True, False, False]
    assert np.allclose(rows["pck"], [50, 50, 50, 20, 90])
    assert np.allclose(rows["difference"], [0, 0, 0, -30, 40])
    assert (rows["low"] <= rows["pck"]).all() and (rows["pck"] <= rows["high"]).all()


def test_the_base_is_asked_for():
    with pytest.raises(ValueError, match="no trial base"):
        one_at_a_time({"steps-10": TRIALS["steps-10"]}, TITLES, BASE)


def test_what_is_told_apart_is_listed_largest_first():
    better, worse = told_apart(one_at_a_time(TRIALS, TITLES, BASE))
    assert listed(better) == "steps 80 (+40.0)"
    assert listed(worse) == "steps 10 (-30.0)"
    assert listed(better.iloc[:0]) == "none"


def test_values_of_a_knob_hold_the_base():
    tables = values_of(TRIALS, "steps", 40)
    assert list(tables) == [10, 40, 80] and tables[40] is TRIALS["base"]


def test_returns_that_diminish_lie_above_the_line():
    more, bend = more_helps("steps", {10: trial(0.2), 40: trial(0.8), 80: trial(0.9)})
    assert more.text == "80 - 10 steps" and more.interval.value == pytest.approx(70)
    # the line from 20 at 10 to 90 at 80 is at 50 where 40 is
    assert bend.text == "40 - line from 10 to 80" and bend.interval.value == pytest.approx(30)
    assert (more.verdict, bend.verdict) == ("holds", "holds")
    _, straight = more_helps("steps", {10: trial(0.2), 40: trial(0.3), 80: trial(0.9)})
    assert straight.verdict == "does not"
    with pytest.raises(ValueError, match="wanted three or more"):
        more_helps("steps", {10: trial(0.2), 80: trial(0.9)})


def test_combinations_of_three_knobs():
    assert combination("base", BASE) == (40, 5, 8)
    assert combination("embeddings-2", BASE) == (40, 2, 8)
    assert combination("pareto-80-1-16", BASE) == (80, 1, 16)
    assert combination("sigma-20", BASE) is None
