"""When does correspondence emerge? The teacher's accuracy on validation pairs while it trains,
beside raw pixels; the record's first line is the random network's.
"""

import torch
from torch.nn.functional import pad, unfold

from corrlib.backbones.vit import ViT
from data_scripts.toytrain.validation import Validation

IMAGES = 4  # a category: twelve maps are scored each time
STRIDE, WINDOW = 4, 8  # of the raw pixels: those of method `pixels`


class Observer:
    """Validation pictures, rendered once; called with a trainer it returns PCK@0.1 (percent, per
    point) of every layer's tokens and keys.
    """

    def __init__(self, size: int, device: str):
        self.validation, self.device = Validation(size, each=IMAGES), device
        self.pixels = self.validation.score(_patches(self.validation.images * 2 - 1))

    def __call__(self, trainer) -> dict:
        """`trainer.teacher` holds the network to look at."""
        vit = trainer.teacher.vit
        depth = vit.config.num_hidden_layers
        taps = [(layer, facet) for layer in range(depth) for facet in ("token", "key")]
        network = ViT(vit, device=self.device)
        parts = [
            network.describe(part.to(self.device), taps)
            for part in self.validation.images.split(12)
        ]
        scores = {
            f"{facet}@{layer}": self.validation.score(
                torch.cat([part[layer, facet] for part in parts]).cpu()
            )
            for layer, facet in taps
        }
        return {"pck": scores, "pixels": self.pixels}


def _patches(images: torch.Tensor) -> torch.Tensor:
    margin = (WINDOW - STRIDE) // 2
    cells = unfold(pad(images, (margin,) * 4, mode="replicate"), WINDOW, stride=STRIDE)
    return cells.unflatten(2, (images.shape[2] // STRIDE, images.shape[3] // STRIDE))
