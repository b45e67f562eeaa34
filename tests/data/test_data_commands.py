"""The command line on data sets: list, info, check, and evaluations that say how they were
counted.
"""

import ast
import importlib
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from corrlib import data
from corrlib.cli import main
from corrlib.data.selection import Selection
from corrlib.experiments.evaluate import protocol_of, score
from corrlib.metrics.protocol import Protocol

DATA = Path(os.environ.get("CORRLIB_DATA", Path(__file__).parents[3] / "shared" / "data"))
real = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"real benchmark bytes are not at {DATA}; set CORRLIB_DATA"
)
HEAD = "source,target,source_x,source_y,target_x,target_y,category\n"


def run(capsys, *argv) -> tuple[int, str, str]:
    code = main(list(map(str, argv)))
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def folder(tmp_path) -> Path:
    root = tmp_path / "mine"
    root.mkdir()
    for i, size in enumerate([(64, 48), (40, 80)]):
        pixels = np.random.default_rng(i).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f"{i}.png")
    (root / "pairs.csv").write_text(
        HEAD
        + "0.png,1.png,16,12,10,20,cat\n0.png,1.png,32,24,20,40,cat\n1.png,0.png,5,6,30,40,dog\n"
    )
    return root


def test_every_registered_data_set_is_a_selection_with_a_check(capsys):
    code, out, _ = run(capsys, "data", "list")
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (
        code == 0
        and list(lines) == sorted(data.REGISTRY)
        and all(len(about) > 20 for about in lines.values())
    )
    assert set(lines) == {
        "spair",
        "pf_pascal",
        "pf_willow",
        "cub",
        "tss",
        "hpatches",
        "davis",
        "jhmdb",
        "folder",
    }
    for name, where in data.REGISTRY.items():
        module, attribute = where.split(":")
        assert issubclass(getattr(importlib.import_module(module), attribute), Selection), name
        assert callable(importlib.import_module(f"corrlib.data.checks.{name}").check), name


@pytest.mark.parametrize("name", sorted(data.REGISTRY))
def test_a_wrong_root_is_an_error_and_a_problem_of_every_data_set(capsys, name, tmp_path):
    code, _, err = run(capsys, "data", "info", name, tmp_path / "nowhere")
    assert (
        code == 2 and err.startswith("error: no ") and "nowhere" in err and "Traceback" not in err
    )
    code, out, _ = run(capsys, "data", "check", name, tmp_path / "nowhere")
    assert code == 1 and out.startswith("problem: no ") and out.endswith("nowhere: 1 problem\n")


def test_info_says_the_protocol_and_takes_options(capsys, folder):
    code, out, _ = run(
        capsys,
        "data",
        "info",
        "folder",
        folder,
        "--option",
        "base=keypoints",
        "--option",
        "frame=32x32",
    )
    assert (
        code == 0
        and "PCK per image, base tight box of the target's keypoints, <=, frame 32 x 32, first "
        "pixel 0"
        in out
    )
    assert [line.split() for line in out.splitlines()[1:]] == [
        ["cat", "1", "pairs"],
        ["dog", "1", "pairs"],
    ]
    code, _, err = run(capsys, "data", "info", "folder", folder, "--option", "bse=image")
    assert code == 2 and "folder has no option 'bse'" in err


def test_check_tells_problems_from_notices(capsys, folder, tmp_path):
    assert run(capsys, "data", "check", "folder", folder) == (0, f"{folder}: no problems\n", "")
    path = folder / "1.png"
    path.write_bytes(path.read_bytes()[:3000])
    code, out, _ = run(capsys, "data", "check", "folder", folder)
    assert code == 1 and out.startswith("problem: cannot decode") and out.endswith(": 1 problem\n")
    assert run(capsys, "data", "check", "folder", folder, "--no-decode")[0] == 0


@real
@pytest.mark.parametrize(
    ("name", "where", "notice"),
    [
        ("spair", "spair71k_subset", "notice: test pairs: 4, published 12,234"),
        ("pf_willow", "pf_willow", "no problems"),
        ("cub", "cub200_subset", "notice: images in images.txt: 543, published 11,788"),
    ],
)
def test_a_subset_is_noticed_and_not_called_wrong(capsys, name, where, notice):
    code, out, _ = run(capsys, "data", "check", name, DATA / where)
    assert code == 0 and notice in out and "problem:" not in out


def copying(folder, out, *options) -> tuple:
    return (
        "evaluate",
        "--data",
        "folder",
        "--root",
        folder,
        "--method",
        "copy_position",
        "--out",
        out,
        *options,
    )


def evaluate(capsys, folder, out, *options) -> str:
    code, said, err = run(capsys, *copying(folder, out, *options))
    assert code == 0, err
    return said


