"""Weights in the right cells, colours that agree along a row."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from corrlib.coords import Frame
from corrlib.types import FeatureMap
from corrlib.viz import hyperfeatures


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_weights_stand_at_their_layer_and_timestep():
    weights = torch.tensor([0.1, 0.2, 0.05, 0.4, 0.05, 0.2])  # two timesteps of three layers
    ax = hyperfeatures.mixing_weights(
        plt.figure().subplots(), weights, (-1, 60), (4, 5, 6), largest=2
    )
    shown = ax.images[0].get_array()
    assert np.allclose(shown, [[10, 40], [20, 5], [5, 20]])
    assert [(t.get_position(), t.get_text()) for t in ax.texts] == [((1, 0), "40"), ((0, 1), "20")]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["-1", "60"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["4", "5", "6"]
    with pytest.raises(ValueError, match="wanted 3 timesteps x 3 layers = 9"):
        hyperfeatures.mixing_weights(ax, weights, (0, 1, 2), (4, 5, 6))


def test_colours_agree_along_a_row():
    g = torch.Generator().manual_seed(0)
    one = torch.randn(5, 4, 6, generator=g)
    maps = {
        ("a", 0): one,
        ("a", 9): one.flip(2),
        ("b", 0): torch.randn(3, 2, 3, generator=g),
        ("b", 9): torch.randn(3, 2, 3, generator=g),
    }
    maps = {cell: FeatureMap(v, Frame((60, 40), v.shape[:0:-1])) for cell, v in maps.items()}
    axes = plt.figure().subplots(2, 2)
    hyperfeatures.time_and_space(axes, maps, ("a", "b"), (0, 9), numbers=(3, 7))
    left, right = (ax.images[0].get_array() for ax in axes[0])
    assert np.allclose(left, right[:, ::-1])
    assert axes[1, 0].images[0].get_array().shape == (2, 3, 3)
    assert axes[1, 0].get_ylabel() == "layer 7" and axes[0, 1].get_title() == "t = 9"
    with pytest.raises(ValueError, match="wanted 1 layers x 2 timesteps"):
        hyperfeatures.time_and_space(axes, maps, ("a",), (0, 9))
