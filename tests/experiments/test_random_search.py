"""A search draws what its space says, whatever else is drawn; the best of n is counted exactly;
luck is told from merit.
"""

import json
import math
import subprocess
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest
import yaml

from corrlib.experiments import random_search

matplotlib.use("Agg")


SPACE = yaml.safe_load("""
learning_rate: {log: [0.02, 0.3]}
sigma: {uniform: [3, 12]}
steps: {integer: [5, 8]}
crop: {uniform: [0.5, 1.0]}
layers: {choice: [[10], [10, 11]]}
timestep: {log_integer: [10, 640]}
""")


def test_few_draws_are_the_first_of_many_and_others_of_another_seed():
    many = random_search.draws(SPACE, 50, seed=3)
    assert (
        random_search.draws(SPACE, 16, seed=3) == many[:16]
        and random_search.draws(SPACE, 1, seed=3) == many[:1]
    )
    other = random_search.draws(SPACE, 50, seed=4)
    assert all(a["sigma"] != b["sigma"] for a, b in zip(many, other, strict=True))
    code = (
        "import json; from corrlib.experiments.random_search import draws; "
        f"print(json.dumps(draws({SPACE!r}, 50, 3)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(told) == many  # of another process too


def test_one_more_setting_changes_no_other():
    fewer = {name: SPACE[name] for name in reversed(SPACE) if name != "sigma"}
    for with_sigma, without in zip(
        random_search.draws(SPACE, 20), random_search.draws(fewer, 20), strict=True
    ):
        assert without == {name: value for name, value in with_sigma.items() if name != "sigma"}


def test_draws_follow_their_laws():
    drawn = random_search.table(SPACE, 4000)
    assert list(drawn) == ["trial", *SPACE] and drawn["trial"].iloc[7] == "draw-007"
    share = math.log(0.1 / 0.02) / math.log(0.3 / 0.02)
    assert drawn["learning_rate"].between(0.02, 0.3).all() and (
        drawn["learning_rate"] < 0.1
    ).mean() == pytest.approx(share, abs=0.03)
    assert drawn["sigma"].between(3, 12).all() and drawn["sigma"].mean() == pytest.approx(
        7.5, abs=0.15
    )
    assert drawn["crop"].between(0.5, 1).all() and (drawn["crop"] < 0.75).mean() == pytest.approx(
        0.5, abs=0.03
    )
    assert drawn["steps"].value_counts(normalize=True).to_dict() == pytest.approx(
        dict.fromkeys(range(5, 9), 0.25), abs=0.03
    )
    assert drawn["layers"].map(len).mean() == pytest.approx(1.5, abs=0.03) and drawn["layers"].iloc[
        0
    ] in ([10], [10, 11])
    octaves = pd.cut(drawn["timestep"], [9, 19, 39, 79, 159, 319, 640]).value_counts(normalize=True)
    assert drawn["timestep"].between(10, 640).all() and octaves.to_numpy() == pytest.approx(
        np.full(6, 1 / 6), abs=0.03
    )
    assert not np.corrcoef(drawn["sigma"], drawn["crop"])[0, 1] > 0.05
    kinds = {
        "learning_rate": float,
        "sigma": float,
        "steps": int,
        "crop": float,
        "layers": list,
        "timestep": int,
    }
    assert {name: type(value) for name, value in random_search.draws(SPACE, 1)[0].items()} == kinds
    one = {"a": {"uniform": [2, 2]}, "b": {"integer": [3, 3]}, "c": {"log": [5, 5]}}
    assert random_search.draws(one, 2) == [{"a": 2, "b": 3, "c": 5}] * 2


def test_nothing_beyond_the_ends_of_a_law_is_drawn():
    last = 1 - 2**-53
    for law, low, high in (
        ("uniform", 0.123456, 0.987654),
        ("log", 0.0123456, 0.987654),
        ("integer", 2, 9),
        ("log_integer", 1, 9),
    ):
        first, final = (random_search.LAWS[law](low, high, u) for u in (0.0, last))
        assert low <= first == pytest.approx(low, rel=1e-3) and high >= final == pytest.approx(
            high, rel=1e-3
        )


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ([1, 2], "wanted one law of uniform: .low, high., log"),
        ({"gaussian": [0, 1]}, "wanted one law of uniform"),
        ({"log": [1, 2], "uniform": [1, 2]}, "wanted one law"),
        ({"log": [0, 1]}, "least value first, above 0"),
        ({"uniform": [2, 1]}, "least value first"),
        ({"uniform": [1, 2, 3]}, "two numbers"),
        ({"integer": [1, 2.5]}, "two integers"),
        ({"integer": [False, True]}, "two integers"),
        ({"uniform": [0, float("inf")]}, "two numbers"),
        (yaml.safe_load("{log: [1e-3, 1e-2]}"), "YAML reads 1e-3 as a word, write 1.0e-3"),
        ({"choice": []}, "wanted a list"),
        ({"choice": "ab"}, "wanted a list"),
    ],
)
def test_an_entry_that_is_no_law_is_named(entry, says):
    with pytest.raises(ValueError, match=f"^sigma of the space is .*{says}"):
        random_search.draws({"steps": {"integer": [1, 2]}, "sigma": entry}, 2)


def test_no_space_or_no_draws_is_said():
    with pytest.raises(ValueError, match="a law for each setting"):
        random_search.draws({}, 2)
    with pytest.raises(ValueError, match="draws is 0; wanted the number"):
        random_search.draws(SPACE, 0)
