"""Find embeddings: many samples in one optimisation, each with its own crop, noise, target and Adam
state.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from corrlib.coords import Points
from corrlib.methods.prompt_optimization.crop_latents import CropLatents
from corrlib.methods.prompt_optimization.crops import to_crop
from corrlib.methods.prompt_optimization.draws import Draws, Sample, first_embedding
from corrlib.methods.prompt_optimization.gaussian_loss import Enlarged, loss
from corrlib.methods.prompt_optimization.network import Network
from corrlib.methods.prompt_optimization.settings import PromptSettings


def optimise(
    network: Network,
    latents: CropLatents,
    samples: Sequence[Sample],
    points: Points,
    settings: PromptSettings,
    *,
    seed: int = 0,
    watch: Callable[[int, Tensor, Tensor], None] | None = None,
) -> Float[Tensor, "b tokens d"]:
    """Embeddings whose attention, on random crops of one image, looks like a Gaussian at each
    sample's point.

    `points` (b x 2) are the samples' points as lengths on the input. The loss is summed over
    samples, not averaged: Adam's epsilon then weighs the same whatever the batch, and its state,
    which is elementwise, is each sample's own. `watch(step, embeddings, losses)` is called after
    each step, on tensors that it must not change. Result: float32 on the CPU.
    *Source:* Hedlin et al., section 3.2 and Algorithm in the released code, `optimize_prompt`.
    """
    diffuser, width = network.diffuser, network.diffuser.unet.config.cross_attention_dim
    draws = [Draws(settings, sample, seed, "find") for sample in samples]
    start = [first_embedding(sample, seed, (settings.tokens, width)) for sample in samples]
    embeddings = torch.stack(start).to(diffuser.device).requires_grad_()
    adam = torch.optim.Adam([embeddings], lr=settings.learning_rate)
    enlarged = {
        layer.side: Enlarged(layer.side, settings.size, diffuser.device) for layer in network.layers
    }
    for step in range(settings.steps):
        offsets = [
            draw.offset((float(x), float(y))) for draw, (x, y) in zip(draws, points, strict=True)
        ]
        z = latents(offsets)
        noise = torch.stack([draw.noise(z.shape[1:]) for draw in draws])
        shares = to_crop(points, torch.tensor(offsets), latents.side)
        centres = shares * settings.size - 0.5 * settings.half_pixel
        with torch.enable_grad():
            maps = network.maps(
                diffuser.noised(z, settings.timestep, noise),
                settings.timestep,
                embeddings,
                settings,
            )
            losses = loss(maps, centres.to(embeddings), settings.sigma, enlarged)
            (embeddings.grad,) = torch.autograd.grad(losses.sum(), embeddings)
        adam.step()
        if watch is not None:
            watch(step, embeddings.detach(), losses.detach())
    return embeddings.detach().cpu()