def test_every_evaluation_says_how_it_was_counted(capsys, folder, tmp_path):
    said = evaluate(capsys, folder, tmp_path / "a")
    assert (
        "folder: 2 pairs, 3 keypoints\nPCK per image, base target image, <=, original pixels, "
        "first pixel 0; in percent" in said
    )
    assert [line.split(":")[0] for line in said.splitlines() if line.startswith("PCK@")] == [
        "PCK@0.05",
        "PCK@0.1",
        "PCK@0.15",
    ]
    assert (
        "PCK@0.1: by point 66.7, by image 50.0 *, by category 50.0\n" in said
    )  # two points right, one wrong in the other pair
    options = [
        f"--option={rule}"
        for rule in ("strict=True", "base=keypoints", "by=point", "alphas=(0.5,)", "frame=100x100")
    ]
    strict = evaluate(capsys, folder, tmp_path / "b", *options, "--limit", 1)
    assert (
        "PCK per point, base tight box of the target's keypoints, <, frame 100 x 100" in strict
        and "a subset: 1 of 2" in strict
    )
    assert [line.split(":")[0] for line in strict.splitlines() if line.startswith("PCK@")] == [
        "PCK@0.5"
    ]
    code, out, _ = run(
        capsys, "table", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "tables"
    )
    assert code == 0
    assert (
        "a: PCK per image, base target image, <=, original pixels, first pixel 0, alpha 0.1" in out
    )
    rows = {
        row["name"]: row
        for row in json.loads((tmp_path / "tables" / "results.json").read_text())["rows"]
    }
    assert (
        rows["a"]["definition"] == "0.1 image"
        and rows["b"]["definition"] == "0.1 keypoints at 100 x 100, strict"
    )
    assert rows["b"]["protocol"].startswith("PCK per point, base tight box")
    by_category = json.loads((tmp_path / "tables" / "categories.json").read_text())["rows"]
    assert [row["definition"] for row in by_category] == [
        "per point, 0.1 image",
        "per point, 0.1 keypoints at 100 x 100, strict",
    ]


def test_another_rule_is_another_run(capsys, folder, tmp_path):
    evaluate(capsys, folder, tmp_path / "a")
    code, _, err = run(capsys, *copying(folder, tmp_path / "a", "--option", "base=keypoints"))
    assert code == 2 and "base: 'image' there, 'keypoints' now" in err


def test_there_is_no_pck_without_points(capsys, folder, tmp_path):
    (folder / "pairs.csv").unlink()
    code, _, err = run(capsys, *copying(folder, tmp_path / "a"))
    assert code == 2 and "has no keypoints to ask for: there is no PCK to evaluate" in err


def test_the_rows_carry_the_protocol_and_score_follows_it(capsys, folder, tmp_path):
    evaluate(capsys, folder, tmp_path / "a")
    matches = pd.concat(
        [pd.read_parquet(part) for part in sorted((tmp_path / "a").glob("part-*.parquet"))]
    )
    assert set(matches["data"]) == {"folder"}
    table = score(matches)
    assert protocol_of(table) == Protocol(base="image", by="image")
    assert table["tolerance_px"].tolist() == [80, 80, 64]
    other = Protocol(base="keypoints", frame=(80, 80), strict=True, alphas=(0.2,))
    again = score(matches[:2], other)
    assert protocol_of(again) == other
    assert again["tolerance_px"].tolist() == [20, 20]  # 10 x 10 px of the 40 x 80 image
    dx, dy = (matches[f"predicted_{c}"] - matches[f"target_{c}"] for c in "xy")
    assert again["distance_px"].to_numpy() == pytest.approx(np.hypot(dx * 2, dy)[:2])
    with pytest.raises(ValueError, match="holds 2 protocols"):
        protocol_of(pd.concat([table, again]))
    older = matches.drop(columns=list(Protocol().labels()))
    assert score(older)["tolerance_px"].tolist() == [80, 80, 64]  # no boxes: by the image


def test_list_needs_no_torch():
    source = Path(data.__file__).parent
    for name in data.REGISTRY:
        module = data.REGISTRY[name].split(":")[0].rpartition(".")[2]
        assert (
            data.about(name)
            == ast.get_docstring(ast.parse((source / f"{module}.py").read_text())).split("\n")[0]
        )


@real
def test_willow_and_cub_through_the_command_line(capsys, tmp_path):
    common = ("evaluate", "--method", "copy_position", "--limit", 20)
    code, out, err = run(
        capsys,
        *common,
        "--data",
        "pf_willow",
        "--root",
        DATA / "pf_willow",
        "--out",
        tmp_path / "w",
    )
    assert code == 0, err
    assert (
        "PF-Willow, test: 20 pairs, 200 keypoints" in out
        and "base tight box of the target's keypoints" in out
    )
    code, out, err = run(
        capsys,
        *common,
        "--data",
        "cub",
        "--root",
        DATA / "cub200_subset",
        "--out",
        tmp_path / "c",
        "--option",
        "variant=asic",
        "--option",
        "classes=(1,)",
    )
    assert code == 0, err
    assert (
        "CUB-200-2011, test (asic, all images of the split): 20 pairs" in out
        and "PCK@0.01" in out
        and "by point" in out
    )
