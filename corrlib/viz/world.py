"""What the toy world knows of a picture, drawn: parts, places, depth, normals, and dense
correspondence as colours.
"""

import re
from collections.abc import Sequence
from numbers import Real

import matplotlib as mpl
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from matplotlib.colors import hsv_to_rgb

from corrlib.coords import Size
from corrlib.toybox.render import Render, render
from corrlib.toybox.scene import Scene
from corrlib.toybox.truth import correspond
from corrlib.viz.style import bare, to_array

EMPTY = (0.955, 0.955, 0.955)  # where there is no toy
SIDE = re.compile(r"(left|right|front|middle|back|upper|lower)_")
# Along a chart's x the hue turns one way, from blue to red; along its y the colours grow pale. So
# no two places share a colour.
HUES = np.array(
    [
        (0.13, 0.24, 0.55),
        (0.13, 0.52, 0.70),
        (0.25, 0.66, 0.48),
        (0.93, 0.74, 0.20),
        (0.90, 0.42, 0.14),
        (0.66, 0.10, 0.22),
    ]
)
LINES = 10  # of the grid on a chart, along its longer side


def part_colors(part: Int[np.ndarray, "H W"], names: Sequence[str]) -> Float[np.ndarray, "H W 3"]:
    """A part id map (-1 background, -2 occluder) in colours; parts that differ only in their side
    share a hue, not a lightness.
    """
    stems = [SIDE.sub("", name) for name in names]
    kinds = list(dict.fromkeys(stems))
    table = []
    for i, stem in enumerate(stems):
        share = stems[:i].count(stem) / max(stems.count(stem) - 1, 1)
        hue = kinds.index(stem) * 0.618 % 1  # steps of the golden ratio never meet
        table.append((hue, 0.35 + 0.3 * share, 0.95 - 0.3 * share))
    colors = np.concatenate(
        [hsv_to_rgb(np.array(table)), [(0.35, 0.35, 0.35), EMPTY]]
    )  # ids -2 and -1 count from the end
    return colors[part]


def truth_layers(picture: Render, names: Sequence[str]) -> dict[str, Float[np.ndarray, "H W 3"]]:
    """The ground truth of the first picture of a batch as images in [0, 1]: title to H x W x 3.

    "place" shows part coordinates and "normal" camera axes, x, y, z in [-1, 1] as red, green, blue;
    "depth" is light where near. `names` are the scene's part names.
    """
    part, depth = to_array(picture.part[0]), to_array(picture.depth[0])
    toy = part >= 0

    def only(colors):
        return np.where(toy[..., None], colors, EMPTY)

    span = depth[toy] if toy.any() else np.zeros(1)
    near = (span.max() - np.where(toy, depth, span.max())) / max(np.ptp(span), 1e-9)
    place, normal = (
        np.moveaxis(to_array(x[0]), 0, -1) * 0.5 + 0.5 for x in (picture.place, picture.normal)
    )
    return {
        "picture": np.moveaxis(to_array(picture.rgb[0]), 0, -1),
        "part": part_colors(part, names),
        "place on the part": only(np.clip(place, 0, 1)),
        "depth": only(mpl.colormaps["cividis"](0.08 + 0.92 * near)[..., :3]),
        "normal": only(np.clip(normal, 0, 1)),
    }


def part_centres(
    picture: Render, names: Sequence[str], most: int = 12
) -> tuple[Float[np.ndarray, "n 2"], list[str]]:
    """For the `most` largest visible parts of the first picture a pixel (x, y) in their middle that
    is theirs, and their names.
    """
    part = to_array(picture.part[0])
    ids, counts = np.unique(part[part >= 0], return_counts=True)
    ids = ids[np.argsort(-counts, kind="stable")][:most]
    places = []
    for i in ids:
        rows, columns = np.nonzero(part == i)
        middle = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
        places.append((columns[middle], rows[middle]))
    return np.array(places, float).reshape(-1, 2), [names[i].replace("_", " ") for i in ids]


def chart(
    xy: Float[np.ndarray, "*n 2"], box: Sequence[Real], *, lines: bool = True
) -> Float[np.ndarray, "*n 3"]:
    """A colour for every place of a box (x0, y0, x1, y1), with a light grid drawn on it like the
    lines of a map.
    """
    x0, y0, x1, y1 = box
    u, v = (
        np.clip((xy[..., 0] - x0) / (x1 - x0), 0, 1),
        np.clip((xy[..., 1] - y0) / (y1 - y0), 0, 1),
    )
    stops = np.linspace(0, 1, len(HUES))
    colors = np.stack([np.interp(u, stops, HUES[:, channel]) for channel in range(3)], -1)
    colors = colors + (1 - colors) * 0.62 * v[..., None]
    if lines:
        step = max(x1 - x0, y1 - y0) / LINES
        phase = np.stack([xy[..., 0] - x0, xy[..., 1] - y0], -1) / step
        near = np.abs(phase - np.round(phase)).min(-1) * step
        colors = colors + (1 - colors) * 0.75 * np.exp(-((near / 0.9) ** 2))[..., None]
    return colors


def dense(axes: Sequence[Axes] | np.ndarray, scenes: Sequence[Scene], size: Size) -> np.ndarray:
    """Exact dense correspondence as colours: the first scene is painted like a map, and every other
    one with the colours of the places of the first that its own pixels show. Grey is what the first
    picture does not show.

    `scenes` are batches of one of any categories; only parts of the same name correspond. Returns
    the axes. Raises ValueError when there are fewer axes than scenes.
    """
    axes = np.asarray(axes, dtype=object).ravel()
    if len(axes) < len(scenes):
        raise ValueError(f"got {len(axes)} axes for {len(scenes)} scenes; give one a scene")
    pictures = [render(scene, size, supersample=1) for scene in scenes]
    rows, columns = np.nonzero(to_array(pictures[0].part[0]) >= 0)
    box = (int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max()))
    for ax, scene, picture in zip(axes, scenes, pictures, strict=False):
        here, there, seen = (to_array(x) for x in correspond(scene, picture, scenes[0], size))
        ax.imshow(_painted(picture, here, there, seen, box), interpolation="antialiased")
        bare(ax)
    return axes


def _painted(
    picture: Render,
    here: Float[np.ndarray, "n 2"],
    there: Float[np.ndarray, "n 2"],
    seen: Bool[np.ndarray, "n"],
    box,
) -> Float[np.ndarray, "H W 3"]:
    toy = to_array(picture.part[0]) >= 0
    image = np.where(toy[..., None], (0.72, 0.72, 0.72), EMPTY).astype(float)
    columns, rows = here[seen].astype(int).T
    image[rows, columns] = chart(there[seen].astype(float), box)
    facing = to_array(torch.nan_to_num(picture.normal[0, 2])).clip(0, 1)
    return np.where(
        toy[..., None], image * (0.62 + 0.38 * facing[..., None]), image
    )  # some light, so that the form stays visible
