"""HPatches: mutual matches of keypoints, and what they say of the plane's homography."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from corrlib import metrics
from corrlib.coords import Points
from corrlib.data.arrays import read_numbers
from corrlib.matching.keypoints import corners
from corrlib.metrics.homography import ESTIMATORS, METRICS
from corrlib.types import DensePair, View
from corrlib.validation import Validated
from corrlib.validation.kinds import Count, Positive

PIXELS = (1, 3, 5)
XY = ["source_x", "source_y", "predicted_x", "predicted_y"]
WORDS = (
    "homographies: percent of pairs whose four corners are on average at most 1, 3, 5 px from "
    "where the true homography puts them, an estimate that fails is wrong; matches: mean matching "
    "accuracy, the share of a pair's mutual matches within 1, 3, 5 px of the truth, mean of pairs; "
    "keypoints are Shi-Tomasi corners (published numbers take SuperPoint's) unless --task "
    "keypoints=FOLDER names lists"
)


@dataclass(frozen=True)
class PlaneSettings(Validated):
    """`keypoints` is a folder of published lists, <sequence>-<k>.kp with x y a line (DIFT's are
    SuperPoint's); without it, `points` Shi-Tomasi corners of each image. RANSAC's inliers lie
    within `threshold_px`.
    """

    keypoints: str = ""
    points: Count = 1000
    threshold_px: Positive = 3.0


def ask(
    method: Any, pair: DensePair, settings: PlaneSettings, seed: int, out: Path
) -> pd.DataFrame:
    """Mutual matches by cosine and by distance, one row each; a row of NaN where there is none."""
    points, features = [], []
    for view in (pair.source, pair.target):
        # as released: sorted, and of points given twice one
        xy = torch.from_numpy(np.unique(keypoints(view, settings).numpy(), axis=0))
        points.append(xy.numpy())
        features.append(method.features(view, seed=seed).at(xy).detach().cpu().numpy())
    rows = []
    for metric in METRICS:
        found = metrics.mutual_neighbours(*features, metric)
        xy = np.concatenate([points[0][found[:, 0]], points[1][found[:, 1]]], axis=1)
        xy = xy if len(xy) else np.full((1, 4), np.nan)
        rows.append(pd.DataFrame(xy, columns=XY).assign(metric=metric))
    return pd.concat(rows, ignore_index=True).assign(
        threshold_px=settings.threshold_px,
        detector=Path(settings.keypoints).name or f"Shi-Tomasi, {settings.points}",
    )


def keypoints(view: View, settings: PlaneSettings) -> Points:
    """An image's keypoints in pixels. Raises FileNotFoundError or ValueError naming the list."""
    if not settings.keypoints:
        return corners(view.image(), settings.points)
    path = Path(settings.keypoints) / f"{view.id.replace('/', '-')}.kp"
    return torch.from_numpy(read_numbers(path, (None, 2))).float()


def count(rows: pd.DataFrame, data: Sequence, out: Path) -> dict[str, pd.DataFrame]:
    """Homography accuracy of both ways to compare with both estimators, and matching accuracy."""
    estimates, errors = [], []
    for (name, metric), part in rows.groupby(["item", "metric"], sort=False):
        pair, part = data.item(name), part.dropna(subset=XY)
        source, target = part[XY[:2]].to_numpy(), part[XY[2:]].to_numpy()
        sequence, threshold = pair.tags["sequence"], float(rows["threshold_px"].iloc[0])
        for estimator in ESTIMATORS:
            found = metrics.find_homography(source, target, estimator, threshold)
            error = metrics.corner_error(found, pair.homography.numpy(), pair.source.size)
            estimates.append((sequence, metric, estimator, error))
        errors.append(
            (sequence, metric, metrics.reprojection_error(source, target, pair.homography.numpy()))
        )
    columns = ["sequence", "metric", "estimator", "error_px"]
    accuracy = metrics.homography_accuracy(pd.DataFrame(estimates, columns=columns), PIXELS)
    shares = []
    for metric in METRICS:
        for part in ("all", "i", "v"):
            kind = "" if part == "all" else f"{part}_"
            chosen = [e for s, m, e in errors if m == metric and s.startswith(kind)]
            if chosen:
                values = metrics.matching_accuracy(chosen, PIXELS)
                said = {f"{t} px": v for t, v in zip(PIXELS, values, strict=True)}
                mean = float(np.mean([len(e) for e in chosen]))
                shares.append({"metric": metric, "part": part, **said, "matches": mean})
    return {
        "homographies": accuracy.set_index(["metric", "estimator", "part"]),
        "matches": pd.DataFrame(shares).set_index(["metric", "part"]),
    }
