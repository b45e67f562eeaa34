"""The figure that answers: packed features keep their cosines, the page asks for nothing, and what
it answers in a browser is what the library answers.
"""

import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from conftest import picture_view

from corrlib.coords import Frame, resize_points
from corrlib.matching.estimators import nearest
from corrlib.methods.base import FeatureMethod
from corrlib.types import FeatureMap, Pair, View
from corrlib.viz.explorer import Look, explore, read
from corrlib.viz.explorer.packing import pack, unpack

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(not BROWSER, reason="Chromium is not installed")


@dataclass(frozen=True)
class Cells:
    """Mean colours and their products on a grid: an extractor with layers and timesteps."""

    def __call__(self, view: View, *, seed: int = 0) -> FeatureMap:
        return self.cells(view, ["fine"], [0], seed=seed)["fine", 0]

    def cells(self, view, layers, timesteps, *, seed=0):
        pixels = torch.tensor(list(view.image().convert("RGB").tobytes()), dtype=torch.float32)
        pixels = pixels.view(view.size[1], view.size[0], 3).permute(2, 0, 1) / 255
        found = {}
        for layer in layers:
            grid = {"fine": (10, 8), "coarse": (5, 4)}[layer]
            rgb = torch.nn.functional.adaptive_avg_pool2d(pixels, grid[::-1])
            for t in timesteps:
                values = torch.cat([rgb, rgb**2, rgb * rgb.roll(1, 0), 1 + t + rgb])
                found[layer, t] = FeatureMap(values, Frame(view.size, grid))
        return found


METHOD = FeatureMethod("cells", Cells())
LAYERS, TIMES = ("fine", "coarse"), (0, 1)
NAMES = ("left_ear", "nose", "tail")
GRID = {"cells": (LAYERS, TIMES)}


@pytest.fixture(scope="module")
def pair() -> Pair:
    points = torch.tensor([[10.0, 12.0], [40.0, 30.0], [61.5, 45.0]])
    views = (picture_view(80, 64, 1), picture_view(72, 60, 2))
    box = (8.0, 8.0, 60.0, 50.0)
    return Pair("a", *views, points, points * 0.9, NAMES, "toy", box, box)


@pytest.fixture(scope="module")
def figure(pair):
    own = picture_view(700, 500, 3), picture_view(600, 640, 4)
    notes = {"an easy pair": "seen from one side"}
    return explore({"an easy pair": pair, "mine": own}, {"cells": METHOD}, grid=GRID, notes=notes)


def test_packing_keeps_the_cosines_to_the_rounding():
    generator = torch.Generator().manual_seed(0)
    a, b = (
        FeatureMap(torch.randn(12, 9, 11, generator=generator) + 2, Frame((88, 72), (11, 9)))
        for _ in range(2)
    )
    points = torch.tensor([[3.0, 4.0], [50.2, 33.0], [87.0, 71.0]])
    whole = nearest(a, b, points, heat=True)
    kept = nearest(*unpack(pack(a, b, 12, 1e-6)), points.double(), heat=True)
    assert torch.allclose(whole.heat.double(), kept.heat, atol=0.02)
    few = nearest(*unpack(pack(a, b, 2, 1e-6)), points.double(), heat=True)
    gap = [(found.heat - whole.heat).abs().mean() for found in (kept, few)]
    assert gap[1] > 10 * gap[0]


def test_a_coarser_step_takes_less_room():
    a, b = METHOD.features(picture_view(80, 64, 1)), METHOD.features(picture_view(80, 64, 2))
    assert len(pack(a, b, 12, 0.3).data) < len(pack(a, b, 12, 0.01).data)


def test_bad_packing_is_refused():
    a = METHOD.features(picture_view(80, 64, 1))
    with pytest.raises(ValueError, match="wanted 1 or more"):
        pack(a, a, 0)
    with pytest.raises(ValueError, match="same layer of both"):
        pack(a, replace(a, values=a.values[:3]))


def test_titles_that_are_none_are_refused(pair):
    with pytest.raises(ValueError, match="no other titles"):
        explore({"a": pair}, {"cells": METHOD}, grid={"dift": (LAYERS, TIMES)})
    with pytest.raises(ValueError, match="wanted one of"):
        explore({"a": pair}, {"cells": METHOD}, start=Look("cells", "fine", 7))


def test_the_page_asks_for_nothing(figure):
    page = figure.html()
    assert not re.search(r"https?://|\bsrc=\"(?!data:)|\bimport\b|fetch\(", page)
    assert page == figure.html()


def test_it_begins_at_the_first_point_that_is_answered_rightly(pair):
    itself = replace(pair, target=pair.source, target_points=pair.source_points)
    other = replace(
        itself, target_points=torch.cat([pair.source_points[:1] + 40, pair.source_points[1:]])
    )
    figure = explore({"itself": itself, "other": other}, {"cells": METHOD})
    assert [one["first"] for one in figure.spec["pairs"]] == [0, 1]


