"""What finding a prompt and asking an image with it depend on."""

from dataclasses import dataclass, fields
from typing import Any

from corrlib.backbones.noised_pass import DTYPES

NOISES = ("gaussian", "uniform")
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
class PromptSettings:
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

    model: str = "sd1-4"
    size: int = 512
    layers: tuple[int, ...] = (7, 8, 9, 10)
    largest_map: int | None = None
    heads: tuple[int, ...] | None = None
    token: int = 1
    tokens: int = 77
    embeddings: int = 5
    steps: int = 129
    learning_rate: float | int = 2.3755632081200314e-3
    sigma: float | int = 27.97853316316864
    noise: str = "gaussian"
    timestep: int = 140
    crop: float | int = 0.9316549
    margin: float | int = 0.15
    crop_stride: int = 1
    locate_timestep: int = 140
    crops: int = 20
    read: tuple[int, ...] | None = None
    pixel_softmax: bool = False
    query_scale: int = 1
    window: int = 0
    half_pixel: bool = True
    dtype: str = "float32"
    at_once: int = 36

    def __post_init__(self):
        if self.noise not in NOISES or self.dtype not in DTYPES:
            raise ValueError(
                f"got noise={self.noise!r}, dtype={self.dtype!r}; wanted noise "
                f"{' or '.join(NOISES)}, dtype {', '.join(DTYPES)}"
            )
        if not isinstance(self.size, int):
            raise ValueError(
                f"size is {self.size!r}; wanted the one side of the square input in pixels, for "
                "example 512"
            )
        for name in (
            "size",
            "embeddings",
            "steps",
            "crop_stride",
            "query_scale",
            "at_once",
            "tokens",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; wanted 1 or more")
        for name in ("timestep", "locate_timestep"):
            if not 0 <= getattr(self, name) < 1000:
                raise ValueError(
                    f"{name} is {getattr(self, name)}; wanted an integer from 0 (least noise) "
                    "to 999"
                )
        if (
            not self.layers
            or len(set(self.layers)) != len(self.layers)
            or (self.heads is not None and not self.heads)
        ):
            raise ValueError(
                f"got layers={self.layers}, heads={self.heads}; wanted different layers, and "
                "heads or None for all"
            )
        if self.read is not None and (not self.read or not set(self.read) <= set(self.layers)):
            raise ValueError(
                f"read is {self.read}; wanted some of the layers that are tapped, "
                f"{self.layers}, or None for all"
            )
        if not 0 <= self.token < self.tokens:
            raise ValueError(
                f"token is {self.token}; wanted one of the {self.tokens} tokens, 0 to "
                f"{self.tokens - 1}"
            )
        if not (
            self.sigma > 0
            and self.learning_rate > 0
            and 0 <= self.margin <= 0.5
            and self.window >= 0
        ):
            raise ValueError(
                "wanted sigma and learning_rate above 0, margin in [0, 0.5] and window 0 or more"
            )
        if not 0.5 <= self.crop <= 1 or self.crops < 4:
            raise ValueError(
                f"got crop={self.crop}, crops={self.crops}; wanted a share of 0.5 to 1 and 4 "
                "crops or more: with less the corner "
                "crops do not cover the image, and the released code then answers with the same "
                "place whatever the image shows"
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
