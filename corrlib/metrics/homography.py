"""From descriptors of two images of a plane to the two measures of HPatches: homography accuracy
and mean matching accuracy.

A homography is 3 x 3 and maps homogeneous pixels (x, y, 1) of image 1 to image k, pixel centres at
integers from 0. Points are n x 2 (x, y). OpenCV is imported when a homography is estimated, for
parity with published numbers.
"""

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

METRICS = ("cosine", "l2")
ESTIMATORS = ("ransac", "lmeds")
PIXELS = (1.0, 3.0, 5.0)  # at which homography accuracy is reported


def mutual_neighbours(a: Any, b: Any, metric: str = "cosine") -> Int[np.ndarray, "k 2"]:
    """Index pairs (row of `a`, row of `b`) of descriptors, n x c and m x c, that are each other's
    nearest; sorted by the first.

    "cosine" compares directions, "l2" distances; of equally near ones the first is taken. Raises
    ValueError on other metrics, on shapes that do not fit and on numbers that are not finite.
    """
    if metric not in METRICS:
        raise ValueError(f"metric is {metric!r}; wanted one of {', '.join(METRICS)}")
    a, b = (np.asarray(x) for x in (a, b))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(
            f"descriptors have shapes {a.shape} and {b.shape}; wanted n x c and m x c, one "
            "descriptor a row"
        )
    a, b = (x.astype(np.promote_types(x.dtype, np.float32)) for x in (a, b))
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError(
            "a descriptor holds numbers that are not finite; check the features for NaN"
        )
    if not len(a) or not len(b):
        return np.empty((0, 2), dtype=np.int64)
    if metric == "cosine":
        a, b = (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12) for x in (a, b))
        near = a @ b.T
    else:
        near = 2 * a @ b.T - (a**2).sum(1)[:, None] - (b**2).sum(1)
    best, back = near.argmax(1), near.argmax(0)
    first = np.flatnonzero(back[best] == np.arange(len(a)))
    return np.stack([first, best[first]], axis=1).astype(np.int64)


def find_homography(
    source: Any, target: Any, estimator: str = "ransac", threshold_px: Real = 3.0
) -> Float[np.ndarray, "3 3"] | None:
    """The homography from matched points (n x 2 each), or None where there is none: fewer than 4
    matches, or no model fits.

    `estimator` is "ransac" (inliers within `threshold_px`) or "lmeds" (which ignores it); other
    settings are OpenCV's, which seeds itself, so that a version gives the same answer each time.
    """
    if estimator not in ESTIMATORS:
        raise ValueError(f"estimator is {estimator!r}; wanted one of {', '.join(ESTIMATORS)}")
    source, target = (
        _points(p, name).astype(np.float32) for p, name in ((source, "source"), (target, "target"))
    )
    if len(source) != len(target):
        raise ValueError(
            f"{len(source)} source and {len(target)} target points; wanted matched points, as "
            "many of each"
        )
    if len(source) < 4:
        return None
    import cv2

    method = {"ransac": cv2.RANSAC, "lmeds": cv2.LMEDS}[estimator]
    try:
        matrix, _ = cv2.findHomography(
            source[:, None], target[:, None], method, ransacReprojThreshold=threshold_px
        )
    except cv2.error:  # some degenerate matches raise where others give None
        return None
    return matrix if matrix is not None and np.isfinite(matrix).all() else None


def apply_homography(matrix: Any, points: Any) -> Float[np.ndarray, "n 2"]:
    """Points (n x 2) under a homography; NaN where a point goes to infinity. Raises ValueError on
    other shapes.
    """
    matrix = np.asarray(matrix, float)
    if matrix.shape != (3, 3):
        raise ValueError(f"the homography has shape {matrix.shape}; wanted (3, 3)")
    moved = np.c_[_points(points, "point"), np.ones(len(points))] @ matrix.T
    return np.divide(
        moved[:, :2], moved[:, 2:], out=np.full((len(moved), 2), np.nan), where=moved[:, 2:] != 0
    )


def homography_flow(
    matrix: Any,
    size: tuple[int, int],
    destination: tuple[int, int],
    *,
    original: tuple[tuple[int, int], tuple[int, int]] | None = None,
) -> Float[np.ndarray, "H W 2"]:
    """The dense flow of a homography on a grid of `size` (width, height), NaN where it leaves an
    image of size `destination`.

    `original` are the sizes (of the grid's image, of the destination) that `matrix` was given for,
    where both were resized: H' = S2 H S1^-1 with S = diag(w' / w, h' / h, 1). For a flow from image
    k back to image 1 give the inverse matrix.
    *Source:* the dense evaluation on HPatches of GLU-Net and DenseMatching.
    """
    matrix = np.asarray(matrix, float)
    if original is not None:
        first, second = (
            np.diag([*np.divide(new, old), 1.0])
            for new, old in zip((size, destination), original, strict=True)
        )
        matrix = second @ matrix @ np.linalg.inv(first)
    grid = (
        np.stack(np.meshgrid(np.arange(size[0]), np.arange(size[1])), axis=-1)
        .reshape(-1, 2)
        .astype(float)
    )
    moved = apply_homography(matrix, grid)
    moved[~((moved >= 0) & (moved <= np.array(destination) - 1)).all(1)] = np.nan
    return (moved - grid).reshape(size[1], size[0], 2)


