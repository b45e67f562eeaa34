"""A result belongs to the bytes that it was computed from: whoever changes them and types the same
command again is told what changed, and never shown the older number.
"""

import json
from pathlib import Path

import pytest
import torch
from conftest import picture, picture_view

from corrlib import data, methods
from corrlib.backbones.noise import noise_key
from corrlib.cli import main
from corrlib.experiments.profiles import Profile
from corrlib.experiments.sweep import sweep
from corrlib.methods.base import Env
from corrlib.storage.tensor_store import TensorStore
from corrlib.types import DensePair, Pair, Video, View, views_of
from tests.toybox.test_emergence import write_toys


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two images of one's own and two pairs."""
    root = tmp_path / "own"
    root.mkdir()
    for i, name in enumerate(("a.png", "b.png")):
        picture(60, 45, i).save(root / name)
    rows = ["source,target,source_x,source_y,target_x,target_y"]
    rows += ["a.png,b.png,10,10,10,10", "a.png,b.png,30,20,30,20", "b.png,a.png,20,12,20,12"]
    (root / "pairs.csv").write_text("\n".join(rows) + "\n")
    return root


def said(capsys, *argv) -> tuple[int, str]:
    code = main([str(word) for word in argv])
    out, err = capsys.readouterr()
    return code, out if code == 0 else err


def correct(root: Path) -> str:
    """The user corrects a point."""
    table = root / "pairs.csv"
    table.write_text(
        table.read_text().replace("a.png,30,20", "a.png,25,20").replace("30,20\n", "5,20\n")
    )
    return "changed: answers of pair a.png:b.png)"


def replace(root: Path) -> str:
    """The user replaces an image by another one of the same size."""
    picture(60, 45, 7).save(root / "b.png")
    return "changed: image b.png)"


@pytest.mark.parametrize("change", [correct, replace])
@pytest.mark.parametrize("more", [[], ["--layers", "up_blocks.0"]], ids=["evaluate", "sweep"])
def test_changed_data_are_never_answered_by_the_older_number(
    capsys, folder, tmp_path, tiny_folder, change, more
):
    method = ["--method", "copy_position"]
    if more:
        method = [
            "--set",
            f"model={tiny_folder}",
            "--set",
            "ensemble=1",
            "--set",
            "size=32x32",
            *more,
        ]
    again = ["evaluate", "--data", "folder", "--root", folder, *method, "--out", tmp_path / "out"]
    code, first = said(capsys, *again)
    assert code == 0 and said(capsys, *again) == (0, first)
    changed = change(folder)
    code, err = said(capsys, *again)
    assert code == 2 and err.count("\n") == 1, err
    assert "holds the results of another run" in err and changed in err
    code, second = said(capsys, *again[:-1], tmp_path / "other")
    assert code == 0 and (more or change is replace or first != second)


def test_a_changed_box_is_another_run(capsys, tmp_path):
    write_toys(tmp_path / "SPair-71k")
    out, root = tmp_path / "out", tmp_path / "SPair-71k"
    again = ["evaluate", "--root", root, "--method", "copy_position", "--out", out]
    code, first = said(capsys, *again)
    assert code == 0 and said(capsys, *again) == (0, first)
    pair = data.load("spair", tmp_path)[0]
    for path in sorted(root.rglob("*.json")):
        record = json.loads(path.read_text())
        if path.stem in pair.id and "trg_bndbox" in record:
            record["trg_bndbox"][2] -= 5
            path.write_text(json.dumps(record))
    code, err = said(capsys, *again)
    assert code == 2 and f"changed: answers of pair {pair.id}" in err


def test_a_study_is_of_its_data(capsys, folder, tmp_path, monkeypatch):
    profile = {"split": "test", "preset": "toybox", "data": {"name": "folder", "root": str(folder)}}
    profile["studies"] = {"two": {"method": "copy_position", "trials": {"base": {}, "other": {}}}}
    monkeypatch.setattr(
        "corrlib.cli.common.open_profile", lambda args: Profile("toybox", tmp_path, profile)
    )
    again = ["trials", "two", "--out", tmp_path / "out"]
    code, first = said(capsys, *again)
    assert code == 0 and said(capsys, *again) == (0, first)
    changed = correct(folder)
    code, err = said(capsys, *again)
    assert code == 2 and changed in err


def test_what_was_computed_stays_while_nothing_changes(folder, capsys, tmp_path):
    again = ["evaluate", "--data", "folder", "--root", folder, "--method", "copy_position"]
    again += ["--out", tmp_path / "out"]
    said(capsys, *again)
    before = (tmp_path / "out/part-00000.parquet").stat().st_mtime_ns
    picture(60, 45, 1).save(folder / "b.png")  # the same bytes at another time
    assert said(capsys, *again)[0] == 0
    assert (tmp_path / "out/part-00000.parquet").stat().st_mtime_ns == before


