"""Studies of flow: rows counted as the single measures count, a record of them, and differences
over pairs.
"""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import picture_view

from corrlib import methods, metrics
from corrlib.experiments import records
from corrlib.experiments.flow_study import FlowSettings, by_group, difference, flow_rows
from corrlib.experiments.record_recipes import of_study
from corrlib.experiments.records import Record, Tolerance
from corrlib.experiments.studies import Study
from corrlib.types import DensePair

GRID = FlowSettings((6, 4))


def pair(number: int, way: str, shift: float) -> DensePair:
    """A picture and another one, `shift` pixels to the right of it inside of a square."""
    a, b = picture_view(36, 24, number), picture_view(36, 24, 50 + number)
    flow = torch.full((24, 36, 2), torch.nan)
    flow[6:18, 8:28] = torch.tensor([shift, 0.0])
    return DensePair(
        f"G/pair{number}:{way}",
        a,
        b,
        torch.zeros(0, 2),
        torch.zeros(0, 2),
        (),
        "near" if shift < 2 else "far",
        tags={"flip": number == 1},
        flow=lambda: flow,
    )


PAIRS = [pair(i, way, shift) for i, shift in enumerate((1.0, 5.0)) for way in ("1to2", "2to1")]


class Shifted:
    """Answers every point `by` pixels to the right of it."""

    settings, preset, weights, source = "a shift", "test", "", ""

    def __init__(self, by: float):
        self.by, self.name = by, f"shifted-{by:g}"

    def __call__(self, source, target, queries, *, seed=0):
        points = queries + torch.tensor([self.by, 0.0])
        return SimpleNamespace(points=points, score=torch.ones(len(points)))


def table(*shifts: float) -> pd.DataFrame:
    named = {f"by-{v:g}": Shifted(v) for v in shifts}
    return flow_rows(named, PAIRS, {n: {"trial": n} for n in named}, GRID, 0)


def test_rows_are_counted_as_single_flows_are():
    found = table(0.0, 1.0)
    assert len(found) == 8 and set(found["scene"]) == {"G/pair0", "G/pair1"}
    still, moved = (found[found["trial"] == n] for n in ("by-0", "by-1"))
    assert still["epe_px"].tolist() == pytest.approx([1, 1, 5, 5])
    assert moved["T5"].tolist() == [100, 100, 0, 0]  # 5 % of 36 pixels are 1.8
    inside = np.isfinite(PAIRS[2].flow().numpy()).all(-1)
    jump = metrics.flow_smoothness(np.where(inside[..., None], [5.0, 0.0], 0.0), inside)
    assert found["smoothness_true"].iloc[-1] == pytest.approx(jump)
    assert still["smoothness"].tolist() == [0] * 4  # the same everywhere, and nothing outside
    assert found["flip"].sum() == 4


def test_means_are_those_of_directions():
    groups = by_group(table(0.0, 1.0), "T5")
    assert groups.loc["by-1"].to_dict() == {"near": 100, "far": 0, "all": 50}


def test_a_difference_is_over_pairs_not_directions():
    found = table(0.0, 1.0)
    interval = difference(found, "by-1", "by-0", "T5")
    assert interval.value == pytest.approx(0.0)
    wider = difference(found, "by-0", "by-1", "epe_px")
    assert wider.value == pytest.approx(((1 - 0) + (5 - 4)) / 2)
    assert wider.low == pytest.approx(1.0) and wider.high == pytest.approx(1.0)


def test_a_study_with_flow_is_a_record_of_directions(tmp_path):
    study = object.__new__(Study)
    study.few, study.pairs, study.seed = {"flow": GRID}, PAIRS, 0
    study.names, study.profile = ["near", "copy"], SimpleNamespace(name="")
    study.load = lambda name: (
        Shifted(1.0) if name == "near" else methods.load("copy_position", "toybox")
    )
    recipe = of_study("tiny", study, Tolerance(0.5, 0.1))
    assert recipe.keys == ("trial", "pair") and "flow" in recipe.described
    records.make(recipe, tmp_path / "tiny", tmp_path / "work")
    kept = Record.open(tmp_path / "tiny").table
    assert len(kept) == 8 and kept[kept["trial"] == "copy"]["epe_px"].mean() == pytest.approx(3)
    assert records.check(recipe, tmp_path / "tiny", 2)["rows"] == 4
