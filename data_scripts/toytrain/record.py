"""When does correspondence emerge? DIFT's accuracy on a few validation pairs, taken while the model
trains.
"""

import torch

from corrlib.backbones.capture import capture
from data_scripts.toytrain.validation import Validation

TIMESTEPS = (51, 151, 301)
LAYERS = ("up_blocks.0", "up_blocks.1", "up_blocks.2", "up_blocks.3.attentions.0")


class Observer:
    """Validation pictures encoded once; called with a trainer it returns PCK@0.1 (percent, per
    point) for every (t, layer).
    """

    def __init__(
        self,
        vae,
        tokenize,
        alphas: torch.Tensor,
        scale: float,
        size: int,
        device: str,
        world: str = "calibrated",  # where its pictures are from; the record says so
    ):
        self.world, self.validation = world, Validation(size, world)
        self.alphas, self.device = alphas.to(device), device
        with torch.no_grad():
            self.z = vae.encode(self.validation.images.to(device) * 2 - 1).latent_dist.mean * scale
        self.ids = tokenize(
            [f"a photo of a {category}" for category, *_ in self.validation.items]
        ).to(device)
        self.noise = torch.randn(self.z.shape, generator=torch.Generator().manual_seed(7)).to(
            device
        )

    @torch.no_grad()
    def __call__(self, trainer) -> dict[str, float]:
        """`trainer.average` holds the nets to look at."""
        condition = trainer.average["text"](self.ids).last_hidden_state
        scores = {}
        for t in TIMESTEPS:
            alpha = self.alphas[t]
            noisy = alpha.sqrt() * self.z + (1 - alpha).sqrt() * self.noise
            with capture(trainer.average["unet"], LAYERS) as out:
                trainer.average["unet"](noisy, t, condition)
            for layer in LAYERS:
                scores[f"{layer}@{t}"] = self.validation.score(out[layer].float().cpu())
        return {"pck": scores}
