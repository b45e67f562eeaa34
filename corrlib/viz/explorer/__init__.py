"""A figure that answers where one points: a page's own, without any server, and in Jupyter a live
widget.

    figure = explore({"mine": (View.open("a.jpg"), View.open("b.jpg"))}, {"DIFT": dift})
    figure                                # in Jupyter
    Path("figure.html").write_text(figure.html())

The page holds small copies of the features (`packing`) and matches them by the rule of
`corrlib.matching.estimators.nearest`, in the reader's browser.
"""

import base64
import html
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import matplotlib as mpl
import torch

from corrlib.coords import Frame, Size, resize_points
from corrlib.matching.estimators import nearest
from corrlib.matching.feature_maps import resize
from corrlib.methods.base import FeatureMethod
from corrlib.types import FeatureMap, Pair, View
from corrlib.viz.explorer.packing import Packed, pack, unpack
from corrlib.viz.style import HEAT

HERE = Path(__file__).parent
SIDE = 320  # pixels of the longer side of a picture on the page
CELLS = 24  # of the longer side of a feature map there
MOST = 400_000  # bytes that the figure may take of a page
Views = Pair | tuple[View, View]


@dataclass(frozen=True)
class Look:
    """One way of looking at the pictures: a method, and its layer and timestep where it has
    several.
    """

    method: str
    layer: str = ""
    timestep: int | None = None


@dataclass(frozen=True)
class Explorer:
    """The figure: what its page is made of (`spec`, which JSON can hold), and the packed features
    by pair and look; `cells` along the longer side of a feature map at most.
    """

    spec: Mapping[str, Any]
    packed: Mapping[tuple[str, Look], Packed]
    cells: int = CELLS

    def html(self) -> str:
        """A piece of a page: one element with everything in it, no request to anywhere."""
        spec = json.dumps(self.spec, separators=(",", ":")).replace("</", "<\\/")
        script, style = read("explorer.js"), read("explorer.css")
        call = "mount(document.currentScript.parentElement, JSON.parse(here.textContent))"
        first = self.spec["pairs"][0]
        still = "".join(
            f'<img alt="{html.escape(first["label"])}: {which}" src="{first[which]["image"]}">'
            for which in ("source", "target")
        )
        return (
            f'<div class="explorer"><style>{style}</style>'
            f"<noscript><p>This figure needs JavaScript.</p>{still}</noscript>"
            f'<script type="application/json">{spec}</script>'
            "<script>(function () {\nconst here = document.currentScript.previousElementSibling;\n"
            f"{script}\n{call};\n}})();</script></div>\n"
        )

    @cached_property
    def widget(self) -> Any:
        """The live widget: its `point`, `answer`, `score` and `chosen` follow the reader. Raises
        ImportError where anywidget is not installed.
        """
        try:
            import anywidget
            import traitlets
        except ImportError as error:
            raise ImportError(
                "a live figure needs anywidget: pip install 'corrlib[widget]'; without it the "
                "same figure is shown as a page"
            ) from error
        listen = (
            "export default { render: ({ model, el }) => { mount(el, model.get('spec'), (now) => {"
            " Object.entries(now).forEach(([name, value]) => model.set(name, value));"
            " model.save_changes(); }); } };"
        )
        traits = {
            "_esm": f"{read('explorer.js')}\n{listen}",
            "_css": read("explorer.css"),
            "spec": traitlets.Dict().tag(sync=True),
            "point": traitlets.List().tag(sync=True),
            "answer": traitlets.List().tag(sync=True),
            "score": traitlets.Float(0.0).tag(sync=True),
            "chosen": traitlets.Dict().tag(sync=True),
        }
        kind = type("ExplorerWidget", (anywidget.AnyWidget,), traits)
        return kind(spec=dict(self.spec))

    def _repr_mimebundle_(self, **options: Any) -> Any:
        try:
            return self.widget._repr_mimebundle_(**options)
        except ImportError:
            return {"text/html": self.html()}


def read(name: str) -> str:
    """The text of a file of this folder."""
    return (HERE / name).read_text().strip()


