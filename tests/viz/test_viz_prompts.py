"""Attention, knobs and shares: what is drawn is what was given."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Circle

from corrlib.viz import prompts
from corrlib.viz.style import BLUE, INK, ORANGE, PAPER

IMAGE, MAP = np.full((20, 30, 3), 0.5), np.arange(96.0).reshape(8, 12)


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def marks(ax, marker):
    return [line for line in ax.lines if line.get_marker() == marker]


@pytest.mark.parametrize(("x", "color"), [(14.0, BLUE), (14.1, ORANGE)])
def test_ring_and_cross_say_whether_the_answer_is_right(x, color):
    ax = prompts.attended(
        plt.figure().subplots(), IMAGE, MAP, truth=(10, 5), answer=(x, 5), tolerance=4
    )
    (ring,) = [patch for patch in ax.patches if isinstance(patch, Circle)]
    assert ring.center == (10, 5) and ring.radius == 4 and to_hex(ring.get_edgecolor()) == color
    (star,), (cross,) = marks(ax, "*"), marks(ax, "X")
    assert star.get_xydata().tolist() == [[10, 5]] and star.get_color() == prompts.STAR
    assert cross.get_xydata().tolist() == [[x, 5]] and cross.get_color() == color


def test_nothing_is_judged_without_a_truth():
    ax = prompts.attended(plt.figure().subplots(), IMAGE, MAP, answer=(3, 4), tolerance=4)
    assert not ax.patches and not marks(ax, "*") and marks(ax, "X")[0].get_color() == INK
    assert not prompts.attended(plt.figure().subplots(), IMAGE, MAP).lines


def table():
    rows = [
        ("steps", "5", 10, False),
        ("steps", "30", 30, False),
        ("steps", "15", 25, True),
        ("noise", "uniform", 20, False),
    ]
    frame = pd.DataFrame(rows, columns=["knob", "value", "pck", "base"])
    return frame.assign(low=frame["pck"] - 5, high=frame["pck"] + 5)


def test_knobs_have_a_panel_each_with_values_at_their_places():
    axes = prompts.knobs(plt.figure().subplots(1, 3), table(), base=25)
    steps, noise, rest = axes
    assert [ax.get_title() for ax in axes] == ["steps", "noise", ""] and not rest.axison
    line = next(
        line for line in steps.lines if line.get_linestyle() == "-" and len(line.get_xdata()) == 3
    )
    assert line.get_xydata().tolist() == [[5, 10], [15, 25], [30, 30]]
    hollow = [line for line in marks(steps, "o") if line.get_markerfacecolor() == PAPER]
    assert hollow[0].get_xydata().tolist() == [[15, 25]]
    assert [text.get_text() for text in noise.get_xticklabels()] == ["uniform"]
    assert {ax.get_ylim() for ax in (steps, noise)} == {(0, 1.08 * 35)}
    assert steps.lines[0].get_ydata() == [25, 25]
    with pytest.raises(ValueError, match="1 axes for 2 knobs"):
        prompts.knobs([plt.figure().subplots()], table())


def test_shares_fall_into_the_supplements_kind_of_bins():
    found = prompts.share_bins({"a": [0, 0.25, 0.26, 1.0], "b": [1 / 3, 0.5, 0.75, 0.75]})
    assert found.index.tolist() == ["0", "1-25", "26-50", "51-75", "76-100"]
    assert found["a"].tolist() == [25, 25, 25, 0, 25] and found["b"].tolist() == [0, 0, 50, 50, 0]
    with pytest.raises(ValueError, match="wanted at least one"):
        prompts.share_bins({"a": []})
    ax = prompts.share_chart(plt.figure().subplots(), found)
    assert [bar.get_height() for bar in ax.patches] == [*found["a"], *found["b"]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]
