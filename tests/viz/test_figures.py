"""Figures say what the numbers say: colours, line styles, places, the framed cell, the verdict."""

import io

import matplotlib

matplotlib.use("Agg")

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.patches import Ellipse, Rectangle
from PIL import Image

from corrlib import viz
from corrlib.coords import Frame
from corrlib.types import FeatureMap, Pair, View
from corrlib.viz.style import BLUE, GREY, ORANGE, RC, to_pixels


@pytest.fixture(autouse=True)
def style(monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("a verb on axes must not call show")

    monkeypatch.setattr(plt, "show", never)
    with matplotlib.rc_context(RC):
        yield
    plt.close("all")


def picture(seed, size=(40, 30)):
    return Image.fromarray(
        np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    )


def pair():
    source, target = (
        View(f"v{i}", size, "cat", pixels=picture(i, size))
        for i, size in enumerate([(40, 30), (80, 60)])
    )
    there = torch.tensor([[10.0, 10.0], [40.0, 30.0], [70.0, 50.0]])
    return Pair(
        "p", source, target, there / 2, there, ("a", "b", "c"), "cat", None, (1.0, 1.0, 51.0, 31.0)
    )


def lines(ax):
    """(colour, is solid, ends) of the match lines."""
    return [
        (to_hex(line.get_color()), line.get_linestyle() == "-", line.get_xydata())
        for line in ax.lines
        if line.get_linestyle() != "None"
    ]


def test_matches_are_blue_solid_or_orange_dashed():
    p = pair()
    predicted = p.target_points + torch.tensor(
        [[5.0, 0.0], [0.0, 5.1], [0.0, 0.0]]
    )  # the tolerance is 0.1 x 50
    ax = plt.figure().subplots()
    assert viz.matches(ax, p, predicted=predicted) is ax
    drawn = lines(ax)
    assert [(c, s) for c, s, _ in drawn] == [(ORANGE, False), (BLUE, True), (BLUE, True)]
    assert drawn[0][2][0].tolist() == [
        20,
        15,
    ]  # the wrong one first, beneath; it starts at its query
    # The target is drawn at half its size to be as tall as the source, after a gap.
    offset = 40 + 0.03 * 40
    np.testing.assert_allclose(
        drawn[0][2][1], [(40 + 0.5) / 2 - 0.5 + offset, (35.1 + 0.5) / 2 - 0.5], atol=1e-5
    )
    rings = [patch for patch in ax.patches if isinstance(patch, Ellipse)]
    assert [(ring.width, ring.height) for ring in rings] == [(5, 5)] * 3
    np.testing.assert_allclose(
        rings[0].center, [(40 + 0.5) / 2 - 0.5 + offset, (30 + 0.5) / 2 - 0.5], atol=1e-5
    )


@pytest.mark.parametrize("size", [(20_000, 10), (10, 20_000)])
def test_a_slim_picture_is_drawn_wide_enough_and_says_so(size):
    slim, other = (np.full((h, w, 3), 200, np.uint8) for w, h in (size, (40, 30)))
    query = [[0.0, 0.0], [size[0] - 1.0, size[1] - 1.0]]
    for images in ((slim, other), (other, slim)):
        ax = plt.figure().subplots()
        ends = [query, [[0.0, 0.0], [39.0, 29.0]]][:: 1 if images[0] is slim else -1]
        viz.matches(ax, images, *ends)
        x0, x1, y0, y1 = ax.images[0 if images[0] is slim else 1].get_extent()
        assert max(abs(x1 - x0) / abs(y1 - y0), abs(y1 - y0) / abs(x1 - x0)) == pytest.approx(6)
        assert ("higher" if size[0] > size[1] else "wider") in ax.get_xlabel()
        assert "not in proportion: " + ("left" if images[0] is slim else "right") in ax.get_xlabel()
        first, last = (line[2] for line in lines(ax))
        cell = 0.5 * np.divide((abs(x1 - x0), abs(y1 - y0)), size)
        side = 0 if images[0] is slim else 1
        np.testing.assert_allclose(first[side], np.add((min(x0, x1), min(y0, y1)), cell), atol=1e-6)
        np.testing.assert_allclose(last[side], np.subtract((max(x0, x1), max(y0, y1)), cell), 1e-6)
    ax = plt.figure().subplots()
    assert viz.matches(ax, (other, other), query[:1], query[:1]).get_xlabel() == ""


def test_matches_without_truth_are_not_judged():
    p = pair()
    ax = viz.matches(
        plt.figure().subplots(),
        (p.source.image(), np.asarray(p.target.image())),
        p.source_points,
        p.target_points,
    )
    assert {c for c, _, _ in lines(ax)} == {GREY} and not ax.patches
    assert {c for c, _, _ in lines(viz.matches(plt.figure().subplots(), p))} == {
        GREY
    }  # annotated, nothing predicted
    with pytest.raises(ValueError, match="3 query, 2 predicted"):
        viz.matches(ax, p, predicted=p.target_points[:2])
    with pytest.raises(ValueError, match="without a tolerance"):
        viz.matches(ax, (p.source, p.target), p.source_points, p.target_points, p.target_points)


def test_heat_marks_maximum_and_point():
    values = torch.zeros(6, 8)
    values[4, 1] = 1
    ax = viz.heat(plt.figure().subplots(), picture(0), values, torch.tensor([3.0, 4.0]))
    marks = [line.get_xydata()[0].tolist() for line in ax.lines]
    assert marks == [[1.5 / 8 * 40 - 0.5, 4.5 / 6 * 30 - 0.5], [3, 4], [3, 4]]
    assert ax.get_xlim() == (-0.5, 39.5) and ax.get_ylim() == (29.5, -0.5)
    opacity = ax.images[1].get_array()[..., 3]
    assert np.argwhere(opacity == opacity.max()).tolist() == [[4, 1]] and opacity.min() == 0
    with pytest.raises(ValueError, match="one map"):
        viz.heat(ax, picture(0), torch.zeros(2, 6, 8))


def test_pca_colours_mean_the_same_in_every_map():
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(4, 8, generator=generator)
    labels = torch.randint(0, 4, (2, 5, 7), generator=generator)
    maps = [FeatureMap(codes[one].permute(2, 0, 1), Frame((70, 50), (7, 5))) for one in labels]
    colors = viz.pca_colors(maps)
    for k in range(4):
        cells = np.concatenate(
            [c[(one == k).numpy()] for c, one in zip(colors, labels, strict=True)]
        )
        assert np.ptp(cells, axis=0).max() < 1e-5
    assert len({tuple(np.round(colors[0][(labels[0] == k).numpy()][0], 3)) for k in range(4)}) == 4
    assert min(c.min() for c in colors) == 0 and max(c.max() for c in colors) == 1
    axes = viz.pca(maps, plt.figure().subplots(1, 3), titles=["a", "b"])
    assert axes[0].images[0].get_extent() == [-0.5, 69.5, 49.5, -0.5] and axes[1].get_title() == "b"
    with pytest.raises(ValueError, match="1 axes for 2"):
        viz.pca(maps, [axes[0]])


def test_layer_grid_frames_the_best_and_leaves_holes():
    long = pd.DataFrame(
        {"layer": list("bbaa"), "t": [101, 51, 51, 101], "pck": [40.0, 10.0, 30.0, np.nan]}
    )
    ax = viz.layer_grid(plt.figure().subplots(), long)
    assert [t.get_text() for t in ax.get_yticklabels()] == [
        "b",
        "a",
    ]  # the order of the table, not of the alphabet
    assert [t.get_text() for t in ax.get_xticklabels()] == ["51", "101"]
    assert {(t.get_position(), t.get_text()) for t in ax.texts} == {
        ((0.5, 0.5), "10"),
        ((1.5, 0.5), "40"),
        ((0.5, 1.5), "30"),
    }
    frames = [p for p in ax.patches if isinstance(p, Rectangle)]
    assert {tuple(p.get_center().round(6)) for p in frames} == {(1.5, 0.5)}


def test_laws_are_judged_by_their_interval():
    words = ["holds", "does not", "cannot tell"]
    assert [viz.verdict(*interval) for interval in [(0.1, 2), (-2, -0.1), (-1, 1)]] == words
    laws = [
        {"law": f"law {i}", "difference": d, "low": d - 1, "high": d + 1}
        for i, d in enumerate([3.0, -3.0, 0.5, np.nan])
    ]
    ax = viz.law_plot(plt.figure().subplots(), laws)
    assert [t.get_text().strip() for t in ax.texts] == [*words, "not run"]
    assert [t.get_color() for t in ax.texts] == [BLUE, ORANGE, GREY, GREY]
    own = {**laws[0], "verdict": "cannot tell"}  # a law with a margin of its own
    ax = viz.law_plot(plt.figure().subplots(), [own])
    assert ax.texts[0].get_text() == "cannot tell"
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first at the top


def test_a_margin_is_taken_out_of_a_law_and_drawn_as_a_line():
    law = {"law": "far better", "difference": -5.6, "low": -6.9, "high": -4.4, "margin": -5.0}
    ax = viz.law_plot(plt.figure().subplots(), [law])
    drawn = [line.get_xdata() for line in ax.lines[1:]]  # behind the axis through zero
    assert np.allclose(drawn[0], [5.0, 5.0])  # the claim wants more than five
    assert np.allclose(drawn[1], [-1.9, 0.6]) and np.allclose(drawn[2], -0.6)
    assert ax.texts[0].get_text() == "does not"


def test_sizes_stand_beside_the_papers():
    says = ["holds", "does not", "cannot tell", "not run"]
    here = [8.0, 1.0, 4.0, np.nan]
    table = pd.DataFrame({"paper": [10.0, 10.0, 8.0, 3.0], "here": here, "verdict": says})
    table = table.assign(low=table["here"] - 1, high=table["here"] + 1)
    ax = viz.size_plot(plt.figure().subplots(), table)
    drawn = [c[0].get_xydata() for c in ax.containers]
    assert [points.tolist() for points in drawn] == [[[10, 8]], [[10, 1]], [[8, 4]]]
    assert [c[0].get_color() for c in ax.containers] == [BLUE, ORANGE, GREY]
    ends = [line.get_xydata()[-1].tolist() for line in ax.lines if len(line.get_xdata()) == 2]
    assert ends[:2] == [[10.5, 10.5], [10.5, 5.25]]  # as large, and half of it
    assert [t.get_text() for t in ax.texts] == ["as large", "0.5 of it"]


def test_training_record_draws_the_best_timestep_of_each_layer():
    rows = [
        {
            "images": 1000 * 2**i,
            "loss": 1 / (i + 1),
            "pck": {"up.0@51": i, "up.0@101": 2.0 * i, "up.1@51": 9.0},
        }
        for i in range(4)
    ]
    axes = viz.training_record(
        plt.figure().subplots(1, 2),
        {"record": rows, "curve": [[1000 * i, 1.0] for i in range(1, 8)]},
    )
    curves = {line.get_label(): line.get_ydata().tolist() for line in axes[1].lines}
    assert curves == {"up.0": [0, 2, 4, 6], "up.1": [9, 9, 9, 9]}
    assert axes[0].get_xscale() == "log" and len(axes[0].lines) == 2
    assert viz.training_record(plt.figure().subplots(1, 2), rows)[0].lines[0].get_ydata()[1] == 0.5


def test_training_record_marks_a_change_of_world_and_the_next_doubling():
    rows = [
        {"images": 1000 * 2**i, "loss": 1.0, "pck": {"up.0@51": 2.0 * i}, "world": world}
        for i, world in ((0, "hard"), (1, "hard"), (1, "calibrated"), (2, "calibrated"))
    ]
    expected = SimpleNamespace(layer="up.0", images=8000, next=6.0, next_low=5.0, next_high=8.0)
    axes = viz.training_record(plt.figure().subplots(1, 2), rows, expected)
    curves = [list(line.get_xdata()) for line in axes[1].lines]
    assert [1000, 2000] in curves and [2000, 4000] in curves  # two lines, not one
    assert axes[1].get_legend_handles_labels()[1] == ["up.0"]
    assert axes[1].texts[0].get_text() == "calibrated "
    (bar,) = axes[1].containers
    assert bar.lines[0].get_xydata().tolist() == [[8000, 6]]
    assert [line.get_ydata().tolist() for line in bar.lines[1]] == [[5.0], [8.0]]


def test_curve_with_band_accepts_tensors():
    ax = viz.curve_with_band(
        plt.figure().subplots(),
        torch.arange(3),
        torch.ones(3),
        torch.zeros(3),
        np.full(3, 2),
        label="a",
    )
    assert ax.collections[0].get_datalim(ax.transData).bounds == (0, 0, 2, 2)


def test_gallery_and_every_kind_of_image():
    pixels = np.asarray(picture(3))
    tensor = torch.tensor(pixels).permute(2, 0, 1)
    kinds = [
        picture(3),
        View("v", (40, 30), pixels=picture(3)),
        tensor,
        tensor.float() / 255,
        pixels,
        pixels / 255,
    ]
    for kind in kinds:
        np.testing.assert_allclose(to_pixels(kind), pixels / 255, atol=1e-6)
    assert to_pixels(pixels[..., 0]).shape == to_pixels(tensor[:1]).shape == (30, 40, 3)
    with pytest.raises(ValueError, match=r"\(2, 3, 30, 40\)"):
        to_pixels(torch.zeros(2, 3, 30, 40))
    axes = viz.gallery(kinds, list("abcdef"), cols=4)
    assert len(axes) == 8 and axes[5].get_title() == "f" and not axes[6].images


def test_same_bytes_on_every_run():
    def drawn():
        figure, (a, b) = plt.subplots(1, 2)
        p = pair()
        viz.matches(a, p, predicted=p.target_points + 4, names="xyz", legend=True)
        viz.layer_grid(b, pd.DataFrame([[1.0, 2.0]], index=["up 1"], columns=[0, 51]))
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
        return buffer.getvalue()

    assert drawn() == drawn()
