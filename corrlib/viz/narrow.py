"""A figure for a phone: the same axes on a narrow page, panels of charts one below the other.

    with narrowed(figure):
        figure.savefig("layers-narrow.png")    # afterwards the figure is what it was

Letters keep their size, so that they are read at 390 pixels without panning. Galleries with a title
to each picture stand two or three a row, pairs of pictures one a row; tables of pictures, whose
rows and columns mean something, keep them.
"""

import textwrap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.legend import Legend

WIDTH = 3.6  # inches
ACROSS = 3  # pictures of a gallery in a row, at most
LABEL = 16  # letters of a tick's label in a line; longer ones are wrapped
SENTENCE = 24  # the same, where a label is a sentence
LEGEND = 24  # letters of a name in a legend that has room inside of a chart
PAIR = 1.5  # a picture so much wider than high shows a pair: it takes a row
MARKER = 4.0  # points of a marker with a bar
LINE = 42  # letters of a title across the whole page


@contextmanager
def narrowed(figure: Figure, width: float = WIDTH) -> Iterator[Figure]:
    """The figure, `width` inches wide as long as the block lasts."""
    with ExitStack() as undo:
        old = tuple(figure.get_size_inches())
        undo.callback(figure.set_size_inches, old)
        panels = [ax for ax in figure.axes if ax.get_subplotspec() is not None and _used(ax)]
        rows, columns = _shape(panels)
        height = old[1] * width / old[0] if all(map(_picture, panels)) else old[1]
        if across := _across(panels, columns):
            tall = [_height(ax, old, width / across) for ax in panels]
            height, columns = _stack(figure, panels, across, tall, undo), across
        for ax in panels:
            _small_markers(ax, undo)
            _break_title(ax, LINE // columns, undo)
            height += _wrap(ax, undo)
        for legend in list(figure.legends):
            _two_columns(figure, legend, undo)
        for ax in panels:
            height += _moved(ax, undo)
        figure.set_size_inches(width, height)
        yield figure


def _across(panels: list[Axes], columns: int) -> int:
    """How many pictures of these panels, now in `columns`, stand in a row; 0 where they stay."""
    if columns > 1 and any(not _picture(ax) or ax.get_legend() for ax in panels):
        return 2 if sum(map(_picture, panels)) > 2 else 1
    if columns > 1 and all(_named(ax) and _wants_a_row(ax) for ax in panels):
        return 1
    if columns > ACROSS and all(_named(ax) for ax in panels):
        if columns == 4 and len(panels) > 4:
            return 2  # rows that mean something are two rows each, and not mixed
        return ACROSS if len(panels) % 2 else 2 + (len(panels) > 4)
    return 0


def _used(ax: Axes) -> bool:
    """Whether an axes has a place: the last ones of a grid may be left empty, and switched off."""
    return ax.axison and ax.get_visible() or ax.has_data() or bool(ax.texts)


def _picture(ax: Axes) -> bool:
    """Whether an axes shows an image and nothing to read at its sides."""
    return bool(ax.images) and not len(ax.get_xticks()) and not len(ax.get_yticks())


def _ratio(ax: Axes) -> float:
    """Width of what an axes shows, in its height."""
    x, y = np.abs(np.diff(ax.get_xlim())), np.abs(np.diff(ax.get_ylim()))
    return float((x / y).item())


def _wants_a_row(ax: Axes) -> bool:
    """Whether a picture is one of a pair, or has words on it."""
    return _ratio(ax) > PAIR or bool(ax.texts)


def _named(ax: Axes) -> bool:
    return _picture(ax) and bool(ax.get_title() or ax.get_xlabel()) and not ax.get_ylabel()


def _shape(panels: list[Axes]) -> tuple[int, int]:
    """Rows and columns of the grid that the panels stand in."""
    specs = [ax.get_subplotspec() for ax in panels]
    ends = [(len({getattr(s, span).start for s in specs})) for span in ("rowspan", "colspan")]
    return ends[0] if specs else 1, ends[1] if specs else 1


def _height(ax: Axes, size: tuple[float, float], width: float) -> float:
    """Inches of a panel that is to be `width` wide: of a picture in proportion, of a chart as
    before.
    """
    if _picture(ax):
        lines = len(ax.get_title().split("\n")) + (ax.get_legend() is not None)
        return width / _ratio(ax) + 0.3 * lines
    spec = ax.get_subplotspec()
    ratios = spec.get_gridspec().get_height_ratios()
    return size[1] * sum(ratios[i] for i in spec.rowspan) / sum(ratios)


def _stack(
    figure: Figure, panels: list[Axes], columns: int, tall: list[float], undo: ExitStack
) -> float:
    """Put pictures into rows of `columns` and each chart into a row of its own; returns the height
    of all of them.
    """
    order = sorted(panels, key=lambda ax: ax.get_subplotspec().num1)
    ratios, places, free = [], [], 0
    for ax in order:
        if not _picture(ax) or not free:
            ratios.append(0.0)
            free = columns
        first = columns - free
        places.append((len(ratios) - 1, slice(first, first + 1 if _picture(ax) else columns)))
        ratios[-1] = max(ratios[-1], tall[panels.index(ax)])
        free = free - 1 if _picture(ax) else 0
    grid = GridSpec(len(ratios), columns, figure=figure, height_ratios=ratios)
    for i, ax in enumerate(order):
        undo.callback(ax.set_subplotspec, ax.get_subplotspec())
        for axis, name, other in (
            ("y", "labelleft", order[i - 1]),
            ("x", "labelbottom", order[-1]),
        ):
            shared = getattr(ax, f"get_shared_{axis}_axes")()
            if other is ax or _picture(ax) or not shared.joined(ax, other):
                continue  # only of shared axes a neighbour says numbers and name
            before = getattr(ax, f"{axis}axis").get_tick_params().get(name, True)
            undo.callback(ax.tick_params, axis=axis, **{name: before})
            ax.tick_params(axis=axis, **{name: True})
            text = getattr(ax, f"get_{axis}label")()
            undo.callback(getattr(ax, f"set_{axis}label"), text)
            getattr(ax, f"set_{axis}label")(text or getattr(other, f"get_{axis}label")())
        ax.set_subplotspec(grid[places[i]])
    return sum(ratios)


def _two_columns(figure: Figure, legend: Legend, undo: ExitStack) -> None:
    """In place of a figure's legend below its panels the same one with two columns."""
    texts = legend.get_texts()
    how = {"loc": "outside lower center", "ncols": 2, "fontsize": texts[0].get_fontsize()}
    figure.legends.remove(legend)
    new = figure.legend(legend.legend_handles, [text.get_text() for text in texts], **how)
    undo.callback(figure.legends.append, legend)
    undo.callback(new.remove)


def _moved(ax: Axes, undo: ExitStack) -> float:
    """A panel's legend of many columns, or of long names, above it, and a picture's below it, with
    as many columns as have room there; returns the inches that a single picture's needs.
    """
    legend = ax.get_legend()
    if legend is None:
        return 0.0
    texts = legend.get_texts()
    long = max(len(text.get_text()) for text in texts) > LEGEND
    if legend._ncols < ACROSS and not long:
        return 0.0
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, 0)}
    above = {"loc": "lower center", "bbox_to_anchor": (0.4, 1)}
    how = {"ncols": 1 if long else 2, "fontsize": texts[0].get_fontsize()}
    how |= below if _picture(ax) else above
    undo.callback(setattr, ax, "legend_", legend)
    ax.legend(legend.legend_handles, [text.get_text() for text in texts], **how)
    return 0.5 if _picture(ax) else 0.0


