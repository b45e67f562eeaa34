"""What wrong answers hit: another keypoint, the neighbourhood of the right place, or anything else;
and how much of that a random pixel of the object hits too.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from corrlib.metrics.pck import correct

KINDS = ("right", "another keypoint", "near miss", "elsewhere")


def kinds(table: pd.DataFrame, alpha: float = 0.1) -> pd.Series:
    """The share, in percent of all points, of right answers and of three kinds of wrong ones.

    *another keypoint*: within the tolerance of another annotated point of the pair; *near miss*:
    else, within twice the tolerance of the truth; *elsewhere*: the rest.
    """
    there = table[["pair", "keypoint", "target_x", "target_y"]]
    both = table.merge(there, on="pair", suffixes=("", "_other"))
    both = both[both["keypoint"] != both["keypoint_other"]]
    dx = both["predicted_x"] - both["target_x_other"]
    dy = both["predicted_y"] - both["target_y_other"]
    hit = both.assign(hit=np.hypot(dx, dy) <= alpha * both["tolerance_px"])
    hit = hit.groupby(["pair", "keypoint"])["hit"].any()
    twin = hit.reindex(table.set_index(["pair", "keypoint"]).index, fill_value=False)
    near = table["distance_px"] <= 2 * alpha * table["tolerance_px"]
    cases = [correct(table, alpha), twin.to_numpy(), near.to_numpy()]
    counts = pd.Series(np.select(cases, KINDS[:3], KINDS[3])).value_counts()
    return 100 * counts.reindex(list(KINDS), fill_value=0) / len(table)


def random_on_object(
    table: pd.DataFrame, mask: Callable[[str], Any], seed: int = 0
) -> pd.DataFrame:
    """The keypoint table of a method that knows where the object is and nothing else: each answer
    is a random pixel of it.

    `mask` gives for the id of a picture its object's pixels (H x W, true or false). Raises
    ValueError on an empty mask. The answers do not depend on the order of rows.
    """
    order = table.sort_values(["pair", "keypoint"], kind="stable").index
    chance = np.random.default_rng(seed)
    found = {}
    for image, rows in table.loc[order].groupby("target_image", sort=True):
        y, x = np.nonzero(np.asarray(mask(image)))
        if not len(x):
            raise ValueError(f"the mask of {image} is empty, so no pixel of an object can be drawn")
        for row, pick in zip(rows.index, chance.integers(len(x), size=len(rows)), strict=True):
            found[row] = (float(x[pick]), float(y[pick]))
    points = pd.DataFrame.from_dict(found, orient="index", columns=["x", "y"]).loc[table.index]
    return answered(table, points["x"], points["y"])


def centre_of_object(table: pd.DataFrame, mask: Callable[[str], Any]) -> pd.DataFrame:
    """The keypoint table of a method that answers every question with the centre of the box around
    the target object's pixels; `mask` as in `random_on_object`.
    """
    centres = {}
    for image in table["target_image"].unique():
        y, x = np.nonzero(np.asarray(mask(image)))
        centres[image] = ((x.min() + x.max()) / 2, (y.min() + y.max()) / 2)
    return answered(
        table, *(table["target_image"].map(lambda i, k=k: centres[i][k]) for k in (0, 1))
    )


def answered(table: pd.DataFrame, x: pd.Series, y: pd.Series) -> pd.DataFrame:
    """The keypoint table of the same questions with other answers, in pixels of the target."""
    off = np.hypot(x - table["target_x"], y - table["target_y"])
    return table.assign(predicted_x=x, predicted_y=y, distance_px=off)


def on_object(table: pd.DataFrame, mask: Callable[[str], Any]) -> pd.Series:
    """For each row whether the answer, rounded to a pixel, lies on the target's object; `mask` as
    in `random_on_object`.
    """
    found = pd.Series(False, index=table.index)
    for image, rows in table.groupby("target_image"):
        pixels = np.asarray(mask(image))
        y, x = (rows[f"predicted_{axis}"].round().astype(int) for axis in "yx")
        inside = y.between(0, pixels.shape[0] - 1) & x.between(0, pixels.shape[1] - 1)
        found[rows.index[inside]] = pixels[y[inside], x[inside]]
    return found
