"""Intervals mean 95 %: where nothing differs, about one in twenty leaves zero out, whatever the
number of pairs and whether pairs or pictures carry the noise.
"""

import numpy as np
import pandas as pd
import pytest

from corrlib import metrics
from corrlib.metrics.clustered_error import Sharing, clustered_error, t_quantile

TABLES = 1000  # of which 5 % is known to +- 1.4 (two standard errors)


def pairs_of(count, categories, block=1, seed=0):
    """`count` pairs of pictures, categories in turn, as in a benchmark: a category has 16 pictures;
    `block` pairs in a row share their source.
    """
    rng, rows = np.random.default_rng(seed), []
    for number in range(-(-count // block)):
        kind = number % categories
        source, *targets = rng.permutation(16)[: block + 1]
        rows += [(f"c{kind}", f"{kind}/{source}", f"{kind}/{target}") for target in targets]
    frame = pd.DataFrame(rows[:count], columns=["category", "source_image", "target_image"])
    return frame.assign(points=rng.integers(2, 12, len(frame)))


def nulls(pairs, noise, rng):
    """Sums of a difference over the points of each pair, tables x pairs, of mean zero."""
    names = pd.unique(pd.concat([pairs["source_image"], pairs["target_image"]]))
    at = [pd.Index(names).get_indexer(pairs[f"{end}_image"]) for end in ("source", "target")]
    points = pairs["points"].to_numpy()
    of_pair = points * rng.normal(size=(TABLES, len(pairs)))
    pictures = rng.normal(size=(TABLES, len(names)))
    of_picture = points * (pictures[:, at[0]] + pictures[:, at[1]]) / np.sqrt(2)
    return of_pair + of_picture if noise == "both" else of_pair


@pytest.mark.parametrize("noise", ["pair", "both"])
@pytest.mark.parametrize(
    ("count", "block", "categories"), [(24, 3, 8), (24, 1, 18), (108, 3, 18), (1080, 1, 18)]
)
def test_one_null_in_twenty_is_rejected(count, block, categories, noise):
    pairs = pairs_of(count, categories, block)
    tables = nulls(pairs, noise, np.random.default_rng(7))
    sharing = Sharing.of(pairs["source_image"], pairs["target_image"])
    found = (mean_and_half(pairs, sums, sharing) for sums in tables)
    rejected = sum(abs(mean) > half for mean, half in found)
    assert 0.03 <= rejected / TABLES <= 0.07


def mean_and_half(pairs, sums, sharing):
    """The mean of a difference over all points and half the width of its interval."""
    total = pairs["points"].sum()
    weights, mean = pairs["points"].to_numpy() / total, sums.sum() / total
    one = np.zeros(len(pairs), int)
    error, degrees = clustered_error(sums / total - weights * mean, weights, one, sharing)
    return mean, error * t_quantile(0.95, degrees)


def test_a_keypoint_table_becomes_these_sums():
    rng, pairs = np.random.default_rng(3), pairs_of(54, 18, 3)
    rows = pairs.loc[pairs.index.repeat(pairs["points"])].reset_index(names="pair")
    rows = rows.assign(keypoint=rows.groupby("pair").cumcount().astype(str), tolerance_px=100.0)
    a, b = (
        rows.assign(distance_px=np.where(rng.random(len(rows)) < p, 1.0, 99)) for p in (0.6, 0.5)
    )
    gained = (metrics.correct(a).astype(float) - metrics.correct(b)).astype(float)
    sharing = Sharing.of(pairs["source_image"], pairs["target_image"])
    mean, half = mean_and_half(pairs, np.bincount(rows["pair"], gained), sharing)
    ends = 100 * mean, 100 * (mean - half), 100 * (mean + half)
    assert metrics.paired_interval(a, b.sample(frac=1, random_state=0)) == pytest.approx(ends)
