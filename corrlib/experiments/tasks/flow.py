"""TSS: dense flow of every direction, counted by group, for all pairs and without those of flip."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from corrlib import metrics
from corrlib.experiments.tasks.task import has_maps
from corrlib.matching.dense_flow import flow_of_answers, grid_points
from corrlib.types import DensePair, View
from corrlib.validation import Validated
from corrlib.validation.kinds import ImageSize

WORDS = (
    "T5: percent of an object's pixels whose flow is wrong by at most 5 % of the longer side of "
    "the image that it leads to, per direction, then the mean of a group's directions; epe_px: "
    "mean end-point error in pixels"
)


@dataclass(frozen=True)
class FlowSettings(Validated):
    """The points that a method is asked for: a grid (width, height) over the source image; None is
    that of its own features.
    """

    grid: ImageSize | None = None


def require_grid(method: Any, settings: FlowSettings, view: View, seed: int) -> None:
    """Raise TypeError of a method without feature maps that is asked for no grid of points."""
    if settings.grid is None and not has_maps(method, view, seed):
        raise TypeError(
            f"method {method.name} has no feature map whose cells could be asked for; name a grid "
            "of points, for example --task grid=24x24: it answers each of them in each direction"
        )


def ask(method: Any, pair: DensePair, settings: FlowSettings, seed: int, out: Path) -> pd.DataFrame:
    """Where each point of the grid goes: one row a point, row by row of the grid."""
    grid = settings.grid or method.features(pair.source, seed=seed).frame.grid
    points = grid_points(pair.source.size, grid)
    answers = method(pair.source, pair.target, points, seed=seed).points.detach().cpu().double()
    if tuple(answers.shape) != tuple(points.shape) or not answers.isfinite().all():
        raise ValueError(
            f"{method.name} answered {pair.id} with points {tuple(answers.shape)}; wanted "
            f"{tuple(points.shape)} finite ones"
        )
    return pd.DataFrame(
        {
            "grid_width": grid[0],
            "grid_height": grid[1],
            "predicted_x": answers[:, 0].numpy(),
            "predicted_y": answers[:, 1].numpy(),
        }
    )


def count(rows: pd.DataFrame, data: Sequence, out: Path) -> dict[str, pd.DataFrame]:
    """T5 and end-point error by group: all directions, and those without flip."""
    scores = []
    for name, part in rows.groupby("item", sort=False):
        pair, first = data.item(name), part.iloc[0]
        answers = torch.from_numpy(part[["predicted_x", "predicted_y"]].to_numpy(copy=True))
        grid = int(first["grid_width"]), int(first["grid_height"])
        flow = flow_of_answers(answers, pair.source.size, grid).numpy()
        score = metrics.score_flow(flow, pair.flow().numpy(), pair.target.size)
        scores.append({**score, "flip": pair.tags["flip"], "group": pair.category})
    return {"flow": metrics.flow_table(scores).set_index(["group", "row"])}
