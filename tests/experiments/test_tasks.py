"""Flow and planes: answers whose score is known beforehand, from question to printed table."""

from dataclasses import replace

import pytest
import torch
from PIL import Image

from corrlib.experiments.evaluate import evaluate
from corrlib.experiments.tasks import TASKS, answer, task_of
from corrlib.matching.keypoints import corners
from corrlib.types import DensePair, FeatureMap
from tests.experiments.task_items import Items, Points, Sides, Told, noise, run, view

NONE = torch.zeros(0, 2)


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
        for method in (Points(), Sides()):
            with pytest.raises(TypeError, match="told answers points .* has no feature map of a v"):
                answer(TASKS[name], method, data, tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_clicked_points_of_tss_are_said_to_be_no_published_measure():
    pair = directions()[0]
    clicked = replace(pair, source_points=torch.ones(1, 2), target_points=torch.ones(1, 2))
    data = Items("flow", [replace(clicked, keypoints=("0",), flow=None)])
    table = evaluate(Told(), data, progress=False)
    assert set(table["data"]) == {"Items, test, its clicked points, not its published measure"}


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


def test_every_task_belongs_to_a_data_set():
    from corrlib.data.davis import Davis
    from corrlib.data.folder import Folder
    from corrlib.data.hpatches import HPatches
    from corrlib.data.jhmdb import JHMDB
    from corrlib.data.tss import TSS

    assert {c.task for c in (TSS, HPatches, Davis, JHMDB)} == set(TASKS) and not Folder.task
    assert task_of(Folder) is None and task_of([]) is None
