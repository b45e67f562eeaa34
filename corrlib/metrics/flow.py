"""Dense flow: end-point error, the share of pixels that land near enough (T5 of TSS), smoothness.

A flow is H x W x 2, (u, v) in pixels on the grid of its source image: pixel (x, y) goes to (x + u,
y + v) of the destination. Pixels where the truth is not known are NaN (or 1e9 and more, the mark of
.flo files) and do not count; a prediction that is unknown where the truth is known counts as wrong.
Sizes are (width, height). Arrays and tensors on the CPU are accepted.
"""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from corrlib.metrics.grids import resize_bilinear

LIMIT = 1e9  # known flow is below it, in the .flo files of TSS and Middlebury


def flow_error(predicted: Any, true: Any) -> Float[np.ndarray, "H W"]:
    """End-point error in pixels at each pixel: NaN where the truth is not known, inf where only the
    prediction is not.

    Raises ValueError when the flows have not one shape (H, W, 2), or when no pixel's truth is
    known.
    """
    predicted, true = _flow(predicted, "predicted"), _flow(true, "true")
    if predicted.shape != true.shape:
        raise ValueError(
            f"the predicted flow is {predicted.shape[1]} x {predicted.shape[0]} (width x "
            "height), the true one "
            f"{true.shape[1]} x {true.shape[0]}; bring it to the same size with resize_flow"
        )
    known, answered = known_flow(true), known_flow(predicted)
    if not known.any():
        raise ValueError("the true flow is known at no pixel: there is nothing to measure")
    error = np.full(known.shape, np.nan)
    error[known] = np.inf
    both = known & answered
    error[both] = np.hypot(*(predicted[both] - true[both]).T)
    return error


def score_flow(
    predicted: Any,
    true: Any,
    destination: tuple[int, int],
    *,
    alphas: Sequence[Real] = (0.05,),
    predicted_destination: tuple[int, int] | None = None,
) -> dict[str, float]:
    """One direction of a pair: {"epe_px": mean end-point error, "T5": percent of pixels that are
    right, ..., "pixels": known}.

    A pixel is right when its error is at most alpha times the longer side of `destination`, the
    size of the image that the flow leads to; the key of alpha 0.05 is "T5". A prediction of another
    size is resized first (`resize_flow`); then `predicted_destination` must say the size of the
    image that *it* leads to.
    *Source:* the TSS evaluation kit; PCK with the image as base (SD+DINO, DenseMatching) is the
    same number.
    """
    predicted, true = _flow(predicted, "predicted"), _flow(true, "true")
    size = true.shape[1::-1]
    if predicted.shape != true.shape or predicted_destination not in (None, tuple(destination)):
        if predicted_destination is None:
            raise ValueError(
                f"the predicted flow is {predicted.shape[1]} x {predicted.shape[0]} (width x "
                f"height), the true one {size[0]} x "
                f"{size[1]}; give predicted_destination, the size of the image that the "
                "predicted flow leads to"
            )
        predicted = resize_flow(predicted, predicted_destination, size, destination)
    error = flow_error(predicted, true)
    error = error[~np.isnan(error)]
    side = max(destination)
    shares = {f"T{100 * alpha:g}": 100 * float((error <= alpha * side).mean()) for alpha in alphas}
    return {"epe_px": float(error.mean()), **shares, "pixels": len(error)}


def flow_table(
    rows: pd.DataFrame | Sequence[Mapping[str, Any]], group: str | None = "group"
) -> pd.DataFrame:
    """Means over directions of each group, as TSS reports them: all pairs, and those without flip.

    `rows` has one row a direction: what `score_flow` gives, `flip` (whether the objects face
    opposite ways) and the column named by `group` (None: everything is one group). The result has,
    for each group and for the mean of groups "mean", the rows "Average" and "w/o flip" (NaN where
    every pair is flipped), with the number of directions. A method that does not mirror an image
    scores near zero on flipped pairs, so both rows belong in a table.
    """
    table = pd.DataFrame(rows)
    if not len(table):
        raise ValueError("no direction was scored: there is no mean")
    if missing := [name for name in ("flip", *([group] if group else [])) if name not in table]:
        raise ValueError(
            f"the rows have no {', '.join(missing)}; they have {', '.join(table.columns)}"
        )
    values = [
        name
        for name in table
        if name == "epe_px" or (name[0] == "T" and name[1:].replace(".", "", 1).isdigit())
    ]
    found = []
    for name, part in table.groupby(group, sort=False) if group else [("all", table)]:
        for label, chosen in (("Average", part), ("w/o flip", part[~part["flip"].astype(bool)])):
            found.append(
                {
                    "group": name,
                    "row": label,
                    **chosen[values].mean().to_dict(),
                    "directions": len(chosen),
                }
            )
    result = pd.DataFrame(found)
    if result["group"].nunique() > 1:
        means = result.groupby("row", sort=False)[[*values, "directions"]].agg(
            dict.fromkeys(values, "mean") | {"directions": "sum"}
        )
        result = pd.concat(
            [result, means.reset_index().assign(group="mean")[result.columns]], ignore_index=True
        )
    return result


