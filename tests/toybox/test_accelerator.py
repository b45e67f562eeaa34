"""The command for a large GPU, rehearsed on a CPU at a thousandth of its size."""

import json
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "data_scripts"))
import train_on_accelerator  # noqa: E402

from data_scripts.toytrain import pool, validation  # noqa: E402
from data_scripts.toytrain.diffusion import Recipe  # noqa: E402

SMALL = ["--device", "cpu", "--image", "32", "--batch", "4", "--no-compile"]


@pytest.fixture
def small(monkeypatch):
    """One picture a category in a chunk, two validation pictures of two categories."""
    monkeypatch.setattr(pool, "EACH", 1)
    monkeypatch.setattr(validation, "IMAGES", {"calibrated": 2, "hard": 2})
    monkeypatch.setattr(validation, "CATEGORIES", ("cat", "bus"))
    monkeypatch.setattr(train_on_accelerator, "PROBE", 2)


def test_it_renders_trains_and_exports_in_its_time(small, tmp_path):
    begun = json.loads((train_on_accelerator.SHIPPED / "training.json").read_text())
    train_on_accelerator.main(["--minutes", "0.5", "--out", str(tmp_path), "--chunks", "2", *SMALL])
    found = json.loads((tmp_path / "diffusion/training.json").read_text())
    assert found["images_seen"] >= begun["images_seen"] + 16  # the steps of the probe at least
    assert found["pool"] == 36 and found["history"][-1]["world"] == "calibrated"
    assert found["record"][: len(begun["record"])] == begun["record"]
    assert found["record"][len(begun["record"])]["world"] == "calibrated"
    assert found["record"][len(begun["record"])]["images"] == begun["images_seen"]
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(tmp_path / "diffusion")
    assert all(p.isfinite().all() for p in pipeline.unet.parameters())
    # a later run goes on from the checkpoint in the folder
    state = torch.load(tmp_path / "diffusion.pt", weights_only=True)
    assert state["seen"] == found["images_seen"]


class Steady:
    """A trainer that sees ten pictures a second."""

    def __init__(self, clock):
        self.clock, self.seen, self.recipe = clock, 1000, Recipe(images=10**12)

    def step(self, data):
        self.clock[0] += 1.0
        self.seen += 10
        return torch.zeros(())


def test_the_pictures_fit_into_the_time(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(train_on_accelerator.time, "time", lambda: clock[0])
    monkeypatch.setattr(train_on_accelerator, "PROBE", 5)
    trainer = Steady(clock)
    args = train_on_accelerator.arguments(["--device", "cpu"])
    recipe = train_on_accelerator.fitting(trainer, None, args, 310.0, watch=10.0)
    # 300 seconds are left after ten steps; from 1,100 pictures 4,100 are two doublings and a last
    # look, of ten seconds each
    assert recipe.images == 1100 + 10 * 270
    assert recipe.cooldown * recipe.images == pytest.approx(args.cooldown * 2700)
    late = train_on_accelerator.fitting(trainer, None, args, 0.0, watch=10.0)
    assert late.images == trainer.seen + 1  # no time is left: export what there is


def test_without_a_gpu_it_says_how_to_rehearse(capsys):
    if torch.cuda.is_available():
        pytest.skip("a GPU is here")
    with pytest.raises(SystemExit):
        train_on_accelerator.arguments([])
    assert "to rehearse: --device cpu" in capsys.readouterr().err