def _small_markers(ax: Axes, undo: ExitStack) -> None:
    """Markers that do not cover their bars, which are short on a narrow page."""
    for one in ax.containers:
        line = one.lines[0] if isinstance(one, ErrorbarContainer) else None
        if line is not None and line.get_markersize() > MARKER:
            undo.callback(line.set_markersize, line.get_markersize())
            line.set_markersize(MARKER)


def _break_title(ax: Axes, letters: int, undo: ExitStack) -> None:
    """A title of at most `letters` in a line."""
    if len(title := ax.get_title()) > letters:
        undo.callback(ax.title.set_text, title)
        lines = (textwrap.fill(line, letters, break_long_words=False) for line in title.split("\n"))
        ax.title.set_text("\n".join(lines))


def _wrap(ax: Axes, undo: ExitStack) -> float:
    """Break long labels at a chart's left side; returns the inches that are needed for it."""
    labels = [label.get_text() for label in ax.get_yticklabels()]
    long = max((len(label) for label in labels if "$" not in label), default=0)
    if _picture(ax) or long <= LABEL:
        return 0.0
    places, size = ax.get_yticks(), ax.get_yticklabels()[0].get_fontsize()
    undo.callback(ax.set_yticks, places, labels, fontsize=size)
    letters = SENTENCE if long > 2 * SENTENCE else LABEL
    broken = [textwrap.fill(" ".join(label.split()), letters) for label in labels]
    ax.set_yticks(places, broken, fontsize=min(size, 9))
    # rows are of one height: that of the label with the most lines
    lines = len(labels) * max(text.count("\n") + 1 for text in broken)
    have = ax.figure.get_size_inches()[1] * ax.get_position().height
    return max(0.0, lines * 0.15 + 0.1 * len(labels) - have)
