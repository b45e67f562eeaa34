"""How much a data set is like SPair-71k: boxes, views, cuts and points, side by side."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from corrlib.bench import benchmark
from corrlib.data.spair import SPair
from corrlib.experiments.profiles import load_profile
from corrlib.toybox.items import WORLDS

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
# Boxes of 360 test pairs; tags and points of the 16 real pairs at hand, which are no random sample.
# How hard views are there is not known from these: the shares are the toybox's own assumption.
SPAIR_71K = {
    "box_over_image": {"10 %": 0.36, "25 %": 0.49, "50 %": 0.65, "75 %": 0.82, "90 %": 0.95},
    "viewpoint": {"easy": 6 / 16, "medium": 10 / 16, "hard": 0.0},
    "no_truncation": 8 / 16,
    "no_occlusion": 10 / 16,
    "points_a_pair": 7.0,
}
AIMS = {"viewpoint": {"easy": 1 / 2, "medium": 1 / 3, "hard": 1 / 6}}
HARD = "hard-dift"  # the run of the profile whose `root` is the hard set


@benchmark("world")
def bench_world(
    profile: str = "toybox", split: str = "test", root: str | None = None
) -> dict[str, Any]:
    """Statistics of the toybox's two sets of pairs beside those of SPair-71k; or of tree `root`.

    Read from the annotations that were written, not from what was asked of the renderer. Raises
    FileNotFoundError where there is no tree.
    """
    if root is not None:
        trees = {"root": root}
    else:
        chosen = load_profile(profile)
        roots = {"calibrated": chosen["data"]["root"], "hard": chosen["runs"][HARD]["root"]}
        trees = {world: chosen.path(roots[world]) for world in WORLDS}
    found = {name: statistics(SPair(tree, split)) for name, tree in trees.items()}
    return {"split": split, "spair_71k": SPAIR_71K, "aims": AIMS, **found}


def statistics(pairs: SPair) -> dict[str, Any]:
    """Of pairs in SPair-71k's layout: quantiles over the two pictures of each pair of the box's
    longer side over the picture's, and shares of pairs.
    """
    records = [pairs.pair_annotation(name) for name in pairs.names]
    fills, images = [], set()
    for record in records:
        for side in ("src", "trg"):
            x1, y1, x2, y2 = record[f"{side}_bndbox"]
            fills.append(max(x2 - x1 + 1, y2 - y1 + 1) / max(record[f"{side}_imsize"][:2]))
            images.add((record["category"], record[f"{side}_imname"]))
    views = np.array([record["viewpoint_variation"] for record in records])
    quantiles = np.quantile(fills, QUANTILES)

    def share(of: Sequence[bool] | np.ndarray) -> float:
        return round(float(np.mean(of)), 3)

    return {
        "pairs": len(records),
        "images": len(images),
        "box_over_image": {
            f"{q * 100:.0f} %": round(float(v), 3)
            for q, v in zip(QUANTILES, quantiles, strict=True)
        },
        "viewpoint": {k: share(views == i) for i, k in enumerate(("easy", "medium", "hard"))},
        "no_truncation": share([record["truncation"] == 0 for record in records]),
        "no_occlusion": share([record["occlusion"] == 0 for record in records]),
        "points_a_pair": round(float(np.mean([len(record["src_kps"]) for record in records])), 2),
    }
