"""Ask an image where an embedding's attention lies: maps averaged over crops, then one place a
point.
"""

from collections.abc import Sequence

import torch
from einops import rearrange, reduce
from jaxtyping import Float, Int
from torch import Tensor

from corrlib.coords import Points
from corrlib.matching.estimators import first_maximum
from corrlib.methods.prompt_optimization.crop_latents import CropLatents
from corrlib.methods.prompt_optimization.crops import corners
from corrlib.methods.prompt_optimization.draws import Draws, Sample
from corrlib.methods.prompt_optimization.gaussian_loss import Enlarged
from corrlib.methods.prompt_optimization.network import Network
from corrlib.methods.prompt_optimization.settings import PromptSettings


@torch.no_grad()
def attend(
    network: Network,
    latents: CropLatents,
    embeddings: Float[Tensor, "b tokens d"],
    samples: Sequence[Sample],
    view_id: str,
    settings: PromptSettings,
    *,
    seed: int = 0,
) -> Float[Tensor, "b layers size size"]:
    """Each layer's attention on an image of id `view_id`, the mean of every pixel over the crops
    that hold it; values in [0, 1].

    First the four corner crops, then random crops around the maximum of what was found so far, each
    sample its own.
    *Source:* Hedlin et al., section 3.3 and supplement; the released code's
    `run_image_with_tokens_cropped`.
    """
    s, diffuser, count = settings, network.diffuser, len(embeddings)
    draws = [Draws(settings, sample, seed, "ask", view_id) for sample in samples]
    enlarged = [
        Enlarged(layer.side * s.query_scale, latents.side, diffuser.device)
        for layer in network.layers
    ]
    total = torch.zeros(count, len(network.layers), s.size, s.size, device=diffuser.device)
    seen = torch.zeros(count, 1, s.size, s.size, device=diffuser.device)
    for number in range(s.crops):
        if number < 4:
            offsets = [corners(s.size, latents.side)[number]] * count
        else:
            offsets = [
                draw.offset((x + 0.5, y + 0.5))
                for draw, (x, y) in zip(draws, _peaks(total, seen), strict=True)
            ]
        z = latents(offsets)
        noise = torch.stack([draw.noise(z.shape[1:]) for draw in draws])
        maps = network.maps(
            diffuser.noised(z, s.locate_timestep, noise),
            s.locate_timestep,
            embeddings,
            s,
            s.query_scale,
        )
        pixels = torch.stack(
            [
                enlarge(maps[layer.name])
                for layer, enlarge in zip(network.layers, enlarged, strict=True)
            ],
            1,
        )
        for i, (x, y) in enumerate(offsets):
            window = (slice(y, y + latents.side), slice(x, x + latents.side))
            total[i, :, *window] += pixels[i]
            seen[i, :, *window] += 1
    return total / seen


def _peaks(
    total: Float[Tensor, "b layers H W"], seen: Float[Tensor, "b 1 H W"]
) -> list[tuple[int, int]]:
    """The pixel (x, y) of each sample's largest mean so far; pixels that no crop held count as
    0.
    """
    mean = (total / seen.clamp(min=1)).mean(1)
    return [
        (index % mean.shape[-1], index // mean.shape[-1])
        for index in first_maximum(mean.flatten(1))[1].tolist()
    ]


def fuse(
    maps: Float[Tensor, "n members layers H W"], settings: PromptSettings
) -> Float[Tensor, "n H W"]:
    """One map a point (float64 on the CPU): the mean over embeddings, then over the layers that are
    read, each after a soft-max if so set. `maps` hold every tapped layer, in the order of the pass.

    *Source:* the mean is the paper's; the soft-max is the released code's, whose `retest` mode
    leaves it out.
    """
    maps = (
        reduce(maps, "n members layers H W -> n layers H W", "mean").cpu().double()
    )  # in float32 a soft-max rounds small steps
    if settings.read is not None:
        maps = maps[
            :, [i for i, number in enumerate(sorted(settings.layers)) if number in settings.read]
        ]
    if settings.pixel_softmax:
        maps = rearrange(
            rearrange(maps, "n l H W -> n l (H W)").softmax(-1),
            "n l (H W) -> n l H W",
            H=maps.shape[2],
        )
    return maps.mean(1)


def read(fused: Float[Tensor, "n H W"], settings: PromptSettings) -> Points:
    """The place of each map's maximum as lengths on the input (pixel i has its centre at i + 0.5),
    float64.

    With `window` w > 0, the mean place of the pixels at most w rows and columns away, weighted by
    how far each lies above the lowest of them. Ties are decided as in
    `corrlib.matching.estimators`.
    """
    width = fused.shape[-1]
    index = _first(fused)
    peaks = torch.stack([index % width, index // width], 1)
    if not settings.window:
        return peaks.double() + 0.5
    return (
        torch.stack(
            [
                _centre(one, x, y, settings.window)
                for one, (x, y) in zip(fused, peaks.tolist(), strict=True)
            ]
        )
        + 0.5
    )


def _first(fused: Float[Tensor, "n H W"]) -> Int[Tensor, "n"]:
    """The index of each maximum, ties decided at float32's width: what lies below is rounding of
    the maps.
    """
    values = fused.flatten(1)
    lowest, highest = values.aminmax(dim=1, keepdim=True)
    return first_maximum(((values - lowest) / (highest - lowest).clamp(min=1e-30)).float())[1]


def _centre(one: Float[Tensor, "H W"], x: int, y: int, window: int) -> Float[Tensor, "2"]:
    top, left = max(y - window, 0), max(x - window, 0)
    part = one[top : y + window + 1, left : x + window + 1].double()
    weight = (part - part.min()).clamp(min=0) + 1e-30
    rows, columns = (
        torch.arange(side, dtype=torch.float64, device=one.device) for side in part.shape
    )
    middle = (
        torch.stack([(weight.sum(0) * columns).sum(), (weight.sum(1) * rows).sum()]) / weight.sum()
    )
    return middle + middle.new_tensor([left, top])
