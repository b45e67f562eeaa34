"""Drawn benchmarks say what the benchmarks say: where tolerances reach, where flows and
homographies lead, which way is which.

And the profiles say where each of them lies.
"""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.patches import Ellipse, Rectangle
from PIL import Image

from corrlib.data import REGISTRY
from corrlib.data.jhmdb_files import JOINTS
from corrlib.data.sources.table import BENCHMARKS
from corrlib.experiments.profiles import load_profile
from corrlib.metrics import measured
from corrlib.metrics.protocol import Protocol
from corrlib.toybox.sets import SETS
from corrlib.types import DensePair, Pair, Video, View
from corrlib.viz import benchmarks, counting, films
from corrlib.viz.style import BLUE, ORANGE, RC, TEAL


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context(RC):
        yield
    plt.close("all")


def view(name, size):
    pixels = np.random.default_rng(len(name)).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    return View(name, size, "cat", pixels=Image.fromarray(pixels))


def pair(size=(80, 40)):
    there = torch.tensor([[10.0, 10.0], [40.0, 30.0], [70.0, 20.0]])
    boxes = (0.0, 0.0, 20.0, 20.0), (5.0, 5.0, 75.0, 35.0)
    return Pair(
        "p", view("a", (40, 30)), view("bb", size), there / 2, there, ("a", "b", "c"), "cat", *boxes
    )


RULES = {
    "box": (Protocol(), (7, 7)),
    "image": (Protocol(base="image"), (8, 8)),
    "keypoints": (Protocol(base="keypoints"), (6, 6)),
    "padded": (Protocol(base="padded_keypoints_compat"), (7.1, 7.1)),
    "source": (Protocol(base="source_box"), (2, 2)),
    "frame": (Protocol(frame=(100, 100)), (7, 3.5)),  # 70 x 30 becomes 87.5 x 75: 8.75 of the frame
    "x": (Protocol(base="box_x_factor_compat", frame=(100, 100)), (7, 3.5)),
    "y": (Protocol(base="box_y_factor_compat", frame=(100, 100)), (14, 7)),
}


@pytest.mark.parametrize("name", RULES)
def test_an_answer_on_the_ring_is_at_the_tolerance(name):
    protocol, radii = RULES[name]
    p = pair()
    assert benchmarks.tolerance_radii(p, protocol, 0.1) == pytest.approx(radii)
    rows = pd.DataFrame(p.target_points.double().numpy(), columns=["target_x", "target_y"]).assign(
        pair="p",
        category="cat",
        keypoint=["a", "b", "c"],
        source_width=40.0,
        source_height=30.0,
        target_width=80.0,
        target_height=40.0,
        target_box_width=70.0,
        target_box_height=30.0,
        source_box_width=20.0,
        source_box_height=20.0,
        box_px=70.0,
        source_box_px=20.0,
        image_px=80.0,
    )
    for dx, dy in ((radii[0], 0), (0, radii[1])):
        answered = measured(
            rows.assign(predicted_x=rows["target_x"] + dx, predicted_y=rows["target_y"] + dy),
            protocol,
        )
        assert (answered["distance_px"] / answered["tolerance_px"]).tolist() == pytest.approx(
            [0.1] * 3
        )


def test_a_pair_with_what_is_right():
    ax = plt.figure().subplots()
    assert benchmarks.asked(ax, pair(), Protocol(frame=(100, 100))) is ax
    rings = [p for p in ax.patches if isinstance(p, Ellipse)]
    (box,) = (p for p in ax.patches if isinstance(p, Rectangle))
    scale = 30 / 40  # the target is drawn at the source's height
    assert len(rings) == 3 and np.allclose(
        [(r.width, r.height) for r in rings], (14 * scale, 7 * scale)
    )
    assert (box.get_width(), box.get_height()) == pytest.approx((70 * scale, 30 * scale))
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert len(dots) == 6 and to_hex(dots[0].get_color()) == to_hex(dots[1].get_color()) != to_hex(
        dots[2].get_color()
    )
    bare = plt.figure().subplots()
    benchmarks.asked(bare, pair())
    assert not bare.patches


def test_boxes_of_the_bases():
    p = pair()
    found = {
        base: benchmarks.base_box(p, Protocol(base=base))
        for base in ("box", "image", "keypoints", "padded_keypoints_compat")
    }
    assert found["box"] == (5, 5, 75, 35) and found["image"] == (-0.5, -0.5, 79.5, 39.5)
    assert found["keypoints"] == (10, 10, 70, 30) and found["padded_keypoints_compat"] == (
        -1,
        -1,
        70,
        30,
    )
    assert benchmarks.base_box(p, Protocol(base="source_box")) is None


def test_flow_colors():
    flow = np.full((2, 3, 2), np.nan)
    flow[0] = (3, 0), (-3, 0), (0.0, 0.0)
    colors = benchmarks.flow_colors(flow)
    assert colors.shape == (2, 3, 3) and np.allclose(colors[1], 0.955)
    right, left, still = colors[0]
    assert right.argmax() == 0 and left.argmin() == 0 and np.ptp(still) < 0.15 < np.ptp(right)
    assert (
        benchmarks.flow_colors(np.zeros((2, 2, 2))).shape
        == benchmarks.flow_colors(np.full((2, 2, 2), np.nan)).shape
    )


