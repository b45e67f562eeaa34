"""Studies of dense flow: every trial's flow of the same directions, counted where it is computed.

A study with `flow` among its keys asks for a grid of points of each direction of a `benchmark` with
dense truth (TSS), for example

    sd-dino-flow: {method: sd_dino, benchmark: {name: tss}, flow: {grid: [24, 24]}, trials: {...}}

Its table has one row a direction and trial. Answers themselves are not kept.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from corrlib import metrics
from corrlib.experiments.tasks import flow
from corrlib.experiments.tasks.flow import FlowSettings
from corrlib.matching.dense_flow import flow_of_answers
from corrlib.metrics import Interval
from corrlib.types import DensePair, Method

KEYS = ("trial", "pair")
NUMBERS = ("T5", "epe_px", "smoothness")


def flow_rows(
    methods: Mapping[str, Method],
    pairs: Sequence[DensePair],
    labels: Mapping[str, Mapping[str, Any]],
    settings: FlowSettings,
    seed: int,
    done: Callable[[], Any] = lambda: None,
) -> pd.DataFrame:
    """One row a trial and direction: T5 in percent, mean end-point error in pixels, smoothness (of
    the answers and of the truth, `metrics.flow_smoothness`), group, flip; `scene` is the pair that
    both directions belong to. `done` is called after each.
    """
    rows = []
    for name, method in methods.items():
        for pair in pairs:
            true = pair.flow().numpy()
            found = answered(method, pair, settings, seed)
            known = metrics.flow.known_flow(true)
            smoothness = (metrics.flow_smoothness(of, known) for of in (found, true))
            where = {"pair": pair.id, "scene": pair.id.rpartition(":")[0]}
            where |= {"group": pair.category, "flip": bool(pair.tags["flip"])}
            score = metrics.score_flow(found, true, pair.target.size)
            both = dict(zip(("smoothness", "smoothness_true"), smoothness, strict=True))
            rows.append({**labels[name], **where, **score, **both})
            done()
    return pd.DataFrame(rows)


def answered(method: Method, pair: DensePair, settings: FlowSettings, seed: int = 0) -> Any:
    """The method's flow of a direction (H x W x 2, pixels), from its answers at the grid's points,
    bilinear between them.
    """
    rows = flow.ask(method, pair, settings, seed, Path())
    points = torch.from_numpy(rows[["predicted_x", "predicted_y"]].to_numpy(copy=True))
    grid = tuple(rows.loc[0, ["grid_width", "grid_height"]].astype(int))
    return flow_of_answers(points, pair.source.size, grid).numpy()


def by_group(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Mean of a column over the directions of each group (rows: trials), and over all of them,
    "all", as the paper averages.
    """
    groups = table.pivot_table(
        index="trial", columns="group", values=column, aggfunc="mean", sort=False
    )
    return groups.assign(all=table.groupby("trial")[column].mean())


def difference(table: pd.DataFrame, a: str, b: str, column: str) -> Interval:
    """The mean of `column` over directions, trial `a` minus trial `b`, with its 95 % interval; both
    directions of a pair go together. Raises KeyError on a trial that the table has not.
    """
    wide = table.pivot_table(index=["scene", "pair"], columns="trial", values=column)
    scenes = wide.index.get_level_values("scene")
    return metrics.mean_interval((wide[a] - wide[b]).to_numpy(), scenes)
