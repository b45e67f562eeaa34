"""A figure for a phone: panels one below the other, and afterwards the figure is what it was."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from corrlib import viz
from corrlib.viz.narrow import WIDTH, narrowed

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def closed():
    """The book's look, and no figure left behind."""
    with matplotlib.rc_context(viz.style.RC):
        yield
    plt.close("all")


def boxes(figure):
    """Left, bottom, right, top of every axes, in parts of the figure, as it is drawn."""
    figure.canvas.draw()
    return np.array([ax.get_position().extents for ax in figure.axes])


def charts():
    """Two charts beside each other that share their y axis."""
    figure, axes = plt.subplots(1, 2, figsize=(6.6, 3.0), sharey=True)
    for ax in axes:
        ax.plot([0, 1], [0, 1])
    axes[0].set_ylabel("PCK")
    return figure


def test_charts_stand_one_below_the_other_and_go_back():
    figure = charts()
    before, labels = boxes(figure), figure.axes[1].yaxis.get_tick_params()["labelleft"]
    assert not labels, "of shared axes only the first has numbers"
    with narrowed(figure):
        (_, low, _, _), (left, _, right, top) = boxes(figure)
        assert top < low, "the second panel lies below the first"
        assert right - left > 0.6 and figure.get_size_inches()[0] == WIDTH
        assert figure.get_size_inches()[1] == 6.0, "each keeps its height"
        assert figure.axes[1].yaxis.get_tick_params()["labelleft"]
        assert figure.axes[1].get_ylabel() == "PCK"
    assert np.allclose(boxes(figure), before) and tuple(figure.get_size_inches()) == (6.6, 3.0)
    assert figure.axes[1].get_ylabel() == ""
    assert not figure.axes[1].yaxis.get_tick_params()["labelleft"]


def test_a_gallery_stands_three_a_row_and_a_table_of_pictures_stays():
    pixels = [np.zeros((8, 8, 3))] * 6
    gallery = viz.gallery(pixels, list("abcdef"), cols=6)[0].figure
    with narrowed(gallery):
        found = boxes(gallery).round(2)
        assert len(set(found[:, 0])) == 3 and len(set(found[:, 1])) == 2
    assert len(set(boxes(gallery)[:, 1].round(2))) == 1
    figure, axes = plt.subplots(2, 4, figsize=(6.6, 3.3))
    viz.gallery([*pixels, *pixels[:2]], axes=axes)
    axes[0, 0].set_ylabel("fed")
    with narrowed(figure):
        assert len(set(boxes(figure)[:, 0].round(2))) == 4
        assert figure.get_size_inches()[1] == pytest.approx(3.3 * WIDTH / 6.6)


def test_long_labels_are_broken_and_whole_again():
    text = "moderate noise is best, on a wide plateau"
    figure, ax = plt.subplots(figsize=(6.6, 0.8))
    ax.set_yticks([0, 1], [text, "short"])
    with narrowed(figure):
        broken = ax.get_yticklabels()[0].get_text()
        assert " ".join(broken.split()) == text and max(map(len, broken.split("\n"))) <= 16
        assert figure.get_size_inches()[1] > 0.8, "three lines need more room"
    assert ax.get_yticklabels()[0].get_text() == text


def test_a_legend_below_the_panels_has_two_columns():
    figure = charts()
    handles = list(figure.axes[0].lines) * 4
    legend = figure.legend(handles, list("abcd"), loc="outside lower center", ncols=4)
    with narrowed(figure):
        figure.canvas.draw()
        boxes_of = [text.get_window_extent() for text in figure.legends[0].get_texts()]
        assert len({round(box.x0) for box in boxes_of}) == 2
    assert figure.legends == [legend]


def test_a_wide_legend_of_a_panel_is_broken_and_whole_again():
    figure, ax = plt.subplots(figsize=(6.6, 2))
    for name in "abcdef":
        ax.plot([0, 1], [0, 1], label=name)
    legend = ax.legend(ncols=6)
    with narrowed(figure):
        figure.canvas.draw()
        columns = {round(text.get_window_extent().x0) for text in ax.get_legend().get_texts()}
        assert len(columns) == 2
    assert ax.get_legend() is legend


