"""The method as a whole: presets, kept embeddings, resuming after a kill, answers, the command
line.
"""

import dataclasses
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import picture_view

from corrlib import methods
from corrlib.experiments.evaluate import evaluate
from corrlib.methods.base import Env
from corrlib.methods.prompt_optimization import method as module
from corrlib.storage.tensor_store import TensorStore
from corrlib.types import Pair

SMALL = {
    "size": 32,
    "layers": (10, 13),
    "embeddings": 2,
    "steps": 2,
    "sigma": 3.0,
    "crops": 5,
    "at_once": 4,
    "learning_rate": 0.05,
    "tokens": 5,
}


A, B, C = (picture_view(40, 30, 1), picture_view(30, 40, 2), picture_view(36, 36, 3))


POINTS = torch.tensor([[3.0, 4.0], [20.0, 10.5], [35.25, 28.0]])


def small(env, **overrides):
    return methods.load("prompt_optimization", "toybox", env=env, **{**SMALL, **overrides})


@pytest.fixture
def searched(monkeypatch):
    """The batches of samples that were searched for."""
    batches, original = [], module.optimise
    monkeypatch.setattr(
        module,
        "optimise",
        lambda *args, **options: batches.append(list(args[2])) or original(*args, **options),
    )
    return batches


def test_matches_are_inside_and_deterministic(env):
    method = small(env)
    first = method(A, B, POINTS, seed=4)
    assert (
        first.points.shape == (3, 2)
        and first.points.dtype == POINTS.dtype
        and first.score.shape == (3,)
    )
    assert ((first.points >= -0.5) & (first.points <= torch.tensor([29.5, 39.5]))).all()
    assert ((first.score > 0) & (first.score <= 1)).all()
    torch.manual_seed(5)
    other = small(env)
    other(C, A, POINTS[:2], seed=4)
    again = other(A, B, POINTS, seed=4)
    assert torch.equal(again.points, first.points) and torch.equal(again.score, first.score)
    assert not torch.equal(other(A, B, POINTS, seed=5).score, first.score)
    empty = method(A, B, POINTS[:0])
    assert empty.points.shape == (0, 2) and empty.score.shape == (0,)
    with pytest.raises(ValueError, match="query 0 at"):
        method(A, B, torch.tensor([[40.0, 2.0]]))


def test_one_by_one_or_together_bit_for_bit(env):
    together = small(env)(A, B, POINTS)
    method = small(env)
    singly = [method(A, B, POINTS[i : i + 1]) for i in (2, 0, 1)]
    for i, one in zip((2, 0, 1), singly, strict=True):
        assert torch.equal(one.points[0], together.points[i]) and torch.equal(
            one.score[0], together.score[i]
        )


def test_embeddings_serve_every_pair(env, searched):
    method = small(env)
    method(A, B, POINTS)
    assert [len(batch) for batch in searched] == [4, 4]  # six samples, the last batch filled up
    assert len({sample for batch in searched for sample in batch}) == 6
    method(A, C, POINTS)
    method(A, A, POINTS[1:])
    assert len(searched) == 2
    method(A, B, POINTS, seed=1)
    assert len(searched) == 4


def test_the_store_keeps_them_for_later_runs_and_knows_what_matters(env, searched, tmp_path):
    env.store = TensorStore(tmp_path)
    first = small(env)(A, B, POINTS)
    assert len(env.store.keys()) == 6 and len(searched) == 2
    again = small(env)(A, B, POINTS)
    assert (
        len(searched) == 2
        and torch.equal(again.points, first.points)
        and torch.equal(again.score, first.score)
    )
    for reading in (
        {"crops": 6},
        {"pixel_softmax": True},
        {"locate_timestep": 40},
        {"window": 2},
        {"query_scale": 2},
    ):
        small(env, **reading)(A, C, POINTS)
    small(env, embeddings=1)(A, B, POINTS)
    assert len(searched) == 2
    small(env, embeddings=3)(A, B, POINTS[:1])  # only the third one is new
    assert len(searched) == 3 and {sample.member for sample in searched[-1]} == {2}
    for finding in (
        {"steps": 3},
        {"sigma": 4.0},
        {"noise": "uniform"},
        {"heads": (1,)},
        {"timestep": 40},
        {"half_pixel": False},
    ):
        count = len(searched)
        small(env, **finding)(A, B, POINTS[:2])
        assert len(searched) == count + 1, finding
    changed = dataclasses.replace(
        A, pixels=picture_view(40, 30, 9).pixels
    )  # the same id, other pixels
    small(env)(changed, B, POINTS[:2])
    assert len(searched) == 10


