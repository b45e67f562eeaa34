"""What correspondence costs nothing: pixels, VAE latents, an untrained U-Net, and copying the
position.

A learned feature has to beat all four before it is said to know anything.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from einops import rearrange

from corrlib.backbones.diffusion import pixels
from corrlib.backbones.noised_pass import NoisedPass, NoisedPassSettings
from corrlib.backbones.untrained import untrained
from corrlib.coords import Frame, Queries, as_queries, resize_points
from corrlib.methods import register
from corrlib.methods.base import Env, FeatureMethod
from corrlib.types import FeatureMap, Matches, View
from corrlib.validation import Validated
from corrlib.validation.kinds import Count, ImageSize, Name, Seed


@dataclass(frozen=True)
class PixelSettings(Validated):
    """RGB patches of `window` x `window` pixels every `stride` pixels of the image resized to
    `size` (width, height).
    """

    size: ImageSize = (96, 96)
    stride: Count = 4
    window: Count = 8

    def __post_init__(self):
        super().__post_init__()
        if any(side % self.stride for side in self.size):
            raise ValueError(
                f"size {self.size} is no multiple of stride {self.stride}; every cell needs a "
                "whole patch"
            )
        if self.window < self.stride or (self.window - self.stride) % 2:
            raise ValueError(
                f"window {self.window} must be stride {self.stride} plus an even number, to lie "
                "centred on its cell"
            )


PIXEL_PRESETS = {
    "toybox": PixelSettings(),
    "photos": PixelSettings((512, 512), 8, 16),
    **dict.fromkeys(("paper", "official"), PixelSettings((768, 768), 8, 16)),
}


@register("pixels", presets=PIXEL_PRESETS)
def build_pixels(settings: PixelSettings, env: Env) -> FeatureMethod:
    """Raw pixels: a cell's feature is its RGB patch in [-1, 1], flattened (3 window^2 channels)."""

    def extract(view: View, *, seed: int = 0) -> FeatureMap:
        margin = (settings.window - settings.stride) // 2
        image = torch.nn.functional.pad(
            pixels(view.image(), settings.size)[None], (margin,) * 4, mode="replicate"
        )
        patches = torch.nn.functional.unfold(image, settings.window, stride=settings.stride)[0]
        grid = (settings.size[0] // settings.stride, settings.size[1] // settings.stride)
        return FeatureMap(rearrange(patches, "c (h w) -> c h w", w=grid[0]), Frame(view.size, grid))

    return FeatureMethod(settings, extract, store=env.store)


@dataclass(frozen=True)
class LatentSettings(Validated):
    """The VAE of `model`, fed images of `size` (width, height)."""

    model: Name = "toybox"
    size: ImageSize = (96, 96)


LATENT_PRESETS = {
    "toybox": LatentSettings(),
    "photos": LatentSettings("sd1-5", (512, 512)),
    **dict.fromkeys(("paper", "official"), LatentSettings("sd2-1", (768, 768))),
}


@register("latents", presets=LATENT_PRESETS)
def build_latents(settings: LatentSettings, env: Env) -> FeatureMethod:
    """VAE latents: a cell's feature is the mean of its latent's posterior (4 channels in Stable
    Diffusion).
    """
    diffuser = env.diffuser(settings.model)
    diffuser.require_size(settings.size)

    def extract(view: View, *, seed: int = 0) -> FeatureMap:
        values = diffuser.encode(view.image(), settings.size).mean.float()
        return FeatureMap(values, Frame(view.size, (values.shape[2], values.shape[1])))

    return FeatureMethod(settings, extract, weights=diffuser.fingerprint, store=env.store)


@dataclass(frozen=True)
class RandomUNetSettings(NoisedPassSettings):
    """A single pass as in DIFT, through a U-Net whose weights are drawn from `init_seed` and never
    trained.
    """

    init_seed: Seed = 0


_RANDOM = RandomUNetSettings()
RANDOM_PRESETS = {
    **dict.fromkeys(("paper", "official"), _RANDOM),
    "photos": replace(_RANDOM, model="sd1-5", size=(512, 512), ensemble=1),
    "toybox": replace(_RANDOM, model="toybox", size=(96, 96), timestep=151, layer="up_blocks.2"),
}


@register("random_unet", presets=RANDOM_PRESETS)
def build_random_unet(settings: RandomUNetSettings, env: Env) -> FeatureMethod:
    """DIFT with the trained VAE and text encoder, but an untrained U-Net of the same shape: what
    the architecture alone gives.
    """
    diffuser = untrained(env.diffuser(settings.model, settings.dtype), settings.init_seed)
    return FeatureMethod(
        settings, NoisedPass(settings, diffuser), weights=diffuser.fingerprint, store=env.store
    )


@dataclass(frozen=True)
class PositionSettings(Validated):
    """Nothing to set."""


@dataclass
class CopyPosition:
    """Answers with the query's relative position in the image, whatever the images show. Score is 0
    everywhere.
    """

    settings: Any = field(default_factory=PositionSettings)
    name: str = ""
    preset: str = ""
    weights: str = ""

    def __call__(self, source: View, target: View, queries: Queries, *, seed: int = 0) -> Matches:
        queries = as_queries(queries, source.size)
        return Matches(resize_points(queries, source.size, target.size), torch.zeros(len(queries)))


@register(
    "copy_position",
    presets=dict.fromkeys(("toybox", "photos", "paper", "official"), PositionSettings()),
)
def build_copy_position(settings: PositionSettings, env: Env) -> CopyPosition:
    """Copy the relative position: what a data set gives away by centring its objects."""
    return CopyPosition(settings)
