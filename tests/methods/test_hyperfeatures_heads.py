"""Heads of hyperfeatures: from files, in stores, taught; pictures that are drawn; what it costs."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from conftest import picture_view
from diffusers import DDIMScheduler

from corrlib import doctor, methods
from corrlib.backbones.noise import noise_for
from corrlib.backbones.skeletons import published, skeleton
from corrlib.experiments.evaluate import evaluate
from corrlib.heads import files
from corrlib.heads.bank import keypoints
from corrlib.heads.training import Fit, train
from corrlib.matching.estimators import nearest
from corrlib.methods.hyperfeatures import teaching
from corrlib.methods.hyperfeatures.cost import cost
from corrlib.methods.hyperfeatures.frozen import FrozenPath
from corrlib.methods.hyperfeatures.method import new_head, with_head
from corrlib.methods.hyperfeatures.settings import PRESETS
from corrlib.methods.hyperfeatures.synthetic import draw
from corrlib.storage.tensor_store import TensorStore
from corrlib.types import Pair

SMALL = {
    "head": "untrained",
    "size": (32, 32),
    "steps": 4,
    "positions": (0, 1, 3),
    "grid": (8, 8),
    "width": 16,
    "middle": 8,
    "groups": 4,
}
A, B = picture_view(40, 30, 1), picture_view(30, 40, 2)
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
    return methods.settings("hyperfeatures", "toybox", **{**SMALL, **changes})


def load(env, **changes):
    return methods.load("hyperfeatures", "toybox", env=env, **{**SMALL, **changes})


def untrained(env, **changes):
    s = settings(**changes)
    return new_head(s, FrozenPath(s, env.diffuser("toybox")))


def test_heads_come_from_files_and_must_fit(env, tmp_path):
    head = untrained(env, init_seed=5)
    path = files.save(head, tmp_path / "head.safetensors")
    given = load(env, head=str(path))
    mine = with_head(settings(), head, env)
    assert given.weights == mine.weights and given.weights != load(env).weights
    assert torch.equal(given.features(A).values, mine.features(A).values)
    for wrong, words in (
        ({"layers": (4,)}, "set layers and model"),
        ({"positions": (0, 1)}, "reads 3 timesteps, the settings give 2 positions of 4"),
        ({"grid": (4, 4)}, "grid is"),
    ):
        with pytest.raises(ValueError, match=words):
            load(env, head=str(path), **wrong)
    with pytest.raises(FileNotFoundError, match="no head at"):
        load(env, head=str(tmp_path / "none.safetensors"))
    elsewhere = load(env, head=str(path), rule="released")  # the same positions on another path
    assert elsewhere.extract.frozen.levels == (-1, 0, 500) != head.settings.timesteps


def test_stored_maps_belong_to_one_head(env, tmp_path):
    shared = replace(env, store=TensorStore(tmp_path))
    found = [load(shared, init_seed=seed).features(A).values for seed in (0, 1)]
    again = [load(shared, init_seed=seed).features(A).values for seed in (0, 1)]
    assert len(shared.store.keys()) == 2 and not torch.equal(*found)
    assert all(torch.equal(one, other) for one, other in zip(found, again, strict=True))


def test_teaching_computes_each_image_once_and_reads_it_back(env, tmp_path):
    shared = replace(env, store=TensorStore(tmp_path))
    first = teaching.bank(settings(), shared, [A, B], disk_bytes=1e9)
    assert set(first) == {A.id, B.id} and first[A.id] and first[A.id] and first.computed == 1
    again = teaching.bank(settings(width=32, head="untrained"), shared, [A, B], disk_bytes=1e9)
    cell = again[A.id][first_cell(first)]
    assert again.computed == 0 and torch.equal(cell.values, first[A.id][first_cell(first)].values)
    other = teaching.bank(settings(rule="released"), shared, [A, B], disk_bytes=1e9)
    assert other[A.id] and other.computed == 1


def first_cell(bank):
    return next(iter(bank[A.id]))


def test_what_is_taught_is_learned(env):
    """Three labels that no frozen feature knows; after training they are given back."""
    one = {"positions": (1,)}
    head = untrained(env, **one)
    frozen = teaching.bank(settings(**one), env, [A, B])
    losses = train(head, frozen, keypoints([PAIR]), 120, Fit(learning_rate=3e-3), progress=False)
    before = evaluate(load(env, **one), [PAIR])["distance_px"]
    after = evaluate(with_head(settings(**one), head, env), [PAIR])["distance_px"]
    assert losses[-1] < 0.3 and after.max() <= 6 < before.max()  # cells are at most 5 pixels wide


def test_the_checks_of_a_method_pass_but_for_what_an_untrained_head_cannot():
    """On the toy's coarse maps, of 3 x 3 and 6 x 6 cells, one place looks much like the next, and
    an untrained head gives them as much weight as the fine ones.
    """

    def failed(**changes) -> list[str]:
        found = doctor.check_method(
            lambda: methods.load(
                "hyperfeatures", head="untrained", steps=2, positions=(0, 1), **changes
            )
        )
        return [finding.name for finding in islice(found, 2) if not finding.ok]

    assert failed(layers=(9, 10, 11, 12)) == []
    assert failed() == ["known warp"]


def test_a_shipped_head_passes_all_checks_of_a_method():
    found = doctor.check_method(lambda: methods.load("hyperfeatures", "toybox-one-step"))
    assert [finding.name for finding in found if not finding.ok] == []


def test_drawn_pictures_come_with_their_features(env):
    method = load(env, rule="released")
    one, again, other = (draw(method, "a cat", seed=seed, guidance=2.0) for seed in (0, 0, 1))
    assert torch.equal(one.features.values, again.features.values)
    assert one.view.pixels.tobytes() == again.view.pixels.tobytes() != other.view.pixels.tobytes()
    assert one.view.size == (32, 32) and one.features.values.shape == (16, 8, 8)
    assert one.view.id != other.view.id
    found = nearest(one.features, one.features, POINTS.clamp(max=31))
    assert (found.points - POINTS.clamp(max=31)).norm(dim=1).max() <= 2
    plain = draw(method, "a cat", guidance=1.0)
    assert not torch.equal(plain.features.values, one.features.values)
    with pytest.raises(ValueError, match="path is 'noised' and read 'sum'; drawing wants"):
        draw(load(env, path="noised"), "a cat")


def test_a_drawn_picture_is_diffusers_own(env, tiny_diffuser):
    """Without guidance, under the released rule: the same DDIM from the same noise."""
    method = load(env, rule="released")
    found = draw(method, "a cat", guidance=1.0)
    scheduler = DDIMScheduler.from_config(
        tiny_diffuser.scheduler.config, steps_offset=0, set_alpha_to_one=True
    )
    scheduler.set_timesteps(4)
    x = noise_for(0, "a cat", 0, 1000, (4, 8, 8), kind="drawing")[None]
    text = tiny_diffuser.condition("a cat")[None]
    with torch.no_grad():
        for t in scheduler.timesteps:
            v = tiny_diffuser.unet(x, t, encoder_hidden_states=text).sample
            x = scheduler.step(v, t, x, eta=0.0).prev_sample
    wanted = ((tiny_diffuser.decode(x)[0] + 1) * 127.5).permute(1, 2, 0)
    got = torch.from_numpy(np.array(found.view.pixels)).float()
    assert (got - wanted).abs().max() <= 1


def test_the_cost_at_full_size_is_the_published_arithmetic():
    """Numbers of the method's fact sheet, in multiply-adds: a call of the U-Net, the VAE, 95 % of
    the last call, the head with its convolutions before enlarging.
    """
    nets = published("sd1-5")
    whole = cost(PRESETS["official"], *nets)
    assert round(whole.whole / 1e9, 1) == 401.6 and round(whole.encode / 1e9) == 558
    assert round(whole.last / whole.whole, 2) == 0.95 and whole.calls == 50
    assert round(whole.head / 11 / 1e9, 1) == 9.3 and whole.maps == 11 * 7_127_040
    four = cost(PRESETS["layer-4"], *nets)
    assert round(four.last / four.whole, 2) == 0.39 and four.calls == 1
    assert whole.training(990, 5000) == 990 * whole.frozen + 30_000 * whole.head


def test_the_cost_of_a_loaded_model(tiny_diffuser):
    nets = skeleton(tiny_diffuser.unet), skeleton(tiny_diffuser.vae)
    found, noisy = cost(settings(), *nets), cost(settings(path="noised"), *nets)
    assert noisy.calls == 3 and noisy.frozen == noisy.encode + 3 * found.last
    assert found.calls == 4 and found.last < found.whole
    assert found.maps == 3 * sum(
        3 * c * side**2 for c, side in ((64, 1), (64, 2), (32, 4), (32, 8))
    )
