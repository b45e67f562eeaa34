"""What the methods hold at full size: weights, and the most that one pass holds beside them,
counted on Stable Diffusion's published shapes.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from corrlib import methods
from corrlib.backbones.capture import capture
from corrlib.backbones.held_bytes import peak_bytes, weight_bytes
from corrlib.backbones.skeletons import published
from corrlib.bench import benchmark
from corrlib.methods.prompt_optimization.attention_maps import choose, token_maps
from corrlib.validation.kinds import Few

TEXT = {  # width, inner width, layers, heads of the published text encoders
    "sd1-4": (768, 3072, 12, 12),
    "sd1-5": (768, 3072, 12, 12),
    "sd2-1": (1024, 4096, 23, 16),
}


@benchmark("memory")
def run(samples: Few = 36) -> dict[str, Any]:
    """Gigabytes (10^9 bytes, float32) of each model's `weights`, and in `rows` of each pass what it
    holds beside them, `pass`, and both together, `all`. `samples` is how many samples of prompt
    optimisation share a pass, beside the preset's number.
    """
    rows, weights = {}, {}
    for name in ("sd2-1", "sd1-5", "sd1-4"):
        unet, vae = published(name)
        weights[name] = weight_bytes(unet, vae, text_encoder(name))
        for title, call in passes(name, unet, vae, samples).items():
            held = peak_bytes(call)
            rows[title] = {"model": name, "pass": held, "all": weights[name] + held}
    return {
        "weights": {name: one / 1e9 for name, one in weights.items()},
        "rows": {
            title: {k: v / 1e9 if isinstance(v, int) else v for k, v in row.items()}
            for title, row in rows.items()
        },
    }


def text_encoder(name: str) -> nn.Module:
    """The text encoder of a published model, on shapes alone."""
    from transformers import CLIPTextConfig, CLIPTextModel

    sizes = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    config = dict(zip(sizes, TEXT[name], strict=True))
    with torch.device("meta"):
        return CLIPTextModel(CLIPTextConfig(vocab_size=49408, **config))


def passes(name: str, unet: nn.Module, vae: nn.Module, samples: int) -> dict[str, Callable]:
    """The passes that a model is used for, by what they are called in the book."""
    if name == "sd1-4":
        preset = methods.settings("prompt_optimization", "paper")
        counts = sorted({preset.at_once, samples})
        return {
            f"prompt optimisation, a step of {n}": lambda n=n: step(unet, preset, n) for n in counts
        }
    dift = methods.settings("dift", "photos" if name == "sd1-5" else "paper")
    side, looks = dift.size[0], min(dift.ensemble, dift.at_once)
    found = {
        f"DIFT {side}, {looks} noise{'s' * (looks > 1)} at once": lambda: look(
            unet, side, looks, dift.layer
        ),
        f"encoder {side}": lambda: encode(vae, side),
    }
    if name == "sd2-1":
        found[f"decoder {side}, one picture"] = lambda: decode(vae, side)
    return found


@torch.no_grad()
def look(unet: nn.Module, side: int, count: int, layer: str) -> None:
    """A pass of `count` noisy latents as far as the layer that is read."""
    z, text = _inputs(unet, side, count)
    with capture(unet, [layer]):
        unet(z, _timestep(), encoder_hidden_states=text)


@torch.no_grad()
def encode(vae: nn.Module, side: int) -> None:
    """The encoder on one picture of `side` x `side` pixels."""
    vae.encode(torch.empty(1, 3, side, side, device="meta"))


@torch.no_grad()
def decode(vae: nn.Module, side: int) -> None:
    """The decoder on the latent of such a picture."""
    vae.decode(torch.empty(1, 4, side // 8, side // 8, device="meta"))


def step(unet: nn.Module, settings: Any, count: int) -> None:
    """A step of a search: forward to the maps that are read, and back to the embeddings."""
    layers = choose(
        unet,
        settings.layers,
        settings.size // 8,
        largest_map=settings.largest_map,
        heads=settings.heads,
    )
    z, text = _inputs(unet, settings.size, count)
    text.requires_grad_()
    with torch.enable_grad():
        with token_maps(unet, layers, token=settings.token, heads=settings.heads) as found:
            unet(z, _timestep(), encoder_hidden_states=text)
        torch.autograd.grad(sum(maps.sum() for maps in found.values()), text)


def _inputs(unet: nn.Module, side: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    latent = torch.empty(count, 4, side // 8, side // 8, device="meta")
    return latent, torch.empty(count, 77, unet.config.cross_attention_dim, device="meta")


def _timestep() -> torch.Tensor:
    return torch.zeros((), dtype=torch.long, device="meta")
