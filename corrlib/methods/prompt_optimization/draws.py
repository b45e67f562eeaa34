"""The random numbers of one sample: a stream of its own, so that neither batches, order nor
machines can change a result.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from corrlib.backbones.noise import noise_key
from corrlib.methods.prompt_optimization.crops import draw_offset
from corrlib.methods.prompt_optimization.settings import PromptSettings


@dataclass(frozen=True)
class Sample:
    """A point (x, y) of an image, in pixels to three decimals, and the number of one of its
    embeddings.
    """

    view_id: str
    point: tuple[float, float]
    member: int = 0

    @classmethod
    def of(
        cls, view_id: str, point: Float[Tensor, "2"] | Sequence[float | int], member: int = 0
    ) -> "Sample":
        """From (x, y); float32 and float64 of one point give one sample."""
        x, y = (
            round(float(value), 3) + 0.0 for value in point
        )  # + 0.0 makes -0.0 and 0.0 one point
        return cls(view_id, (x, y), member)


def first_embedding(sample: Sample, seed: int, shape: tuple[int, int]) -> Float[Tensor, "tokens d"]:
    """Where the search for an embedding begins: standard normal numbers."""
    return torch.randn(shape, generator=_stream(seed, "embedding", sample))


class Draws:
    """A sample's crops and noises in the order in which it needs them: for each pass an offset,
    then the latent's noise.

    `purpose` keeps the draws for finding ("find") and for asking an image ("ask", with the image's
    id) apart.
    """

    def __init__(self, settings: PromptSettings, sample: Sample, seed: int, *purpose: str):
        self.settings, self.generator = settings, _stream(seed, *purpose, sample)

    def offset(self, point: tuple[float, float]) -> tuple[int, int]:
        """The offset (x, y) of a random crop around `point` (lengths on the input)."""
        s = self.settings
        return draw_offset(
            point, s.size, s.crop_side, self.generator, margin=s.margin, stride=s.crop_stride
        )

    def noise(self, shape: tuple[int, ...]) -> Float[Tensor, "..."]:
        """Noise by the law of the settings: standard normal, or uniform in [0, 1)."""
        law = torch.rand if self.settings.noise == "uniform" else torch.randn
        return law(tuple(shape), generator=self.generator)


def _stream(seed: int, *key: object) -> torch.Generator:
    parts = [
        (part.view_id, part.point, part.member) if isinstance(part, Sample) else part
        for part in key
    ]
    return torch.Generator().manual_seed(noise_key(seed, *parts))
