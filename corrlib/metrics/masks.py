"""Region similarity J, boundary accuracy F and J&F of propagated masks, as DAVIS 2017 defines them.
Values are 0 to 1.

A frame is an H x W map of object ids (0 background, 255 void). Means go over frames first, then
over *objects*, not over sequences. *Source:* Perazzi et al. 2016 and Pont-Tuset et al. 2017; the
behaviour is that of davis2017-evaluation.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool

VOID = 255
TOLERANCE = 0.008  # of the image's diagonal: 8 pixels at 854 x 480


def jaccard(predicted: Any, true: Any, void: Any = None) -> float:
    """J of one object in one frame: intersection / union of two masks (H x W); 1 where both are
    empty.

    Pixels of `void` count neither for nor against. Raises ValueError when the shapes differ.
    """
    predicted, true, void = _masks(predicted, true, void)
    union = ((predicted | true) & ~void).sum()
    return float((predicted & true & ~void).sum() / union) if union else 1.0


def boundary_f(predicted: Any, true: Any, void: Any = None, tolerance: Real = TOLERANCE) -> float:
    """F of one object in one frame: harmonic mean of precision and recall of boundary pixels (H x W
    masks).

    A boundary pixel is right when the other mask has one within the tolerance: `tolerance` times
    the diagonal, rounded up, or that many pixels where it is 1 or more. 1 where both masks have no
    boundary, 0 where only one has. Raises as `jaccard` does.
    """
    predicted, true, void = _masks(predicted, true, void)
    radius = math.ceil(tolerance * math.hypot(*true.shape)) if tolerance < 1 else int(tolerance)
    ours, theirs = boundary(predicted & ~void), boundary(true & ~void)
    if not ours.any() or not theirs.any():
        return float(ours.any() == theirs.any())
    precision = (ours & _near(theirs, radius)).sum() / ours.sum()
    recall = (theirs & _near(ours, radius)).sum() / theirs.sum()
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def boundary(mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """One-pixel boundaries: where a pixel differs from its right, lower or lower right neighbour,
    so half a pixel up and left.

    The image's own border is no boundary. *Source:* `seg2bmap` of the Berkeley segmentation
    benchmark.
    """
    edge = np.zeros_like(mask)
    edge[:, :-1] = mask[:, :-1] ^ mask[:, 1:]
    edge[:-1] |= mask[:-1] ^ mask[1:]
    edge[:-1, :-1] |= mask[:-1, :-1] ^ mask[1:, 1:]
    return edge


def score_objects(
    predicted: Sequence[Any] | Callable[[int], Any],
    true: Sequence[Any] | Callable[[int], Any],
    frames: int | None = None,
    *,
    sequence: str = "",
    trim: bool = True,
    void: str = "zeroed",
    tolerance: Real = TOLERANCE,
) -> pd.DataFrame:
    """J and F of every object and frame of one sequence: columns sequence, object, frame, J, F.

    `predicted` and `true` are maps of object ids, one a frame, or functions of the frame's number
    (then `frames` says how many). Objects are the ids 1..n of the first true frame. `trim` leaves
    out the first frame, which is given, and the last, as the semi-supervised task does. An object
    that a prediction lacks counts as an empty mask; its own 255 beside ids are background, as a
    first mask propagated with its void has them; an id that the truth has not is an error.
    `void="zeroed"`: undecided pixels (255) of the truth are background, as the published task does
    it in fact; "ignored" leaves them out of both measures. Raises ValueError naming the frame that
    does not fit.
    """
    if void not in ("zeroed", "ignored"):
        raise ValueError(f"void is {void!r}; wanted 'zeroed' (as published) or 'ignored'")
    frames = len(true) if frames is None else frames
    if not callable(predicted) and len(predicted) != frames:
        raise ValueError(
            f"{_of(sequence)}{len(predicted)} predicted frames and {frames} true ones; wanted "
            "one a frame, the first too"
        )
    if frames < (3 if trim else 1):
        raise ValueError(
            f"{_of(sequence)}{frames} frames leave none to measure; wanted 3 or more, or trim=False"
        )
    first = _ids(true, 0, sequence, "true")
    objects = range(1, int(first[first != VOID].max(initial=0)) + 1)
    if not objects:
        hint = (
            "; masks of 0 and 255 are DAVIS 2016's: convert them with (mask > 0)"
            if (first == VOID).any()
            else ""
        )
        raise ValueError(f"{_of(sequence)}the first true frame holds no object{hint}")
    rows, undecided, answered = [], False, False
    for i in range(1, frames - 1) if trim else range(frames):
        ours, theirs = _ids(predicted, i, sequence, "predicted"), _ids(true, i, sequence, "true")
        if ours.shape != theirs.shape:
            raise ValueError(
                f"{_of(sequence)}frame {i}: predicted {ours.shape}, true {theirs.shape}; resize "
                "to the annotation's size"
            )
        undecided |= bool((ours == VOID).any())
        ours = np.where(ours == VOID, 0, ours)
        answered |= bool(ours.any())
        if ours.max(initial=0) > objects[-1]:
            raise ValueError(
                f"{_of(sequence)}frame {i}: predicted id {ours.max()}, but there are "
                f"{objects[-1]} objects"
            )
        skipped = theirs == VOID if void == "ignored" else None
        for k in objects:
            pair = (ours == k, theirs == k, skipped)
            rows.append((sequence, k, i, jaccard(*pair), boundary_f(*pair, tolerance=tolerance)))
    if undecided and not answered:
        raise ValueError(
            f"{_of(sequence)}the predicted maps hold 0 and {VOID} alone, as DAVIS 2016's do: of "
            "one object convert them with (mask > 0), of several predict their ids"
        )
    return pd.DataFrame(rows, columns=["sequence", "object", "frame", "J", "F"])


def object_table(scores: pd.DataFrame) -> pd.DataFrame:
    """One row an object of `score_objects`' tables (concatenated): mean, recall and decay of J and
    of F, and J&F.

    Columns sequence, object, "J&F", then J, F, each with "_recall" and "_decay", and frames.
    """
    rows = []
    for (sequence, k), part in scores.groupby(["sequence", "object"], sort=False):
        row: dict[str, Any] = {"sequence": sequence, "object": k, "J&F": float("nan")}
        for name in ("J", "F"):
            row[name], row[f"{name}_recall"], row[f"{name}_decay"] = frame_statistics(
                part.sort_values("frame")[name]
            )
        row["J&F"] = (row["J"] + row["F"]) / 2
        rows.append({**row, "frames": len(part)})
    return pd.DataFrame(rows)


def mask_summary(objects: pd.DataFrame) -> dict[str, float]:
    """The line of a paper's table from `object_table`: every column's mean over objects, "J&F" the
    mean of the means of J and F.
    """
    if not len(objects):
        raise ValueError("no object was scored: there is no mean")
    means = objects.drop(columns=["sequence", "object", "frames"]).mean().to_dict()
    return {**means, "J&F": (means["J"] + means["F"]) / 2, "objects": len(objects)}


def frame_statistics(values: Iterable[Real]) -> tuple[float, float, float]:
    """(mean, recall, decay) of an object's values in order of frames.

    Recall is the share of frames above 0.5. Decay is the mean of the first quarter minus that of
    the last; neighbouring quarters share a frame, as in the released code. Raises ValueError on no
    value at all.
    """
    values = np.asarray(list(values), float)
    if not len(values):
        raise ValueError("no frame was scored: there is no mean")
    ends = np.round(np.linspace(1, len(values), 5) + 1e-10).astype(int) - 1
    decay = values[: ends[1] + 1].mean() - values[ends[3] : ends[4] + 1].mean()
    return float(values.mean()), float((values > 0.5).mean()), float(decay)


def _near(edge: Bool[np.ndarray, "H W"], radius: int) -> Bool[np.ndarray, "H W"]:
    """Pixels within `radius` of one that is set: dilation by a disk, done by marking the disk of
    each of the few set pixels.
    """
    height, width = edge.shape
    padded = np.zeros((height + 2 * radius, width + 2 * radius), bool)
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = (y * padded.shape[1] + x)[x * x + y * y <= radius * radius]
    rows, columns = np.nonzero(edge)
    centres = (rows + radius) * padded.shape[1] + columns + radius
    flat = padded.reshape(-1)
    for offset in disk:
        flat[centres + offset] = True
    return padded[radius : radius + height, radius : radius + width]


def _masks(predicted: Any, true: Any, void: Any) -> list[Bool[np.ndarray, "H W"]]:
    predicted, true = np.asarray(predicted).astype(bool), np.asarray(true).astype(bool)
    void = np.zeros_like(true) if void is None else np.asarray(void).astype(bool)
    if true.ndim != 2 or not predicted.shape == true.shape == void.shape:
        raise ValueError(
            f"masks have shapes {predicted.shape} (predicted), {true.shape} (true), "
            f"{void.shape} (void); wanted one H x W"
        )
    return [predicted, true, void]


def _ids(maps: Any, i: int, sequence: str, what: str) -> np.ndarray:
    ids = np.asarray(maps(i) if callable(maps) else maps[i])
    if ids.ndim != 2 or not (np.issubdtype(ids.dtype, np.integer) or ids.dtype == bool):
        raise ValueError(
            f"{_of(sequence)}frame {i}: the {what} map is {ids.dtype} {ids.shape}; wanted H x W "
            "integer ids"
        )
    return ids.astype(np.int64) if ids.dtype == bool else ids


def _of(sequence: str) -> str:
    return f"{sequence}, " if sequence else ""
