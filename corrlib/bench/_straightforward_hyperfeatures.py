"""Hyperfeatures done plainly, as the released code does it: the other side of the benchmark.

A pair at a time, both images in one batch, the whole network at every step; every map enlarged to
the grid and all of them concatenated; convolutions after enlarging; maps enlarged to the image and
every pixel compared. Nothing is kept for the next pair. Only the latents' noise comes from the
library, so that both sides see the same, and ties are decided by one rule.
*Source:* `diffusion-hyperfeatures/diffusion_hyperfeatures`, commit 4a5ec2b, as described; written
anew.
"""

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from corrlib.backbones.diffusion import Diffuser
from corrlib.backbones.noise import noise_for
from corrlib.bench.match import nearest_straightforward
from corrlib.coords import Frame, Points
from corrlib.heads.aggregation import AggregationHead
from corrlib.methods.hyperfeatures.frozen import loaded
from corrlib.methods.hyperfeatures.settings import HyperfeatureSettings
from corrlib.types import FeatureMap, Matches, View


class Straightforward:
    """A callable as a method is, for one pair. Layers are all twelve, the path is an inversion."""

    def __init__(self, diffuser: Diffuser, settings: HyperfeatureSettings, head: AggregationHead):
        self.diffuser, self.settings, self.head = diffuser, settings, head

    @torch.no_grad()
    def __call__(self, source: View, target: View, queries: Points) -> Matches:
        """Nearest neighbours of whole-pixel queries."""
        both = self.aggregate(self.features([source, target]))
        maps = [
            FeatureMap(values, Frame(view.size, self.settings.grid))
            for values, view in zip(both, (source, target), strict=True)
        ]
        return nearest_straightforward(*maps, queries)

    @torch.no_grad()
    def features(self, views: list[View]) -> Float[Tensor, "b all h w"]:
        """All maps of all saved steps, enlarged, step after step, layer after layer."""
        s, d = self.settings, self.diffuser
        x = torch.stack([self._latent(view) for view in views])
        text = d.condition(s.prompt).expand(len(views), -1, -1)
        abars, stride = d.scheduler.alphas_cumprod, d.timesteps // s.steps
        saved = []
        for i in range(s.steps):
            level, goal = self._levels(i, stride)
            maps: list[Tensor] = []
            handles = [
                block.conv2.register_forward_hook(partial(_keep, maps))
                for up in d.unet.up_blocks
                for block in up.resnets
            ]
            said = d.unet(x, level, encoder_hidden_states=text).sample
            for handle in handles:
                handle.remove()
            if i in s.places:
                grid = s.grid[::-1]
                saved.append([interpolate(m, grid, mode="bilinear") for m in maps])
            a, b = (abars[t] if t >= 0 else torch.tensor(1.0) for t in (level, goal))
            x = self._moved(x, said, a, b)
        return torch.stack([torch.cat(step, 1) for step in saved], 1).flatten(1, 2)

    def aggregate(self, features: Float[Tensor, "b all h w"]) -> Float[Tensor, "b width h w"]:
        """The head's network, its convolutions on the enlarged maps."""
        head, start, total = self.head, 0, None
        mixture = head.mixing_weights.softmax(0)
        for i, weight in enumerate(mixture):
            channels = head.settings.channels[i % len(head.settings.channels)]
            x, start = features[:, start : start + channels], start + channels
            block = head.bottleneck_layers[i % len(head.settings.channels)][0]
            y = block.conv3(block.conv2(block.conv1(x).relu()).relu())
            part = weight * (y + (x if block.shortcut is None else block.shortcut(x))).relu()
            total = part if total is None else total + part
        return total

    def _levels(self, i: int, stride: int) -> tuple[int, int]:
        """Level of step i and the next, by the settings' rule; the last one's next is not used."""
        if self.settings.rule == "released":
            return (i - 1) * stride if i else -1, i * stride
        return i * stride, min(i + 1, self.settings.steps - 1) * stride

    def _moved(self, x: Tensor, said: Tensor, a: Tensor, b: Tensor) -> Tensor:
        if self.diffuser.scheduler.config.prediction_type == "v_prediction":
            clean = a.sqrt() * x - (1 - a).sqrt() * said
            noise = a.sqrt() * said + (1 - a).sqrt() * x
        else:
            clean, noise = (x - (1 - a).sqrt() * said) / a.sqrt(), said
        return b.sqrt() * clean + (1 - b).sqrt() * noise

    def _latent(self, view: View) -> Float[Tensor, "z h w"]:
        s = self.settings
        found = self.diffuser.posterior(loaded(view.image(), s.load or s.size, s.size)[None])
        shape = tuple(found.mean.shape)
        return found.mean + found.std * noise_for(0, view.noise_id, 0, 0, shape, kind="posterior")


def _keep(maps: list[Tensor], module: Callable, given: tuple, out: Tensor) -> None:
    maps.append(out.clone())
