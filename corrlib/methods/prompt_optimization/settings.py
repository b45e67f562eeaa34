"""What finding a prompt and asking an image with it depend on."""

from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

from pydantic import Field

from corrlib.backbones.noised_pass import Dtype
from corrlib.validation import Validated
from corrlib.validation.kinds import (
    DIFFERENT,
    FLOAT,
    SOME,
    Count,
    Few,
    Name,
    Natural,
    Number,
    Positive,
    Side,
    Timestep,
)

Layers = Annotated[tuple[Natural, ...], SOME, DIFFERENT]  # numbers of layers, or of heads
# With less the corner crops do not cover the image, and the released code then answers with the
# same place whatever the image shows.
_COVER = ", so that the crops in the corners cover the image"
Crop = Annotated[Number, Field(ge=0.5, le=1, description=f"a share of 0.5 to 1{_COVER}"), FLOAT]
Crops = Annotated[int, Field(ge=4, le=4096, description=f"4 crops or more{_COVER}")]
# What an embedding does not depend on: these may change and stored embeddings are still the right
# ones.
OF_READING = (
    "embeddings",
    "locate_timestep",
    "crops",
    "read",
    "pixel_softmax",
    "query_scale",
    "window",
)

# What the released code does where the paper differs or is silent;
# `corrlib.methods.prompt_optimization.method` says it in words.
RELEASED: dict[str, Any] = {
    "layers": (5, 6, 7, 8),
    "largest_map": 32,
    "heads": (4, 5, 6, 7),
    "noise": "uniform",
    "locate_timestep": 40,
    "pixel_softmax": True,
    "half_pixel": False,
}


@dataclass(frozen=True)
class PromptSettings(Validated):
    """Every number of the method; the defaults are the paper's. Lengths are pixels of the square
    input.

    `model`, `dtype` (float32, bfloat16, float16) and `size`, the side that every image is squashed
    to. `layers` number the cross-attentions in the order down, mid, up, from 0; with `largest_map`
    only those whose map has at most that many cells a side are counted. `heads` are the heads that
    are averaged, None for all. `token` of `tokens` is read.

    Finding: `embeddings` independent starts a point; `steps` of Adam at rate `learning_rate`; a
    Gaussian target of `sigma` pixels; noise ("gaussian" or "uniform") at `timestep`; crops whose
    side is the share `crop` of the image, the point at least the share `margin` of the crop away
    from its border where the image allows it, at offsets that are multiples of `crop_stride`.

    Asking: noise at `locate_timestep`; `crops` of the target, the four corners first; `read` names
    those of `layers` whose maps the answer averages, None for all (crops are placed by all);
    `pixel_softmax` over each layer's map before layers are averaged. `query_scale` > 1 enlarges the
    queries (bicubic) before the attention; `window` > 0 answers with the weighted mean place within
    so many pixels of the maximum instead of the maximum itself.

    `half_pixel` keeps to the library's rule for coordinates; without it a point is scaled by the
    ratio of sizes alone, as the released code does. `at_once` samples (a point and one of its
    embeddings) share a pass: memory against speed. A pass always holds that many, the last one
    filled up with copies, so that no digit of a result depends on what else is computed.
    """

    model: Name = "sd1-4"
    size: Side = 512
    layers: Layers = (7, 8, 9, 10)
    largest_map: Count | None = None
    heads: Layers | None = None
    token: Natural = 1
    tokens: Few = 77
    embeddings: Few = 5
    steps: Count = 129
    learning_rate: Positive = 2.3755632081200314e-3
    sigma: Positive = 27.97853316316864
    noise: Literal["gaussian", "uniform"] = "gaussian"
    timestep: Timestep = 140
    crop: Crop = 0.9316549
    margin: Annotated[Number, Field(ge=0, le=0.5), FLOAT] = 0.15
    crop_stride: Count = 1
    locate_timestep: Timestep = 140
    crops: Crops = 20
    read: Layers | None = None
    pixel_softmax: bool = False
    query_scale: Annotated[int, Field(ge=1, le=64)] = 1
    window: Natural = 0
    half_pixel: bool = True
    dtype: Dtype = "float32"
    at_once: Few = 8

    def __post_init__(self):
        super().__post_init__()
        if self.read is not None and not set(self.read) <= set(self.layers):
            raise ValueError(
                f"read is {self.read}; wanted some of the layers that are tapped, "
                f"{self.layers}, or None for all"
            )
        if self.token >= self.tokens:
            raise ValueError(
                f"token is {self.token}; wanted one of the {self.tokens} tokens, 0 to "
                f"{self.tokens - 1}"
            )

    @property
    def crop_side(self) -> int:
        """The side of a crop in pixels of the input: 477 of 512 in the paper."""
        return int(self.size * self.crop)

    def of_embedding(self) -> tuple[tuple[str, Any], ...]:
        """The settings that an embedding depends on, by name: the part of its cache key."""
        return tuple(
            (field.name, getattr(self, field.name))
            for field in fields(self)
            if field.name not in OF_READING
        )
