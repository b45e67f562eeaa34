import json

import pytest

from corrlib import bench


def test_names_and_near_misses():
    assert "match" in bench.names()
    with pytest.raises(KeyError, match="no benchmark 'mach'; did you mean match"):
        bench.run("mach")
    with pytest.raises(TypeError, match="benchmark 'match' has no option 'foo'; it has .*runs"):
        bench.run("match", foo=1)


def test_a_name_belongs_to_one_function():
    bench.benchmark("a test")(test_names_and_near_misses)
    with pytest.raises(ValueError, match="already"):
        bench.benchmark("a test")(test_a_name_belongs_to_one_function)


def test_match_on_the_toy_pair():
    result = bench.run("match", runs=1, cases=("toy",))
    assert json.loads(json.dumps(result))["benchmark"] == "match"
    toy = result["toy"]
    assert toy["same_answer"] and toy["largest_score_difference"] < 1e-6
    assert result["same_answer"] and result["time_ratio"] == toy["time_ratio"]
    assert toy["memory_ratio"] > 5  # about 35 on two cores; a c x H x W tensor would show
