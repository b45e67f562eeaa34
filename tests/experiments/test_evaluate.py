import json
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import picture_view

from corrlib import methods, metrics
from corrlib.experiments.evaluate import evaluate, match_pairs, read, score, select, store_features
from corrlib.experiments.sweep import best, grid, sweep
from corrlib.storage.tensor_store import TensorStore
from corrlib.types import Matches, Pair, views_of


@dataclass
class Shifted:
    """Answers `dx` pixels to the right of the question."""

    dx: float = 0.0
    settings: str = "shifted"
    name: str = "shifted"
    preset: str = "toybox"

    def __call__(self, source, target, queries, *, seed=0):
        return Matches(queries + torch.tensor([self.dx, 0.0]), torch.ones(len(queries)))


def pairs_of(n: int, images: int = 6) -> list[Pair]:
    """n pairs over a few pictures of 64 x 48; both sides of a pair have their points in the same
    places.
    """
    views = [
        picture_view(64, 48, seed, category="cat" if seed % 2 else "dog") for seed in range(images)
    ]
    points = torch.tensor([[10.0, 12.0], [40.0, 30.0], [55.0, 20.0]])
    result = []
    for i in range(n):
        a, b = views[i % images], views[(i + 1 + i // images) % images]
        box = (5.0, 5.0, 45.0 + i % 2, 25.0)
        keypoints = tuple("nose tail ear".split()[: 1 + i % 3])
        xy = points[: len(keypoints)]
        result.append(
            Pair(
                f"pair-{i:03d}",
                a,
                b,
                xy,
                xy,
                keypoints,
                a.category,
                box,
                box,
                {"viewpoint": i % 3, "azimuth_difference": 10.0 * i},
            )
        )
    return result


def small(env, **overrides):
    return methods.load("dift", env=env, **{"size": (32, 32), "ensemble": 1, **overrides})


def test_one_row_a_keypoint_with_exact_distances():
    table = evaluate(Shifted(4.0), pairs_of(6), profile="toybox")
    assert len(table) == 1 + 2 + 3 + 1 + 2 + 3
    assert (table["distance_px"] == 4).all()
    assert table["tolerance_px"].unique().tolist() == [40.0, 41.0]
    assert metrics.pck(table, alpha=0.1) == 100 and metrics.pck(table, alpha=0.1, strict=True) == 50
    first = table.iloc[0]
    assert (first["pair"], first["keypoint"], first["predicted_x"], first["target_x"]) == (
        "pair-000",
        "nose",
        14,
        10,
    )
    assert (first["source_image"], first["target_image"]) == ("picture-0-64x48", "picture-1-64x48")
    assert (
        first["viewpoint"],
        first["azimuth_difference"],
        first["image_px"],
        first["source_box_px"],
    ) == (0, 0, 64, 40)
    assert (first["method"], first["preset"], first["profile"], first["subset"]) == (
        "shifted",
        "toybox",
        "toybox",
        "",
    )


def test_without_boxes_the_tolerance_is_that_of_the_image():
    pairs = [replace(pair, target_box=None, source_box=None) for pair in pairs_of(2)]
    assert evaluate(Shifted(), pairs)["tolerance_px"].unique().tolist() == [64.0]


def test_limits_are_spread_and_labelled():
    assert select(10, 3) == [0, 3, 6] and select(3, 9) == [0, 1, 2] and select(3) == [0, 1, 2]
    table = evaluate(Shifted(), pairs_of(10), limit=4)
    assert table["subset"].unique().tolist() == [
        "4 of 10 pairs; viewpoint 1 easy, 1 medium, 2 hard; of all 40, 30, 30 %"
    ]
    with pytest.raises(ValueError, match="limit is 0"):
        select(3, 0)


def test_shards_in_any_order_give_the_numbers_of_one_run(tmp_path, env):
    pairs = pairs_of(50)
    match_pairs(small(env), pairs, tmp_path / "whole", seed=3)
    for i in (2, 0, 1):
        match_pairs(small(env), pairs, tmp_path / "sharded", shard=(i, 3), seed=3)
    whole = read(tmp_path / "whole")
    pd.testing.assert_frame_equal(whole, read(tmp_path / "sharded"))
    memory = evaluate(small(env), pairs, seed=3)
    pd.testing.assert_frame_equal(score(whole), memory)
    backwards = evaluate(small(env), pairs[::-1], seed=3)
    key = ["pair", "keypoint"]
    pd.testing.assert_frame_equal(
        memory.sort_values(key, ignore_index=True),
        backwards.sort_values(key, ignore_index=True),
        check_exact=True,
    )


def test_an_unfinished_run_says_what_is_missing(tmp_path):
    match_pairs(Shifted(), pairs_of(50), tmp_path / "run", shard=(1, 3))
    with pytest.raises(FileNotFoundError, match=r"not finished: 2 of 3 parts are missing \(0, 2\)"):
        read(tmp_path / "run")
    with pytest.raises(FileNotFoundError, match="it lacks run.json"):
        read(tmp_path / "nothing")
    with pytest.raises(ValueError, match="shard 3/3 does not exist; shards of 3 are 0/3 to 2/3"):
        match_pairs(Shifted(), pairs_of(50), tmp_path / "run", shard=(3, 3))


def test_a_folder_never_mixes_two_runs(tmp_path):
    match_pairs(Shifted(), pairs_of(5), tmp_path)
    changed = Shifted()
    changed.settings = "other"
    with pytest.raises(
        ValueError, match="settings: .*shifted.* there, .*other.* now.*name another --out"
    ):
        match_pairs(changed, pairs_of(5), tmp_path)
    with pytest.raises(
        ValueError, match="new: answers of pair pair-005; gone: answers of pair pair-000"
    ):
        match_pairs(Shifted(), pairs_of(6)[1:], tmp_path)
    assert json.loads((tmp_path / "run.json").read_text())["settings"] == "'shifted'"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            Matches(torch.zeros(9, 2), torch.zeros(9)),
            r"points \(9, 2\) and score \(9,\); wanted \(1, 2\) and \(1,\)",
        ),
        (Matches(torch.full((1, 2), float("nan")), torch.zeros(1)), "not finite"),
    ],
)
def test_wrong_answers_are_named(answer, said):
    method = Shifted()
    wrong = lambda source, target, queries, *, seed=0: answer  # noqa: E731
    wrong.name, wrong.preset, wrong.settings = method.name, method.preset, method.settings
    with pytest.raises(ValueError, match=f"shifted answered pair pair-000 with.*{said}"):
        evaluate(wrong, pairs_of(1))


