import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import picture
from PIL import Image

from corrlib.cli import COMMANDS, main
from corrlib.storage.result_folder import ResultFolder

TINY = ["--set", "ensemble=1", "--set", "size=32x32"]


@pytest.fixture
def images(tmp_path) -> list[str]:
    """Paths of two pictures of different sizes."""
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    picture(60, 45, 1).save(paths[0])
    picture(50, 70, 2).save(paths[1])
    return [str(path) for path in paths]


@pytest.fixture
def folder(images, tmp_path) -> Path:
    """A data set of one's own images: five pairs, seven points."""
    rows = ["source,target,source_x,source_y,target_x,target_y,category"]
    rows += [f"a.png,b.png,{x},{y},{x * 0.8:g},{y * 1.5:g},cat" for x, y in ((10, 10), (30, 20))]
    rows += [f"b.png,a.png,{x},{y},{x},{y},cat" for x, y in ((20, 12), (7, 30))]
    rows += ["a.png,a.png,10,10,10,10,cat"]
    (tmp_path / "pairs.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def run(capsys, *argv) -> tuple[int, str, str]:
    code = main(list(map(str, argv)))
    out, err = capsys.readouterr()
    return code, out, err


def test_help_is_light():
    code = (
        "import sys; from corrlib.cli import main\n"
        "try: main(['evaluate', '--help'])\n"
        "except SystemExit: assert not {'torch', 'pandas', 'numpy', 'matplotlib'} & "
        "set(sys.modules)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert "--shard i/n" in out


def test_every_command_has_help(capsys):
    for name in COMMANDS:
        with pytest.raises(SystemExit) as stop:
            main([name, "--help"])
        assert stop.value.code == 0 and name in capsys.readouterr().out


def test_match_prints_and_draws(capsys, images, tiny_folder, tmp_path):
    figure = tmp_path / "fig.png"
    code, out, err = run(
        capsys,
        "match",
        *images,
        "--points",
        "40,20",
        "5.5,6",
        "--set",
        f"model={tiny_folder}",
        *TINY,
        "--prompt",
        "two pictures",
        "--out",
        figure,
    )
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert (
        lines[0].startswith("(40, 20) -> (")
        and lines[1].startswith("(5.5, 6) -> (")
        and lines[2] == str(figure)
    )
    with Image.open(figure) as drawn:
        assert min(drawn.size) > 200


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (
            ["--points", "400,20", "--method", "pixels"],
            "point 0 at (400, 20) lies outside of the image, which is 60 x 45",
        ),
        (["--points", "4,2", "--method", "pixel"], "no method 'pixel'; did you mean pixels"),
        (
            ["--points", "4,2", "--method", "pixels", "--set", "strid=8"],
            "has no setting 'strid'; did you mean stride",
        ),
        (
            ["--points", "4,2", "--method", "pixels", "--preset", "tiny"],
            "has no preset 'tiny'; it has toybox",
        ),
        (["--points", "4,2", "--method", "pixels", "--out", "fig.bmp"], "cannot draw into fig.bmp"),
        (["--points", "4,2", "--method", "pixels", "--out", "nowhere/fig.png"], "no folder"),
        (
            ["--points", "4,2", "--method", "pixels", "--profile", "toybx"],
            "no profile 'toybx'; there are: ",
        ),
        (["--points", "4,2", "--set", "model=no/where"], "hf download no/where"),
    ],
)
def test_wrong_use_is_one_error_and_exit_code_2(capsys, images, argv, said):
    code, out, err = run(capsys, "match", *images, *argv)
    assert code == 2 and err.startswith("error: ") and said in err
    assert "Traceback" not in err and out == ""


