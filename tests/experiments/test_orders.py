"""Orders of methods: two by two, decided or open, and Kendall's tau with its ends."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

from corrlib.experiments.orders import OPEN, OTHER, SAME, _chance, agreement, orders


def table(right: int, seed: int, images: int = 16) -> pd.DataFrame:
    """Four points of each ordered pair of `images`, of which on average `right` are found."""
    draws = np.random.default_rng(seed)
    rows = []
    for i, j in permutations(range(images), 2):
        names = {"pair": f"{i}-{j}", "category": "cat", "source_image": i, "target_image": j}
        for k in range(4):
            found = draws.random() < right / 4
            rows.append({**names, "keypoint": k, "distance_px": 1.0 if found else 30.0})
    return pd.DataFrame(rows).assign(tolerance_px=100.0)


def test_orders_are_decided_where_the_interval_leaves_out_zero():
    ours = {"a": table(1, 0), "b": table(2, 1), "c": table(2, 1), "d": table(3, 3)}
    found = orders({"a": 1.0, "b": 2.0, "c": 3.0, "d": 0.5, "unknown": 9.0}, ours, alpha=0.1)
    said = {frozenset(row[:2]): row[-1] for row in found.itertuples(index=False)}
    assert len(said) == 6 and said[frozenset("bc")] == OPEN
    assert said[frozenset("ab")] == said[frozenset("ac")] == SAME
    assert said[frozenset("ad")] == said[frozenset("bd")] == said[frozenset("cd")] == OTHER
    both = agreement(found)
    assert (both.methods, both.decided, both.of) == (4, 5, 6)
    assert both.low == pytest.approx(-2 / 6) and both.high == pytest.approx(0)
    assert both.tau == pytest.approx(-1 / 6), "b and c are equal: neither way"


def test_the_chance_is_the_exact_one():
    for ranks in ([0, 1, 2, 3], [1, 0, 2, 4, 3], [3, 2, 1, 0], [2, 0, 3, 1, 5, 4]):
        n = len(ranks)
        later = [(i, j) for i in range(n) for j in range(i + 1, n)]
        agree = sum(np.sign(ranks[j] - ranks[i]) for i, j in later)
        exact = kendalltau(range(n), ranks, method="exact").pvalue
        assert _chance(int(agree), n) == pytest.approx(exact)


def test_one_method_has_no_order():
    with pytest.raises(ValueError, match="an order wants two or more"):
        orders({"a": 1.0, "x": 2.0}, {"a": table(2, 0)})