PATHS = [str(Path(__file__).parents[up]) for up in (2, 1)]  # the repository's root, and conftest's
SLOW = """
    import sys, time
    sys.path[:0] = {tests!r}
    from tests.experiments.test_evaluate import Shifted, pairs_of
    from corrlib.experiments.evaluate import match_pairs
    class Slow(Shifted):
        def __call__(self, *args, **kwargs):
            time.sleep(0.01)
            return super().__call__(*args, **kwargs)
    match_pairs(Slow(1.0), pairs_of(200), {out!r}, progress=False)
"""


def test_a_killed_run_goes_on_where_it_stopped(tmp_path):
    out = tmp_path / "killed"
    code = textwrap.dedent(SLOW.format(tests=PATHS, out=str(out)))
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while len(list(out.glob("part-*.parquet"))) < 3:
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < deadline, "the run wrote nothing"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done = {path: path.stat().st_mtime_ns for path in out.glob("part-*.parquet")}
    assert 3 <= len(done) < 10
    with pytest.raises(FileNotFoundError, match="not finished"):
        read(out)
    asked = []

    class Counting(Shifted):
        def __call__(self, *args, **kwargs):
            asked.append(1)
            return super().__call__(*args, **kwargs)

    match_pairs(Counting(1.0), pairs_of(200), out)
    assert len(asked) == 200 - 20 * len(done), "finished parts were computed again"
    assert all(path.stat().st_mtime_ns == changed for path, changed in done.items())
    match_pairs(Shifted(1.0), pairs_of(200), tmp_path / "whole")
    pd.testing.assert_frame_equal(read(out), read(tmp_path / "whole"))


