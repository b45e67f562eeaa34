"""What a pair costs a method: counts that add up, pairs that share nothing, and a record."""

import pytest
import torch
from conftest import picture_view

from corrlib import methods
from corrlib.backbones.skeletons import skeleton
from corrlib.bench import _method_costs_record as costs
from corrlib.experiments.profiles import Profile
from corrlib.experiments.records import Tolerance
from corrlib.experiments.studies import Study
from corrlib.methods.prompt_optimization.cost import look_cost
from corrlib.types import Pair

TRIALS = {"one": {"ensemble": 1}, "two": {"ensemble": 2}, "copy": {}}


def pair(source: int, target: int, points: int = 4) -> Pair:
    views = [picture_view(64, 48, seed, "cat") for seed in (source, target)]
    at = torch.tensor([[10.0 + 3 * k, 20.0] for k in range(points)])
    names = tuple(str(k) for k in range(points))
    return Pair(f"{source}-{target}", *views, at, at + 2, names, "cat")


class FakeStudy(Study):
    """A study of three trials on a few pairs, with a small diffusion model."""

    def __init__(self, env, pairs):
        self.env, self.pairs, self.names = env, pairs, list(TRIALS)
        self.seed, self.few = 0, {"points": 3}

    def load(self, name):
        if name == "copy":
            return methods.load("copy_position", "toybox", env=self.env)
        return methods.load("dift", "toybox", env=self.env, **TRIALS[name])


@pytest.fixture
def study(monkeypatch, env):
    pairs = [pair(2 * i, 2 * i + 1) for i in range(costs.RUNS + 2)]
    monkeypatch.setattr(costs, "_opened", lambda profile, described: FakeStudy(env, pairs))
    return {"method": "dift", "trials": TRIALS}


def test_pairs_share_no_picture_and_have_points_enough():
    pairs = [pair(0, 1, 2), pair(0, 1), pair(1, 2), pair(2, 3), pair(4, 4), pair(4, 5)]
    assert costs.apart(pairs, 3, count=3) == [1, 3, 5]
    with pytest.raises(ValueError, match="3 pairs with 3 keypoints share no picture; wanted 4"):
        costs.apart(pairs, 3, count=4)


def test_a_second_noise_costs_a_second_look_at_both_pictures(study, tiny_diffuser, tmp_path):
    profile = Profile("x", tmp_path, {})
    one, two, copy = (costs.counted(profile, study, name)["multiply_adds"] for name in TRIALS)
    s = methods.settings("dift", "toybox")
    unet, vae = skeleton(tiny_diffuser.unet), skeleton(tiny_diffuser.vae)
    assert copy == 0
    assert two - one == 2 * look_cost(unet, vae, s.size[0], s.layer)


def test_a_record_has_a_row_a_trial_and_its_counts_come_again(study, tmp_path):
    made = costs.recipe(Profile("x", tmp_path, {}), study, "found-costs", Tolerance())
    table = made.whole()
    assert list(table["trial"]) == list(TRIALS) and list(table["block"]) == [0, 1, 2]
    assert (table[["seconds", "again"]] > 0).all(axis=None) and made.count == 3
    again = made.block(1)
    assert again["multiply_adds"].item() == table["multiply_adds"][1]
    assert set(made.described["settings"]) == set(TRIALS)