def test_wrong_arguments_are_explained(capsys, images):
    for argv, said in (
        (["match", *images, "--points", "40"], "'40' is no point; write x,y"),
        (["evaluate", "--shard", "3/3"], "shards of 3 are 0/3 to 2/3"),
        (["evaluate", "--set", "timestep"], "write name=value"),
        (["mtach"], "invalid choice"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(argv)
        assert stop.value.code == 2 and said in capsys.readouterr().err
    assert run(capsys, "match", "absent.png", images[1], "--points", "1,1")[2].startswith(
        "error: no image at absent.png"
    )


def test_evaluate_in_shards_then_table(capsys, folder, tiny_folder, tmp_path):
    common = ["--data", "folder", "--root", folder]
    out = tmp_path / "dift"
    model = ["--method", "dift", "--set", f"model={tiny_folder}", *TINY, "--out", out]
    code, said, _ = run(capsys, "evaluate", *common, *model, "--shard", "0/2")
    assert code == 0 and "PCK@0.1: by point" in said and f"profile toybox on {folder.name}" in said
    assert "3 pairs, 5 keypoints" in said and "subset" not in said
    code, said, _ = run(
        capsys,
        "evaluate",
        *common,
        "--method",
        "copy_position",
        "--limit",
        2,
        "--out",
        tmp_path / "copy",
    )
    assert code == 0 and "a subset: 2 of 3 pairs" in said
    sweep = [
        *model[:-1],
        tmp_path / "sweep",
        "--layers",
        "up_blocks.0,up_blocks.1",
        "--timesteps",
        "51,261",
    ]
    assert run(capsys, "evaluate", *common, *sweep, "--shard", "1/2")[1].endswith(
        "1 of 2 parts are there; the other shards write the rest\n"
    )
    assert "up_blocks.1" in run(capsys, "evaluate", *common, *sweep, "--shard", "0/2")[1]
    tables = tmp_path / "tables"
    code, said, _ = run(
        capsys, "table", out, tmp_path / "copy", tmp_path / "sweep", "--out", tables
    )
    assert code == 0
    rows = json.loads((tables / "results.json").read_text())["rows"]
    assert [row["name"] for row in rows] == ["dift", "copy"]
    cells = json.loads((tables / "sweep.json").read_text())
    assert [(row["layer"], row["t"]) for row in cells["rows"]][:2] == [
        ("up_blocks.0", 51),
        ("up_blocks.1", 51),
    ]
    assert (tables / "categories.tex").is_file()
    assert not list(tables.glob("*beside_paper*")), (
        "own images, counted by the image, beside the paper's SPair-71k"
    )
    code, _, err = run(capsys, "evaluate", *common, *model, "--seed", 5)
    assert code == 2 and "seed: 0 there, 5 now" in err
    copied = ResultFolder.open(tmp_path / "copy")
    ResultFolder.start(tmp_path / "many", copied.run, 1).write(
        0, copied.read().assign(trial="base")
    )
    code, said, _ = run(capsys, "table", tmp_path / "copy", tmp_path / "many", "--out", tables)
    assert (
        code == 0
        and "studies, see `python -m corrlib trials NAME`: many" in said
        and "copy: " in said
    )


def test_features_fill_the_store_that_evaluate_reads(
    capsys, folder, tiny_folder, tmp_path, monkeypatch
):
    from corrlib.experiments.profiles import Profile

    monkeypatch.setattr(Profile, "build", lambda self, *parts: tmp_path.joinpath("build", *parts))
    model = ["--data", "folder", "--root", folder, "--set", f"model={tiny_folder}", *TINY]
    for i in (0, 1):
        assert run(capsys, "features", *model, "--shard", f"{i}/2")[1].startswith(
            "dift (toybox, ensemble=1,"
        )
    assert len(list((tmp_path / "build" / "features").glob("??/*.safetensors"))) == 2
    assert run(capsys, "evaluate", *model, "--store")[0] == 0
    assert len(list((tmp_path / "build" / "other").glob("test-dift-*/run.json"))) == 1
    assert not (tmp_path / "build" / "matches").exists(), (
        "other data than the profile's went among the profile's runs"
    )
    assert (
        "nothing to store"
        in run(
            capsys, "features", "--data", "folder", "--root", folder, "--method", "copy_position"
        )[1]
    )


def test_data_commands(capsys, folder):
    assert "spair" in run(capsys, "data", "list")[1]
    assert "3 pairs of 2 images" in run(capsys, "data", "info", "folder", folder)[1]
    assert run(capsys, "data", "check", "folder", folder)[0] == 0
    code, _, err = run(capsys, "data", "info", "spare", folder)
    assert code == 2 and "did you mean 'spair'" in err
    code, out, _ = run(capsys, "data", "check", "spair", folder)
    assert code == 1 and "1 problem" in out


def test_absent_data_names_the_command_that_makes_them(capsys, monkeypatch, tmp_path):
    from corrlib.experiments.profiles import Profile

    monkeypatch.setattr(Profile, "path", lambda self, *parts: tmp_path.joinpath("absent", *parts))
    code, _, err = run(capsys, "evaluate", "--method", "pixels")
    assert code == 2 and "make it with: python data_scripts/make_toybox.py" in err


def test_bench_lists_and_refuses(capsys):
    assert {"emergence", "match"} <= set(run(capsys, "bench")[1].split())
    code, _, err = run(capsys, "bench", "macth")
    assert code == 2 and "did you mean match" in err


def test_where_an_error_came_from_is_shown_on_demand(images):
    with pytest.raises(KeyError):
        main(["match", *images, "--points", "1,1", "--method", "nothing", "--debug"])


REAL = Path(os.environ.get("CORRLIB_DATA", "../shared/data")) / "spair71k_subset" / "SPair-71k"


@pytest.mark.skipif(
    not REAL.is_dir(),
    reason="no real SPair-71k bytes: set CORRLIB_DATA to a folder that holds spair71k_subset",
)
def test_evaluate_runs_on_real_photographs(capsys, tiny_folder, tmp_path):
    code, out, _ = run(
        capsys,
        "evaluate",
        "--root",
        REAL,
        "--method",
        "dift",
        "--set",
        f"model={tiny_folder}",
        *TINY,
        "--out",
        tmp_path / "real",
    )
    assert code == 0 and "4 pairs, 32 keypoints" in out and "toybox on SPair-71k" in out


def test_a_toy_model_outside_of_its_world_is_labelled(tmp_path, tiny_folder, monkeypatch):
    import argparse

    from corrlib import data, methods
    from corrlib.cli.common import label
    from corrlib.experiments.profiles import load_profile
    from tests.toybox.test_emergence import write_toys

    write_toys(tmp_path / "SPair-71k")
    pairs, profile, args = (
        data.load("spair", tmp_path),
        load_profile("toybox"),
        argparse.Namespace(root=tmp_path / "SPair-71k"),
    )
    dift, pixels = (
        argparse.Namespace(settings=methods.settings("dift")),
        argparse.Namespace(settings=methods.settings("pixels")),
    )
    assert label(args, profile, dift, pairs) == "toybox"
    monkeypatch.setattr(pairs, "annotation", lambda view: {"src_database": "The VOC2009 Database"})
    assert (
        label(args, profile, dift, pairs) == "toybox on SPair-71k, outside of the toy model's world"
    )
    assert label(args, profile, pixels, pairs) == "toybox on SPair-71k"
    assert label(argparse.Namespace(root=None), profile, dift, pairs) == "toybox"