def corner_error(estimated: Any, true: Any, size: tuple[int, int]) -> float:
    """Mean distance in pixels of the four corners' centres of image 1 (`size`: width, height) under
    both homographies.

    inf where `estimated` is None or sends a corner to infinity: a failure is an error of every
    size.
    *Source:* SuperPoint; DIFT's `eval_homography.py`, which stops on a failure instead.
    """
    width, height = size
    corners = np.array([(0, 0), (0, height - 1), (width - 1, 0), (width - 1, height - 1)], float)
    wanted = apply_homography(true, corners)
    if not np.isfinite(wanted).all():
        raise ValueError(
            "the true homography sends a corner of the image to infinity; check its file"
        )
    if estimated is None:
        return float("inf")
    distance = np.linalg.norm(apply_homography(estimated, corners) - wanted, axis=1)
    return float(distance.mean()) if np.isfinite(distance).all() else float("inf")


def four_ways(
    source_points: Any,
    source_features: Any,
    target_points: Any,
    target_features: Any,
    true: Any,
    size: tuple[int, int],
    *,
    threshold_px: Real = 3.0,
) -> pd.DataFrame:
    """Both metrics x both estimators on one pair of images: columns metric, estimator, matches,
    error_px (of corners; inf: failed).

    Points are n x 2 and m x 2 with one descriptor each; of points given twice the first is kept, as
    in the released code. Papers choose the best of the four for each method; a fair table shows
    all.
    """
    points, features = [], []
    for p, f, name in (
        (source_points, source_features, "source"),
        (target_points, target_features, "target"),
    ):
        p, f = _points(p, name), np.asarray(f)
        if len(p) != len(f):
            raise ValueError(
                f"{len(p)} {name} points and {len(f)} {name} descriptors; wanted one descriptor "
                "a point"
            )
        p, first = np.unique(p, axis=0, return_index=True)
        points.append(p)
        features.append(f[first])
    rows = []
    for metric in METRICS:
        matches = mutual_neighbours(*features, metric)
        a, b = points[0][matches[:, 0]], points[1][matches[:, 1]]
        for estimator in ESTIMATORS:
            error = corner_error(find_homography(a, b, estimator, threshold_px), true, size)
            rows.append(
                {
                    "metric": metric,
                    "estimator": estimator,
                    "matches": len(matches),
                    "error_px": error,
                }
            )
    return pd.DataFrame(rows)


def homography_accuracy(
    table: pd.DataFrame,
    pixels: Sequence[Real] = PIXELS,
    group: Sequence[str] = ("metric", "estimator"),
) -> pd.DataFrame:
    """Percent of image pairs whose corner error is at most 1, 3, 5 pixels: one row a group and
    part.

    `table` has one row a pair of images and way: `error_px` (inf: failed, so wrong), `sequence` and
    the columns of `group`. Parts are "all", which pools pairs, then "i" (illumination) and "v"
    (viewpoint) where sequences are named as in HPatches.
    """
    if missing := [name for name in ("sequence", "error_px", *group) if name not in table]:
        raise ValueError(
            f"the table has no column {', '.join(missing)}; it has "
            f"{', '.join(map(str, table.columns))}"
        )
    if not len(table) or table["error_px"].isna().any():
        raise ValueError(
            f"{len(table)} rows, {table['error_px'].isna().sum()} without a number; a failed "
            "pair has error_px inf"
        )
    rows = []
    for labels, part in table.groupby(list(group), sort=False) if group else [((), table)]:
        kind = part["sequence"].astype(str).str.extract("^([iv])_", expand=False)
        for name, chosen in (("all", part), ("i", part[kind == "i"]), ("v", part[kind == "v"])):
            if len(chosen):
                shares = {f"{t:g} px": 100 * (chosen["error_px"] <= t).mean() for t in pixels}
                failed = np.isinf(chosen["error_px"]).sum()
                rows.append(
                    {
                        **dict(zip(group, labels, strict=True)),
                        "part": name,
                        **shares,
                        "pairs": len(chosen),
                        "failed": failed,
                    }
                )
    return pd.DataFrame(rows)


def reprojection_error(source: Any, target: Any, true: Any) -> Float[np.ndarray, "n"]:
    """Distance in pixels of image k of each match (n x 2 points each) from where the true
    homography sends it; inf at infinity.
    """
    distance = np.linalg.norm(apply_homography(true, source) - _points(target, "target"), axis=1)
    return np.where(np.isnan(distance), np.inf, distance)


def matching_accuracy(
    errors: Sequence[Any], pixels: Sequence[Real] = tuple(range(1, 16))
) -> Float[np.ndarray, "t"]:
    """Mean matching accuracy in percent at each threshold: a pair's share of matches within it,
    averaged over pairs.

    `errors` holds the `reprojection_error` of each pair's matches; a pair without a match counts as
    0. Raises ValueError on no pair. *Source:* D2-Net's evaluation on HPatches; parts "i" and "v"
    are this function of their pairs.
    """
    if not len(errors):
        raise ValueError("no pair was matched: there is no mean")
    shares = [
        [(np.asarray(e, float) <= t).mean() if len(e) else 0.0 for t in pixels] for e in errors
    ]
    return 100 * np.mean(shares, axis=0)


def _points(points: Any, what: str) -> Float[np.ndarray, "n 2"]:
    points = np.asarray(points, float)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"{what} points have shape {points.shape}; wanted n x 2, one (x, y) a row")
    return points
