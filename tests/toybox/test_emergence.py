import json
import shutil

import numpy as np
import pytest
from conftest import picture

from corrlib import bench
from corrlib.experiments.profiles import Profile
from corrlib.toybox.writing.spair import ImageRecord, write_image, write_split


def write_toys(root):
    """A data set of two categories: pictures cut from one large picture, their keypoints moved
    along.
    """
    records = {}
    for split, offset in (("val", 0), ("test", 100)):
        for k, category in enumerate(("cat", "dog")):
            whole = picture(120, 100, offset + k)
            for i, (x, y) in enumerate(((0, 0), (24, 16), (40, 30))):
                keypoints = {
                    str(n): (px - x, py - y)
                    for n, (px, py) in enumerate(((50, 40), (60, 55), (52, 60)))
                }
                record = ImageRecord(
                    f"{split}{i}",
                    category,
                    72,
                    64,
                    (5, 5, 65, 60),
                    keypoints,
                    ("a", "b", "c"),
                    azimuth=30.0 * i * i,
                    elevation=0.0,
                )
                write_image(
                    root, whole.crop((x, y, x + 72, y + 64)), record, np.zeros((64, 72), np.uint8)
                )
                records[split, category, i] = record
        pairs = [
            (records[split, c, i], records[split, c, j])
            for c in ("cat", "dog")
            for i in range(3)
            for j in range(3)
            if i != j
        ]
        write_split(root, split, pairs)


@pytest.fixture
def profile(tmp_path, tiny_folder, monkeypatch) -> Profile:
    write_toys(tmp_path / "SPair-71k")
    shutil.copytree(tiny_folder, tmp_path / "weights" / "toybox")
    monkeypatch.setenv("CORRLIB_WEIGHTS", str(tmp_path / "weights"))
    data = {"name": "spair", "root": "SPair-71k"}
    chosen = Profile(
        "toybox",
        tmp_path,
        {"data": data, "split": "test", "preset": "toybox", "device": "cpu", "seed": 0},
    )
    import corrlib.bench.emergence as module

    monkeypatch.setattr(module, "load_profile", lambda name: chosen)
    return chosen


def test_emergence_compares_dift_with_every_baseline_on_both_sets_of_pairs(profile):
    result = bench.run("emergence", timesteps=(51, 261), validation_limit=6)
    json.dumps(result)
    assert set(result["test"]) == {"dift", "pixels", "latents", "random_unet", "copy_position"}
    assert len(result["validation"]["dift"]) == 30
    chosen = result["chosen"]["dift"]
    assert result["validation"]["dift"][f"{chosen['layer']}@{chosen['timestep']}"] == max(
        result["validation"]["dift"].values()
    )
    assert result["test"]["pixels"]["all"] == 100, (
        "cuts of one picture: patches must find each other"
    )
    assert (result["test_pairs"], result["validation_pairs"], result["subset"]) == (12, 6, "")
    assert (
        result["test"]["dift"]["points_all"] == 36
        and result["test"]["dift"]["points_within_35"] == 12
    )
    assert (
        result["ratio_all"] == pytest.approx(result["test"]["dift"]["all"] / 100)
        and result["best_baseline_all"] == "pixels"
    )
    assert result["ratio_within_35"] == pytest.approx(result["test"]["dift"]["within_35"] / 100)
