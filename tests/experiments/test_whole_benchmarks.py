"""An incomplete benchmark is told before any work; one that is absent, or rendered, is no fault."""

import pytest

from corrlib.experiments.profiles import Profile
from corrlib.experiments.whole_benchmarks import require_whole

FETCH = {"make": "python data_scripts/fetch.py spair"}
PLACES = {"tss": "data/TSS_CVPR2016", "hpatches": "data/hpatches-sequences-release"}


def test_what_a_part_of_hpatches_lacks_is_said(tmp_path):
    profile = Profile("x", tmp_path, {"data": FETCH, "benchmarks": PLACES})
    require_whole(profile)  # nothing is there
    (tmp_path / PLACES["hpatches"] / "v_wall").mkdir(parents=True)
    with pytest.raises(ValueError) as refused:
        require_whole(profile)
    said = str(refused.value)
    assert "benchmark hpatches is incomplete: " in said and "has 0 of i_*/H_1_6; wanted 57" in said
    assert "fetch.py hpatches" in said and "--replace, or take its line out" in said
    require_whole(Profile("x", tmp_path, {"data": {"make": "render"}, "benchmarks": PLACES}))
