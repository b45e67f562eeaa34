"""From predictions to the numbers that papers print. NumPy and pandas only; OpenCV is imported when a homography is estimated.

| what | functions | unit |
| --- | --- | --- |
| keypoints: PCK in all its definitions | `pck`, `pck_table`, `pck_under`, `measured`, `tolerance_px` | percent |
| how sure a number is | `bootstrap`, `bootstrap_table`, `paired_bootstrap`, `mean_interval` | as the number |

The *keypoint table* has one row a keypoint. Always needed: `pair`, `category`, `keypoint`, and for counting `distance_px` (answer
to truth) and `tolerance_px` (the length that alpha multiplies). To count under another protocol (`measured`) it also needs
`target_x`, `target_y`, `predicted_x`, `predicted_y` and, by base and frame, of `box_px`, `source_box_px`, `image_px`,
`{source,target}_{width,height}` and `{source,target}_box_{width,height}`, all in original pixels; `corrlib.evaluate` writes them.
"""

from corrlib.metrics.intervals import Interval, bootstrap, bootstrap_table, mean_interval, paired_bootstrap
from corrlib.metrics.pck import BY, correct, pck, pck_table
from corrlib.metrics.protocols import compare, measured, pck_under
from corrlib.metrics.tolerance import BASES, tolerance_px, tolerances, with_tolerance

__all__ = [
    "BASES", "BY", "Interval", "bootstrap", "bootstrap_table", "compare", "correct", "mean_interval", "measured",
    "paired_bootstrap", "pck", "pck_table", "pck_under", "tolerance_px", "tolerances", "with_tolerance",
]  # fmt: skip
