"""One noisy pass: the way from a view to features that several methods share. Settings, checks and
the extractor.
"""

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import AfterValidator, Field

from corrlib.backbones.diffusion import Diffuser, Posterior
from corrlib.coords import Frame
from corrlib.types import FeatureMap, View
from corrlib.validation import Validated
from corrlib.validation.kinds import Few, ImageSize, Name, Timestep

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
Dtype = Literal["float32", "bfloat16", "float16"]
Ensemble = Annotated[
    int, Field(ge=1, le=4096, description="a number of noisy copies, 1 or more (DIFT uses 8)")
]

# What puts out a map of features; other modules of a U-Net put out tokens or vectors.
_BLOCK = r"(down|up)_blocks\.\d+(\.(attentions|resnets|downsamplers|upsamplers)\.\d+)?"
_LAYER = re.compile(rf"conv_in|conv_out|mid_block(\.(attentions|resnets)\.\d+)?|{_BLOCK}")


def _layer(name: str) -> str:
    if not _LAYER.fullmatch(name):
        raise ValueError(
            "wanted a module of the U-Net that puts out a map: mid_block, up_blocks.1, "
            "up_blocks.1.attentions.0, down_blocks.2.resnets.1, ..."
        )
    return name


def _prompt(text: str) -> str:
    if set(text.replace("{category}", "")) & set("{}"):
        raise ValueError(
            "wanted no braces but {category}, which the category's name replaces, for example "
            "a photo of a {category}"
        )
    return text


Layer = Annotated[str, AfterValidator(_layer)]
Prompt = Annotated[str, AfterValidator(_prompt)]


@dataclass(frozen=True)
class NoisedPassSettings(Validated):
    """What a single pass of a diffusion model over one view depends on.

    `size` is the input (width, height) that every image is squashed to; `timestep` runs from 0 to
    999; `layer` is a module path in the U-Net. `prompt` may hold "{category}"; where a view has no
    category it then is the null prompt, "". `posterior` "sample" draws the latent of each of the
    `ensemble` members, "mode" takes the mean. `noise` "none" feeds the clean latent at `timestep`,
    an ablation. `dtype` is one of float32, bfloat16, float16. `at_once` members share a pass: fewer
    need less memory (and may change a feature's last digit, so this is a setting and no result ever
    mixes two values).
    """

    model: Name = "sd2-1"
    size: ImageSize = (768, 768)
    timestep: Timestep = 261
    layer: Layer = "up_blocks.1"
    ensemble: Ensemble = 8
    prompt: Prompt = "a photo of a {category}"
    posterior: Literal["sample", "mode"] = "sample"
    noise: Literal["matched", "none"] = "matched"
    dtype: Dtype = "float32"
    at_once: Few = 8

    def prompt_for(self, view: View) -> str:
        """The prompt of one view, its category filled in."""
        if "{category}" in self.prompt and view.category is None:
            return ""
        return self.prompt.replace("{category}", view.category or "")


class NoisedPass:
    """The extractor: a view to its feature map at the settings' layer and timestep, or at many
    layers and timesteps at once.
    """

    KEEP = 256  # posteriors kept in memory: a sweep encodes an image once, not once a timestep

    def __init__(self, settings: NoisedPassSettings, diffuser: Diffuser):
        diffuser.require_size(settings.size)
        diffuser.require_layers([settings.layer])
        self.settings, self.diffuser = settings, diffuser
        self._posteriors: OrderedDict[tuple[View, str], Posterior] = OrderedDict()

    def __call__(self, view: View, *, seed: int = 0) -> FeatureMap:
        """Features of `view` (c x h x w, float32), the mean over the ensemble; noise is keyed on
        `seed` and the view's `noise_id`.
        """
        layer, timestep = self.settings.layer, self.settings.timestep
        return self.cells(view, [layer], [timestep], seed=seed)[layer, timestep]

    def cells(
        self, view: View, layers: Sequence[str], timesteps: Sequence[int], *, seed: int = 0
    ) -> dict[tuple[str, int], FeatureMap]:
        """Features at every (layer, timestep), each bitwise what the extractor with these settings
        returns alone.

        The image is encoded once; a timestep costs one pass of the ensemble, whatever the number of
        layers.
        """
        s, found = self.settings, {}
        maps = self.diffuser.describe(
            self._posterior(view),
            view.noise_id,
            self.diffuser.condition(s.prompt_for(view)),
            layers=layers,
            timesteps=timesteps,
            ensemble=s.ensemble,
            sample=s.posterior == "sample",
            noise=s.noise == "matched",
            seed=seed,
            at_once=s.at_once,
        )
        for key, values in maps.items():
            found[key] = FeatureMap(values, Frame(view.size, (values.shape[2], values.shape[1])))
        return found

    def _posterior(self, view: View) -> Posterior:
        key = view.key()
        if key not in self._posteriors:
            self._posteriors[key] = self.diffuser.encode(view.image(), self.settings.size)
            if len(self._posteriors) > self.KEEP:
                self._posteriors.popitem(last=False)
        return self._posteriors[key]
