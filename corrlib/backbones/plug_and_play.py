"""A picture drawn anew in its own layout: DDIM inversion, and on the way down features and
self-attention of the inverted picture put in the place of those of the one that is drawn.

*Source:* Tumanyan et al., "Plug-and-Play Diffusion Features for Text-Driven Image-to-Image
Translation", CVPR 2023; the numbers by default are those of its released code for real images.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from corrlib.backbones.capture import capture, modules_of
from corrlib.backbones.ddim import generation, inversion, move, walk
from corrlib.backbones.diffusion import Condition, Diffuser
from corrlib.validation import Validated
from corrlib.validation.kinds import Count, Positive, Share

RESIDUAL = "up_blocks.1.resnets.1.conv2"  # block 4 of the original layout, before its shortcut
FIRST = "up_blocks.1.attentions.1"  # of the self-attention layers, to the last of the decoder


@dataclass(frozen=True)
class Injection(Validated):
    """`steps` up and down, the `guidance` of the way down, and for which share of it, from noise
    on, the residual `features` of one block and the queries and keys of `attention` are injected.
    """

    steps: Count = 50
    guidance: Positive = 10.0
    features: Share = 0.8
    attention: Share = 0.5


@torch.no_grad()
def translate(
    diffuser: Diffuser,
    z: Float[Tensor, "1 z h w"],
    condition: Condition,
    negative: Condition,
    settings: Injection,
) -> Float[Tensor, "1 z h w"]:
    """The latent of a picture under `condition` in the layout of the picture whose clean latent is
    `z`. No random number is drawn.

    The way up is walked under `negative`, the null prompt say. With all shares 1, guidance 1 and
    `condition` equal to `negative`, what is drawn is the inverted picture again.
    """
    up = inversion(settings.steps, timesteps=diffuser.timesteps)
    seen = {visit.position: visit.latent for visit in walk(diffuser, z, up, negative)}
    x, layers = seen[up[-1].position], attention_layers(diffuser.unet)
    texts = torch.stack([negative, condition])
    for number, step in enumerate(generation(settings.steps, timesteps=diffuser.timesteps)):
        if step.to is None:
            return x
        names = [RESIDUAL] if number < settings.features * settings.steps else []
        names += layers if number < settings.attention * settings.steps else []
        kept = _looked_at(diffuser, seen[step.position], step.t, negative, names)
        with injected(diffuser.unet, kept):
            away, toward = _predict(diffuser, x.expand(2, -1, -1, -1), step.t, texts).chunk(2)
        x = move(diffuser, x, away + settings.guidance * (toward - away), step.t, step.to)
    return x


def attention_layers(unet: nn.Module) -> list[str]:
    """Paths of the query and key projections of the self-attention that is injected: from `FIRST`
    to the end of the decoder. Raises KeyError where the U-Net has no such block.
    """
    modules_of(unet, [FIRST])
    decoder = [name for name, _ in unet.named_modules() if name.startswith("up_blocks.")]
    found = [name for name in decoder if name.endswith((".attn1.to_q", ".attn1.to_k"))]
    return [name for name in found if _place(name) >= _place(FIRST)]


@contextmanager
def injected(model: nn.Module, values: Mapping[str, Tensor]) -> Iterator[None]:
    """In the block the named modules return these values, of a batch of one, for every sample of
    their batch. Raises KeyError on an unknown name.
    """
    names = list(values)
    modules = modules_of(model, names) if names else []

    def hook(name: str) -> Any:
        return lambda module, inputs, output: values[name].expand_as(output).to(output.dtype)

    handles = [
        module.register_forward_hook(hook(name))
        for name, module in zip(names, modules, strict=True)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _place(name: str) -> tuple[int, int]:
    words = name.split(".")
    return int(words[1]), int(words[3])


def _looked_at(
    diffuser: Diffuser, z: Tensor, t: int, text: Condition, names: Sequence[str]
) -> dict[str, Tensor]:
    """What the named modules say of the inverted picture's latent at this level."""
    if not names:
        return {}
    with capture(diffuser.unet, names) as found:
        _predict(diffuser, z, t, text[None])
    return found


def _predict(diffuser: Diffuser, x: Tensor, t: int, texts: Tensor) -> Tensor:
    embedding = texts.to(diffuser.device, diffuser.dtype)
    return diffuser.unet(x.to(diffuser.dtype), t, encoder_hidden_states=embedding).sample.float()
