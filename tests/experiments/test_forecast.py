"""A line is found exactly, its interval holds as often as it says, and worlds have levels."""

import json
from pathlib import Path

import numpy as np
import pytest

from corrlib.experiments.forecast import best_of, forecast


def rows_of(pck, images, worlds=None, layer="up_blocks.2"):
    worlds = worlds or ["hard"] * len(pck)
    return [
        {"images": n, "world": world, "pck": {f"{layer}@51": value, f"{layer}@151": value - 1}}
        for n, value, world in zip(images, pck, worlds, strict=True)
    ]


def test_a_line_is_found_without_error():
    images = [1000 * 2**k for k in range(8)]
    pck = [5.0, 5.0, 5.0, *[10.0 + 3 * k for k in range(5)]]
    found = forecast(rows_of(pck, images))
    assert found.layer == "up_blocks.2" and found.rows == 5 and found.images == 256_000
    assert found.slope == pytest.approx(3) and found.next == pytest.approx(25)
    assert found.slope_high - found.slope_low == pytest.approx(0, abs=1e-6)


def test_another_world_moves_the_level_and_not_the_slope():
    images = [1000, 2000, 4000, 8000, 16000, 16000, 32000, 64000]
    pck = [5, 8, 11, 14, 17, 27, 30, 33]
    found = forecast(rows_of(pck, images, ["hard"] * 5 + ["calibrated"] * 3))
    assert (found.world, found.slope, found.next) == (
        "calibrated",
        pytest.approx(3),
        pytest.approx(36),
    )


def test_the_interval_of_the_next_row_holds_as_often_as_it_says():
    rng, images, inside = np.random.default_rng(0), [8000 * 2**k for k in range(7)], 0
    for _ in range(400):
        pck = 20 + 3 * np.arange(8) + rng.normal(0, 1, 8)
        found = forecast(rows_of([8.0, 8.0, *pck[:7]], [1000, 2000, *images]))
        inside += found.next_low <= pck[7] <= found.next_high
    assert 0.92 < inside / 400 < 0.98


def test_too_few_rows_are_refused_with_how_many_it_wants():
    images, worlds = [1000, 2000, 4000, 8000, 8000], ["hard"] * 4 + ["calibrated"]
    with pytest.raises(ValueError, match="3 rows in 2 worlds .* wants 5"):
        forecast(rows_of([5, 5, 9, 14, 18], images, worlds))


def test_a_layer_that_was_not_taken_has_no_value():
    assert np.isnan(best_of({"pck": {"up_blocks.1@51": 3.0}}, "up_blocks.2"))


def test_the_shipped_record_has_a_forecast():
    path = Path(__file__).parents[2] / "corrlib/assets/toybox/diffusion/training.json"
    found = forecast(json.loads(path.read_text())["record"])
    assert found.slope_low > 0 and found.next_low < found.next < found.next_high
