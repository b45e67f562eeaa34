"""A trainer of the toy diffusion model that is tiny, and what it needs."""

from dataclasses import replace

import torch
from torch import nn

from data_scripts.toytrain import models
from data_scripts.toytrain.diffusion import Latents, Recipe, Trainer

RECIPE = Recipe(images=64, batch=4, warmup=2, rate=1e-3)


class Text(nn.Module):
    """A one-layer stand-in for the text encoder: what the trainer needs of it is
    `.last_hidden_state`.
    """

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.embedding = nn.Embedding(50, 32)

    def forward(self, ids):
        return type("Output", (), {"last_hidden_state": self.embedding(ids)})


def make_trainer(optimizer: str = "adamw") -> Trainer:
    from diffusers import UNet2DConditionModel

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 16),
        layers_per_block=1,
        cross_attention_dim=32,
        norm_num_groups=8,
        attention_head_dim=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )
    return Trainer(
        unet,
        Text(),
        models.make_scheduler().alphas_cumprod,
        torch.zeros(77, dtype=torch.long),
        replace(RECIPE, optimizer=optimizer),
        "cpu",
    )


class Watch:
    """An observer that has nothing to see: what the trainer needs of it."""

    def __init__(self, world: str):
        self.world = world

    def __call__(self, trainer) -> dict:
        return {"pck": {"up@1": 0.0}}


def tiny_latents() -> Latents:
    """Ten latents of 8 x 8 cells."""
    g = torch.Generator().manual_seed(5)
    ids = torch.randint(50, (10, 77), generator=g).to(torch.int16)
    return Latents(torch.randn(10, 4, 8, 8, generator=g).half(), torch.full((4, 1, 1), 0.05), ids)
