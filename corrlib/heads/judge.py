"""A small network that names toys, as an encoder of whole pictures that knows no feature under
test: what CLIP is to the scores of swapped photographs.
"""

from functools import lru_cache
from pathlib import Path

from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn

from corrlib.heads.shipped import ASSETS

WIDTHS = (16, 32, 64, 64)
SIDE = 96  # pixels a side of its input
FILE = "judge/judge.safetensors"


class Judge(nn.Module):
    """Four convolutions of stride 2, the mean over places, and a linear layer to `classes`."""

    def __init__(self, classes: int = 18):
        super().__init__()
        layers, before = [], 3
        for width in WIDTHS:
            layers += [nn.Conv2d(before, width, 3, 2, 1), nn.GroupNorm(8, width), nn.ReLU()]
            before = width
        self.layers, self.classify = nn.Sequential(*layers), nn.Linear(before, classes)

    def embed(self, images: Float[Tensor, "b 3 96 96"]) -> Float[Tensor, "b 64"]:
        """The vectors of pictures in [0, 1], not normalised, all >= 0."""
        return self.layers(images * 2 - 1).mean((2, 3))

    def forward(self, images: Float[Tensor, "b 3 96 96"]) -> Float[Tensor, "b classes"]:
        """Logits of the categories, in the order of `corrlib.toybox.things.CATEGORIES`."""
        return self.classify(self.embed(images))


@lru_cache(maxsize=1)
def shipped(folder: Path = ASSETS) -> Judge:
    """The one that ships, in evaluation mode. Raises FileNotFoundError with the command that trains
    it.
    """
    path = folder / FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"no judge at {path}; train it with: python data_scripts/train_toy_judge.py"
        )
    tensors = {name: tensor.float() for name, tensor in load_file(path).items()}
    judge = Judge(len(tensors["classify.bias"]))
    judge.load_state_dict(tensors)
    return judge.eval().requires_grad_(False)
