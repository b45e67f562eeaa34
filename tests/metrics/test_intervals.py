"""Intervals over images and with categories, of PCK and of one number a pair."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

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


def test_one_point_a_pair_by_hand():
    """Without shared pictures the interval is the textbook's: t with n - 1 degrees of freedom."""
    right = np.array([1.0, 1, 1, 0, 1, 0, 0, 1])
    frame = simulated(pairs=8).groupby("pair", sort=False).head(1)
    frame = frame.assign(distance_px=np.where(right > 0, 1.0, 99.0))
    half = 100 * 2.364624 * right.std(ddof=1) / 8**0.5  # t of 7 degrees of freedom
    expected = (62.5, 62.5 - half, min(62.5 + half, 100))
    assert metrics.pck_interval(frame, over="pair") == pytest.approx(expected, abs=1e-4)
    own = frame.assign(source_image=frame["pair"] + "a", target_image=frame["pair"] + "b")
    assert metrics.pck_interval(own) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("by", metrics.BY)
def test_pairs_that_share_a_picture_by_hand(by):
    """The same sums with loops over all pairs of pairs, and matrices written out."""
    data = unequal().iloc[::3]
    data = data[data["pair"].isin(data["pair"].unique()[::4])]
    value, low, high = metrics.pck_interval(data, by)
    assert value == pytest.approx(metrics.pck(data, by=by))
    pairs = data.assign(right=metrics.correct(data)).groupby("pair", sort=False)
    right, total = pairs["right"].sum().to_numpy(float), pairs.size().to_numpy(float)
    first = pairs.first()
    cell = first["category"].to_numpy() if by == "category" else np.zeros(len(first))
    weight, share = np.zeros(len(first)), np.zeros(len(first))
    fitted = np.eye(len(first))  # what subtracts means
    for name in np.unique(cell):
        here = np.flatnonzero(cell == name)
        size = np.ones(len(here)) if by == "image" else total[here]
        weight[here] = size / size.sum() / len(np.unique(cell))
        share[here] = 100 * weight[here] * right[here] / total[here]
        fitted[np.ix_(here, here)] -= np.outer(
            weight[here] / weight[here].sum(), np.ones(len(here))
        )
    ends = [set(row) for row in first[["source_image", "target_image"]].to_numpy()]
    shares = np.array([[float(bool(a & b)) for b in ends] for a in ends])
    form = fitted.T @ shares @ fitted
    noise = np.diag(weight**2)
    expected = np.trace(form @ noise)
    degrees = expected**2 / np.trace(form @ noise @ form @ noise)
    error = np.sqrt(share @ form @ share * (weight**2).sum() / expected)
    half = error * scipy.stats.t.ppf(0.975, degrees)
    assert (low, high) == pytest.approx((max(value - half, 0), min(value + half, 100)))


def test_what_one_pair_or_one_picture_can_tell():
    one = simulated(pairs=30, p=1.0, categories=1).assign(distance_px=1.0)
    assert metrics.pck_interval(one.iloc[:8]) == (100, 0, 100)  # one pair: nothing is known
    lone = one.iloc[:8].assign(pair="lone", category="lone", distance_px=99.0)
    found = metrics.pck_interval(pd.concat([one, lone]), "category")
    assert found.value == 50  # and its category has no second pair to tell how pairs differ
    few = [one.iloc[:8].assign(pair=str(i), category=f"c{i}") for i in range(18)]
    few = pd.concat(few).assign(distance_px=np.repeat([1.0, 99.0], 72))
    lone_pairs = metrics.pck_interval(few, "category", over="pair")
    assert lone_pairs == pytest.approx(metrics.pck_interval(few, "image", over="pair"))
    same = metrics.pck_interval(few)  # all share their pictures: taken for independent
    assert same == metrics.pck_interval(few, over="pair")
    with pytest.raises(ValueError, match="pair 0 has keypoints of several categories"):
        metrics.pck_interval(few.assign(pair="0", keypoint=range(len(few))), "category")


def test_the_small_category_makes_the_mean_uncertain():
    data = unequal()
    point, category = metrics.pck_interval(data, "point"), metrics.pck_interval(data, "category")
    assert category.high - category.low > point.high - point.low


def test_an_interval_for_each_category():
    data = unequal()
    table = metrics.interval_table(data, "image")
    assert list(table.columns) == ["category", "by", "pck", "low", "high", "keypoints", "pairs"]
    assert table["category"].tolist() == ["easy", "hard"] and table["pairs"].tolist() == [200, 20]
    easy = metrics.pck_interval(data[data["category"] == "easy"], "image")
    assert tuple(table.iloc[0][["pck", "low", "high"]]) == easy
    assert (table["low"] < table["pck"]).all() and (table["pck"] < table["high"]).all()
    assert metrics.interval_table(data, group=())["pck"].item() == metrics.pck(data)


def test_difference_with_categories():
    data = unequal()
    better = data.assign(distance_px=np.where(data["category"] == "hard", 1.0, data["distance_px"]))
    for over in ("pair", "image"):
        difference, low, high = metrics.paired_interval(better, data, "category", over=over)
        assert (
            difference
            == pytest.approx(metrics.pck(better, by="category") - metrics.pck(data, by="category"))
            and 0 < low < high
        )


def test_difference_of_two_ways_of_counting_one_table():
    data = unequal()
    value, low, high = metrics.paired_interval(data, data, by=("point", "category"), over="pair")
    assert (
        value == pytest.approx(metrics.pck(data) - metrics.pck(data, by="category"))
        and 0 < low < value < high
    )
    # sure of the difference although not of the numbers: what is hard is hard on both sides
    _, bottom, top = metrics.pck_interval(data, "category", over="pair")
    assert high - low < 1.2 * (top - bottom)
    edge = data.assign(distance_px=0.1 * data["tolerance_px"])  # every point on its circle
    assert metrics.paired_interval(edge, edge, strict=(False, True)) == pytest.approx((100,) * 3)


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