def explore(
    pairs: Mapping[str, Views],
    methods: Mapping[str, FeatureMethod],
    *,
    grid: Mapping[str, tuple[Sequence[str], Sequence[int]]] | None = None,
    notes: Mapping[str, str] | None = None,
    start: Look | None = None,
    alpha: float = 0.1,
    components: int = 24,
    coarse: float = 0.1,
    cells: int = CELLS,
    side: int = SIDE,
    most: int = MOST,
    seed: int = 0,
) -> Explorer:
    """The figure of `pairs` (by the title that the reader picks them by) as `methods` see them.

    A pair is a `Pair`, whose annotated points are then offered and judged at `alpha` of the
    target's box, or any two views. `grid` gives for a method the layers and the timesteps between
    which the reader can switch; `notes` say a sentence below a pair; `start` is the look shown
    first, and the first annotated point that it answers rightly is the one asked first. Pictures
    are shrunk to `side` pixels, and the best match is sought among those pixels; feature maps are
    shrunk to `cells` along their longer side, or to fewer, so that the page takes at most `most`
    bytes where 6 cells allow it; `components` and `coarse` are `packing.pack`'s.
    Raises ValueError without pairs or methods, or where a title in `grid` or `notes` is none of
    them.
    """
    grid, notes = grid or {}, notes or {}
    if not pairs or not methods or set(grid) - set(methods) or set(notes) - set(pairs):
        raise ValueError(
            f"got pairs {list(pairs)}, methods {list(methods)}, a grid of {list(grid)} and notes "
            f"on {list(notes)}; wanted at least one pair and one method, and no other titles"
        )
    seen: dict[tuple[str, Look], list[FeatureMap]] = {}
    for title, pair in pairs.items():
        views = (pair.source, pair.target) if isinstance(pair, Pair) else pair
        for name, method in methods.items():
            found = [_looks(name, method, view, grid.get(name), seed) for view in views]
            for look in found[0]:
                both = zip(found, views, strict=True)
                seen[title, look] = [_shown(maps[look], view, side) for maps, view in both]
    looks = list(dict.fromkeys(look for _, look in seen))
    if start is not None and start not in looks:
        raise ValueError(f"start is {start}; wanted one of {looks}")
    first = looks.index(start) if start else 0
    described = [_describe(t, pair, notes.get(t, ""), alpha, side) for t, pair in pairs.items()]
    while True:
        packed = {
            key: pack(*(small(fm, cells) for fm in maps), components, coarse)
            for key, maps in seen.items()
        }
        figure = Explorer(_spec(described, packed, looks, first), packed, cells)
        if cells <= 6 or len(figure.html().encode()) <= most:
            return figure
        cells = max(6, cells * 3 // 4)


def _spec(
    described: Sequence[Mapping[str, Any]],
    packed: Mapping[tuple[str, Look], Packed],
    looks: Sequence[Look],
    first: int,
) -> dict[str, Any]:
    pairs = []
    for one in described:
        mine = [packed[one["label"], look] for look in looks]
        more = {"first": _first_right(one, mine[first])} if "points" in one else {}
        pairs.append({**one, **more, "maps": [each.spec() for each in mine]})
    return {
        "looks": [[look.method, look.layer, look.timestep] for look in looks],
        "start": first,
        "colors": [[round(255 * c) for c in mpl.colormaps[HEAT](i / 31)[:3]] for i in range(32)],
        "pairs": pairs,
    }


def _looks(
    name: str,
    method: FeatureMethod,
    view: View,
    grid: tuple[Sequence[str], Sequence[int]] | None,
    seed: int,
) -> dict[Look, FeatureMap]:
    if grid is None:
        return {Look(name): method.features(view, seed=seed)}
    cells = method.cells(view, *grid, seed=seed)
    return {Look(name, layer, t): found for (layer, t), found in cells.items()}


def small(fm: FeatureMap, cells: int = CELLS) -> FeatureMap:
    """The map on at most `cells` along its longer side."""
    part = cells / max(fm.frame.grid)
    if part >= 1:
        return fm
    return resize(fm, tuple(max(1, round(n * part)) for n in fm.frame.grid))


def _size(view: View, side: int) -> Size:
    part = min(1.0, side / max(view.size))
    return max(1, round(view.size[0] * part)), max(1, round(view.size[1] * part))


def _shown(fm: FeatureMap, view: View, side: int) -> FeatureMap:
    """The same features on the picture at the size that is shown."""
    size, box = _size(view, side), fm.frame.box
    if box is not None:
        corners = resize_points(torch.tensor(box).view(2, 2), view.size, size)
        box = tuple(corners.flatten().tolist())
    return FeatureMap(fm.values, Frame(size, fm.frame.grid, box))


def _picture(view: View, side: int) -> dict[str, Any]:
    size, file = _size(view, side), io.BytesIO()
    image = view.image()
    (image if image.size == size else image.resize(size)).save(file, "WEBP", quality=75, method=6)
    data = base64.b64encode(file.getvalue()).decode()
    return {"image": f"data:image/webp;base64,{data}", "shown": size, "size": view.size}


def _first_right(one: Mapping[str, Any], packed: Packed) -> int:
    """The number of the first annotated point that is answered rightly; 0 where none is."""
    maps = unpack(packed)
    at = [torch.tensor(one[name], dtype=torch.float64) for name in ("points", "truths")]
    ends = [one[which] for which in ("source", "target")]
    asked = resize_points(at[0], ends[0]["size"], ends[0]["shown"])
    answer = resize_points(nearest(*maps, asked).points, ends[1]["shown"], ends[1]["size"])
    right = (answer - at[1]).norm(dim=1) <= one["tolerance"]
    return int(right.float().argmax())


def _describe(title: str, pair: Views, note: str, alpha: float, side: int) -> dict[str, Any]:
    source, target = (pair.source, pair.target) if isinstance(pair, Pair) else pair
    one = {"label": title, "note": note}
    one |= {"source": _picture(source, side), "target": _picture(target, side)}
    if isinstance(pair, Pair) and len(pair.keypoints):
        box = pair.target_box
        reach = max(box[2] - box[0], box[3] - box[1]) if box else max(target.size)
        one |= {"names": [name.replace("_", " ") for name in pair.keypoints]}
        one |= {"points": pair.source_points.tolist(), "truths": pair.target_points.tolist()}
        one |= {"tolerance": alpha * float(reach)}
    return one
