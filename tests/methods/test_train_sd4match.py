"""The command that teaches a prompt, on the tiny model and six toy pairs."""

from functools import partial

import pandas as pd
import pytest
import torch

from corrlib import data
from corrlib.backbones.vit import ViT
from corrlib.heads import files
from corrlib.heads.prompts import PromptSettings, make_prompts
from corrlib.methods.base import Env
from corrlib.types import Pair
from data_scripts import train_sd4match
from tests.conftest import picture_view


@pytest.fixture
def made(tiny_diffuser, tiny_vit_folder, tmp_path, monkeypatch):
    """Runs the command with some arguments; three pairs of pictures stand for the data set."""
    views = [picture_view(50, 40, i, category) for i, category in enumerate(("cat", "dog") * 2)]
    points = torch.tensor([[10.0, 9.0], [30.0, 20.0]])
    pairs = [
        Pair(
            f"{i}",
            views[i],
            views[i + 2],
            points,
            points + 2,
            ("a", "b"),
            views[i].category,
            (0.0, 0.0, 40.0, 30.0),
            (0.0, 0.0, 40.0, 30.0),
        )
        for i in range(2)
    ]
    monkeypatch.setattr(data, "load", lambda name, root, split: pairs)
    models = {"toybox": tiny_diffuser, "toybox-dino": ViT.load(tiny_vit_folder)}

    def run(*given: str, steps: int = 4, out: str = "run"):
        small = ["--set", "size=32x32", "--set", "dino_side=32", "--set", "dino_short=40"]
        small += ["--fit", "pairs=2", "--fit", "at_once=2", "--every", "2", "--steps", str(steps)]
        args = train_sd4match.arguments([*small, "--out", str(tmp_path / out), *given])
        return train_sd4match.run(args, Env(models=dict(models)))

    return run


@pytest.mark.parametrize("kind", ["single", "class", "conditional"])
def test_it_writes_a_prompt_a_card_and_a_curve(made, kind):
    path = made("--kind", kind)
    prompts = files.load(path, make_prompts, PromptSettings)
    assert prompts.settings.kind == kind and prompts.settings.width == 32
    if kind == "class":
        assert prompts.settings.categories == ("cat", "dog")
    if kind == "conditional":
        assert (prompts.settings.feature_width, prompts.settings.patches) == (32, 64)
    curve = pd.read_csv(path.parent / "curve.csv")
    assert list(curve["step"]) == [2, 4] and curve[["loss", "pck"]].notna().all(axis=None)
    card = (path.parent / "README.md").read_text()
    assert files.fingerprint(prompts) in card and "2 pairs of spair, trn" in card
    assert (path.parent / "training.png").stat().st_size > 1000


def test_it_goes_on_where_it_stopped(made):
    load = partial(files.load, make=make_prompts, kind=PromptSettings)
    whole = made(out="whole")
    made(steps=2, out="parts")
    assert files.fingerprint(load(made(out="parts"))) == files.fingerprint(load(whole))


def test_settings_of_the_prompt_are_checked(made):
    made("--kind", "conditional", "--prompt", "seen=image", "--prompt", "mixed=false", steps=2)
    for given, said in (
        (("--prompt", "sen=image"), "a prompt has no 'sen'; did you mean seen"),
        (("--fit", "pairs=0"), "pairs is '0'"),
        (("--start", "empt"), "--start is 'empt'"),
    ):
        with pytest.raises((TypeError, ValueError), match=said):
            made(*given, out="none")
