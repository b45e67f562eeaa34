"""Clusters and foreground components as pictures: the colours lie where they should."""

import numpy as np
import pytest
import torch
from conftest import picture
from matplotlib import pyplot
from matplotlib.colors import rgb_to_hsv, to_rgb

from corrlib.coords import Frame
from corrlib.types import FeatureMap
from corrlib.viz.parts import clusters, foreground_colors, painted, polar_colors
from corrlib.viz.style import CYCLE


@pytest.fixture
def ax():
    figure, ax = pyplot.subplots()
    yield ax
    pyplot.close(figure)


LABELS = torch.tensor([[0, 0, 1], [-1, 1, 1]])
FRAME = Frame((30, 18), (3, 2), (-0.5, -1.5, 29.5, 18.5))


def test_clusters_lie_at_their_frame_in_their_colours(ax):
    clusters(ax, LABELS, FRAME)
    drawn = ax.images[0]
    assert drawn.get_extent() == [-0.5, 29.5, 18.5, -1.5]
    pixels = drawn.get_array()
    assert tuple(pixels[0, 0]) == (*to_rgb(CYCLE[0]), 1) and pixels[1, 0, 3] == 0
    assert ax.get_xlim() == (-0.5, 29.5) and ax.get_ylim() == (17.5, -0.5)


def test_clusters_lie_on_an_image_if_there_is_one(ax):
    clusters(ax, LABELS, FRAME, picture(30, 18))
    assert len(ax.images) == 2 and 0 < ax.images[1].get_array()[0, 0, 3] < 1
    with pytest.raises(ValueError, match="2 clusters and 1 colours"):
        clusters(ax, LABELS, FRAME, colors=["red"])


def test_foreground_components_leave_out_the_one_that_finds_the_foreground():
    g = torch.Generator().manual_seed(0)
    maps, masks = [], []
    for _ in range(2):
        values = 0.5 * torch.randn(6, 5, 4, generator=g)
        values[0] += 20  # what all cells of the foreground share
        mask = torch.rand(5, 4, generator=g) > 0.4
        maps.append(FeatureMap(values, Frame((40, 50), (4, 5))))
        masks.append(mask)
    found = foreground_colors(maps, masks)
    for colors, mask in zip(found, masks, strict=True):
        inside = colors[mask.numpy()]
        assert colors.shape == (5, 4, 3) and (colors[~mask.numpy()] == 0).all()
        assert inside.min(0) == pytest.approx(0) and inside.max(0) == pytest.approx(1)
    moved = [
        FeatureMap(torch.where(m, fm.values, 1e6), fm.frame)
        for fm, m in zip(maps, masks, strict=True)
    ]
    assert np.allclose(foreground_colors(moved, masks)[0], found[0]), "the background has no say"
    with pytest.raises(ValueError, match=r"mask of \(4, 5\) does not fit"):
        foreground_colors(maps, [mask.T for mask in masks])


def test_polar_colors_say_direction_and_distance():
    mask = torch.zeros(9, 9, dtype=torch.bool)
    mask[1:8, 1:8] = True
    colors = np.moveaxis(polar_colors(mask), 0, -1)
    hues = rgb_to_hsv(colors)
    assert hues[4, 8, 0] == pytest.approx(0.0) and hues[0, 4, 0] == pytest.approx(0.25)
    assert hues[4, 0, 0] == pytest.approx(0.5) and hues[8, 4, 0] == pytest.approx(0.75)
    assert hues[4, 5, 1] < hues[4, 7, 1] and hues[1, 1, 1] == pytest.approx(1.0)
    with pytest.raises(ValueError, match="mask is empty"):
        polar_colors(torch.zeros(3, 3, dtype=torch.bool))


def test_painted_leaves_the_picture_where_there_is_no_colour(ax):
    colors = np.full((3, 4, 5), np.nan)
    colors[:, 1, 2] = (1.0, 0.0, 0.0)
    shown = painted(ax, np.full((4, 5, 3), 0.5), colors).images[0].get_array()
    assert np.allclose(shown[0, 0], 0.75)
    assert shown[1, 2, 0] > 0.9 and shown[1, 2, 1] < 0.3
