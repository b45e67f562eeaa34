"""SD + DINO on tiny networks: what its test files share."""

import torch
from conftest import picture_view

from corrlib import methods
from corrlib.methods.base import Env
from corrlib.methods.sd_dino.method import SdDino

LAYERS = ("up_blocks.0.resnets.1", "up_blocks.1.attentions.1", "up_blocks.2.attentions.1")
SMALL = {"sd_side": 64, "dino_side": 48, "grid": 12, "pca": (6, 16, 16), "fit": "letterbox"}
A, B = picture_view(70, 50, 1, "cat"), picture_view(48, 66, 2, "cat")
QUERIES = torch.tensor([[10.0, 12.0], [33.5, 20.0], [65.0, 44.0], [3.0, 40.0]])


def build(diffusion, vit, preset: str = "paper", store=None, **changes) -> SdDino:
    """The method on the networks in two folders; `preset` and settings as in `methods.load`."""
    fixed = {"model": str(diffusion), "dino": str(vit), "dino_layer": 2}
    fixed |= {"captioner": ""} if preset == "official" else {}
    return methods.load("sd_dino", preset, env=Env(store=store), **fixed | SMALL | changes)
