"""The head: a bottleneck a layer, shared by all timesteps, and one soft-max of mixing weights over
(timestep x layer).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from corrlib.coords import Frame
from corrlib.heads.bottleneck import Bottleneck, seeded
from corrlib.types import FeatureMap
from corrlib.validation import Validated
from corrlib.validation.kinds import DIFFERENT, SOME, Count, ImageSize, Seed

Cell = tuple[str, int]  # (layer, timestep)


@dataclass(frozen=True)
class HeadSettings(Validated):
    """What a head is, but for its weights. The numbers by default are the paper's.

    `layers` are module paths and `channels` theirs, in the order of the mixing weights; `timesteps`
    likewise. `grid` (width, height) is the descriptor map's, `width` its channels; `middle` the
    bottleneck's. `groups` of GroupNorm must divide both.
    """

    layers: Annotated[tuple[str, ...], SOME, DIFFERENT]
    channels: tuple[Count, ...]
    timesteps: Annotated[tuple[int, ...], SOME, DIFFERENT]
    grid: ImageSize = (64, 64)
    width: Count = 384
    middle: Count = 96
    groups: Count = 32
    init_seed: Seed = 0

    def __post_init__(self):
        super().__post_init__()
        if len(self.layers) != len(self.channels):
            got = f"{len(self.layers)} layers and {len(self.channels)} channels"
            raise ValueError(f"got {got}; wanted the channels of each layer")
        require_groups(self)

    @property
    def cells(self) -> list[Cell]:
        """(layer, timestep) of each mixing weight: all layers of the first timestep, then of the
        second, ...
        """
        return [(layer, t) for t in self.timesteps for layer in self.layers]


def require_groups(settings: Any) -> None:
    """Raise ValueError where `groups` of GroupNorm do not divide `width` and `middle`."""
    if settings.width % settings.groups or settings.middle % settings.groups:
        raise ValueError(
            f"groups is {settings.groups}; wanted a number that divides width ({settings.width}) "
            f"and middle ({settings.middle})"
        )


class AggregationHead(nn.Module):
    """Features at every (layer, timestep) to one map: the sum over them of mixing weight times the
    layer's bottleneck.

    *Source:* Luo et al., section 3.2; the released code's `AggregationNetwork`, whose parameters
    have the same names. There maps are enlarged before the first convolution; the result is the
    same, at a third of the work at full size.
    """

    def __init__(self, settings: HeadSettings):
        super().__init__()
        self.settings = s = settings
        blocks = seeded(
            lambda: [Bottleneck(c, s.width, s.middle, s.groups) for c in s.channels], s.init_seed
        )
        self.bottleneck_layers = nn.ModuleList(nn.Sequential(block) for block in blocks)
        self.mixing_weights = nn.Parameter(torch.ones(len(s.cells)))

    @property
    def mixture(self) -> Float[Tensor, "cells"]:
        """The mixing weights after their soft-max, in the order of `settings.cells`; they sum to
        1.
        """
        return self.mixing_weights.softmax(0)

    def forward(
        self, maps: Mapping[Cell, Float[Tensor, "b _ _ _"]]
    ) -> Float[Tensor, "b width h w"]:
        """Descriptors on the settings' grid, all >= 0. Raises KeyError naming a (layer, timestep)
        that `maps` lacks.

        A layer's maps of all timesteps go through its bottleneck as one batch: the sum of `add`,
        but for rounding, in three quarters of the time.
        """
        s, n, total = self.settings, len(self.settings.timesteps), None
        if missing := [cell for cell in s.cells if cell not in maps]:
            raise KeyError(
                f"no features at {missing[0]}; this head reads {len(s.cells)} of them: {s.cells}"
            )
        mixture = self.mixture.unflatten(0, (n, len(s.layers)))
        for j, layer in enumerate(s.layers):
            every = torch.cat([maps[layer, t] for t in s.timesteps])
            parts = self.bottleneck_layers[j][0](every, s.grid).unflatten(0, (n, -1))
            part = torch.einsum("t,tbchw->bchw", mixture[:, j], parts)
            total = part if total is None else total + part
        return total

    def add(
        self,
        total: Float[Tensor, "b width h w"] | None,
        number: int,
        maps: Mapping[str, Float[Tensor, "b _ _ _"]],
    ) -> Float[Tensor, "b width h w"]:
        """`total` (None at the beginning) and what the layers in `maps` add to it at timestep
        `number`, counted from 0 in the settings' order.

        So features can come one timestep after the other and be dropped: nothing is kept but the
        sum. Layers that are not in `maps` add nothing. Changes `total` in place.
        """
        s, mixture = self.settings, self.mixture
        for j, layer in enumerate(s.layers):
            if layer in maps:
                weight = mixture[number * len(s.layers) + j]
                part = weight * self.bottleneck_layers[j][0](maps[layer], s.grid)
                total = part if total is None else total.add_(part)
        return total

    def largest(self, count: int) -> list[tuple[int, str]]:
        """The `count` places of the largest mixing weights, as (number of the timestep, layer), the
        largest first; the earlier one of two equal weights.
        """
        s = self.settings
        order = self.mixing_weights.detach().sort(descending=True, stable=True).indices
        found = [divmod(i, len(s.layers)) for i in order[:count].tolist()]
        return [(number, s.layers[j]) for number, j in found]

    @torch.no_grad()
    def describe(self, maps: Mapping[Cell, FeatureMap]) -> FeatureMap:
        """One image's descriptors. Raises ValueError when its maps cover different regions."""
        frames = {(fm.frame.image, fm.frame.edges) for fm in maps.values()}
        if len(frames) != 1:
            raise ValueError(
                f"the maps cover {len(frames)} different regions; take all of them of one "
                "image, uncropped"
            )
        some = next(iter(maps.values()))
        device = self.mixing_weights.device
        values = self({cell: fm.values[None].float().to(device) for cell, fm in maps.items()})[0]
        return FeatureMap(values, Frame(some.frame.image, self.settings.grid, some.frame.box))
