"""The frozen part: an image to its latent, and the decoder's maps on the latent's way to noise.

What is read is the output of the second convolution of each ResNet block of the decoder, before the
shortcut is added to it and before attention: twelve maps, three on each of four grids.
*Source:* `archs/stable_diffusion/resnet.py` of the released code.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from corrlib.backbones.ddim import Visit, generation, inversion, noised, walk
from corrlib.backbones.diffusion import Diffuser
from corrlib.backbones.noise import noise_for
from corrlib.backbones.untrained import untrained
from corrlib.coords import Frame, Size
from corrlib.methods.base import Env
from corrlib.methods.hyperfeatures.settings import HyperfeatureSettings
from corrlib.methods.hyperfeatures.shared_walks import NAME, SharedWalks
from corrlib.types import FeatureMap, View


def decoder_taps(unet: Any) -> list[str]:
    """The paths of the decoder's taps, from coarse to fine: layers 1 to 12 of the paper."""
    return [
        f"up_blocks.{i}.resnets.{j}.conv2"
        for i, block in enumerate(unet.up_blocks)
        for j in range(len(block.resnets))
    ]


def loaded(image: Image.Image, load: Size, size: Size) -> Float[Tensor, "3 H W"]:
    """The image squashed to `load` with antialiasing and from there to `size` without, both
    bilinear; values in [-1, 1].

    *Source:* `load_image_pair` and `DiffusionExtractor.forward` of the released code.
    """
    array = np.array(image.convert("RGB").resize(load, Image.Resampling.BILINEAR), dtype=np.float32)
    values = rearrange(torch.from_numpy(array), "H W c -> 1 c H W") / 127.5 - 1
    if load != size:
        values = interpolate(values, size[::-1], mode="bilinear", align_corners=False)
    return values[0].contiguous()


# what the walk does not depend on: which of its maps are read, and what is done with them
OF_HEAD = ("head", "keep", "read", "grid", "width", "middle", "groups", "init_seed", "match")


def without(settings: HyperfeatureSettings, names: Sequence[str]) -> HyperfeatureSettings:
    """The settings with these fields as they are by default."""
    blank = HyperfeatureSettings()
    return replace(settings, **{name: getattr(blank, name) for name in names})


def network(settings: HyperfeatureSettings, env: Env) -> Diffuser:
    """The diffusion model that the settings name."""
    trained = env.diffuser(settings.model, settings.dtype)
    if settings.unet == "trained":
        return trained
    name = f"untrained {settings.model} {settings.dtype}"
    if name not in env.shared:
        env.shared[name] = untrained(trained)
    return env.shared[name]


class FrozenPath:
    """A view's visits on its path, and their maps by layer and level."""

    def __init__(self, settings: HyperfeatureSettings, diffuser: Diffuser):
        diffuser.require_size(settings.size)
        self.settings, self.diffuser = settings, diffuser
        self._path, self._walks = None, SharedWalks()
        every = decoder_taps(diffuser.unet)
        if max(settings.numbers) > len(every):
            raise ValueError(
                f"layer {max(settings.numbers)} is asked for; this decoder has {len(every)}"
            )
        self.layers = tuple(every[i - 1] for i in settings.numbers)
        self.channels = tuple(
            diffuser.unet.get_submodule(layer).out_channels for layer in self.layers
        )
        self.steps = inversion(settings.steps, settings.rule, diffuser.timesteps)
        self.levels = tuple(self.steps[i].t for i in settings.places)

    def share(self, env: Env) -> None:
        """Walk an image once for all methods of this environment that share this path."""
        same = replace(without(self.settings, OF_HEAD), layers=(), positions=())
        self._path = repr(same)
        self._walks = env.shared.setdefault(NAME, SharedWalks())
        self._walks.join(self._path, dict.fromkeys(self.settings.places, self.layers))

    def visits(
        self, view: View, layers: Mapping[int, Sequence[str]], *, seed: int = 0
    ) -> Iterator[Visit]:
        """What is seen of `view` at each position of `layers`, which names the layers to read
        there, from clean to noisy, in a generation from noisy to clean. Nothing behind the last of
        them is computed.
        """
        image = (view.key(), seed)
        return self._walks.visits(
            self._path, image, layers, lambda asked: self._walk(view, asked, seed)
        )

    def _walk(self, view: View, layers: Mapping[int, Sequence[str]], seed: int) -> Iterator[Visit]:
        s, d = self.settings, self.diffuser
        z, condition = self._latent(view, seed)[None], d.condition(s.prompt)
        if s.path == "inversion":
            return walk(d, z, self.steps, condition, layers=layers, at=layers)
        if s.path == "generation":
            return self._down(z, condition, layers)
        shape = tuple(z.shape[1:])
        return noised(
            d,
            z,
            self.steps,
            condition,
            lambda t: noise_for(seed, view.noise_id, 0, t, shape)[None],
            layers=layers,
            at=layers,
        )

    def _down(
        self, z: Float[Tensor, "1 z h w"], condition: Any, layers: Mapping[int, Sequence[str]]
    ) -> Iterator[Visit]:
        """The way up to noise without a look, and down again; visits from noisy to clean."""
        s, d = self.settings, self.diffuser
        top = s.steps - 1 if self.steps[-1].to is None else s.steps
        (arrived,) = walk(d, z, self.steps, condition, at=(top,))
        down = generation(s.steps, s.rule, d.timesteps)
        yield from walk(d, arrived.latent, down, condition, layers=layers, at=layers)

    def cells(
        self, view: View, layers: Sequence[str], timesteps: Sequence[int], *, seed: int = 0
    ) -> dict[tuple[str, int], FeatureMap]:
        """The maps at every (module path, level) of one walk. Raises ValueError on a level that is
        not on the path.
        """
        positions = {step.t: step.position for step in self.steps}
        if unknown := [t for t in timesteps if t not in positions]:
            raise ValueError(f"level {unknown[0]} is not on this path; it has {sorted(positions)}")
        asked = {positions[t]: tuple(layers) for t in timesteps}
        return {
            (layer, visit.t): on_image(view, values[0].float())
            for visit in self.visits(view, asked, seed=seed)
            for layer, values in visit.maps.items()
        }

    def _latent(self, view: View, seed: int) -> Float[Tensor, "z h w"]:
        s = self.settings
        image = loaded(view.image(), s.load or s.size, s.size)
        found = self.diffuser.posterior(image[None])
        mean, std = found.mean.float(), found.std.float()
        if s.posterior == "mode":
            return mean
        return mean + std * noise_for(
            seed, view.noise_id, 0, 0, tuple(mean.shape), kind="posterior"
        ).to(mean)


def on_image(view: View, values: Float[Tensor, "c h w"]) -> FeatureMap:
    """A map of the whole image."""
    return FeatureMap(values, Frame(view.size, (values.shape[2], values.shape[1])))
