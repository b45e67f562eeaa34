"""A search draws what its space says, whatever else is drawn; the best of n is counted exactly;
luck is told from merit.
"""

import json
import math
import subprocess
import sys
from itertools import combinations

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import yaml

from corrlib.experiments import random_search, search_optimism
from corrlib.viz import search as draw
from corrlib.viz.style import GREY, RC

SPACE = yaml.safe_load("""
learning_rate: {log: [0.02, 0.3]}
sigma: {uniform: [3, 12]}
steps: {integer: [5, 8]}
crop: {uniform: [0.5, 1.0]}
layers: {choice: [[10], [10, 11]]}
timestep: {log_integer: [10, 640]}
""")


def keypoints(skill, seed=0, sources=12, block=4, points=4, shared=0.5):
    """A search's keypoint table: trial i is right with logit skill[i], plus what trial and source,
    and each point, share.
    """
    rng, rows = np.random.default_rng(seed), []
    luck, easy = rng.normal(0, shared, (len(skill), sources)), rng.normal(0, 0.7, sources)
    for pair in range(sources * block):
        s, t, point = pair // block, rng.integers(20), rng.normal(0, 1, points)
        for trial, of in enumerate(skill):
            right = rng.random(points) < 1 / (1 + np.exp(-(of + luck[trial, s] + easy[s] + point)))
            names = (random_search.trial_name(trial), f"pair{pair}", "cat")
            rows += [
                (*names, str(k), f"s{s}", f"t{t}", 1.0 if ok else 50.0, 100.0)
                for k, ok in enumerate(right)
            ]
    columns = [
        "trial",
        "pair",
        "category",
        "keypoint",
        "source_image",
        "target_image",
        "distance_px",
        "tolerance_px",
    ]
    return pd.DataFrame(rows, columns=columns)


EQUAL = keypoints(np.full(12, -0.4))
SKILLED = keypoints(np.linspace(-2, 1.5, 12))


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


def test_the_expected_best_is_the_mean_over_all_subsets():
    values = np.array([30.0, 10.0, 20.0, 20.0, 50.0])
    every = [np.mean([max(few) for few in combinations(values, n)]) for n in range(1, 6)]
    assert search_optimism.expected(values) == pytest.approx(every)
    assert search_optimism.expected(np.array([10.0, 20.0, 30.0])) == pytest.approx([20, 80 / 3, 30])
    assert search_optimism.chosen(values)[-1] == pytest.approx([0, 0, 0, 0, 1])
    assert search_optimism.chosen(np.array([1.0, 1.0, 0.0]))[-1] == pytest.approx(
        [0.5, 0.5, 0]
    )  # equals share the choice


def test_the_ends_of_the_best_hold_most_subsets():
    found = search_optimism.best_of_n(SKILLED, n=200)
    pck = search_optimism.Tally.of(SKILLED).pck
    for n in (1, 3, 7):
        best = np.array([max(few) for few in combinations(pck, n)])
        assert (
            (best < found["apparent_low"][n - 1]).mean()
            <= 0.025
            < (best <= found["apparent_low"][n - 1]).mean() + 1e-9
        )
        assert (best <= found["apparent_high"][n - 1]).mean() >= 0.975
    assert (
        found["apparent_low"].iloc[-1]
        == found["apparent_high"].iloc[-1]
        == found["apparent"].iloc[-1]
        == pck.max()
    )


def test_one_trial_is_not_chosen_and_has_no_optimism():
    alone = search_optimism.best_of_n(EQUAL[EQUAL["trial"] == "draw-000"], n=200)
    assert len(alone) == 1 and alone[
        ["optimism", "optimism_low", "optimism_high"]
    ].to_numpy() == pytest.approx(0, abs=1e-9)
    first = search_optimism.best_of_n(SKILLED, n=200).iloc[0]
    same = first[["apparent", "left_out", "luck", "luck_low", "luck_high"]].to_numpy(float)
    assert same == pytest.approx(search_optimism.Tally.of(SKILLED).pck.mean()) and first[
        "optimism"
    ] == pytest.approx(0, abs=1e-9)


def test_trials_equal_in_truth_gain_by_luck_alone():
    gain, lost, luck = [], [], []
    for seed in range(8):
        found = search_optimism.best_of_n(keypoints(np.full(12, -0.4), seed), n=300)
        mean, last = (
            found["apparent"][0],
            found.iloc[-1],
        )  # the best of one is the mean of all, which has the value of each in truth
        gain, lost, luck = (
            [*gain, last["apparent"] - mean],
            [*lost, last["optimism"]],
            [*luck, last["luck"] - mean],
        )
    assert min(lost) > 2  # in every search
    assert np.mean(lost) == pytest.approx(
        np.mean(gain), abs=1
    )  # all that the best seems to gain is optimism,
    assert np.mean(luck) == pytest.approx(np.mean(gain), abs=1.5)  # and luck gains as much


