"""The shipped toy DINO: DINOv2's architecture in small, and it still does what its record says."""

import json
from pathlib import Path

import pytest
import torch

from corrlib.backbones.vit import ViT
from data_scripts.toydino.model import make_vit
from data_scripts.toydino.observe import IMAGES, Observer

FOLDER = Path(__file__).parents[2] / "corrlib/assets/toybox/dino"
RECORD = json.loads((FOLDER / "training.json").read_text())
CONFIG = json.loads((FOLDER / "config.json").read_text())
TOLERANCE = 0.5  # points of PCK: weights are in half precision, and sums differ between machines


class Shipped:
    """What an observer looks at."""

    def __init__(self, vit):
        self.teacher = self
        self.vit = vit


@pytest.fixture(scope="module")
def observer() -> Observer:
    return Observer(CONFIG["image_size"], "cpu")


def test_it_is_dinov2_with_small_numbers():
    vit = ViT.load("toybox-dino")
    assert CONFIG["model_type"] == "dinov2" and CONFIG["image_size"] // CONFIG["patch_size"] >= 16
    assert sum(p.numel() for p in vit.model.parameters()) == RECORD["parameters"]
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 5e6


def test_it_beats_pixels_and_its_own_beginning_by_a_wide_margin(observer):
    found = observer(Shipped(ViT.load("toybox-dino").model))
    last = RECORD["record"][-1]
    assert observer.validation.images.shape[0] == 18 * IMAGES
    for tap, wanted in last["pck"].items():
        assert found["pck"][tap] == pytest.approx(wanted, abs=TOLERANCE), tap
    best = max(found["pck"].values())
    torch.manual_seed(0)
    sizes = CONFIG["hidden_size"], CONFIG["num_hidden_layers"]
    untrained = observer(Shipped(make_vit(CONFIG["image_size"], CONFIG["patch_size"], *sizes)))
    assert best > 1.8 * found["pixels"] and best > 1.8 * max(untrained["pck"].values())
