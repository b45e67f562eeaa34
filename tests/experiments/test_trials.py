"""Studies: which pairs and keypoints, which trials; a killed study goes on; a trial is what the
same run by itself would be.
"""

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from conftest import picture_view

from corrlib import methods
from corrlib.experiments import records
from corrlib.experiments.evaluate import evaluate
from corrlib.experiments.profiles import load_profile
from corrlib.experiments.record_recipes import of_study
from corrlib.experiments.records import Record, Tolerance
from corrlib.experiments.studies import Study
from corrlib.experiments.trials import blocks, run_trials, thinned, variants
from corrlib.types import Pair

NAMES = ("nose", "tail", "ear", "paw")


def pair(number: int, source: int) -> Pair:
    a, b = picture_view(40, 30, source), picture_view(36, 36, 10 + number)
    points = torch.tensor([[3.0, 4.0], [20.0, 10.5], [35.25, 28.0], [8.0, 9.0]])
    there = points * torch.tensor([36 / 40, 36 / 30])
    return Pair(
        f"pair-{number}",
        a,
        b,
        points,
        there,
        NAMES,
        "dog",
        (0.0, 0.0, 39.0, 29.0),
        (0.0, 0.0, 35.0, 35.0),
    )


PAIRS = [pair(i, i // 3) for i in range(7)]
SHIFTS = ("mean", "nose")


def load(name: str):
    """Two methods that cost nothing: the same place, and the raw pixels."""
    return methods.load({"mean": "copy_position", "nose": "pixels"}[name], "toybox")


def run(out, **options):
    return run_trials(
        load,
        SHIFTS,
        PAIRS,
        out,
        run={"study": "test"},
        **{"limit": 6, "block": 3, "points": 2, **options},
    )


def test_variants_by_name_and_by_draw():
    study = {
        "method": "prompt_optimization",
        "set": {"crops": 4},
        "trials": {"base": None, "one": {"layers": [10, [11]], "crops": 5}},
    }
    assert variants(study) == {"base": {"crops": 4}, "one": {"layers": (10, (11,)), "crops": 5}}
    each = {"layers": [[1], [2, 3]], "read": ["maps"]}
    assert variants({"method": "hyperfeatures", "set": {"keep": 1}, "each": each}) == {
        "1@maps": {"keep": 1, "layers": (1,), "read": "maps"},
        "2+3@maps": {"keep": 1, "layers": (2, 3), "read": "maps"},
    }
    search = {"method": "dift", "space": {"sigma": {"uniform": [3, 12]}}}
    drawn = variants({**search, "draws": 3}, seed=1)
    assert list(drawn) == ["draw-000", "draw-001", "draw-002"]
    assert all(3 <= values["sigma"] <= 12 for values in drawn.values())
    more = variants({**search, "draws": 5}, seed=1)
    assert {name: more[name] for name in drawn} == drawn
    with pytest.raises(ValueError, match="without trials"):
        variants({"method": "dift"})


@pytest.mark.parametrize("name", ["toybox", "paper"])
def test_every_trial_of_the_profiles_is_one_that_can_be_loaded(name):
    profile = load_profile(name)
    for study in profile["studies"].values():
        for trial in variants(study).values():
            method, preset = (
                trial.pop("method", study["method"]),
                trial.pop("preset", profile["preset"]),
            )
            assert methods.settings(method, preset, **trial)


def test_blocks_are_neighbours_of_one_source_and_categories_take_turns():
    assert blocks(PAIRS, 6, 2) == [[0, 1], [3, 4]]  # sources are 0 0 0 1 1 1 2
    assert blocks(PAIRS, 100, 3) == [[0, 1, 2], [3, 4, 5]]
    assert blocks(PAIRS, None, 3) == [[0, 1, 2], [3, 4, 5], [6]]  # all pairs are all pairs
    cats = [replace(PAIRS[6], category="cat"), replace(PAIRS[6], category="cat")]
    mixed = [*PAIRS[:4], *cats]
    assert [mixed[i].category for (i,) in blocks(mixed, 4, 1)] == ["dog", "dog", "cat", "cat"]
    assert blocks(mixed, 4, 2) == [[0, 1], [4, 5]]
    for limit, block in ((2, 3), (4, 0)):
        with pytest.raises(ValueError, match="wanted blocks"):
            blocks(PAIRS, limit, block)
    with pytest.raises(ValueError, match="the longest row is of 3"):
        blocks(PAIRS, 4, 4)


def test_the_keypoints_of_a_block_are_those_that_most_of_its_pairs_ask_for():
    few = thinned(PAIRS[:3], 2)
    assert len({one.keypoints for one in few}) == 1 and len(few[0].keypoints) == 2
    for one, whole in zip(few, PAIRS, strict=False):
        rows = [NAMES.index(name) for name in one.keypoints]
        assert torch.equal(one.source_points, whole.source_points[rows])
        assert torch.equal(one.target_points, whole.target_points[rows])
    assert thinned(PAIRS[:2], None)[0].keypoints == NAMES
    rare = replace(
        PAIRS[0],
        keypoints=(*few[0].keypoints, *(name for name in NAMES if name not in few[0].keypoints)),
    )
    rare = replace(
        rare,
        source_points=rare.source_points[2:],
        target_points=rare.target_points[2:],
        keypoints=rare.keypoints[2:],
    )
    assert {*thinned([PAIRS[0], rare], 2)[0].keypoints} == {*rare.keypoints}


def test_a_trial_is_what_the_same_run_by_itself_would_be(tmp_path):
    table = run(tmp_path).read()
    assert list(table["trial"].unique()) == list(SHIFTS) and table["pair"].nunique() == 6
    alone = evaluate(load("nose"), thinned(PAIRS[:3], 2) + thinned(PAIRS[3:6], 2))
    mine = table[table["trial"] == "nose"].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        mine[["pair", "keypoint", "predicted_x"]], alone[["pair", "keypoint", "predicted_x"]]
    )
    assert set(table["subset"]) == {"6 of 7 pairs"}


def test_shards_and_a_second_call_give_the_same_table(tmp_path):
    whole = run(tmp_path / "whole").read()
    for i in (1, 0):
        parts = run(tmp_path / "shards", shard=(i, 2))
    pd.testing.assert_frame_equal(parts.read(), whole)
    first = parts.path(0).stat().st_mtime_ns
    assert run(tmp_path / "shards").path(0).stat().st_mtime_ns == first
    with pytest.raises(ValueError, match="another run"):
        run(tmp_path / "shards", points=3)


def test_the_study_of_a_record_is_that_of_trials(tmp_path):
    """What a record's recipe computes of a block are the rows of the same study's part."""
    study = object.__new__(Study)
    study.few, study.pairs, study.seed = {"limit": 6, "block": 3, "points": 2}, PAIRS, 0
    study.names, study.load, study.profile = list(SHIFTS), load, SimpleNamespace(name="")
    recipe = of_study("tiny", study, Tolerance(0.5, 0.1))
    records.make(recipe, tmp_path / "tiny", tmp_path / "work")
    kept, table = Record.open(tmp_path / "tiny"), run(tmp_path / "trials").read()
    same = ["trial", "pair", "keypoint", "predicted_x", "predicted_y"]
    pd.testing.assert_frame_equal(kept.table[same], table[same])
    assert records.check(recipe, tmp_path / "tiny", 2)["rows"] == len(table)
    study.pairs = [replace(PAIRS[0], source_points=PAIRS[0].source_points + 1), *PAIRS[1:]]
    with pytest.raises(ValueError, match="from other data"):
        records.check(of_study("tiny", study, Tolerance()), tmp_path / "tiny", 2)


def test_the_records_of_the_profile_are_studies_that_can_be_loaded():
    profile = load_profile("toybox")
    for name, entry in profile["records"].items():
        assert "study" in entry or "counts" in entry, name
        for trial in variants(entry["study"]).values() if "study" in entry else ():
            method = trial.pop("method", entry["study"]["method"])
            assert methods.settings(method, trial.pop("preset", profile["preset"]), **trial)
