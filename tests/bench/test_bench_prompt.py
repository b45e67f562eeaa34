"""The benchmark of prompt optimisation, at a size of seconds: what it reports, and that both sides
agree.
"""

import json

import pytest

from corrlib import bench
from corrlib.bench.prompt_optimization import settings_of, toys


def test_both_sides_in_one_run():
    result = bench.run(
        "prompt_optimization",
        runs=1,
        points=2,
        steps=2,
        embeddings=2,
        crops=4,
        reuses=2,
        memory_runs=1,
    )
    assert json.loads(json.dumps(result))["benchmark"] == "prompt_optimization"
    assert (
        result["same_answer"] and result["points"] == 2 and len(result["differences_px"]) == 2
    )  # on one thread, and on all
    # which way is faster is the command's to say: a busy machine must not fail a test
    assert min(result["seconds"], result["straightforward_seconds"]) > 0
    assert result["time_ratio_amortised"] == pytest.approx(
        result["straightforward_seconds_all_pairs"] / result["seconds_all_pairs"]
    )
    assert {"time_ratio", "time_ratio_all_threads", "all_threads"} <= set(result)
    assert result["peak_mib"] > 0 and result["straightforward_peak_mib"] > 0


def test_the_work_is_the_papers():
    settings = settings_of("toybox", 4, steps=26, embeddings=5, crops=4)
    assert (settings.layers, settings.noise, settings.timestep, settings.at_once) == (
        (7, 8, 9, 10),
        "gaussian",
        140,
        20,
    )
    assert abs(settings.sigma / settings.size - 27.97853 / 512) < 1e-6
    views, points = toys(2, 4)
    assert len(views) == 2 and points.shape == (4, 2) and views[0].id != views[1].id
