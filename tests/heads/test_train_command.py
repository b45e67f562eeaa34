"""The command that trains a head: it resumes, keeps within the disk's budget, and its file is a
method.
"""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from corrlib import methods
from corrlib.cli.common import setting
from corrlib.data import load
from corrlib.experiments.evaluate import evaluate
from corrlib.heads import files
from corrlib.methods.base import Env
from corrlib.metrics import pck
from data_scripts import train_hyperfeatures as command

SETTINGS = (
    "size=32x32 steps=4 positions=(0,3) layers=(8,9,10) grid=8x8 width=16 middle=8 groups=4".split()
)
ROWS = ["0.png,1.png,8,8,50,30", "0.png,1.png,40,20,10,40", "1.png,2.png,5,6,7,8"]


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for i in range(4):  # one of them is in no pair
        pixels = np.random.default_rng(i).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((64, 48)).save(folder / f"{i}.png")
    head = "source,target,source_x,source_y,target_x,target_y"
    (folder / "pairs.csv").write_text("\n".join([head, *ROWS]) + "\n")
    return folder


def train(root, out, diffuser, *more: str):
    given = ["--data", "folder", "--root", str(root), "--out", str(out), "--every", "2"]
    for text in SETTINGS:
        given += ["--set", text]
    return command.run(command.arguments([*given, *more]), Env(models={"toybox": diffuser}))


def test_a_killed_run_ends_in_the_same_head(root, tmp_path, tiny_diffuser, capsys):
    whole = train(root, tmp_path / "one", tiny_diffuser, "--steps", "5")
    train(root, tmp_path / "two", tiny_diffuser, "--steps", "3")
    parts = train(root, tmp_path / "two", tiny_diffuser, "--steps", "5")
    assert whole.name == "head.safetensors"
    first, second = files.load(whole), files.load(parts)
    assert files.fingerprint(first) == files.fingerprint(second)
    curve = pd.read_csv(tmp_path / "two" / "curve.csv")
    assert curve["step"].tolist() == [2, 3, 4, 5] and curve["seconds"].is_monotonic_increasing
    one = pd.read_csv(tmp_path / "one" / "curve.csv")
    assert one["step"].tolist() == [2, 4, 5]
    assert one["loss"].tolist()[::2] == pytest.approx(curve["loss"].tolist()[::3])
    said = capsys.readouterr().out
    assert "images 3; pairs 2; points 3; steps 5; calls of the U-Net 12; " in said
    assert "--set 'positions=(0,3)' --set 'layers=(8,9,10)' --set grid=8x8" in said
    assert first.settings.timesteps == (0, 750) and len(first.settings.layers) == 3
    card = (tmp_path / "two" / "README.md").read_text()
    assert files.fingerprint(first) in card and "steps=4, positions=(0, 3)" in card
    assert (tmp_path / "two" / "training.png").stat().st_size > 1000
    env = Env(models={"toybox": tiny_diffuser})
    options = dict(setting(text) for text in SETTINGS)
    assert "pck" not in curve
    method = methods.load("hyperfeatures", env=env, head=str(parts), **options)
    assert method.weights.endswith(files.fingerprint(first))


def test_the_budget_changes_nothing_but_what_is_kept(root, tmp_path, tiny_diffuser):
    heads = []
    for name, budget in (("kept", "1"), ("streamed", "0")):
        options = "--steps", "3", "--disk-gb", budget, "--memory-gb", "0"
        heads.append(files.load(train(root, tmp_path / name, tiny_diffuser, *options)))
        kept = list((tmp_path / name / "maps").glob("*/*.safetensors"))
        assert len(kept) == (3 if name == "kept" else 0)
    a, b = (head.state_dict().values() for head in heads)
    assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_held_out_pairs_are_counted_as_the_head_learns(root, tmp_path, tiny_diffuser):
    """A folder's val is its pairs, so that the last row is what the head's own method counts."""
    path = train(root, tmp_path / "out", tiny_diffuser, "--steps", "3", "--validate", "2")
    curve = pd.read_csv(tmp_path / "out" / "curve.csv")
    env = Env(models={"toybox": tiny_diffuser})
    options = dict(setting(text) for text in SETTINGS)
    method = methods.load("hyperfeatures", env=env, head=str(path), **options)
    pairs = load("folder", root)
    assert curve["step"].tolist() == [2, 3]
    assert curve["pck"].iloc[-1] == pytest.approx(pck(evaluate(method, pairs, progress=False)))


def test_another_run_in_the_same_folder_is_refused(root, tmp_path, tiny_diffuser):
    train(root, tmp_path / "out", tiny_diffuser, "--steps", "1")
    with pytest.raises(ValueError, match="another training: .*features differ"):
        train(root, tmp_path / "out", tiny_diffuser, "--steps", "2", "--set", "prompt=x")
    assert train(root, tmp_path / "new", tiny_diffuser, "--only-plan") is None
    assert not (tmp_path / "new").exists()


def test_a_folder_of_one_s_own_is_left_alone(root, capsys):
    given = ["--data", "folder", "--root", str(root), "--out", str(root), "--steps", "1"]
    before = sorted(path.name for path in root.iterdir())
    assert command.main(given) == 2
    assert "data holds 0.png and was not begun by this command" in capsys.readouterr().err
    assert sorted(path.name for path in root.iterdir()) == before