def dense(flow, matrix=None):
    none = torch.zeros(0, 2)
    return DensePair(
        "d",
        view("a", (6, 4)),
        view("b", (6, 4)),
        none,
        none,
        (),
        "cat",
        homography=matrix,
        flow=lambda: torch.from_numpy(flow),
    )


def test_the_target_comes_back_along_the_flow():
    flow = np.full((4, 6, 2), np.nan, np.float32)
    flow[:, :4] = (2, 0)
    p = dense(flow)
    back, target = benchmarks.pulled_back(p), np.asarray(p.target.image()) / 255
    assert np.allclose(back[:, :4], target[:, 2:]) and np.allclose(back[:, 4:], 0.955)
    axes = plt.figure().subplots(1, 4)
    assert [len(ax.images) for ax in benchmarks.dense_pair(axes, p)] == [1] * 4


def test_the_grid_goes_where_the_homography_says():
    shift = torch.tensor([[1.0, 0, 2], [0, 1, -1], [0, 0, 1]], dtype=torch.float64)
    one, two = benchmarks.plane(
        plt.figure().subplots(1, 2), dense(np.zeros((4, 6, 2), np.float32), shift), lines=3
    )
    assert len(one.lines) == len(two.lines) == 6
    for a, b in zip(one.lines, two.lines, strict=True):
        assert np.allclose(b.get_xydata() - a.get_xydata(), (2, -1))


def test_films_of_masks_and_of_joints():
    frames = tuple(view(f"f{i}", (20, 10)) for i in range(5))
    ids = torch.zeros(10, 20, dtype=torch.uint8)
    ids[2:5, 3:9], ids[6:8, 3:9] = 1, 2
    axes = films.film(
        plt.figure().subplots(1, 3), Video("v", frames, masks=lambda i: ids, objects=("1", "2"))
    )
    assert [len(ax.images) for ax in axes] == [3] * 3  # the frame and two objects
    layer = axes[0].images[1].get_array()
    assert (layer[..., 3] > 0).sum() == 18 and to_hex(layer[3, 4, :3]) == BLUE
    joints = torch.rand(5, 15, 2) * 9
    joints[0, 3] = torch.nan
    (ax,) = films.film(
        plt.figure().subplots(1, 1, squeeze=False),
        Video("j", frames, joints=joints, objects=JOINTS),
        [0],
    )
    limbs = [line for line in ax.lines if line.get_marker() == "None"]
    assert len(limbs) == len(films.LIMBS) == 14 and len(ax.lines) == 14 + 15
    assert {name for limb in films.LIMBS for name in limb} == set(JOINTS)


def test_absent_says_so():
    axes = benchmarks.absent(plt.figure().subplots(1, 2))
    assert [ax.texts[0].get_text() for ax in axes] == ["not on\nthis disk"] * 2


WAYS = pd.DataFrame(
    [
        ("", "as it is", "published", 40.0, 0.0, 0.0, 0.0),
        ("a", "per point", "other", 42.0, 2.0, 1.0, 3.5),
        ("b", "padded", "error", 49.96, 9.96, 8, 12),
    ],
    columns=["group", "way", "kind", "pck", "difference", "low", "high"],
)


def test_ways_of_counting():
    ax = plt.figure().subplots()
    assert counting.ways(ax, WAYS) is ax
    bars = [line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_linewidth() == 2.6]
    assert [(to_hex(line.get_color()), *line.get_xdata()) for line in bars] == [
        (BLUE, 0, 0),
        (TEAL, 1, 3.5),
        (ORANGE, 8, 12),
    ]
    heights = [line.get_ydata()[0] for line in bars]
    assert heights == sorted(heights) and heights[1] - heights[0] > 1  # a gap between groups
    assert [t.get_text() for t in ax.texts] == ["40.0", "42.0", "50.0", "PCK"]
    assert [t.get_text() for t in ax.get_yticklabels()] == list(WAYS["way"]) and ax.get_ylim()[
        0
    ] > ax.get_ylim()[1]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [
        "the reference",
        "another definition",
        "a known error",
    ]
    plain = counting.ways(plt.figure().subplots(), WAYS[:1], legend=False)
    assert (
        plain.get_legend() is None
        and len(counting.marks(["error"])) == 1
        and len(counting.marks()) == 3
    )


def test_tolerances_around_one_point():
    rules = {
        name: protocol for name, (protocol, _) in RULES.items() if name in ("box", "frame", "y")
    }
    ax = counting.tolerances(plt.figure().subplots(), pair(), rules)
    rings = [p for p in ax.patches if isinstance(p, Ellipse)]
    assert np.allclose(
        [(r.width / 2, r.height / 2) for r in rings], [RULES[name][1] for name in rules]
    )
    assert {tuple(r.center) for r in rings} == {(40, 30)}  # the point nearest to the middle
    assert [t.get_text() for t in ax.get_legend().get_texts()] == list(rules)
    assert counting.tolerances(plt.figure().subplots(), pair(), rules, point=0).patches[
        0
    ].center == (10, 10)


@pytest.mark.parametrize(("name", "written"), [("toybox", SETS), ("paper", BENCHMARKS)])
def test_profiles_say_where_each_benchmark_lies(name, written):
    profile = load_profile(name)
    assert set(profile["benchmarks"]) == set(REGISTRY) - {"folder"}
    for key, root in profile["benchmarks"].items():
        assert profile.path(root) == profile.build("data", written[key].folder)