def test_a_trial_that_is_better_in_truth_stays_so():
    found = search_optimism.best_of_n(SKILLED, n=500).iloc[-1]
    assert found["apparent"] > found["luck_high"] and found["left_out"] > found["luck_low"]
    mean = search_optimism.Tally.of(SKILLED).pck.mean()
    assert found["left_out"] - mean > 15 and found["optimism"] < 0.2 * (found["apparent"] - mean)


def test_nothing_depends_on_the_order_of_rows_or_on_anything_but_the_seed():
    once = search_optimism.best_of_n(EQUAL, n=150, seed=1)
    mixed = EQUAL.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(
        search_optimism.best_of_n(mixed, n=150, seed=1), once, check_exact=True
    )
    pd.testing.assert_frame_equal(
        search_optimism.scores(mixed, n=150), search_optimism.scores(EQUAL, n=150), check_exact=True
    )
    assert not search_optimism.best_of_n(EQUAL, n=150, seed=2)["left_out"].equals(once["left_out"])


def test_scores_are_pck_with_the_spread_of_resampled_pictures():
    found = search_optimism.scores(SKILLED).set_index("trial")
    for trial, rows in SKILLED.groupby("trial"):
        assert found["pck"][trial] == pytest.approx(100 * (rows["distance_px"] < 10).mean())
    assert found["error"].between(2, 12).all() and found["apart"].mean() < found["error"].mean()


def test_tables_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match="no column trial"):
        search_optimism.scores(EQUAL.drop(columns="trial"))
    with pytest.raises(ValueError, match=r"draw-001.*twice"):
        search_optimism.scores(pd.concat([EQUAL, EQUAL[EQUAL["trial"] == "draw-001"]]))
    with pytest.raises(ValueError, match=r"trial draw-000 lacks keypoint \('pair0', '0'\)"):
        search_optimism.scores(EQUAL.iloc[1:])
    with pytest.raises(ValueError, match="1 pairs.* search on pairs of more pictures"):
        search_optimism.best_of_n(EQUAL[EQUAL["pair"] == "pair0"], n=50)


def test_figures_show_every_trial_and_the_gap():
    with matplotlib.rc_context(RC):
        figure, axes = plt.subplots(2, 4, sharey=True)
        trials = random_search.table(SPACE, 12).merge(search_optimism.scores(EQUAL, n=100))
        drawn = draw.settings_scatter(axes, trials, SPACE)
        assert [ax.get_xlabel() for ax in drawn] == [
            "learning rate",
            "sigma",
            "steps",
            "crop",
            "layers",
            "timestep",
        ]
        assert [ax.get_xscale() for ax in drawn] == [
            "log",
            "linear",
            "linear",
            "linear",
            "linear",
            "log",
        ]
        for ax, name in zip(drawn, SPACE, strict=True):
            x, y = ax.lines[0].get_data()
            assert np.array_equal(y, trials["pck"]) and ax.lines[1].get_ydata() == [
                trials["pck"].max()
            ]
            assert (
                np.array_equal(np.round(x), trials[name].map(len) - 1)
                if name == "layers"
                else np.array_equal(x, trials[name])
            )
        assert [tick.get_text() for tick in drawn[4].get_xticklabels()] == ["10", "10+11"]
        bars = [line for ax in drawn for line in ax.lines if line.get_color() == GREY]
        assert len(bars) == 1 and np.ptp(bars[0].get_ydata()) == pytest.approx(
            2 * trials["apart"].mean()
        )
        assert len(figure.axes) == 6
        with pytest.raises(ValueError, match="got 2 axes for 6 settings"):
            draw.settings_scatter(axes[0, :2], trials, SPACE)

        found = search_optimism.best_of_n(EQUAL, n=100)
        ax = draw.best_of_n(plt.figure().subplots(), found)
        for line, name in zip(ax.lines, ("apparent", "left_out", "luck"), strict=False):
            assert np.array_equal(line.get_xydata(), found[["n", name]])
        assert f"optimism\n{found['optimism'].iloc[-1]:.1f} points" in ax.texts[0].get_text()
        plt.close("all")
