"""Masks and joints of a film that is drawn here, from question to printed table."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from corrlib.data.masks import read_mask
from corrlib.experiments.tasks import TASKS
from corrlib.experiments.tasks.joints import JointSettings
from corrlib.experiments.tasks.masks import voc_colours
from corrlib.matching.propagation import Rule
from corrlib.types import FeatureMap, Video
from tests.experiments.task_items import Items, Told, run, view


def film(void=False) -> tuple[Video, list[np.ndarray]]:
    """A red and a green square on a grey ground, which move by a pixel a frame."""
    frames, masks = [], []
    for i in range(5):
        pixels, ids = np.full((16, 24, 3), 90, np.uint8), np.zeros((16, 24), np.uint8)
        for id, (x, y), colour in ((1, (2, 2), (255, 0, 0)), (2, (14, 8), (0, 255, 0))):
            pixels[y : y + 5, x + i : x + i + 5], ids[y : y + 5, x + i : x + i + 5] = colour, id
        if void and i == 0:
            ids[0] = 255
        frames.append(view(f"film/{i:05d}", Image.fromarray(pixels)))
        masks.append(ids)
    return Video("film", tuple(frames), "film", lambda i: torch.from_numpy(masks[i])), masks


@pytest.mark.parametrize("void", [False, True])
def test_masks_of_squares_that_keep_their_colour(tmp_path, void):
    video, masks = film(void)
    data = Items("masks", [video])
    settings = Rule(temperature=0.01, top=3, context=2, radius=3)
    _, tables, said = run(TASKS["masks"], Told(), data, tmp_path / "out", settings=settings)
    mean = tables["masks"].iloc[0]
    assert mean["J"] > 95 and mean["F"] == 100 and mean["objects"] == 2
    assert "J&F" in said and list(tables["objects"].index) == [("film", 1), ("film", 2)]
    files = sorted((tmp_path / "out/masks/film").iterdir())  # as the official evaluation wants
    assert [f.name for f in files] == [f"{i:05d}.png" for i in range(5)]
    assert np.array_equal(read_mask(files[0]), np.where(masks[0] == 255, 0, masks[0]))
    with Image.open(files[1]) as image:
        assert image.mode == "P" and image.getpalette()[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]


def test_the_palette_is_that_of_voc():
    assert voc_colours()[[3, 4, 9, 15]].tolist() == [
        [128, 128, 0],
        [0, 0, 128],
        [192, 0, 0],
        [192, 128, 128],
    ]


def test_a_split_without_truth_is_answered_and_not_scored(tmp_path):
    video, _ = film()

    def first_only(i):
        if i:
            raise FileNotFoundError(f"no mask {i:05d}.png")
        return video.masks(i)

    hidden = Video("film", video.frames, "film", first_only)
    data = Items("masks", [hidden])
    data.split = "test-dev"
    parts, tables, said = run(TASKS["masks"], Told(), data, tmp_path / "out")
    assert tables == {} and "is not published; the answers are in" in said
    assert len(list((tmp_path / "out/masks/film").iterdir())) == 5 and not parts.todo((0, 1))


def test_joints_that_keep_their_colour(tmp_path):
    video, _ = film()
    places = [[[4.0 + i, 4], [16.0 + i, 10], [math.nan, math.nan]] for i in range(5)]
    clip = Video("film", video.frames, "jump", joints=torch.tensor(places), objects=("a", "b", "c"))
    data = Items("joints", [clip])
    settings = JointSettings(temperature=0.01, top=1, context=1, radius=3, sigma=0.5)
    method = Told()
    flat = method.features

    def corners_differ(view, *, seed=0):  # colours alone: squares have no inside
        fm = flat(view)
        return FeatureMap(torch.cat([fm.values[:3], fm.values[3:] * 100]), fm.frame)

    method.features = corners_differ
    _, tables, said = run(TASKS["joints"], method, data, tmp_path / "out", settings=settings)
    assert tables["poses"].loc["mean", "0.5"] == 100 and tables["poses"].loc["mean", "count"] == 8
    assert tables["poses"].loc["as published", "missing"] == 0 and "body" not in said[:40]
    assert list(tables["joints"].index) == ["a", "b", "c"]
