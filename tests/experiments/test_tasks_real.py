"""Tasks on real benchmark bytes, by the command that users type."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from corrlib import metrics
from corrlib.cli import main
from corrlib.data import load

DATA = Path(os.environ.get("CORRLIB_DATA", Path(__file__).parents[3] / "shared" / "data"))
real = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"real benchmark bytes are not at {DATA}; set CORRLIB_DATA"
)


def evaluate(capsys, method, name, where, out, *options) -> tuple[int, str, str]:
    root = ["--data", name, "--root", str(DATA / where), "--out", str(out)]
    code = main(["evaluate", "--method", method, *root, *options])
    return code, *capsys.readouterr()


@real
def test_t5_of_copying_the_position_is_that_of_its_flow(capsys, tmp_path):
    def copied(pair):
        x, y = np.meshgrid(*(np.arange(n) for n in pair.source.size))
        (w1, h1), (w2, h2) = pair.source.size, pair.target.size
        # the rule of pixel centres, as copy_position has it
        return np.stack([(x + 0.5) * w2 / w1 - 0.5 - x, (y + 0.5) * h2 / h1 - 0.5 - y], axis=-1)

    pairs = load("tss", DATA / "tss_sample")
    rows = [
        metrics.score_flow(copied(p), p.flow().numpy(), p.target.size)
        | {"flip": p.tags["flip"], "group": p.category}
        for p in pairs
    ]
    wanted = metrics.flow_table(rows).set_index(["group", "row"])
    options = ("--task", "grid=40x40")
    code, said, err = evaluate(capsys, "copy_position", "tss", "tss_sample", tmp_path, *options)
    assert code == 0, err
    assert "TSS, test: 6 directions; grid (40, 40)" in said and "w/o flip" in said
    found = pd.read_csv(tmp_path / "flow.csv").set_index(["group", "row"])
    assert np.allclose(found["T5"], wanted["T5"], atol=0.5, equal_nan=True)
    assert np.allclose(found["epe_px"], wanted["epe_px"], atol=0.5, equal_nan=True)
    code, _, err = evaluate(capsys, "copy_position", "tss", "tss_sample", tmp_path / "x")
    assert code == 2 and "--task grid=24x24" in err


@real
def test_a_mask_of_2016_is_carried_through_the_real_video(capsys, tmp_path):
    where = ("davis", "davis_car_shadow", tmp_path, "--split", "val")
    near = ("--task", "temperature=0.02", "--task", "radius=4")  # colours differ by little
    code, said, err = evaluate(capsys, "pixels", *where, *near)
    assert code == 0, err
    assert "val: 1 videos" in said or "all videos (without lists): 1 videos" in said
    mean = pd.read_csv(tmp_path / "masks.csv").iloc[0]
    video = load("davis", DATA / "davis_car_shadow", "val")[0]
    still, first = metrics.jaccard, video.masks(0).numpy() == 1
    unmoved = np.mean([still(first, video.masks(i).numpy() == 1) for i in range(1, 39)])
    assert mean["objects"] == 1 and 100 * unmoved + 15 < mean["J"] < 100
    assert len(list((tmp_path / "masks/car-shadow").glob("*.png"))) == 40
    code, _, err = evaluate(capsys, "copy_position", "davis", where[1], tmp_path / "x")
    assert code == 2 and "copy_position answers points" in err and "dift has" in err


@real
def test_graffiti_by_raw_pixels(capsys, tmp_path):
    options = ("--task", "points=300")
    code, said, err = evaluate(capsys, "pixels", "hpatches", "oxford_graf", tmp_path, *options)
    assert code == 0, err
    assert "HPatches, Oxford style: 5 pairs" in said and "points 300" in said
    table = pd.read_csv(tmp_path / "homographies.csv")
    assert set(table["part"]) == {"all"} and table["pairs"].eq(5).all() and len(table) == 4


@real
def test_a_clip_of_jhmdb(capsys, tmp_path):
    code, said, err = evaluate(capsys, "pixels", "jhmdb", "jhmdb_sample", tmp_path)
    assert code == 0, err
    table = pd.read_csv(tmp_path / "poses.csv", index_col=0)
    assert table.loc["mean", "count"] == 39 * 15 and table["0.1"].le(table["0.5"]).all()


def test_what_does_not_belong_is_refused_before_any_work(capsys, tmp_path):
    (tmp_path / "pairs.csv").write_text("source,target,source_x,source_y,target_x,target_y\n")
    from tests.conftest import picture

    for i in range(2):
        picture(40, 30, i).save(tmp_path / f"{i}.png")
    with (tmp_path / "pairs.csv").open("a") as file:
        file.write("0.png,1.png,1,2,3,4\n")
    argv = ["evaluate", "--method", "copy_position", "--data", "folder", "--root", str(tmp_path)]
    assert main([*argv, "--task", "grid=3x3"]) == 2
    assert "folder publishes PCK of points, which has no --task grid" in capsys.readouterr().err


@real
def test_names_of_a_task_that_do_not_exist(capsys, tmp_path):
    code, _, err = evaluate(
        capsys, "pixels", "davis", "davis_car_shadow", tmp_path, "--task", "radios=3"
    )
    assert code == 2 and "radios" in err and "radius" in err
    code, _, err = evaluate(
        capsys, "pixels", "davis", "davis_car_shadow", tmp_path, "--timesteps", "51"
    )
    assert code == 2 and "sweep PCK of points; DAVIS-2017 publishes something else" in err


def test_a_first_pair_without_points_refuses_nothing(capsys, tmp_path):
    from tests.data.spair_tree import edit, spair_tree

    tree = spair_tree(tmp_path / "SPair-71k")
    edit(tree, "PairAnnotation/test/000000-a1-a2:cat.json", kps_ids=[], src_kps=[], trg_kps=[])
    argv = ["evaluate", "--method", "copy_position", "--data", "spair", "--root", str(tree)]
    out = tmp_path / "out"
    assert main([*argv, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "3 pairs" in said and "; 1 more have no point" in said
    assert main(["table", str(out)]) == 0


@real
def test_table_shows_what_was_counted(capsys, tmp_path):
    options = ("--task", "grid=8x8")
    out = tmp_path / "mine"
    assert evaluate(capsys, "copy_position", "tss", "tss_sample", out, *options)[0] == 0
    assert main(["table", str(out)]) == 0
    said = capsys.readouterr().out
    assert "mine: copy_position (toybox) on TSS, test, whole" in said and "w/o flip" in said