def other(view: View, seed: int = 9) -> View:
    """A view of the same id and size, and of other pixels."""
    return View(view.id, view.size, view.category, pixels=picture(*view.size, seed))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("pixels", {}),
        ("dift", {"ensemble": 1, "size": (32, 32)}),
        ("distilled", {"size": (32, 32), "layers": ("up_blocks.1",), "head": "concat"}),
        ("word_attention", {"size": 32, "layers": (10,), "crops": 4, "at_once": 2}),
        (
            "prompt_optimization",
            {"size": 32, "layers": (10,), "crops": 4, "at_once": 2, "steps": 1, "embeddings": 1},
        ),
        (
            "sd_dino",
            {"dino_layer": 2, "sd_side": 64, "dino_side": 48, "grid": 12, "pca": (6, 16, 16)},
        ),
    ],
)
def test_equal_ids_do_not_make_equal_pixels(
    tiny_diffuser, tiny_vit_folder, tmp_path, name, settings
):
    if name == "sd_dino":
        settings = {**settings, "dino": str(tiny_vit_folder)}
    points = torch.tensor([[10.0, 12.0], [40.0, 30.0]])
    a, b = picture_view(64, 48, 0, "cat"), picture_view(64, 48, 1, "cat")

    def env():
        return Env(store=TensorStore(tmp_path), models={"toybox": tiny_diffuser})

    kept = methods.load(name, env=env(), **settings)
    for target in (b, other(b), b):
        fresh = methods.load(name, env=Env(models={"toybox": tiny_diffuser}), **settings)
        wanted = fresh(a, target, points)
        for method in (kept, methods.load(name, env=env(), **settings)):
            found = method(a, target, points)
            assert torch.equal(found.points, wanted.points)
            assert torch.equal(found.score, wanted.score)
    file = tmp_path / "b.png"
    for seed in (1, 2):  # and a file that is replaced while the process lives
        picture(64, 48, seed).save(file)
        there = View.open(file, id=b.id, category="cat")
        fresh = methods.load(name, env=Env(models={"toybox": tiny_diffuser}), **settings)
        assert torch.equal(kept(a, there, points).score, fresh(a, there, points).score)


def test_a_sweep_tells_pixels_of_one_id_apart(tiny_diffuser):
    env = Env(models={"toybox": tiny_diffuser})
    method = methods.load("dift", env=env, ensemble=1, size=(32, 32))
    a, b = picture_view(64, 48, 0), picture_view(64, 48, 1)
    points = torch.tensor([[10.0, 12.0], [40.0, 30.0]])
    box = (0.0, 0.0, 63.0, 47.0)

    def pair(number: int, target: View) -> Pair:
        return Pair(f"{number}", a, target, points, points, ("0", "1"), "cat", box, box)

    pairs = [pair(0, b), pair(1, other(b))]
    table = sweep(method, pairs, ["up_blocks.1"], [51])
    for one in pairs:
        alone = sweep(method, [one], ["up_blocks.1"], [51])
        mine = table[table["pair"] == one.id].reset_index(drop=True)
        assert mine["score"].tolist() == alone["score"].tolist()
    assert len(views_of(pairs)) == 3


def test_a_seed_is_a_number_however_it_is_typed():
    import numpy as np

    view = picture_view(40, 30)
    assert TensorStore.key("s", view, seed=np.int64(3)) == TensorStore.key("s", view, seed=3)
    assert TensorStore.key("s", view, seed=4) != TensorStore.key("s", view, seed=3)
    assert noise_key(np.int64(3), "v", 0) == noise_key(3, "v", 0) != noise_key(4, "v", 0)


def test_dense_truth_and_videos_are_known_by_content():
    a, b = picture_view(8, 6, 0), picture_view(8, 6, 1)
    none, flow = torch.zeros(0, 2), torch.zeros(6, 8, 2)
    mask = torch.ones(6, 8, dtype=torch.bool)

    def dense(**changes):
        truth = {"flow": lambda: flow, "source_mask": lambda: mask, "homography": torch.eye(3)}
        return DensePair("p", a, b, none, none, (), "cat", **{**truth, **changes}).content()

    whole = dense()
    assert dense() == whole and len(whole) == 4
    for change in (
        {"flow": lambda: flow + 1},
        {"source_mask": lambda: ~mask},
        {"target_mask": lambda: mask},
        {"homography": 2 * torch.eye(3)},
    ):
        assert [name for name in whole if dense(**change)[name] != whole[name]] == [
            "dense answers of pair p"
        ]
    ids = torch.zeros(6, 8, dtype=torch.uint8)
    video = Video("v", (a, b), masks=lambda i: ids + i).content()
    assert Video("v", (a, b), masks=lambda i: ids + i).content() == video
    assert Video("v", (a, b), masks=lambda i: ids + 2 * i).content() != video
    assert Video("v", (a, other(b)), masks=lambda i: ids + i).content() != video
