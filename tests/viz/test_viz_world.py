"""Ground truth drawn: colours mean what they say, and dense correspondence is right at every
painted pixel.
"""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from corrlib import viz
from corrlib.toybox.items import generator_for
from corrlib.toybox.render import render
from corrlib.toybox.scene import Knobs, draw
from corrlib.toybox.truth import correspond

SIZE = (48, 40)


@pytest.fixture(scope="module")
def dogs():
    plain = Knobs(truncation=0.0, occluder=0.0, clutter=0.0, azimuth=(60.0, 60.0))
    return [draw("dog", 1, generator_for("viz", i), plain) for i in range(2)]


@pytest.fixture
def axes():
    figure, axes = plt.subplots(1, 3)
    yield axes
    plt.close(figure)


def test_layers_have_the_pictures_size_and_show_the_toy_only(dogs):
    picture = render(dogs[0], SIZE, supersample=1)
    layers = viz.truth_layers(picture, dogs[0].parts.names)
    nothing = picture.part[0].numpy() == -1
    assert list(layers) == ["picture", "part", "place on the part", "depth", "normal"]
    for name, image in layers.items():
        assert image.shape == (SIZE[1], SIZE[0], 3) and image.min() >= 0 and image.max() <= 1
        assert name == "picture" or np.unique(image[nothing], axis=0).shape == (1, 3)


def test_the_nearest_pixel_is_the_lightest(dogs):
    picture = render(dogs[0], SIZE, supersample=1)
    depth, shown = picture.depth[0].numpy(), viz.truth_layers(picture, dogs[0].parts.names)["depth"]
    toy = np.argwhere(picture.part[0].numpy() >= 0)
    near, far = (toy[pick(depth[tuple(toy.T)])] for pick in (np.argmin, np.argmax))
    assert shown[tuple(near)].sum() > shown[tuple(far)].sum()


def test_parts_that_differ_in_side_have_one_hue():
    from matplotlib.colors import rgb_to_hsv

    colors = viz.part_colors(np.array([[0, 1, 2, -1]]), ["left_ear", "right_ear", "tail"])[0]
    hues = rgb_to_hsv(colors)[:, 0]
    assert hues[0] == pytest.approx(hues[1]) and abs(hues[2] - hues[0]) > 0.1
    assert np.abs(colors[0] - colors[1]).max() > 0.1 and (colors[3] > 0.9).all()


def test_part_centres_lie_on_their_parts(dogs):
    picture, names = render(dogs[0], SIZE, supersample=1), dogs[0].parts.names
    places, labels = viz.part_centres(picture, names, most=6)
    assert len(places) == len(labels) == 6
    for (x, y), label in zip(places.astype(int), labels, strict=True):
        assert names[int(picture.part[0, y, x])].replace("_", " ") == label


def test_a_chart_has_one_colour_a_place():
    grid = np.stack(np.meshgrid(np.linspace(0, 10, 21), np.linspace(0, 10, 21)), -1)
    colors = viz.chart(grid, (0, 0, 10, 10), lines=False).reshape(-1, 3)
    distance = np.abs(colors[:, None] - colors[None]).max(-1) + np.eye(len(colors))
    assert distance.min() > 0.01
    lined = viz.chart(np.array([[5.0, 2.5], [5.4, 2.5]]), (0, 0, 10, 10))
    assert lined[0].sum() > lined[1].sum(), "the grid's lines are lighter"


def test_dense_paints_partners_alike_and_the_rest_grey(dogs, axes):
    viz.dense(axes, dogs, SIZE)
    first, second = (np.asarray(ax.images[0].get_array()) for ax in axes[:2])
    picture = render(dogs[1], SIZE, supersample=1)
    here, there, seen = correspond(dogs[1], picture, dogs[0], SIZE)
    painted = second[tuple(here.int().numpy().T[::-1])]
    spread = painted.max(-1) - painted.min(-1)
    assert (spread[~seen.numpy()] < 1e-6).all(), "what the first picture does not show is grey"
    assert (spread[seen.numpy()] > 0.05).mean() > 0.9, "what it shows has a colour"
    assert (first.max(-1) - first.min(-1)).max() > 0.3


