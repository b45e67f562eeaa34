"""What the loaders give is what the metrics take: real bytes through both, for the data sets that
PCK of points does not cover.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from corrlib import methods, metrics
from corrlib.data import load
from corrlib.experiments.evaluate import evaluate

DATA = Path(os.environ.get("CORRLIB_DATA", Path(__file__).parents[3] / "shared" / "data"))


def folder(name):
    """The real bytes of a data set, or a skip that says what is absent."""
    if not (DATA / name).is_dir():
        pytest.skip(f"real bytes are not at {DATA / name}; set CORRLIB_DATA")
    return DATA / name


def test_tss():
    pairs = load("tss", folder("tss_sample") / "Dataset")
    rows = []
    for pair in pairs:
        true = pair.flow()
        rows.append(
            {
                **metrics.score_flow(true, true, pair.target.size),
                "flip": pair.tags["flip"],
                "group": pair.category,
            }
        )
        assert (
            metrics.flow_smoothness(true, pair.source_mask())
            > metrics.flow_smoothness(true, border=False)
            > 0
        )
    table = metrics.flow_table(rows)
    assert (table["T5"].dropna() == 100).all() and (table["epe_px"].dropna() == 0).all()
    assert table.query("group == 'mean' and row == 'Average'")["directions"].item() == 6
    # the clicked points are right under the same rule as the flow: T5 is PCK by the image
    pair = pairs[0]
    at = pair.source_points.round().long()
    landed = pair.source_points + pair.flow()[at[:, 1], at[:, 0]]
    error = (landed - pair.target_points).norm(dim=1)
    assert (
        error[~error.isnan()] <= 0.05 * metrics.tolerance_px("image", target_size=pair.target.size)
    ).all()


def test_davis():
    video = load("davis", folder("davis_car_shadow"), "val")[0]
    table = metrics.object_table(
        metrics.score_objects(video.masks, video.masks, len(video), sequence=video.id)
    )
    assert len(table) == len(video.objects) == 1
    assert (table[["J", "F", "J&F", "J_recall", "F_recall"]] == 1).all(axis=None) and table[
        "frames"
    ].item() == len(video) - 2
    held = metrics.mask_summary(
        metrics.object_table(
            metrics.score_objects(lambda i: video.masks(0), video.masks, len(video))
        )
    )
    assert 0 < held["J"] < 0.9  # the first mask kept: the car drives away


def test_jhmdb():
    video = load("jhmdb", folder("jhmdb_sample"), lists=None)[0]
    table = metrics.score_joints([video.joints], [video.joints], names=video.objects)
    assert (
        table["joint"].tolist()[-1] == "mean" and len(table) == 16 and (table["0.1"] == 100).all()
    )


def test_oxford():
    pairs = load("hpatches", folder("oxford_graf"))
    for pair in pairs:
        assert metrics.corner_error(pair.homography, pair.homography, pair.source.size) == 0
        corners = np.array([[0.0, 0.0], [100.0, 80.0]])
        moved = metrics.apply_homography(pair.homography, corners)
        assert metrics.reprojection_error(corners, moved, pair.homography).max() < 1e-9
    assert len(pairs) == 5


def test_pf_willow_from_method_to_number():
    """Copying the position on one sub-class, by the library's own loop, against numbers from the
    files alone.
    """
    pairs = load("pf_willow", folder("pf_willow")).filter(category="car(S)")
    table = evaluate(methods.load("copy_position", "toybox"), pairs)
    rules = pairs.protocol.but(alphas=(0.1,))
    assert metrics.pck(table, 0.1, "image") == pytest.approx(
        metrics.pck_under(table, rules)["pck"].item()
    )  # the loop counts by it
    ways = {
        "tight": rules,
        "padded": rules.but(base="padded_keypoints_compat", frame=(240, 240)),
        "image": rules.but(base="image"),
    }
    found = metrics.compare(table, ways).set_index("protocol")["pck"]
    shares = {name: [] for name in ways}
    for pair in pairs:
        a, b = pair.source_points.double().numpy(), pair.target_points.double().numpy()
        size, scale = np.array(pair.target.size), 240 / np.array(pair.target.size)
        offset = (a + 0.5) * size / pair.source.size - 0.5 - b
        distance = np.linalg.norm(offset, axis=1)
        shares["tight"].append((distance <= 0.1 * np.ptp(b, axis=0).max()).mean())
        shares["image"].append((distance <= 0.1 * size.max()).mean())
        shares["padded"].append(
            (np.linalg.norm(offset * scale, axis=1) <= 0.1 * (((b + 1) * scale).max() + 1)).mean()
        )
    assert found.to_dict() == pytest.approx(
        {name: 100 * np.mean(share) for name, share in shares.items()}
    )
    assert found["tight"] < found["padded"] < found["image"] and isinstance(table, pd.DataFrame)
