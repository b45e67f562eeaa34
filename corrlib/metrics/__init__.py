"""From predictions to the numbers that papers print, and how sure they are. NumPy and pandas only
(OpenCV is imported when a homography is estimated): no tensor, no picture and no method here.

- Keypoints, PCK in all its definitions (percent): `pck`, `pck_table`, `pck_under`, `compare`,
  `measured`, `tolerance_px`.
- How sure a number is: `pck_interval`, `interval_table`, `paired_interval`,
  `contrast_interval`, `mean_interval`.
- Planes, HPatches (percent; pixels): `four_ways`, `homography_accuracy`, `matching_accuracy`,
  `corner_error`.
- Dense flow, TSS (percent; pixels): `score_flow`, `flow_table`, `flow_smoothness`, `resize_flow`,
  `unmirror_flow`.
- Masks in video, DAVIS (J, F: 0 to 1): `score_objects`, `object_table`, `mask_summary`.
- Joints in video, JHMDB (percent): `score_joints`.

The *keypoint table* has one row a keypoint. Always needed: `pair`, `category`, `keypoint`, and for
counting `distance_px` (answer to truth) and `tolerance_px` (the length that alpha multiplies). To
count under another protocol (`measured`) it also needs `target_x`, `target_y`, `predicted_x`,
`predicted_y` and, by base and frame, of `box_px`, `source_box_px`, `image_px`,
`{source,target}_{width,height}` and `{source,target}_box_{width,height}`, all in original pixels;
`corrlib.experiments.evaluate` writes them.
"""

from corrlib.metrics.flow import (
    flow_error,
    flow_smoothness,
    flow_table,
    resize_flow,
    score_flow,
    unmirror_flow,
)
from corrlib.metrics.grids import resize_mask
from corrlib.metrics.homography import (
    apply_homography,
    corner_error,
    find_homography,
    four_ways,
    homography_accuracy,
    homography_flow,
    matching_accuracy,
    mutual_neighbours,
    reprojection_error,
)
from corrlib.metrics.intervals import (
    Interval,
    contrast_interval,
    interval_table,
    mean_interval,
    paired_interval,
    pck_interval,
)
from corrlib.metrics.joints import body_size, score_joints
from corrlib.metrics.masks import (
    boundary_f,
    frame_statistics,
    jaccard,
    mask_summary,
    object_table,
    score_objects,
)
from corrlib.metrics.pck import BY, correct, pck, pck_table
from corrlib.metrics.protocol_pck import compare, measured, pck_under
from corrlib.metrics.tolerance import BASES, tolerance_px, tolerances, with_tolerance

__all__ = [
    "BASES",
    "BY",
    "Interval",
    "apply_homography",
    "body_size",
    "boundary_f",
    "compare",
    "contrast_interval",
    "corner_error",
    "correct",
    "find_homography",
    "flow_error",
    "flow_smoothness",
    "flow_table",
    "four_ways",
    "frame_statistics",
    "homography_accuracy",
    "homography_flow",
    "jaccard",
    "mask_summary",
    "matching_accuracy",
    "interval_table",
    "mean_interval",
    "measured",
    "mutual_neighbours",
    "object_table",
    "paired_interval",
    "pck",
    "pck_interval",
    "pck_table",
    "pck_under",
    "reprojection_error",
    "resize_flow",
    "resize_mask",
    "score_flow",
    "score_joints",
    "score_objects",
    "tolerance_px",
    "tolerances",
    "unmirror_flow",
    "with_tolerance",
]