def resize_flow(
    flow: Any, destination: tuple[int, int], size: tuple[int, int], new_destination: tuple[int, int]
) -> Float[np.ndarray, "H W 2"]:
    """A flow between images resized to `size` (its own grid) and `new_destination`; it now leads to
    one of `destination`.

    Components are interpolated bilinearly (pixel centres, no smoothing), pixels that mix known and
    unknown become unknown, then lengths follow: u' = (u + x w1/w1') w2'/w2 - x, with x counted from
    0. Where both images change by one factor this is u times the factor; where the two factors
    differ it is up to half a pixel off the rule of pixel centres, and kept for the published
    numbers. *Source:* the TSS evaluation kit (its C++ version, which wrote the published tables).
    """
    flow = _flow(flow, "predicted")
    old, new = flow.shape[1::-1], tuple(size)
    if old == new and tuple(destination) == tuple(new_destination):
        return flow
    known = known_flow(flow)
    whole = resize_bilinear(known[..., None].astype(float), new)[..., 0] > 1 - 1e-9
    moved = resize_bilinear(np.where(known[..., None], flow, 0.0), new)
    grid = np.stack(np.meshgrid(np.arange(new[0]), np.arange(new[1])), axis=-1).astype(float)
    moved = (moved + grid * (np.array(old) / new)) * (
        np.array(new_destination) / destination
    ) - grid
    moved[~whole] = np.nan
    return moved


def unmirror_flow(
    flow: Any, destination: tuple[int, int], mirrored: str = "target"
) -> Float[np.ndarray, "H W 2"]:
    """The flow between the images as they are, of a method that was shown one of them mirrored left
    to right.

    `mirrored="target"`: the flow led to a mirrored image `destination` wide: x2 = w2 - 1 - x2'.
    `mirrored="source"`: its own grid was the mirrored one. The truth of TSS's flip pairs is in
    unmirrored coordinates. Its own inverse.
    """
    flow = _flow(flow, "predicted")
    x = np.arange(flow.shape[1], dtype=float)
    if mirrored == "target":
        return np.stack([destination[0] - 1 - 2 * x - flow[..., 0], flow[..., 1]], axis=-1)
    if mirrored == "source":
        back = flow[:, ::-1]
        return np.stack([back[..., 0] + flow.shape[1] - 1 - 2 * x, back[..., 1]], axis=-1)
    raise ValueError(f"mirrored is {mirrored!r}; wanted 'target' or 'source'")


def flow_smoothness(flow: Any, mask: Any = None, *, border: bool = True) -> float:
    """How much a flow changes from pixel to pixel: |first differences| in x and y, both components,
    summed, per pixel of the mask.

    The published measure sets the flow to 0 outside of `mask` (H x W, default: where it is known),
    so that the object's border counts as a jump; `border=False` leaves out differences across it.
    In pixels; smaller is smoother, and the true flow is not 0.
    *Source:* SD+DINO section 4.3 and its code (`get_smooth`).
    """
    flow = _flow(flow, "predicted")
    known = known_flow(flow)
    mask = known if mask is None else np.asarray(mask).astype(bool)
    if mask.shape != known.shape or not mask.any():
        raise ValueError(
            f"the mask has shape {mask.shape} and {mask.sum()} pixels; wanted {known.shape} and "
            "at least one pixel"
        )
    if (mask & ~known).any():
        raise ValueError(
            f"the flow is unknown at {(mask & ~known).sum()} pixels of the mask; give a mask "
            "where it is known"
        )
    kept = np.where(mask[..., None], flow, 0.0)
    total = 0.0
    for axis in (0, 1):
        step = np.abs(np.diff(kept, axis=axis)).sum(-1)
        if not border:
            step = step[
                np.take(mask, range(1, mask.shape[axis]), axis)
                & np.take(mask, range(mask.shape[axis] - 1), axis)
            ]
        total += step.sum()
    return float(total / mask.sum())


def known_flow(flow: Float[np.ndarray, "H W 2"]) -> Bool[np.ndarray, "H W"]:
    """Where a flow is known: both components finite and below 1e9."""
    return (np.abs(flow) < LIMIT).all(axis=-1)  # false for NaN


def _flow(flow: Any, what: str) -> Float[np.ndarray, "H W 2"]:
    flow = np.asarray(flow, float)
    if flow.ndim != 3 or flow.shape[2] != 2 or 0 in flow.shape:
        hint = "; put the components last" if flow.ndim == 3 and flow.shape[0] == 2 else ""
        raise ValueError(f"the {what} flow has shape {flow.shape}; wanted (H, W, 2){hint}")
    return flow
