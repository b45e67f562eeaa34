"""Prompt optimisation in Stable Diffusion 1.4's real configuration at 512 with random weights.
Minutes, and many GB.

./run python -m pytest -m slow -s tests/test_prompt_full_size.py
"""

import gc
import time

import pytest
import torch
from conftest import picture_view, tiny_networks

from corrlib import methods
from corrlib.backbones.diffusion import Diffuser
from corrlib.backbones.skeletons import published
from corrlib.methods.base import Env
from corrlib.methods.prompt_optimization import optimise as optimise_module
from corrlib.methods.prompt_optimization.attention_maps import cross_attentions
from corrlib.methods.prompt_optimization.network import Network
from tests.backbones.test_full_size import PARAMETERS, peak_gb

pytestmark = pytest.mark.slow

POINTS = torch.tensor([[40.0, 30.0], [250.5, 180.25], [470.0, 60.0], [120.0, 340.0]])
LIMIT_GB = 24 * 1.073741824  # 24 GiB


def full_model() -> Diffuser:
    """SD 1.4's U-Net and VAE, randomly initialised; the text encoder is not asked and stays
    tiny.
    """
    torch.manual_seed(0)
    unet, vae = published("sd1-4", "cpu")
    small = tiny_networks()
    return Diffuser(
        vae, unet, small["text_encoder"], small["tokenizer"], small["scheduler"], name="sd1-4"
    )


@pytest.mark.parametrize("preset", ["official"])
def test_one_step_for_four_points(preset, monkeypatch):
    gc.collect()
    peak_gb(start=True)
    diffuser = full_model()
    assert (
        sum(p.numel() for p in diffuser.unet.parameters()) == PARAMETERS["sd1-5"]
    )  # 1.4 and 1.5 are of one shape
    sides = [layer.side for layer in cross_attentions(diffuser.unet, 64)]
    assert sides == [64, 64, 32, 32, 16, 16, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64]
    method = methods.load(
        "prompt_optimization",
        preset,
        env=Env(models={"sd1-4": diffuser}),
        embeddings=1,
        steps=1,
        at_once=4,
    )
    layers = method.network.layers
    assert [layer.name.split(".transformer")[0] for layer in layers] == [
        *(f"up_blocks.1.attentions.{i}" for i in range(3)),
        "up_blocks.2.attentions.0",
    ]
    widths = [diffuser.unet.get_submodule(layer.name).to_q.out_features for layer in layers]
    assert [
        (layer.side, layer.heads, width // layer.heads)
        for layer, width in zip(layers, widths, strict=True)
    ] == [(16, 8, 160), (16, 8, 160), (16, 8, 160), (32, 8, 80)]
    assert (
        layers
        == method.network.of(diffuser, methods.settings("prompt_optimization", "paper")).layers
    )

    shapes, original = [], Network.maps

    def maps(self, *args):
        found = original(self, *args)
        shapes.extend(tuple(values.shape) for values in found.values())
        return found

    monkeypatch.setattr(Network, "maps", maps)
    view, start = picture_view(500, 375, category="cat"), time.monotonic()
    with torch.no_grad():
        first = optimise_module.first_embedding(method._samples(view, POINTS)[0], 0, (77, 768))
    found = method.embed(view, POINTS)
    seconds = time.monotonic() - start
    assert shapes == [(4, 16, 16)] * 3 + [(4, 32, 32)]
    assert found.shape == (4, 1, 77, 768) and found.isfinite().all()
    moved = (found[0, 0] - first).abs()
    rate = method.settings.learning_rate
    # Adam's first step has the rate's length, and less where gradients come near its epsilon, as
    # they do with random weights
    assert 0.5 * rate < moved.max() <= 1.01 * rate and (moved > 0).float().mean() > 0.99
    assert all(parameter.grad is None for parameter in diffuser.unet.parameters())
    crops, threads = len(method.latents(view)), torch.get_num_threads()
    print(
        f"\none step for 4 points at 512, {crops} crops encoded: {seconds:.0f} s on {threads} "
        "thread, "
        f"peak memory {peak_gb():.1f} GB (models included)"
    )
    assert not peak_gb() > LIMIT_GB
