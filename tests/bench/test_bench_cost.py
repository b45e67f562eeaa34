"""Counted cost against known numbers, the clock's arithmetic, the benchmark at a size of seconds,
and its drawings.
"""

import json
from dataclasses import replace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import tiny_networks

from corrlib import bench, methods
from corrlib.backbones.diffusion import Diffuser
from corrlib.bench.prompt_cost import PARTS, unit
from corrlib.experiments.nested_result import leaves, nested
from corrlib.experiments.profiles import find_root
from corrlib.experiments.records import Record
from corrlib.methods.prompt_optimization import cost
from corrlib.methods.prompt_optimization.cost import Demand, PassCost
from corrlib.types import Pair, View
from corrlib.viz.pareto import front, pareto

matplotlib.use("Agg")


GIGA = 1e9


@pytest.fixture(scope="module")
def full():
    return cost.published("sd1-4")


@pytest.fixture(scope="module")
def full_cost(full):
    return cost.pass_cost(*full, methods.settings("prompt_optimization", "paper"))


def test_full_size_passes(full_cost):
    """Against an analytic count of convolutions, linears and attention products, made by hand from
    the configuration.
    """
    assert full_cost.encode / GIGA == pytest.approx(558, abs=0.5)
    assert full_cost.whole / GIGA == pytest.approx(401.6, abs=0.1)
    assert full_cost.forward / GIGA == pytest.approx(239.7, abs=0.1)
    assert full_cost.backward / GIGA == pytest.approx(234, rel=0.01)


def test_a_convolution_and_a_product_by_hand():
    conv, x = (
        torch.nn.Conv2d(3, 5, 3, padding=1, device="meta"),
        torch.empty(2, 3, 8, 8, device="meta"),
    )
    assert cost.multiply_adds(lambda: conv(x)) == 2 * 8 * 8 * 5 * 3 * 9
    a, b = torch.empty(4, 6, device="meta"), torch.empty(6, 7, device="meta")
    assert cost.multiply_adds(lambda: a @ b) == 4 * 6 * 7


def test_skeletons_have_no_memory_and_the_same_cost():
    parts = tiny_networks()
    diffuser = Diffuser(**parts)
    unet, vae = cost.skeleton(diffuser.unet), cost.skeleton(diffuser.vae)
    assert all(parameter.is_meta for parameter in [*unet.parameters(), *vae.parameters()])
    assert sum(p.numel() for p in unet.parameters()) == sum(
        p.numel() for p in diffuser.unet.parameters()
    )
    settings = replace(
        methods.settings("prompt_optimization", "paper"), size=8 * diffuser.factor, layers=(0,)
    )
    found = cost.pass_cost(unet, vae, settings)
    assert 0 < found.forward < found.whole and 0 < found.backward and found.encode > 0
    last = cost.look_cost(unet, vae, settings.size, f"up_blocks.{len(unet.up_blocks) - 1}")
    assert found.forward < last <= found.whole


def test_savings_are_those_of_the_paper(full_cost):
    """PFLOP a point, two a multiply-add: computed by hand from the passes above."""
    table = cost.savings(methods.settings("prompt_optimization", "paper"), full_cost)
    assert tuple(table.index) == cost.WASTES
    petaflop = (2e-15 * table["multiply_adds"]).round(4).tolist()
    assert petaflop == pytest.approx([1.73, 1.49, 0.77, 0.66, 0.13, 0.082, 0.0164], rel=0.02)
    assert table["ratio"].tolist() == pytest.approx([1, 1.16, 2.25, 2.63, 13, 21, 106], rel=0.02)


def test_savings_count_passes():
    settings = replace(
        methods.settings("prompt_optimization", "paper"), steps=10, embeddings=2, crops=6
    )
    table = cost.savings(settings, PassCost(1000, 100, 10, 1), points=2, reuses=5)
    assert table["multiply_adds"].tolist() == [
        32 * 1100 + 20,
        32 * 1010 + 20,
        (7 + 4) * 1000 + 320 + 20,
        320 + 20,
        160 + 10,
        10 * 2 * (2 + 6) + 4,
        10 * (2 + 6) + 2,
    ]


def test_bytes_and_pool_of_the_paper(full):
    settings = methods.settings("prompt_optimization", "paper")
    assert cost.pool(settings) == 36**2 and cost.pool(replace(settings, crop_stride=5)) == 8**2
    found = {name: value / 2**20 for name, value in cost.attention_bytes(*full, settings).items()}
    assert found["stored"] == pytest.approx(185, abs=2) and found["read"] == pytest.approx(
        4.2, abs=0.05
    )
    assert found["written"] > 5 * 512  # five explicit self-attentions of 4096 x 4096, and more


