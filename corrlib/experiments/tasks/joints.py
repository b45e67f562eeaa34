"""JHMDB: joints of the first frame carried through the clip, counted by the size of the body."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

from corrlib import metrics
from corrlib.matching.propagation import Rule, joint_labels, joints_of_labels, propagate
from corrlib.types import Video
from corrlib.validation.kinds import Natural, Positive

WORDS = (
    "PCK in percent of every frame but the first: distance <= 0.1 ... 0.5 of 0.6 x the diagonal of "
    "the box of the frame's joints, per joint, then the mean of the joints; a joint without an "
    "answer is wrong (the published code leaves it out: `as published`)"
)


@dataclass(frozen=True)
class JointSettings(Rule):
    """As in CRW's evaluation, a window by distance that does not hold for the first frame; the
    values are those reported of DIFT, whose code for JHMDB is not released.

    `sigma` is the spread of a joint's label in cells; places are means of the three strongest
    cells. Early frames have a shorter context, where that code repeats the first frame.
    """

    temperature: Positive = 0.1
    context: Natural = 14
    radius: Natural = 5
    window: Literal["square", "disc"] = "disc"
    first_near: bool = False
    sigma: Positive = 0.5


def ask(method: Any, video: Video, settings: JointSettings, seed: int, out: Path) -> pd.DataFrame:
    """Where the joints are in every frame: one row a joint and frame, NaN where it is lost."""
    maps = (method.features(view, seed=seed) for view in video.frames)
    start = next(maps)
    labels = joint_labels(video.joints[0], start.frame, settings.sigma)
    found = propagate(chain([start], maps), labels, settings)
    later = [joints_of_labels(label.cpu(), start.frame) for label in found]
    places = torch.stack([video.joints[0].double(), *later]).numpy()
    frames, joints = np.indices(places.shape[:2])
    return pd.DataFrame(
        {
            "frame": frames.ravel(),
            "joint": np.array(video.objects)[joints.ravel()],
            "predicted_x": places[..., 0].ravel(),
            "predicted_y": places[..., 1].ravel(),
        }
    )


def count(rows: pd.DataFrame, data: Sequence, out: Path) -> dict[str, pd.DataFrame]:
    """PCK of each joint and their mean, missing answers wrong and as published."""
    predicted, true, names = [], [], ()
    for name, part in rows.groupby("item", sort=False):
        video = data.item(name)
        names = video.objects
        xy = part[["predicted_x", "predicted_y"]].to_numpy()
        predicted.append(xy.reshape(len(video), len(names), 2))
        true.append(video.joints.numpy())
    joints = metrics.score_joints(predicted, true, names=names).set_index("joint")
    other = metrics.score_joints(predicted, true, names=names, missing="dropped_compat")
    both = pd.concat([joints.loc[["mean"]], other.set_index("joint").loc[["mean"]]])
    both.index = pd.Index(["mean", "as published"], name="PCK")
    return {"poses": both, "joints": joints.drop(index="mean")}
