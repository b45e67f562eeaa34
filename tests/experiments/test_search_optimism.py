"""What a search reports beyond what it found: luck, optimism, and their figures."""

from itertools import combinations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from corrlib import metrics
from corrlib.experiments import random_search, search_optimism
from corrlib.viz import search as draw
from corrlib.viz.style import RC
from tests.experiments.test_random_search import SPACE


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
        search_optimism.scores(mixed), search_optimism.scores(EQUAL), check_exact=True
    )
    assert not search_optimism.best_of_n(EQUAL, n=150, seed=2)["left_out"].equals(once["left_out"])


def test_scores_are_pck_with_the_error_of_its_interval():
    found, ratios = search_optimism.scores(SKILLED).set_index("trial"), []
    for trial, rows in SKILLED.groupby("trial"):
        assert found["pck"][trial] == pytest.approx(100 * (rows["distance_px"] < 10).mean())
        value, low, _ = metrics.pck_interval(rows, level=0.5)
        ratios.append((value - low) / found["error"][trial])
    assert 0.67 < ratios[0] < 0.75 and ratios == pytest.approx(ratios[:1] * len(ratios))
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
        trials = random_search.table(SPACE, 12).merge(search_optimism.scores(EQUAL))
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
        for ax in drawn:
            ends = np.array([bar[:, 1] for bar in ax.collections[0].get_segments()])
            assert np.diff(ends).ravel() == pytest.approx(2 * trials["apart"])
        assert len(figure.axes) == 6
        with pytest.raises(ValueError, match="got 2 axes for 6 settings"):
            draw.settings_scatter(axes[0, :2], trials, SPACE)

        found = search_optimism.best_of_n(EQUAL, n=100)
        ax = draw.best_of_n(plt.figure().subplots(), found)
        for line, name in zip(ax.lines, ("apparent", "left_out", "luck"), strict=False):
            assert np.array_equal(line.get_xydata(), found[["n", name]])
        assert f"optimism\n{found['optimism'].iloc[-1]:.1f} points" in ax.texts[0].get_text()
        plt.close("all")