def test_a_damaged_item_is_found_anew(env, searched, tmp_path):
    env.store = TensorStore(tmp_path)
    first = small(env)(A, B, POINTS[:1])
    path = env.store.path(env.store.keys()[0])
    path.write_bytes(path.read_bytes()[:100])
    with pytest.warns(UserWarning, match="is damaged"):
        again = small(env)(A, B, POINTS[:1])
    assert torch.equal(again.points, first.points) and len(searched) == 2


def test_an_error_loses_the_batch_in_flight_only(env, monkeypatch, tmp_path):
    env.store = TensorStore(tmp_path)
    original, batches = module.optimise, []

    def failing(*args, **options):
        batches.append(len(set(args[2])))
        if len(batches) == 2:
            raise KeyboardInterrupt
        return original(*args, **options)

    monkeypatch.setattr(module, "optimise", failing)
    with pytest.raises(KeyboardInterrupt):
        small(env)(A, B, POINTS)
    assert len(env.store.keys()) == 4
    resumed = small(env)(A, B, POINTS)
    assert batches == [4, 2, 2]
    env.store = None
    assert torch.equal(resumed.points, small(env)(A, B, POINTS).points)


KILLED = """
import sys, torch
sys.path[:0] = {tests!r}
torch.set_num_threads(1)
from tests.methods.test_prompt_optimization import A, POINTS, SMALL, Env, TensorStore, methods
settings = dict(SMALL, model={model!r}, at_once=2, steps={steps})
env = Env(store=TensorStore({store!r}))
method = methods.load("prompt_optimization", "toybox", env=env, **settings)
method.embed(A, POINTS)
"""


def test_a_killed_run_goes_on(tiny_folder, searched, tmp_path):
    """SIGKILL after the first batch is on disk; the next run finds the others only, with the bits
    of an undisturbed run.
    """
    store, steps = TensorStore(tmp_path), 12
    code = KILLED.format(
        tests=[str(Path(__file__).parents[up]) for up in (2, 1)],
        model=str(tiny_folder),
        store=str(tmp_path),
        steps=steps,
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    try:
        deadline = time.monotonic() + 300
        while len(store.keys()) < 2 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    kept = len(store.keys())
    assert 2 <= kept < 6, "it was killed too late or too early"
    assert not [
        path for path in tmp_path.rglob("*.safetensors") if path.stat().st_size < 5 * 32 * 4
    ]
    settings = {**SMALL, "model": str(tiny_folder), "at_once": 2, "steps": steps}
    resumed = methods.load("prompt_optimization", "toybox", env=Env(store=store), **settings).embed(
        A, POINTS
    )
    assert len({sample for batch in searched for sample in batch}) == 6 - kept
    whole = methods.load("prompt_optimization", "toybox", env=Env(), **settings).embed(A, POINTS)
    assert torch.equal(resumed, whole)


def test_evaluating_pairs(env):
    box = (2.0, 2.0, 28.0, 38.0)
    pairs = [
        Pair(
            f"{i}",
            A,
            target,
            POINTS,
            POINTS.flip(1).clamp(max=29),
            ("a", "b", "c"),
            "toy",
            target_box=box,
        )
        for i, target in enumerate((B, C))
    ]
    table = evaluate(small(env), pairs)
    assert (
        len(table) == 6
        and set(table["method"]) == {"prompt_optimization"}
        and table["distance_px"].notna().all()
    )
    assert table["preset"].iloc[0].startswith("toybox, at_once=4, crops=5")
