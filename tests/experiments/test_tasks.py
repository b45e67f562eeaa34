"""What benchmarks publish beside PCK: answers whose score is known beforehand, from question to
printed table.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from corrlib.coords import Frame
from corrlib.data.masks import read_mask
from corrlib.data.selection import Selection
from corrlib.experiments.tasks import TASKS, answer, report, task_of
from corrlib.experiments.tasks.joints import JointSettings
from corrlib.experiments.tasks.masks import voc_colours
from corrlib.matching.keypoints import corners
from corrlib.matching.propagation import Rule
from corrlib.storage.result_folder import ResultFolder
from corrlib.types import DensePair, FeatureMap, Matches, Video, View

NONE = torch.zeros(0, 2)


@dataclass(frozen=True)
class Nothing:
    """Settings of the methods here."""


class Told:
    """A method whose features are the pictures' own colours, one cell a pixel, and which moves
    every point by `shift`.
    """

    name, preset, settings = "told", "test", Nothing()

    def __init__(self, shift=(0.0, 0.0)):
        self.shift = shift

    def features(self, view, *, seed=0):
        values = torch.from_numpy(np.array(view.image())).permute(2, 0, 1).float()
        place = torch.stack(torch.meshgrid(*map(torch.arange, values.shape[1:]), indexing="ij"))
        return FeatureMap(torch.cat([values - 127, 0.01 * place]), Frame(view.size, view.size))

    def __call__(self, source, target, queries, *, seed=0):
        return Matches(queries + torch.tensor(self.shift), torch.zeros(len(queries)))


class Points(Told):
    """The same without features of a view."""

    features = None


class Items(Selection):
    """A benchmark in memory."""

    title, unit, published = "Items", "things", None

    def __init__(self, task, items):
        self.task, self.items = task, {item.id: item for item in items}
        super().__init__(Path("memory"), "test", list(self.items))

    def category_of(self, name):
        return self.items[name].category

    def item(self, name):
        return self.items[name]


def noise(seed, size=(24, 16)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def view(id, image) -> View:
    return View(id, image.size, None, pixels=image)


def run(task, method, data, out, **options) -> tuple[ResultFolder, dict[str, pd.DataFrame], str]:
    parts = answer(task, method, data, out, progress=False, **options)
    return parts, task.count(parts.read(), data, parts.root), "\n".join(report(task, parts, data))


# ---------------- flow


def directions() -> Items:
    """Three directions whose true flow is (2, 1) on the left half: two groups, one flip."""
    flow = torch.full((16, 24, 2), torch.nan)
    flow[:, :12] = torch.tensor([2.0, 1.0])
    pairs = []
    for name, flip in (("FG3DCar/a:1to2", False), ("FG3DCar/b:1to2", True), ("JODS/c:1to2", False)):
        views = [view(f"{name}/{i}", noise(i)) for i in (1, 2)]
        tags = {"flip": flip}
        pairs.append(
            DensePair(
                name, *views, NONE, NONE, (), name.split("/")[0], tags=tags, flow=lambda: flow
            )
        )
    return Items("flow", pairs)


@pytest.mark.parametrize(
    ("shift", "t5", "error"), [((2.0, 1.0), 100, 0), ((3.0, 1.0), 100, 1), ((3.5, 1.0), 0, 1.5)]
)
def test_t5_of_a_known_flow(tmp_path, shift, t5, error):
    data = directions()  # 5 % of 24 pixels are 1.2
    parts, tables, said = run(task_of(data), Told(shift), data, tmp_path / "out")
    table = tables["flow"]
    assert table.loc[("FG3DCar", "Average"), ["T5", "epe_px", "directions"]].tolist() == [
        t5,
        pytest.approx(error, abs=1e-5),
        2,
    ]
    assert table.loc[("FG3DCar", "w/o flip"), "directions"] == 1
    assert table.loc[("mean", "Average"), "T5"] == t5
    assert parts.count == 3 and "T5: percent of an object's pixels" in said and "grid None" in said
    assert (
        (tmp_path / "out" / "flow.csv").read_text().startswith("group,row,epe_px,T5,directions\n")
    )


def test_a_method_without_maps_is_asked_at_a_grid_that_is_named(tmp_path):
    data, task = directions(), TASKS["flow"]
    with pytest.raises(TypeError, match="told has no feature map .* --task grid=24x24"):
        answer(task, Points(), data, tmp_path / "out")
    assert not (tmp_path / "out").exists()  # refused before anything begins
    settings = task.settings(grid=(6, 4))
    _, tables, said = run(task, Points((2.0, 1.0)), data, tmp_path / "out", settings=settings)
    assert tables["flow"].loc[("mean", "Average"), "T5"] == 100 and "grid (6, 4)" in said
    for name in ("planes", "masks", "joints"):
        with pytest.raises(TypeError, match="told answers points .* has no feature map of a view"):
            answer(TASKS[name], Points(), data, tmp_path / "no")


def test_shards_a_subset_and_a_run_that_goes_on(tmp_path):
    data, task = directions(), TASKS["flow"]
    whole = answer(task, Told(), data, tmp_path / "whole", progress=False).read()
    for i in (1, 0):
        parts = answer(task, Told(), data, tmp_path / "parts", shard=(i, 2), progress=False)
    assert parts.read().equals(whole)
    some = answer(task, Told(), data, tmp_path / "some", limit=2, progress=False)
    assert set(some.read()["subset"]) == {"2 of 3 things"}
    with pytest.raises(ValueError, match="another run .task: 'grid None' there"):
        answer(task, Told(), data, tmp_path / "whole", settings=task.settings(grid=(3, 3)))


# ---------------- planes


def test_the_homography_of_a_shifted_picture(tmp_path):
    picture = noise(0, (60, 44)).resize((240, 176), Image.Resampling.BICUBIC)
    a, b = picture.crop((10, 10, 210, 160)), picture.crop((14, 12, 214, 162))
    true = torch.tensor([[1.0, 0, -4], [0, 1, -2], [0, 0, 1]], dtype=torch.float64)
    names, matrices = ("v_moved:1-2", "i_same:1-2", "v_wrong:1-2"), (true, true, true.clone())
    matrices[2][0, 2] = 4.0
    pairs = [
        DensePair(
            name,
            view(f"{name}/1", a),
            view(f"{name}/2", b),
            NONE,
            NONE,
            (),
            "viewpoint",
            tags={"sequence": name.partition(":")[0], "k": 2},
            homography=matrix,
        )
        for name, matrix in zip(names, matrices, strict=True)
    ]
    data = Items("planes", pairs)

    class Patches(Told):
        def features(self, view, *, seed=0):
            fm = super().features(view)
            around = torch.nn.functional.unfold(fm.values[None, :3], 5, padding=2)[0]
            return FeatureMap(around.unflatten(1, fm.values.shape[1:]), fm.frame)

    settings = TASKS["planes"].settings(points=200)
    _, tables, said = run(TASKS["planes"], Patches(), data, tmp_path / "out", settings=settings)
    accuracy = tables["homographies"]
    assert accuracy.loc[("cosine", "ransac", "i"), "1 px"] == 100
    assert accuracy.loc[("l2", "lmeds", "v"), ["1 px", "5 px", "pairs"]].tolist() == [50, 50, 2]
    assert accuracy.loc[("l2", "ransac", "all"), "3 px"] == pytest.approx(200 / 3)
    matches = tables["matches"]
    assert matches.loc[("cosine", "i"), "1 px"] > 90 and matches.loc[("cosine", "v"), "5 px"] < 60
    assert "points 200" in said and "Shi-Tomasi" in said


def test_an_image_without_a_corner_fails_and_is_counted(tmp_path):
    flat = Image.new("RGB", (40, 30))
    assert len(corners(flat, 10)) == 0
    pair = DensePair(
        "v_flat:1-2",
        view("v_flat/1", flat),
        view("v_flat/2", flat),
        NONE,
        NONE,
        (),
        "viewpoint",
        tags={"sequence": "v_flat", "k": 2},
        homography=torch.eye(3),
    )
    data = Items("planes", [pair])
    _, tables, _ = run(TASKS["planes"], Told(), data, tmp_path / "out")
    row = tables["homographies"].loc[("cosine", "ransac", "all")]
    assert (row["5 px"], row["failed"]) == (0, 1)
    assert tables["matches"].loc[("cosine", "all"), ["5 px", "matches"]].tolist() == [0, 0]


def test_published_keypoints_are_read_from_their_lists(tmp_path):
    task, image = TASKS["planes"], noise(1, (40, 30))
    for k in (1, 2):
        (tmp_path / f"v_x-{k}.kp").write_text("10 5\n3.5 7\n10 5\n20 20\n30 11\n")
    views = [view(f"v_x/{k}", image) for k in (1, 2)]
    tags = {"sequence": "v_x", "k": 2}
    pair = DensePair("v_x:1-2", *views, NONE, NONE, (), "v", tags=tags, homography=torch.eye(3))
    settings = task.settings(keypoints=str(tmp_path))
    rows = task.ask(Told(), pair, settings, 0, tmp_path)
    assert len(rows) == 2 * 4 and rows["source_x"][0] == 3.5  # one of the two that are equal
    (tmp_path / "v_x-2.kp").unlink()
    with pytest.raises(FileNotFoundError, match="v_x-2.kp"):
        task.ask(Told(), pair, settings, 0, tmp_path)


# ---------------- masks and joints


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


def test_every_task_belongs_to_a_data_set():
    from corrlib.data.davis import Davis
    from corrlib.data.folder import Folder
    from corrlib.data.hpatches import HPatches
    from corrlib.data.jhmdb import JHMDB
    from corrlib.data.tss import TSS

    assert {c.task for c in (TSS, HPatches, Davis, JHMDB)} == set(TASKS) and not Folder.task
    assert task_of(Folder) is None and task_of([]) is None
