"""Scores of made pictures on vectors whose answer is known."""

import numpy as np
import pytest

from corrlib.metrics.pictures import frechet_distance, quality

G = np.random.default_rng(0)
REAL, OTHER = G.normal(size=(4000, 5)), G.normal(size=(4000, 5))


def test_the_distance_of_two_gaussians():
    assert frechet_distance(REAL, REAL) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(OTHER, REAL) < 0.02
    moved = OTHER * 3 + np.array([2.0, 0, 0, 0, 0])  # 4 + 5 (3 - 1)^2
    assert frechet_distance(moved, REAL) == pytest.approx(24, rel=0.05)
    turned = np.linalg.qr(G.normal(size=(5, 5)))[0]
    assert frechet_distance(moved @ turned, REAL @ turned) == pytest.approx(
        frechet_distance(moved, REAL)
    )
    assert frechet_distance(REAL, moved) == pytest.approx(frechet_distance(moved, REAL))
    with pytest.raises(ValueError, match="made vectors are 1 of 5"):
        frechet_distance(REAL[:1], REAL)


def test_quality_is_half_for_real_ones_and_nothing_for_far_ones():
    assert quality(OTHER[:2000], REAL, OTHER[2000:]) == pytest.approx(50, abs=3)
    assert quality(OTHER[:2000] + 20, REAL, OTHER[2000:]) == 0
    assert quality(OTHER[:2000] * 0.1, REAL, OTHER[2000:]) > 95
    assert 5 < quality(OTHER[:2000] + 1, REAL, OTHER[2000:]) < 40
