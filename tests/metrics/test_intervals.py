"""Intervals over images and with categories, of PCK and of one number a pair."""

import numpy as np
import pandas as pd
import pytest

from corrlib import metrics
from tests.metrics.test_pck import simulated


def unequal():
    """Two categories of very different size and difficulty."""
    easy, hard = (
        simulated(pairs=200, p=0.9, categories=1),
        simulated(pairs=20, p=0.2, categories=1, seed=1),
    )
    return pd.concat(
        [easy.assign(category="easy"), hard.assign(category="hard", pair="h" + hard["pair"])],
        ignore_index=True,
    )


@pytest.mark.parametrize("over", ["pair", "image"])
def test_categories_over_images_by_hand(over):
    """The mean of categories is resampled as it is computed: against weights drawn and summed with
    loops.
    """
    data = unequal().iloc[::3]
    value, low, high = metrics.bootstrap(data, "category", n=2000, seed=1, over=over)
    assert value == metrics.pck(data, by="category") and low < value < high
    rng, draws = np.random.default_rng(5), []
    right = metrics.correct(data)
    names = (
        pd.unique(data["pair"])
        if over == "pair"
        else pd.unique(pd.concat([data["source_image"], data["target_image"]]))
    )
    for _ in range(300):
        times = pd.Series(rng.choice(names, len(names))).value_counts()
        keys = ["pair"] if over == "pair" else ["source_image", "target_image"]
        weight = np.prod([data[key].map(times).fillna(0).to_numpy(float) for key in keys], axis=0)
        shares = []
        for rows in (data["category"] == "easy", data["category"] == "hard"):
            # a category that is lost keeps the value of the whole table
            shares.append(
                (weight * right)[rows].sum() / weight[rows].sum()
                if weight[rows].any()
                else right[rows].mean()
            )
        draws.append(100 * np.mean(shares))
    assert (low, high) == pytest.approx(np.nanquantile(draws, [0.025, 0.975]), abs=2.5)


def test_a_category_that_a_resample_loses_keeps_its_value():
    one = simulated(pairs=30, p=1.0, categories=1).assign(distance_px=1.0)
    lone = one.iloc[:8].assign(
        pair="lone", category="lone", distance_px=99.0
    )  # missing in a third of all resamples
    assert metrics.bootstrap(pd.concat([one, lone]), "category") == (50, 50, 50)  # not up to 100
    few = pd.concat(
        [one.iloc[:8].assign(pair=str(i), category=f"c{i}") for i in range(18)]
    )  # a subset: one pair a category
    assert metrics.bootstrap(few, "category") == (100, 100, 100)


def test_the_small_category_makes_the_mean_uncertain():
    data = unequal()
    point, category = metrics.bootstrap(data, "point"), metrics.bootstrap(data, "category")
    assert category.high - category.low > point.high - point.low


def test_an_interval_for_each_category():
    data = unequal()
    table = metrics.bootstrap_table(data, "image", n=300)
    assert list(table.columns) == ["category", "by", "pck", "low", "high", "keypoints", "pairs"]
    assert table["category"].tolist() == ["easy", "hard"] and table["pairs"].tolist() == [200, 20]
    easy = metrics.bootstrap(data[data["category"] == "easy"], "image", n=300)
    assert tuple(table.iloc[0][["pck", "low", "high"]]) == easy
    assert (table["low"] < table["pck"]).all() and (table["pck"] < table["high"]).all()
    assert metrics.bootstrap_table(data, group=(), n=50)["pck"].item() == metrics.pck(data)


def test_difference_with_categories():
    data = unequal()
    better = data.assign(distance_px=np.where(data["category"] == "hard", 1.0, data["distance_px"]))
    for over in ("pair", "image"):
        difference, low, high = metrics.paired_bootstrap(better, data, "category", n=300, over=over)
        assert (
            difference
            == pytest.approx(metrics.pck(better, by="category") - metrics.pck(data, by="category"))
            and 0 < low < high
        )


def test_difference_of_two_ways_of_counting_one_table():
    data = unequal()
    value, low, high = metrics.paired_bootstrap(data, data, by=("point", "category"), n=300)
    assert (
        value == pytest.approx(metrics.pck(data) - metrics.pck(data, by="category"))
        and 0 < low < value < high
    )
    # sure of the difference although not of the numbers: the same resamples on both sides
    _, bottom, top = metrics.bootstrap(data, "category", n=300)
    assert high - low < 1.2 * (top - bottom)
    edge = data.assign(distance_px=0.1 * data["tolerance_px"])  # every point on its circle
    assert metrics.paired_bootstrap(edge, edge, strict=(False, True), n=20) == (100, 100, 100)


def test_interval_of_a_mean():
    assert metrics.mean_interval([1.0, 1.0, 1.0]) == (1, 1, 1)
    values = np.random.default_rng(0).normal(size=400)
    value, low, high = metrics.mean_interval(values)
    assert value == values.mean() and (high - low) / 2 == pytest.approx(
        1.96 * values.std() / 20, rel=0.1
    )
    # five pairs of a sequence that agree are one observation, not five
    together = metrics.mean_interval(np.repeat(values[:80], 5), np.repeat(np.arange(80), 5))
    apart = metrics.mean_interval(np.repeat(values[:80], 5))
    assert (together.high - together.low) / (apart.high - apart.low) == pytest.approx(
        5**0.5, rel=0.15
    )
    assert together == metrics.mean_interval(np.repeat(values[:80], 5), np.repeat(np.arange(80), 5))
    with pytest.raises(ValueError, match="at least one finite number"):
        metrics.mean_interval([1.0, np.inf])
    with pytest.raises(ValueError, match="at least one finite number"):
        metrics.mean_interval([])
    with pytest.raises(ValueError, match="2 values and 3 groups"):
        metrics.mean_interval([1.0, 2.0], ["a", "b", "c"])
