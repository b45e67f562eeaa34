"""The length that alpha multiplies: of one pair, and of every row of a keypoint table at once."""

from typing import Any

import numpy as np
import pandas as pd

from corrlib.metrics.protocol import BASES
from corrlib.metrics.table import require

PLACES = 40  # to which published loaders pad a pair's keypoints
PADDING = -1  # with which they do
ONE_FACTOR = {
    "box_x_factor_compat": [0, 0],
    "box_y_factor_compat": [1, 1],
}  # which axis' factor scales width and height of the box


def tolerance_px(
    base: str = "box",
    *,
    target_box: Any = None,
    source_box: Any = None,
    target_size: Any = None,
    source_size: Any = None,
    target_points: Any = None,
    frame: tuple[int, int] | None = None,
    origin: int = 0,
) -> float:
    """The length in target pixels that alpha multiplies, from what a benchmark says of a pair; only
    what `base` reads is needed.

    "box": longer side of the target's object box (x1, y1, x2, y2), x2 - x1 without + 1. "image":
    longer side of the target image (width, height). "keypoints": longer side of the tight box of
    the target's keypoints (n x 2; rows with NaN are left out). Four bases are known errors of
    released code, here to reproduce its numbers. "padded_keypoints_compat": the box of keypoints
    padded with -1 to 40 places, so about the largest coordinate + 1. "source_box": longer side of
    the *source's* box. "box_x_factor_compat" and "box_y_factor_compat": the target's box as "box",
    scaled into the frame by the factor of the width, or of the height, alone.

    `frame` (width, height) is the size to which both images are resized before distances are
    measured: the length is then in pixels of that frame, each side scaled by its own axis, and the
    image sizes (width, height) are needed too. `origin` is the number that the annotators gave the
    first pixel, which the library subtracted and the padded box has not.
    *Source:* DIFT and SPair-71k's tool (box), SCNet (image), Proposal Flow (keypoints), DHPF and
    the code of Hedlin et al. on PF-Willow (padded), on SPair-71k (source box) and on CUB (x
    factor), DistillDIFT (y factor).
    """
    needs = {"image": "target_size", "source_box": "source_box"}.get(
        base, "target_box" if "box" in base else "target_points"
    )
    given = {
        "target_box": target_box,
        "source_box": source_box,
        "target_size": target_size,
        "source_size": source_size,
    }
    given |= {"target_points": target_points}
    _require_base(base)
    side = "source_size" if base == "source_box" else "target_size"
    for name in [needs] + [side] * (frame is not None):
        if given[name] is None:
            raise ValueError(
                f"base {base!r}{' in a frame' * (frame is not None)} needs {name}, and this "
                "pair has none; "
                "give it, or choose another base"
            )
    values = np.asarray(given[needs], float)
    scale = (
        np.ones(2) if frame is None else np.asarray(frame, float) / np.asarray(given[side], float)
    )
    if base == "image":
        return float((values * scale).max())
    if needs != "target_points":
        scale = scale[ONE_FACTOR[base]] if base in ONE_FACTOR else scale
        return float(((values[2:] - values[:2]) * scale).max())
    points = values[~np.isnan(values).any(1)]
    if base == "keypoints":
        return float(((points.max(0) - points.min(0)) * scale).max())
    points = (points + origin) * scale
    lowest = np.minimum(points.min(0), PADDING) if len(points) < PLACES else points.min(0)
    return float((points.max(0) - lowest).max())


def with_tolerance(table: pd.DataFrame, base: str = "box") -> pd.DataFrame:
    """The same table with `tolerance_px` of another base in original pixels, from its columns;
    distances stay as they are.

    "box", "image" and "source_box" read `box_px`, `image_px` and `source_box_px`; the two keypoint
    bases read the pair's own rows. `measured` changes distances too, for protocols that measure in
    resized images.
    """
    return table.assign(tolerance_px=tolerances(table, base))


def tolerances(
    table: pd.DataFrame, base: str = "box", frame: tuple[int, int] | None = None, origin: int = 0
) -> np.ndarray:
    """`tolerance_px` of every row of a keypoint table, as an array, in pixels of `frame` or of the
    original images.

    Raises ValueError naming a column that is missing, or the first pair that has no such length (a
    data set without boxes).
    """
    _require_base(base)
    if base.endswith("keypoints") or base.startswith("padded"):
        return _of_keypoints(table, base, frame, origin)
    if base == "image" and frame is not None:
        return np.full(len(table), float(max(frame)))
    if frame is None:
        name = "box_px" if base in ONE_FACTOR else f"{base}_px"
        require(table, (name,))
        length = table[name].to_numpy(float)
    else:
        side = "source" if base == "source_box" else "target"
        x, y = scales(table, frame, side)
        require(table, (f"{side}_box_width", f"{side}_box_height"))
        width, height = (
            table[f"{side}_box_{axis}"].to_numpy(float) for axis in ("width", "height")
        )
        x, y = ((x, y)[i] for i in ONE_FACTOR.get(base, [0, 1]))
        length = np.maximum(width * x, height * y)
    if np.isnan(length).any():
        pair, side = (
            table["pair"].iloc[int(np.isnan(length).argmax())],
            "source" if base == "source_box" else "target",
        )
        raise ValueError(f"pair {pair} has no {side} box; choose base 'image' or 'keypoints'")
    return length


def scales(
    table: pd.DataFrame, frame: tuple[int, int] | None, side: str = "target"
) -> tuple[Any, Any]:
    """The factors (x, y) by which each row's image is resized to `frame`; 1 where there is no
    frame.
    """
    if frame is None:
        return 1.0, 1.0
    require(table, (f"{side}_width", f"{side}_height"))
    return tuple(
        size / table[f"{side}_{axis}"].to_numpy(float)
        for size, axis in zip(frame, ("width", "height"), strict=True)
    )


def _of_keypoints(
    table: pd.DataFrame, base: str, frame: tuple[int, int] | None, origin: int
) -> np.ndarray:
    """The two bases that are the extent of a pair's own keypoints, of all pairs at once."""
    require(table, ("pair", "keypoint", "target_x", "target_y"))
    padded = base == "padded_keypoints_compat"
    offset = origin if padded else 0
    points = pd.DataFrame(
        {
            axis: (table[f"target_{axis}"].to_numpy(float) + offset) * scale
            for axis, scale in zip("xy", scales(table, frame), strict=True)
        }
    )
    pair, _ = pd.factorize(table["pair"])
    found = points.groupby(pair)
    highest, lowest = found.max(), found.min()
    if padded:
        # several methods may share the table, so it is names that count, not rows
        places = pd.DataFrame({"pair": pair, "keypoint": table["keypoint"].to_numpy()})[
            points["x"].notna().to_numpy()
        ]
        count = places.drop_duplicates().groupby("pair").size().reindex(lowest.index, fill_value=0)
        lowest = lowest.clip(
            upper=pd.Series(np.where(count < PLACES, PADDING, np.inf), lowest.index), axis=0
        )
    return (highest - lowest).max(axis=1).to_numpy()[pair]


def _require_base(base: str) -> None:
    if base not in BASES:
        raise ValueError(f"base is {base!r}; wanted one of {', '.join(BASES)}")
