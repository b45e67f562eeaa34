"""The network that names kinds learns from renders, repeats, and is not told what samples show."""

import numpy as np
import pytest
import torch

from corrlib.bench import samples
from corrlib.bench._kinds import SIDE, name, renders, train

KINDS = ("bottle", "bus", "bicycle")


@pytest.fixture(scope="module")
def net():
    return train(*renders(KINDS, 24, "trn"), 60)


def test_it_names_renders_that_it_did_not_see(net):
    images, labels = renders(KINDS, 8, "test")
    assert images.shape == (24, 3, SIDE, SIDE) and 0 <= images.min() and images.max() <= 1
    assert (name(net, images) == labels).float().mean() > 0.5  # a third by guessing


def test_training_repeats_and_leaves_the_global_state():
    torch.manual_seed(5)
    state, few = torch.get_rng_state(), renders(KINDS, 4, "trn")
    one, two = train(*few, 2), train(*few, 2)
    assert torch.equal(torch.get_rng_state(), state)
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)


class Painter:
    """A model that paints renders of what it is asked for."""

    fingerprint = "0" * 12

    def __init__(self):
        self.painted = []

    def pipeline(self):
        return self

    def set_progress_bar_config(self, **_):
        pass

    def __call__(self, prompt, generator, **_):
        kind = prompt.removeprefix("a photo of a ")
        self.painted.append((kind, renders((kind,), 1, "painted", generator.initial_seed())[0]))
        image = self.painted[-1][1].permute(0, 2, 3, 1)
        return type("Output", (), {"images": image.numpy().astype(np.float64)})


def test_what_is_painted_is_what_is_counted(net, monkeypatch):
    painter = Painter()
    monkeypatch.setattr(samples, "CATEGORIES", KINDS)
    monkeypatch.setattr(samples, "train", lambda images, labels, epochs, seed: net)
    monkeypatch.setattr(samples.Diffuser, "load", lambda preset: painter)
    found = samples.bench_samples(each=4, samples=3)
    told = [(kind, KINDS[int(name(net, image))]) for kind, image in painter.painted]
    assert found["of"] == len(told) == 9
    assert found["right"] == sum(kind == word for kind, word in told)
    assert found["named"] == {k: [word for kind, word in told if kind == k] for k in KINDS}
    assert len({image.sum().item() for _, image in painter.painted}) == 9  # noise of their own
    assert found["kinds_right"] == sum(found["named"][k].count(k) >= 2 for k in KINDS)
    assert found["held_out_renders"] == 12 and 0 <= found["held_out_percent"] <= 100
