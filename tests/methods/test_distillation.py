"""The student: its frozen pass is shared, its controls are what they say, it learns, and it is a
method like the others.
"""

from dataclasses import replace

import pandas as pd
import pytest
import torch
from conftest import picture_view

from corrlib import methods
from corrlib.experiments.evaluate import evaluate
from corrlib.heads import files
from corrlib.heads.training import Fit, train
from corrlib.matching import feature_maps
from corrlib.methods.base import Env
from corrlib.methods.prompt_optimization import distillation
from corrlib.methods.prompt_optimization.student import OnePass, new_head, with_head
from corrlib.storage.tensor_store import TensorStore
from corrlib.types import Pair

SMALL = {
    "size": (32, 32),
    "layers": ("up_blocks.1", "up_blocks.2", "up_blocks.3"),
    "grid": (8, 8),
    "width": 16,
    "middle": 8,
}
A, B = picture_view(40, 30, 1, "cat"), picture_view(30, 40, 2, "cat")
POINTS = torch.tensor([[4.0, 4.0], [34.0, 6.0], [20.0, 24.0]])
ANSWERS = torch.tensor([[26.0, 4.0], [4.0, 6.0], [15.0, 33.0]])
PAIR = Pair(
    "a-b:cat",
    A,
    B,
    POINTS,
    ANSWERS,
    ("1", "2", "3"),
    "cat",
    (0.0, 0.0, 39.0, 29.0),
    (0.0, 0.0, 29.0, 39.0),
)


def settings(**changes):
    return methods.settings("distilled", "toybox", **{**SMALL, **changes})


def labels() -> pd.DataFrame:
    columns = {
        "pair": PAIR.id,
        "category": "cat",
        "source_image": A.id,
        "target_image": B.id,
        "agreement_px": 0.0,
        "peak": 0.5,
    }
    for name, xy in (("source", POINTS), ("target", ANSWERS)):
        columns |= {f"{name}_x": xy[:, 0].numpy(), f"{name}_y": xy[:, 1].numpy()}
    return pd.DataFrame(
        {**columns, "peak_ratio": 1.0, "cycle_px": [1.0, 2.0, 3.0]}, index=[7, 3, 5]
    )


def test_heads_of_one_env_share_the_frozen_pass(env, monkeypatch):
    calls = []
    original = env.models["toybox"].features
    monkeypatch.setattr(
        env.models["toybox"], "features", lambda *given: calls.append(1) or original(*given)
    )
    for changes in ({}, {"head": "concat"}, {"init_seed": 3}, {"width": 8}):
        methods.load("distilled", "toybox", env=env, **{**SMALL, **changes})(A, B, POINTS)
    assert len(calls) == 2  # two images
    assert OnePass.of(settings(), env) is OnePass.of(settings(width=8), env)
    assert OnePass.of(settings(), env) is not OnePass.of(settings(timestep=51), env)


def test_an_untrained_head_fits_the_network_and_its_seed_decides_it(env):
    head = new_head(settings(), env)
    assert head.settings.channels == (64, 32, 32) and head.settings.timesteps == (151,)
    assert files.fingerprint(head) == files.fingerprint(new_head(settings(), env))
    assert files.fingerprint(head) != files.fingerprint(new_head(settings(init_seed=1), env))
    every = new_head(settings(layers=()), env).settings
    assert len(every.layers) == 15 and every.channels[0] == 64 and every.channels[-1] == 32


def test_concat_is_all_layers_at_unit_length_side_by_side(env):
    found = methods.load("distilled", "toybox", env=env, **SMALL, head="concat").features(A)
    maps = OnePass.of(settings(), env)(A)
    parts = [feature_maps.unit(feature_maps.resize(fm, (8, 8))).values for fm in maps.values()]
    torch.testing.assert_close(found.values, torch.cat(parts))


def test_a_student_is_a_method_and_its_file_is_the_same_method(env, tmp_path):
    head = new_head(settings(), env)
    train(
        head,
        distillation.bank(settings(), env, [PAIR], progress=False),
        distillation.items(labels()),
        3,
        progress=False,
    )
    student = with_head(settings(), head, env)
    path = files.save(head, tmp_path / "head.safetensors")
    loaded = methods.load("distilled", "toybox", env=env, **SMALL, head=str(path))
    assert (
        torch.equal(loaded(A, B, POINTS).points, student(A, B, POINTS).points)
        and loaded.weights == student.weights
    )
    untrained = methods.load("distilled", "toybox", env=env, **SMALL)
    assert untrained.weights != student.weights
    with pytest.raises(FileNotFoundError, match="no head at"):
        methods.load(
            "distilled", "toybox", env=env, **SMALL, head=str(tmp_path / "none.safetensors")
        )
    with pytest.raises(ValueError, match="the head reads"):
        methods.load("distilled", "toybox", env=env, **{**SMALL, "timestep": 51}, head=str(path))