def test_the_first_scene_is_its_own_chart(dogs, axes):
    viz.dense(axes, [dogs[0], dogs[0]], SIZE)
    one, two = (np.asarray(ax.images[0].get_array()) for ax in axes[:2])
    assert np.array_equal(one, two)
    with pytest.raises(ValueError, match="3 axes for 4 scenes"):
        viz.dense(axes, dogs * 2, SIZE)


def test_turning_the_toy_moves_the_colours_with_it(dogs, axes):
    turned = replace(dogs[0], azimuth=dogs[0].azimuth + 25)
    viz.dense(axes, [dogs[0], turned], SIZE)
    picture = render(turned, SIZE, supersample=1)
    _, _, seen = correspond(turned, picture, dogs[0], SIZE)
    assert 0.5 < seen.float().mean() < 1, (
        "most of a toy turned by 25 degrees was seen before, not all"
    )


def test_labels_stand_beside_the_picture(axes):
    at = torch.tensor([[5.0, 30.0], [6.0, 4.0], [40.0, 20.0], [41.0, 2.0]])
    viz.labelled(axes[0], np.zeros((40, 48, 3)), at, ["a", "b", "c", "d"])
    place = {text.get_text().strip(): text.get_position() for text in axes[0].texts}
    assert place["b"][1] < place["a"][1] and place["d"][1] < place["c"][1]
    assert place["a"][0] < 0 and place["c"][0] > 47
    with pytest.raises(ValueError, match="4 points and 1 names"):
        viz.labelled(axes[0], np.zeros((40, 48, 3)), at, ["a"])


def crossings(lines):
    """How many pairs of lines (two ends each) cross."""

    def side(a, b, c):
        return np.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))

    return sum(
        side(a, b, c) != side(a, b, d) and side(c, d, a) != side(c, d, b)
        for i, (a, b) in enumerate(lines)
        for c, d in lines[:i]
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_lines_to_labels_never_cross(axes, seed):
    at = np.random.default_rng(seed).uniform((2, 2), (46, 38), (12, 2))
    viz.labelled(axes[0], np.zeros((40, 48, 3)), at, [f"n{i}" for i in range(12)])
    lines = [np.array(line.get_data()).T for line in axes[0].lines[:12]]
    ends = {text.get_position() for text in axes[0].texts}
    assert {tuple(line[1]) for line in lines} == ends and len(ends) == 12
    assert np.allclose([line[0] for line in lines], at)
    assert crossings(lines) == 0
    by_height = [
        (p, lines[j][1]) for p, j in zip(at, np.random.default_rng(0).permutation(12), strict=True)
    ]
    assert crossings(by_height) > 0, "ends told at random do cross"


def test_circles_judge_answers_by_the_smallest(axes):
    viz.circles(
        axes[0],
        np.ones((40, 48, 3)),
        (20, 20),
        [5, 10],
        ["small", "large"],
        answers=[(23, 24), (26, 20)],
        box=(1, 1, 30, 30),
    )
    assert [patch.get_radius() for patch in axes[0].patches if hasattr(patch, "get_radius")] == [
        5,
        10,
    ]
    dots = [line.get_color() for line in axes[0].lines if line.get_marker() == "o"]
    assert dots == [viz.style.BLUE, viz.style.ORANGE], (
        "a point on the circle counts, one beyond it does not"
    )


def test_category_bars_are_sorted_and_leave_totals_out(axes):
    import pandas as pd

    viz.category_bars(
        axes[0], pd.Series({"cat": 30.0, "dog": 50.0, "bus": 10.0, "mean": 30.0, "all": 31.0}), 31.0
    )
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["bus", "cat", "dog"]
    assert [bar.get_width() for bar in axes[0].patches] == [10, 30, 50]
    assert axes[0].lines[0].get_xdata()[0] == 31
