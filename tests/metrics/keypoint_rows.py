"""Rows of a keypoint table, made by hand or of real annotations."""

import numpy as np
import pandas as pd


def rows_of(pair, source, target, predicted, sizes, boxes=None, category="c"):
    """Rows of a keypoint table as corrlib.experiments.evaluate writes them, in original pixels."""
    boxes = boxes or [(np.nan,) * 4] * 2
    columns = {"pair": pair, "category": category, "keypoint": [str(i) for i in range(len(source))]}
    for name, xy in (("source", source), ("target", target), ("predicted", predicted)):
        columns[f"{name}_x"], columns[f"{name}_y"] = np.asarray(xy, float).T
    for side, size, box in zip(("source", "target"), sizes, boxes, strict=True):
        columns[f"{side}_width"], columns[f"{side}_height"] = map(float, size)
        columns[f"{side}_box_width"], columns[f"{side}_box_height"] = (
            box[2] - box[0],
            box[3] - box[1],
        )
    columns["box_px"], columns["source_box_px"] = (
        max(b[2] - b[0], b[3] - b[1]) for b in boxes[::-1]
    )
    columns["image_px"] = float(max(sizes[1]))
    return pd.DataFrame(columns)