def test_a_sweep_holds_the_numbers_of_single_runs(tmp_path, env):
    pairs, layers, timesteps = pairs_of(8), ["up_blocks.0", "up_blocks.1"], [51, 261]
    table = sweep(small(env), pairs, layers, timesteps, seed=1)
    assert len(table) == 4 * sum(len(pair.keypoints) for pair in pairs)
    for layer in layers:
        for t in timesteps:
            cell = table[(table["layer"] == layer) & (table["timestep"] == t)].reset_index(
                drop=True
            )
            single = evaluate(small(env, layer=layer, timestep=t), pairs, seed=1)
            columns = ["pair", "keypoint", "predicted_x", "predicted_y", "score", "distance_px"]
            pd.testing.assert_frame_equal(cell[columns], single[columns], check_exact=True)
    cells = grid(table)
    assert cells[["layer", "t"]].values.tolist() == [
        ["up_blocks.0", 51],
        ["up_blocks.1", 51],
        ["up_blocks.0", 261],
        ["up_blocks.1", 261],
    ]
    layer, t = best(table)
    assert cells["pck"].max() == cells[(cells["layer"] == layer) & (cells["t"] == t)]["pck"].item()


def test_a_sweep_extracts_once_and_stays_in_its_memory(env):
    pairs, calls = pairs_of(12), []
    method = small(env)
    original = method.extract.cells
    method.extract.cells = lambda view, *args, **kwargs: (
        calls.append(view.id) or original(view, *args, **kwargs)
    )
    roomy = sweep(method, pairs, ["up_blocks.1"], [51, 101])
    assert len(calls) == 2 * len(views_of(pairs))
    calls.clear()
    tight = sweep(method, pairs, ["up_blocks.1"], [51, 101], keep_bytes=1)
    assert len(calls) > 2 * len(views_of(pairs))
    pd.testing.assert_frame_equal(roomy, tight, check_exact=True)


def test_a_sweep_resumes_and_shards_over_timesteps(tmp_path, env):
    pairs, timesteps = pairs_of(4), [51, 101, 261]
    first = sweep(small(env), pairs, ["up_blocks.1"], timesteps, out=tmp_path, shard=(0, 2))
    assert first["timestep"].unique().tolist() == [51, 261]
    whole = sweep(small(env), pairs, ["up_blocks.1"], timesteps, out=tmp_path, shard=(1, 2))
    pd.testing.assert_frame_equal(whole, sweep(small(env), pairs, ["up_blocks.1"], timesteps))
    with pytest.raises(TypeError, match="no layers and timesteps to sweep"):
        sweep(methods.load("pixels"), pairs, ["up_blocks.1"], [51])


def test_features_stored_by_shards_serve_the_matching(tmp_path, env):
    pairs = pairs_of(9)
    direct = evaluate(small(env), pairs)
    env.store = TensorStore(tmp_path)
    views = views_of(pairs)
    assert [view.id for view in views] == sorted(
        {v.id for p in pairs for v in (p.source, p.target)}
    )
    for i in (1, 0):
        store_features(small(env), views, shard=(i, 2))
    assert len(env.store.keys()) == len(views)
    stored = small(env)
    stored.extract = _refuse
    pd.testing.assert_frame_equal(evaluate(stored, pairs), direct, check_exact=True)
    with pytest.raises(TypeError, match="stores no features"):
        store_features(methods.load("copy_position"), views)


def _refuse(view, *, seed=0):
    raise AssertionError("features were computed again")


def test_copying_the_position_scores_what_it_should():
    pairs = pairs_of(6)
    table = evaluate(methods.load("copy_position"), pairs)
    assert metrics.pck(table) == 100
    assert np.allclose(table["distance_px"], 0, atol=1e-5)