def test_seconds_of_a_match():
    """Two pairs of one source with the same two points, and a third pair: 3 sources' points over 6
    matches.
    """
    views = [View(name, (8, 8)) for name in "abcd"]
    two = torch.zeros(2, 2)
    pairs = [
        Pair(f"{a.id}{b.id}", a, b, two, two, ("x", "y"), "cat")
        for a, b in zip(views[:1] * 2 + views[2:3], views[1:], strict=True)
    ]
    demand = Demand.of(pairs)
    assert demand == Demand(pairs=3, matches=6, points=4, images=4)
    unit = {"step": 1.0, "crop": 0.1, "read": 0.01, "encode": 1000.0}
    settings = replace(
        methods.settings("prompt_optimization", "paper"),
        size=96,
        crop=0.999,
        steps=10,
        embeddings=2,
        crops=6,
    )
    assert cost.pool(settings) == 4
    kept = cost.match_seconds(unit, demand, settings, kept=True)
    assert kept == pytest.approx(4 / 6 * 20 + 1.2 + 0.01 + 4 * 4 / 6 * 1000)
    alone = cost.match_seconds(
        unit, demand, replace(settings, crop=1.0), kept=False
    )  # one place: each image once a pair
    assert alone == pytest.approx(20 + 1.2 + 0.01 + 2 / 2 * 1000)
    prices = cost.Prices(unit, demand, replace(settings, steps=99, embeddings=7, crops=99))
    assert prices.combination(10, 2, 6)["kept"] == kept
    # two images for the two matches of a pair; four images for six matches
    assert prices.looks(3.0, 0.5) == {"one pair": 3.0 + 0.5, "kept": 4 * 3.0 / 6 + 0.5}


def test_unknown_shape():
    with pytest.raises(KeyError, match="sd9"):
        cost.published("sd9")


def test_the_benchmark():
    result = bench.run(
        "prompt_cost",
        runs=1,
        points=2,
        steps=2,
        embeddings=2,
        crops=5,
        places=2,
        sweep=((1, 1, 4), (2, 1, 5)),
    )
    assert json.loads(json.dumps(result))["benchmark"] == "prompt_cost"
    plain, ours = (result["ways"][way] for way in ("straightforward", "ours"))
    passes = {"find": 2 * 2, "ask": 2 * 5}  # of one point: every step and crop of every embedding
    for phase, count in passes.items():
        calls = plain["calls"][phase]
        assert calls["vae"] == calls["forward"] == count
        assert calls["backward"] == (count if phase == "find" else 0)
        assert set(plain["seconds"][phase]) == set(PARTS)
        assert sum(ours["seconds"][phase].values()) < sum(plain["seconds"][phase].values())
    assert (
        ours["calls"]["find"]["forward"] == 2 and ours["calls"]["ask"]["forward"] == 5
    )  # all samples share a pass
    assert ours["calls"]["find"]["vae"] <= 8 and 4 <= ours["calls"]["ask"]["vae"] <= 8
    kinds = [row["method"] for row in result["matches"]]
    assert kinds[:4] == ["prompt_optimization"] * 2 + ["dift"] * 2
    assert all(row["image"] > 0 and row["match"] > 0 for row in result["matches"])
    assert result["matches"][1]["point"] > result["matches"][0]["point"] > 0


def test_the_kept_record_is_of_this_benchmark():
    kept = Record.open(find_root() / "book/records/prompt_cost")
    result = nested(kept.table)
    assert result["benchmark"] == "prompt_cost" and {"processor", "torch"} <= set(
        kept.run["machine"]
    )
    assert {"processor", "threads", "torch", "commit", "date"} <= set(result["platform"])
    assert result["unit"] == pytest.approx(
        unit([row for row in result["matches"] if row["method"] == "prompt_optimization"])
    )
    counts = kept.table[kept.table["block"] >= 0]
    assert set(counts["block"]) == {0, 1} and (counts["count"] >= 0).all()


def test_a_result_as_rows_and_back():
    result = {"a": 1, "b": {"c": [0.5, {"d": "word"}], "e": None}, "f": [[1, 2], [3]]}
    rows = pd.DataFrame(
        [{"quantity": path, "value": json.dumps(value)} for path, value in leaves(result)]
    )
    assert rows["quantity"].tolist()[:3] == ["a", "b/c/0", "b/c/1/d"] and nested(rows) == result


def test_front():
    cost_of, value = [1, 2, 2, 3, 4], [10, 30, 20, 30, 31]
    assert front(cost_of, value).tolist() == [True, True, False, False, True]
    assert front([2, 1], [5, 5]).tolist() == [False, True]


def test_pareto_names_the_front_only():
    table = pd.DataFrame(
        {
            "seconds": [0.1, 1, 2, 0.01],
            "pck": [20.0, 40, 30, 50],
            "group": ["a", "b", "b", "c"],
            "label": [*"xyzw"],
        }
    )
    ax = pareto(
        plt.figure().subplots(),
        table.assign(low=table["pck"] - 1, high=table["pck"] + 1),
        aside=["c"],
    )
    assert [text.get_text() for text in ax.texts] == ["w", "x", "y"] and ax.get_xscale() == "log"
    assert np.allclose(ax.lines[0].get_xydata(), [[0.1, 20], [1, 40]])
    assert ax.get_legend_handles_labels()[1] == ["a", "b", "c"]
    alone = pareto(plt.figure().subplots(), table)
    assert [text.get_text() for text in alone.texts] == ["w"]
    plt.close("all")