def test_a_page_that_is_too_large_has_fewer_cells(pair, figure):
    whole = explore({"a": pair}, {"cells": METHOD})
    less = explore({"a": pair}, {"cells": METHOD}, cells=10, most=len(whole.html()) - 1)
    assert (whole.cells, less.cells) == (24, 7) and len(less.html()) < len(whole.html())
    grids = [f.grid for packed in less.packed.values() for f in packed.frames]
    assert max(max(grid) for grid in grids) == 7


def test_own_pictures_are_shrunk_and_have_no_truth(figure):
    mine = figure.spec["pairs"][1]
    assert mine["source"]["shown"] == (320, 229) and mine["source"]["size"] == (700, 500)
    assert "truths" not in mine and figure.spec["pairs"][0]["names"][0] == "left ear"


def test_in_jupyter_it_is_a_widget_or_the_page(figure):
    try:
        import anywidget  # noqa: F401
    except ImportError:
        with pytest.raises(ImportError, match="corrlib\\[widget\\]"):
            _ = figure.widget
        assert "<canvas" not in figure._repr_mimebundle_()["text/html"]
        return
    assert "render" in figure.widget._esm and figure.widget.spec["pairs"]


# ---------------------------------------------------------------- in a browser

SCRIPT = """
const root = document.querySelector('.explorer'), steps = %s, seen = [];
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const fire = {
  point: (kind, type, x, y) => {
    const canvas = root.querySelector('canvas'), box = canvas.getBoundingClientRect();
    const at = { clientX: box.left + x * box.width, clientY: box.top + y * box.height };
    canvas.dispatchEvent(new PointerEvent(kind, { ...at, pointerType: type, bubbles: true }));
  },
  pick: (name, text) => {
    const select = root.querySelector(`select[name=${name}]`);
    select.value = [...select.options].find((o) => o.text === text).value;
    select.dispatchEvent(new Event('change'));
  },
  key: (key) => {
    const canvas = root.querySelector('canvas');
    canvas.focus();
    if (document.activeElement !== canvas) throw new Error('the canvas takes no focus');
    canvas.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  },
  start: () => {},
};
(async () => {
  for (const [what, ...rest] of steps) {
    fire[what](...rest);
    await wait(400);
    const text = root.querySelector('.ex-said').textContent;
    seen.push({ ...JSON.parse(root.dataset.answer), text });
  }
  const out = document.createElement('pre');
  out.id = 'seen';
  out.textContent = JSON.stringify(seen);
  document.body.append(out);
})();
"""


def visit(figure, tmp_path: Path, steps: list) -> list[dict]:
    """What the figure says after each step, opened from disk in headless Chromium."""
    page = tmp_path / "page.html"
    script = SCRIPT % json.dumps(steps)
    page.write_text(f"<!doctype html><body>{figure.html()}<script>{script}</script></body>")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=30000"]
    done = subprocess.run(
        [BROWSER, *options, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=90
    )
    found = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.S)
    assert found, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(html.unescape(found[1]))


def library(figure, found: dict) -> list[float]:
    """The library's answer to the point that the page was asked, on the same features."""
    chosen = found["chosen"]
    look = Look(chosen["method"], chosen["layer"], chosen["timestep"])
    one = next(p for p in figure.spec["pairs"] if p["label"] == chosen["pair"])
    sizes = {end: (one[end]["size"], one[end]["shown"]) for end in ("source", "target")}
    point = resize_points(torch.tensor([found["point"]], dtype=torch.float64), *sizes["source"])
    answer = nearest(*unpack(figure.packed[chosen["pair"], look]), point)
    back = resize_points(answer.points, *reversed(sizes["target"]))
    assert found["score"] == pytest.approx(answer.score.item(), abs=1e-9)
    return back[0].tolist()


@needs_browser
def test_moving_tapping_switching_and_keys_answer_as_the_library(figure, tmp_path):
    steps = [
        ["start"],
        ["point", "pointermove", "mouse", 0.71, 0.4],
        ["point", "pointerdown", "touch", 0.3, 0.86],
        ["pick", "layer", "coarse"],
        ["pick", "timestep", "1"],
        ["key", "ArrowRight"],
        ["key", "n"],
        ["pick", "pair", "mine"],
        ["point", "pointerdown", "touch", 0.99, 0.01],
    ]
    seen = visit(figure, tmp_path, steps)
    for found in seen:
        assert found["answer"] == pytest.approx(library(figure, found), abs=1e-9)
    first = figure.spec["pairs"][0]["first"]
    assert seen[0]["point"] == figure.spec["pairs"][0]["points"][first]
    assert NAMES[first].replace("_", " ") in seen[0]["text"]
    assert seen[1]["point"] != seen[0]["point"] and seen[2]["point"] != seen[1]["point"]
    assert [seen[i]["chosen"]["layer"] for i in (2, 3)] == ["fine", "coarse"]
    assert seen[4]["chosen"]["timestep"] == 1
    assert seen[5]["point"][0] == pytest.approx(seen[4]["point"][0] + 4)
    assert "left ear" in seen[6]["text"] and re.search("is (right|wrong)", seen[6]["text"])
    assert seen[8]["chosen"]["pair"] == "mine" and "annotated" not in seen[8]["text"]
    assert seen[8]["point"][0] > 600


def test_script_and_style_are_shipped():
    assert "function mount" in read("explorer.js") and ".explorer" in read("explorer.css")