def test_stored_features_belong_to_one_head(env, tmp_path):
    shared = replace(env, store=TensorStore(tmp_path))
    heads = [new_head(settings(init_seed=seed), env) for seed in (0, 1)]
    found = [with_head(settings(), head, shared).features(A).values for head in heads]
    again = [with_head(settings(), head, shared).features(A).values for head in heads]
    assert len(shared.store.keys()) == 2 and not torch.equal(*found)
    assert all(torch.equal(one, other) for one, other in zip(found, again, strict=True))


def test_what_is_taught_is_learned(env):
    """Three labels that no frozen feature knows; after training the student gives them back, on the
    grid that it has.
    """
    head = new_head(settings(), env)
    bank = distillation.bank(settings(), env, [PAIR], progress=False)
    losses = train(
        head, bank, distillation.items(labels()), 150, Fit(learning_rate=3e-3), progress=False
    )
    before = evaluate(methods.load("distilled", "toybox", env=env, **SMALL), [PAIR])["distance_px"]
    after = evaluate(with_head(settings(), head, env), [PAIR])["distance_px"]
    assert losses[-1] < 0.3 and after.max() <= 6 < before.max()  # cells are at most 5 pixels wide


def test_labels_become_one_item_a_pair_of_images(env):
    other = labels().assign(target_image="c")
    found = distillation.items(pd.concat([labels(), other, labels()], ignore_index=True))
    assert [(item.source, item.target, len(item.source_points)) for item in found] == [
        (A.id, B.id, 6),
        (A.id, "c", 3),
    ]
    assert torch.equal(found[1].target_points, ANSWERS)
    with pytest.raises(ValueError, match="no label"):
        distillation.items(labels()[:0])
    (truth,) = distillation.keypoints(
        [PAIR, replace(PAIR, source_points=POINTS[:0], target_points=ANSWERS[:0], keypoints=())]
    )
    assert torch.equal(truth.source_points, POINTS)


def test_some_labels_are_that_many_and_always_the_same():
    whole = distillation.items(
        pd.concat([labels().assign(target_image=f"x{i}") for i in range(5)], ignore_index=True)
    )
    for count in (1, 3, 7, 15):
        part = distillation.some(whole, count)
        assert sum(len(item.source_points) for item in part) == count
        assert {item.target for item in part} <= {
            item.target for item in distillation.some(whole, 15)
        }
    assert [item.target for item in distillation.some(whole, 7)] == [
        item.target for item in distillation.some(whole, 9)
    ]
    with pytest.raises(ValueError, match="16 labels of items that hold 15"):
        distillation.some(whole, 16)


def test_neighbours_answer_the_same_queries(env):
    dift = methods.load("dift", "toybox", env=env, size=(32, 32), ensemble=1)
    given = labels().assign(eval_box_px=39.0)
    found = distillation.neighbours(given, dift, {view.id: view for view in (A, B)})
    assert list(found.index) == [7, 3, 5] and found[["source_x", "source_y"]].equals(
        given[["source_x", "source_y"]]
    )
    wanted = dift(A, B, POINTS)
    assert found[["target_x", "target_y"]].to_numpy().tolist() == wanted.points.tolist()
    back = (dift(B, A, wanted.points).points - POINTS).norm(dim=1)
    assert (
        found["cycle_px"].tolist() == pytest.approx(back.tolist()) and (found["score"] <= 1).all()
    )
    assert "peak" not in found and (found["eval_box_px"] == 39).all()


def test_students_are_tried_after_each_number_of_steps():
    env, small = Env(), settings()
    features = distillation.bank(small, env, [PAIR], progress=False)
    lessons = {"teacher": distillation.items(labels()), "truth": distillation.keypoints([PAIR])}
    seen = []

    def score(method):
        seen.append(method(A, B, POINTS).points)
        return float(len(seen))

    table = distillation.tried(small, env, features, lessons, (4, 2), score)
    assert table.index.tolist() == ["teacher", "truth"] and table.columns.tolist() == [2, 4]
    assert table.to_numpy().tolist() == [[1, 2], [3, 4]]
    by_hand = new_head(small, env)
    train(by_hand, features, lessons["truth"], 4, progress=False)
    assert torch.equal(seen[3], with_head(small, by_hand, env)(A, B, POINTS).points)
    with pytest.raises(ValueError, match="wanted one number or more"):
        distillation.tried(small, env, features, lessons, (), score)
