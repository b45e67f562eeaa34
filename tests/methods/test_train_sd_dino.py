"""The command that trains SD + DINO's head: it resumes, refuses another run's folder, and its file
is a method.
"""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from corrlib import methods
from corrlib.heads import files
from corrlib.methods.base import Env
from data_scripts import train_sd_dino_head as command

ROWS = ["0.png,1.png,8,8,50,30", "0.png,1.png,40,20,10,40", "1.png,2.png,5,6,7,8"]


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for i in range(3):
        pixels = np.random.default_rng(i).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((64, 48)).save(folder / f"{i}.png")
    head = "source,target,source_x,source_y,target_x,target_y"
    (folder / "pairs.csv").write_text("\n".join([head, *ROWS]) + "\n")
    return folder


def test_a_killed_run_ends_in_the_same_head_and_the_head_is_a_method(
    root, tmp_path, tiny_diffuser, tiny_vit_folder, capsys
):
    settings = {"sd_side": 32, "dino": str(tiny_vit_folder), "dino_side": 24, "dino_layer": 1}
    settings |= {"grid": 6}

    def train(out: str, steps: int, *more: str):
        given = ["--data=folder", f"--root={root}", f"--out={tmp_path / out}", "--every=2"]
        given += [f"--steps={steps}", "--width=16", "--middle=8", "--groups=4", *more]
        for name, value in settings.items():
            given += ["--set", f"{name}={value}"]
        return command.run(command.arguments(given), Env(models={"toybox": tiny_diffuser}))

    whole = train("one", 5, "--validate=1")
    assert pd.read_csv(tmp_path / "one" / "curve.csv")["pck"].between(0, 100).all()
    train("two", 3)
    parts = train("two", 5)
    first, second = files.load(whole), files.load(parts)
    assert files.fingerprint(first) == files.fingerprint(second)
    assert pd.read_csv(tmp_path / "two" / "curve.csv")["step"].tolist() == [2, 3, 4, 5]
    card = (tmp_path / "two" / "README.md").read_text()
    assert files.fingerprint(first) in card and "mixing weights" not in card
    assert "2 of 2 pairs of folder, trn; 5 steps" in capsys.readouterr().out
    with pytest.raises(ValueError, match="another training: .*features"):
        train("two", 6, "--set", "alpha=0.3")
    env = Env(models={"toybox": tiny_diffuser})
    method = methods.load("sd_dino", env=env, head=str(parts), **settings)
    assert method.weights.endswith(files.fingerprint(first))
    assert first.settings.channels == (32 + 32 + 32 + 32,) and first.settings.grid == (6, 6)
