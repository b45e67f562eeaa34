"""What the next doubling of a training run is worth: a fit to its record, and how sure it is.

PCK is taken as a straight line in the logarithm of the pictures seen, from the row at which it
began to rise; every world of validation pairs has a level of its own and all share the slope. The
intervals are those of least squares (Student's t); they know the scatter of the rows, not whether
the line goes on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

LEVEL = 0.95
RISEN = 1.3  # a layer has begun to rise where it exceeds this many times the record's first rows


@dataclass(frozen=True)
class Forecast:
    """Percent of PCK: `slope` a doubling and `next` at twice the last row's pictures, with ends."""

    layer: str
    world: str
    rows: int
    images: int
    slope: float
    slope_low: float
    slope_high: float
    next: float
    next_low: float
    next_high: float


def best_of(row: Mapping[str, Any], layer: str) -> float:
    """A layer's PCK in a row of the record: that of its best timestep; NaN where none was taken."""
    values = [v for cell, v in row["pck"].items() if cell.split("@")[0] == layer]
    return float(max(values, default=float("nan")))


def forecast(rows: Sequence[Mapping[str, Any]], layer: str | None = None) -> Forecast:
    """Fit one layer (default: the last row's best) of a training record's rows, as `training.json`
    holds them.

    Raises ValueError with fewer rows than the line needs: a slope, a level a world, and two more.
    """
    last = rows[-1]
    if layer is None:
        layer = max(last["pck"], key=last["pck"].get).split("@")[0]
    images = np.array([row["images"] for row in rows], float)
    pck = np.array([best_of(row, layer) for row in rows])
    worlds = np.array([row.get("world", "hard") for row in rows])
    taken = np.isfinite(pck)
    images, pck, worlds = images[taken], pck[taken], worlds[taken]
    low = pck > RISEN * np.median(pck[:3])
    begun = int(np.argmax(low)) if low.any() else 0
    images, pck, worlds = images[begun:], pck[begun:], worlds[begun:]
    levels = list(dict.fromkeys(worlds))
    free = len(pck) - len(levels) - 1
    if free < 2:
        raise ValueError(
            f"{layer} has {len(pck)} rows in {len(levels)} worlds after it began to rise; a line "
            f"with an interval wants {len(levels) + 3}: train on, or record more often"
        )
    design = np.stack([np.log2(images), *[(worlds == level) * 1.0 for level in levels]], 1)
    fit, *_ = np.linalg.lstsq(design, pck, rcond=None)
    variance = ((pck - design @ fit) ** 2).sum() / free
    spread = np.linalg.inv(design.T @ design) * variance
    there = np.array([np.log2(2 * last["images"]), *[level == worlds[-1] for level in levels]])
    half = float(stats.t.ppf((1 + LEVEL) / 2, free))
    value = float(there @ fit)
    error = half * float(np.sqrt(there @ spread @ there + variance))  # of a new row, not the line
    slope, slope_error = float(fit[0]), half * float(np.sqrt(spread[0, 0]))
    return Forecast(
        layer=layer,
        world=str(worlds[-1]),
        rows=len(pck),
        images=2 * int(last["images"]),
        slope=slope,
        slope_low=slope - slope_error,
        slope_high=slope + slope_error,
        next=value,
        next_low=value - error,
        next_high=value + error,
    )
