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
    assert (name(net, images) == labels).float().mean() > 0.7  # a third by guessing


def test_training_repeats_and_leaves_the_global_state(net):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    again = train(*renders(KINDS, 24, "trn"), 60)
    assert torch.equal(torch.get_rng_state(), state)
    for one, two in zip(net.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, two)


class Painter:
    """A model that paints renders: of the kind it is asked for, or always a bus."""

    fingerprint = "0" * 12

    def __init__(self, honest: bool):
        self.honest = honest

    def pipeline(self):
        return self

    def set_progress_bar_config(self, **_):
        pass

    def __call__(self, prompt, generator, **_):
        kind = prompt.removeprefix("a photo of a ") if self.honest else "bus"
        image = renders((kind,), 1, "painted", generator.initial_seed())[0]
        image = torch.nn.functional.interpolate(image, (96, 96), mode="bilinear")
        return type("Output", (), {"images": image.permute(0, 2, 3, 1).numpy().astype(np.float64)})


@pytest.mark.parametrize(("honest", "at_least", "at_most"), [(True, 4, 6), (False, 0, 3)])
def test_what_is_painted_is_what_is_counted(monkeypatch, honest, at_least, at_most):
    monkeypatch.setattr(samples, "CATEGORIES", KINDS)
    monkeypatch.setattr(samples.Diffuser, "load", lambda preset: Painter(honest))
    found = samples.bench_samples(each=24, epochs=60, samples=2)
    assert found["of"] == 6 and list(found["named"]) == list(KINDS)
    assert at_least <= found["right"] <= at_most
    assert found["held_out_renders"] == 12 and found["held_out_percent"] > 60
