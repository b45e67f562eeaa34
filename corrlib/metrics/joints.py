"""PCK of propagated body joints, as JHMDB is scored: distance against 0.6 x the diagonal of the
body's box, mean over joints.
"""

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

BODY = 0.6  # of the diagonal of the box of a frame's joints
MISSING = ("wrong", "dropped_compat")


def score_joints(
    predicted: Sequence[Any],
    true: Sequence[Any],
    *,
    alphas: Sequence[Real] = (0.1, 0.2, 0.3, 0.4, 0.5),
    names: Sequence[str] | None = None,
    missing: str = "wrong",
    given: int = 1,
) -> pd.DataFrame:
    """PCK in percent of each joint, pooled over clips and frames, and last the row "mean": the
    plain mean over joints.

    `predicted` and `true` hold one array a clip, frames x joints x 2 in pixels of one image; NaN is
    a joint that is not there. The first `given` frames are not scored. A joint is right where its
    distance is at most alpha x 0.6 x the diagonal of the box of the frame's true joints. Columns:
    joint, one of each alpha ("0.1"), count (scored places), missing (without an answer).

    Where an answer is missing it counts as wrong. `missing="dropped_compat"` reproduces the
    published code, which leaves such joints out of the count *and* out of the box (there also x < 0
    means missing): a method that drops what is hard looks better. Raises ValueError naming the clip
    whose shapes do not fit, or where nothing can be scored.
    *Source:* the released code of TimeCycle, UVC and CRW (videowalk), `eval_pck.py`.
    """
    if missing not in MISSING:
        raise ValueError(f"missing is {missing!r}; wanted one of {', '.join(MISSING)}")
    if not len(true) or len(predicted) != len(true):
        raise ValueError(
            f"{len(predicted)} predicted clips and {len(true)} true ones; wanted as many, and "
            "at least one"
        )
    ratios, absent = zip(
        *(
            _ratios(*pair, i, missing, given)
            for i, pair in enumerate(zip(predicted, true, strict=True))
        ),
        strict=True,
    )
    joints = {r.shape[1] for r in ratios}
    if len(joints) != 1 or (names is not None and len(names) != next(iter(joints))):
        raise ValueError(
            f"clips have {sorted(joints)} joints{f' and {len(names)} names' if names else ''}; "
            "wanted one number"
        )
    ratio, absent = np.concatenate(ratios), np.concatenate(absent)
    counted = ~np.isnan(ratio)
    if not counted.any():
        raise ValueError(
            "no joint can be scored: all frames are given, or no joint is annotated or answered"
        )
    table = pd.DataFrame(
        {"joint": list(names) if names is not None else [str(j) for j in range(ratio.shape[1])]}
    )
    with np.errstate(
        invalid="ignore"
    ):  # a joint that never occurs has no PCK: NaN, and the mean is over the others
        for alpha in alphas:
            table[f"{alpha:g}"] = 100 * (counted & (ratio <= alpha)).sum(0) / counted.sum(0)
    table["count"], table["missing"] = counted.sum(0), absent.sum(0)
    shares = table[[f"{alpha:g}" for alpha in alphas]].mean().to_dict()
    total = {"joint": "mean", **shares, "count": counted.sum(), "missing": absent.sum()}
    return pd.concat([table, pd.DataFrame([total])], ignore_index=True)


def body_size(joints: Float[np.ndarray, "frames joints 2"]) -> Float[np.ndarray, "frames"]:
    """0.6 x the diagonal of the box of each frame's joints, in pixels; joints that are NaN are left
    out, NaN where all are.
    """
    there = ~np.isnan(joints).any(-1, keepdims=True)
    low, high = np.where(there, joints, np.inf).min(1), np.where(there, joints, -np.inf).max(1)
    return np.where(
        there.any((1, 2)), BODY * np.hypot(*np.where(np.isfinite(high), high - low, 0.0).T), np.nan
    )


def _ratios(
    predicted: Any, true: Any, clip: int, missing: str, given: int
) -> tuple[np.ndarray, np.ndarray]:
    """Distance / body size of each place (inf: no answer, NaN: not counted), and where an answer is
    missing.
    """
    predicted, true = np.asarray(predicted, float), np.asarray(true, float)
    if true.ndim != 3 or true.shape[2] != 2 or predicted.shape != true.shape:
        raise ValueError(
            f"clip {clip}: predicted {predicted.shape}, true {true.shape}; wanted both frames x "
            "joints x 2"
        )
    predicted, true = predicted[given:], true[given:]
    annotated, answered = ~np.isnan(true).any(-1), ~np.isnan(predicted).any(-1)
    if missing == "dropped_compat":
        answered &= ~(predicted[..., 0] < 0)
        size = body_size(np.where(answered[..., None], true, np.nan))
    else:
        size = body_size(true)
    # a body without extent has no measure: its frame is not counted
    size = np.where(size > 0, size, np.nan)[:, None]
    absent = annotated & ~answered
    distance = np.hypot(*np.moveaxis(predicted - true, -1, 0))
    distance = np.where(absent, np.nan if missing == "dropped_compat" else np.inf, distance)
    return np.where(annotated, distance / size, np.nan), absent