def test_pictures_stand_in_twos_above_a_chart_and_titles_are_broken():
    figure = plt.figure(figsize=(6.6, 3.6))
    axes = figure.subplot_mosaic([[*"0123"], [*"LLLL"]])
    for name in "0123":
        viz.gallery([np.zeros((8, 8, 3))], axes=[axes[name]])
    title = "the attention of the word horse on the target"
    axes["0"].set_title(title, fontsize=10)
    axes["L"].plot([0, 1])
    with narrowed(figure):
        found = boxes(figure).round(2)
        assert len(set(found[:4, 0])) == 2 and len(set(found[:4, 1])) == 2
        assert found[4, 3] < found[:4, 1].min() and found[4, 2] - found[4, 0] > 0.6
        lines = axes["0"].get_title().split("\n")
        assert " ".join(lines) == title and max(map(len, lines)) <= 21
    assert axes["0"].get_title() == title and axes["0"].title.get_fontsize() == 10


def test_pairs_of_pictures_stand_one_a_row_and_long_names_have_room():
    figure, axes = plt.subplots(2, 2, figsize=(6.6, 3.3))
    for ax in axes.flat:
        ax.imshow(np.zeros((8, 16, 3)))
        ax.set(xticks=[], yticks=[], title="a pair")
    with narrowed(figure):
        found = boxes(figure).round(2)
        assert len(set(found[:, 0])) == 1 and len(set(found[:, 1])) == 4
    figure, ax = plt.subplots(figsize=(6.6, 4))
    names = ["a claim of a paper in so many words that it takes lines", "short"] * 7
    ax.set_yticks(range(len(names)), names)
    with narrowed(figure):
        figure.canvas.draw()
        boxes_of = [label.get_window_extent() for label in ax.get_yticklabels()]
        ends = sorted((box.y0, box.y1) for box in boxes_of)
        assert all(low[1] <= high[0] for low, high in zip(ends, ends[1:], strict=False))


def test_numbers_of_a_log_axis_are_not_broken():
    figure, ax = plt.subplots(figsize=(6.6, 3))
    ax.semilogy([1, 2], [1, 1e5])
    with narrowed(figure):
        assert all("\n" not in label.get_text() for label in ax.get_yticklabels())


def test_a_legend_of_long_names_stands_above_the_chart_and_goes_back():
    figure, ax = plt.subplots(figsize=(6.6, 3))
    ax.plot([0, 1], [0, 1], label="copying the position, on 1,080 pairs")
    ax.legend()
    before = ax.get_legend()
    with narrowed(figure):
        figure.canvas.draw()
        assert ax.get_legend().get_window_extent().y0 >= ax.get_window_extent().y1
    assert ax.get_legend() is before


def test_pictures_with_words_on_them_stand_one_a_row():
    figure = viz.gallery([np.zeros((8, 8, 3))] * 2, ["a", "b"])[0].figure
    for ax in figure.axes:
        ax.text(2, 2, "0.05")
    with narrowed(figure):
        found = boxes(figure)
        assert np.ptp(found[:, 0]) < 0.02 and np.ptp(found[:, 1]) > 0.3


def test_two_rows_of_four_pictures_stay_rows():
    gallery = viz.gallery([np.zeros((8, 8, 3))] * 8, list("abcdefgh"), cols=4)[0].figure
    with narrowed(gallery):
        found = boxes(gallery).round(2)
        assert len(set(found[:, 0])) == 2 and len(set(found[:, 1])) == 4
        assert found[:4, 1].min() > found[4:, 3].max(), "the first row lies above the second"


def test_a_pictures_legend_lies_below_it_and_a_marker_does_not_cover_its_bar():
    figure, ax = plt.subplots(figsize=(6.6, 3))
    ax.imshow(np.zeros((8, 16, 3)))
    ax.set(xticks=[], yticks=[])
    for name in "abc":
        ax.plot([0, 1], [0, 1], label=name)
    legend = ax.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
    with narrowed(figure):
        figure.canvas.draw()
        assert ax.get_legend().get_window_extent().y1 <= ax.get_window_extent().y0 + 1
    assert ax.get_legend() is legend
    figure, ax = plt.subplots()
    line = ax.errorbar([1], [2], yerr=[1], fmt="o", markersize=9).lines[0]
    with narrowed(figure):
        assert line.get_markersize() == 4
    assert line.get_markersize() == 9


def test_panels_that_are_left_empty_take_no_room():
    figure, axes = plt.subplots(2, 2, figsize=(6.6, 4))
    for ax in axes.flat[:3]:
        ax.plot([0, 1])
    axes.flat[3].set_axis_off()
    with narrowed(figure):
        assert figure.get_size_inches()[1] == pytest.approx(3 * 2), "three charts, not four"
