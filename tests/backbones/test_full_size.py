"""Stable Diffusion at its real size with random weights: shapes, early exit, peak memory. Minutes
and 8 GB.

./run python -m pytest -m slow -s
"""

import gc
from pathlib import Path

import pytest
import torch
from conftest import picture_view, tiny_networks

from corrlib import methods
from corrlib.backbones.capture import capture
from corrlib.backbones.diffusion import Diffuser, decoder_layers
from corrlib.backbones.skeletons import published
from corrlib.methods.base import Env

pytestmark = pytest.mark.slow

TEXT = {  # width, inner width, layers, heads
    "sd2-1": (1024, 4096, 23, 16),
    "sd1-5": (768, 3072, 12, 12),
}
PARAMETERS = {"sd2-1": 865_910_724, "sd1-5": 859_520_964}  # of the published U-Nets
SHAPES = {  # dift.md's table: channels, side of the grid for blocks 0 to 3
    "sd2-1": [(1280, 24), (1280, 48), (640, 96), (320, 96)],
    "sd1-5": [(1280, 16), (1280, 32), (640, 64), (320, 64)],
}


def peak_gb(start: bool = False) -> float:
    """Peak resident memory in GB since `start` (Linux), NaN elsewhere."""
    try:
        if start:
            Path("/proc/self/clear_refs").write_text("5")
        status = Path("/proc/self/status").read_text()
    except OSError:
        return float("nan")
    return int(status.split("VmHWM:")[1].split()[0]) / 1e6


@pytest.fixture(params=["sd1-5", "sd2-1"])
def full(request) -> tuple[str, Diffuser]:
    """The published configuration with random weights."""
    from transformers import CLIPTextConfig, CLIPTextModel

    gc.collect()
    peak_gb(start=True)
    name = request.param
    torch.manual_seed(0)
    unet, vae = published(name, "cpu")
    shape = dict(
        zip(
            ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"),
            TEXT[name],
            strict=True,
        )
    )
    text = CLIPTextModel(CLIPTextConfig(vocab_size=49408, max_position_embeddings=77, **shape))
    small = tiny_networks()
    return name, Diffuser(vae, unet, text, small["tokenizer"], small["scheduler"], name=name)


def test_full_size(full):
    name, diffuser = full
    assert sum(p.numel() for p in diffuser.unet.parameters()) == PARAMETERS[name]
    assert len(decoder_layers(diffuser.unet)) == 15 and diffuser.factor == 8
    preset = {"sd2-1": "paper", "sd1-5": "sd1-5"}[name]
    method = methods.load("dift", preset, env=Env(models={name: diffuser}), ensemble=1)
    view = picture_view(500, 375, category="cat")
    found = method.features(view, seed=0)
    channels, side = SHAPES[name][1]
    assert (
        found.values.shape == (channels, side, side)
        and found.values.isfinite().all()
        and found.frame.image == (500, 375)
    )
    early = peak_gb()

    posterior = method.extract._posterior(view)
    size, layers = tuple(posterior.mean.shape), [f"up_blocks.{i}" for i in range(4)]
    assert size == (4, SHAPES[name][3][1], SHAPES[name][3][1])
    z, condition = torch.randn(1, *size), diffuser.condition("a photo of a cat")
    stopped = diffuser.features(z, 261, condition, ["up_blocks.1"])["up_blocks.1"]
    with torch.no_grad(), capture(diffuser.unet, layers, stop=False) as whole:
        end = diffuser.unet(z, 261, encoder_hidden_states=condition[None]).sample
    assert end.shape == z.shape
    assert torch.equal(stopped, whole["up_blocks.1"])
    assert [(t.shape[1], t.shape[2], t.shape[3]) for t in (whole[layer] for layer in layers)] == [
        (c, s, s) for c, s in SHAPES[name]
    ]
    print(
        f"\n{name}: peak memory {early:.1f} GB for DIFT features (models included), "
        f"{peak_gb():.1f} GB with the whole pass"
    )
