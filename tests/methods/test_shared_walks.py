"""Trials that read on one path walk an image once, and answer what they answer alone."""

from collections import Counter

import torch
from test_hyperfeatures_heads import POINTS, A, B, load

from corrlib.methods.base import Env
from corrlib.methods.hyperfeatures.frozen import FrozenPath

TRIALS = ({}, {"keep": 1}, {"positions": (3,), "layers": (4, 9), "read": "maps"})


def counted(monkeypatch) -> Counter:
    walks: Counter = Counter()
    walk = FrozenPath._walk

    def count(self, view, layers, seed):
        walks[view.id] += 1
        return walk(self, view, layers, seed)

    monkeypatch.setattr(FrozenPath, "_walk", count)
    return walks


def test_methods_of_one_path_share_a_walk(monkeypatch, tiny_diffuser):
    walks = counted(monkeypatch)
    env = Env(models={"toybox": tiny_diffuser})
    together = [load(env, **trial) for trial in TRIALS]
    answers = [method(A, B, POINTS).points for method in together]
    assert walks == {A.id: 1, B.id: 1}
    for trial, answer in zip(TRIALS, answers, strict=True):
        alone = load(Env(models={"toybox": tiny_diffuser}), **trial)
        assert torch.equal(alone(A, B, POINTS).points, answer)


def test_other_paths_and_seeds_walk_for_themselves(monkeypatch, tiny_diffuser):
    walks = counted(monkeypatch)
    env = Env(models={"toybox": tiny_diffuser})
    one, other, noised = (load(env, **c) for c in ({}, {"keep": 2}, {"path": "noised"}))
    whole = one.features(A).values
    assert not torch.equal(noised.features(A).values, whole)
    assert walks[A.id] == 2
    assert not torch.equal(one.features(A, seed=1).values, whole) and walks[A.id] == 3
    other.features(A, seed=1)
    assert walks[A.id] == 3


def test_a_walk_sees_what_any_reader_asks_for(monkeypatch, tiny_diffuser):
    """Each cell of a grid is a method of its own; one that comes later walks for itself."""
    walks = counted(monkeypatch)
    env = Env(models={"toybox": tiny_diffuser})
    first = load(env, positions=(1,), layers=(4,), read="maps")
    other = load(env, positions=(3,), layers=(9,), read="maps")
    first.features(A), other.features(A), first.features(B)
    assert walks == {A.id: 1, B.id: 1}
    late = load(env, positions=(2,), read="maps")
    assert late.features(A) is not None and walks[A.id] == 2
    assert load(env, positions=(2,), layers=(7,), read="maps").features(A) and walks[A.id] == 2


def test_a_method_alone_keeps_nothing(tiny_diffuser):
    env = Env(models={"toybox": tiny_diffuser})
    method = load(env)
    method.features(A)
    assert not len(method.extract.frozen._walks.kept)


def test_an_untrained_network_is_another_one(tiny_diffuser):
    env = Env(models={"toybox": tiny_diffuser})
    trained, drawn, again = (load(env, unet=u) for u in ("trained", "untrained", "untrained"))
    values = drawn.features(A).values
    assert not torch.equal(trained.features(A).values, values)
    assert torch.equal(again.features(A).values, values)
    assert drawn.extract.frozen.diffuser.vae is tiny_diffuser.vae
