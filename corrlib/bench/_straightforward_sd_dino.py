"""SD + DINO as its released code goes about it: every pair from its pixels, every crop through the
whole model and back through the decoder, a random PCA of each pair, and a loop over all tokens.

*Source:* `extractor_sd.py`, `extractor_dino.py`, `pck_spair_pascal.py` and
`utils_correspondence.py` of `Junyi42/sd-dino`, commit b85df18; only the conditioning is simpler,
the null prompt in the place of the captioner, on both sides of the comparison.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate, normalize, pairwise_distance

from corrlib.backbones.canvas import letterbox, letterboxed
from corrlib.backbones.capture import capture
from corrlib.backbones.diffusion import Diffuser
from corrlib.backbones.vit import ViT
from corrlib.bench._clock import Clock
from corrlib.coords import Points
from corrlib.methods.sd_dino.mosaic import corners
from corrlib.methods.sd_dino.settings import SdDinoSettings
from corrlib.methods.sd_dino.taps import SHARED_SEED, SHARED_SIDE
from corrlib.types import View

PARTS = ("text", "encoder", "unet", "decoder", "dino", "pca", "match")


class Straightforward:
    """Answers in pixels of the target; nothing is remembered from one call to the next. `clock`
    gathers the seconds of `PARTS`.
    """

    def __init__(self, diffuser: Diffuser, vit: ViT, settings: SdDinoSettings, seed: int = 0):
        self.diffuser, self.vit, self.settings, self.seed = diffuser, vit, settings, seed
        self.clock = Clock(("pair",))

    @torch.no_grad()
    def __call__(self, source: View, target: View, queries: Points) -> Points:
        """The nearest cell of each query, as the released code counts pixels."""
        s = self.settings
        sides = [self._sd(view) for view in (source, target)]
        dinos = [self._dino(view) for view in (source, target)]
        with self.clock.part("pca"):
            reduced = self._together(*sides)
        with self.clock.part("match"):
            joined = [
                torch.cat([s.alpha * normalize(sd, dim=1), (1 - s.alpha) * normalize(d, dim=1)], 1)
                for sd, d in zip(reduced, dinos, strict=True)
            ]
            similarity = torch.stack(
                [-pairwise_distance(row[None], joined[1]) for row in joined[0]]
            )
        scale, offset, cell = self._places(source)
        places = ((queries * scale + queries.new_tensor(offset)) / cell).floor().long()
        places = places.clamp(0, s.grid - 1)
        best = similarity.argmax(1)[places[:, 1] * s.grid + places[:, 0]]
        scale, offset, cell = self._places(target)
        found = torch.stack([best % s.grid, best // s.grid], 1)
        return (found * cell + (cell - 1) / 2 - queries.new_tensor(offset)) / scale

    def _places(self, view: View) -> tuple[float, tuple[int, int], float]:
        side = self.settings.dino_side
        return side / max(view.size), letterboxed(view.size, side)[1], side / self.settings.grid

    def _sd(self, view: View) -> list[Float[Tensor, "c h w"]]:
        """The layers' mosaics, crop after crop, each through all of the networks."""
        s, model, clock = self.settings, self.diffuser, self.clock
        whole = letterbox(view.image(), s.sd_side).tensor()
        sums: list[Tensor] = []
        counts: list[Tensor] = []
        for x, y in corners(s.sd_side, s.crop):
            with clock.part("text"):
                model._conditions.clear()  # the encoder runs again for every crop
                condition = model.condition("")[None]
            with clock.part("encoder"):
                z = model.posterior(whole[None, :, y : y + s.crop, x : x + s.crop] * 2 - 1).mean
            noise = torch.randn(
                1,
                z.shape[0],
                SHARED_SIDE,
                SHARED_SIDE,
                generator=torch.Generator().manual_seed(SHARED_SEED + self.seed),
            )
            noise = interpolate(noise, z.shape[1:], mode="bicubic", align_corners=False)
            with clock.part("unet"), capture(model.unet, s.layers, stop=False) as found:
                noisy = model.noised(z[None], s.timestep, noise)
                model.unet(noisy, s.timestep, encoder_hidden_states=condition)
            with clock.part("decoder"):
                model.decode(z[None])
            for i, layer in enumerate(s.layers):
                self._add(found[layer][0], i, (x, y), sums, counts)
        return [total / count for total, count in zip(sums, counts, strict=True)]

    def _add(
        self,
        values: Tensor,
        i: int,
        corner: tuple[int, int],
        sums: list[Tensor],
        counts: list[Tensor],
    ) -> None:
        s, cells = self.settings, values.shape[1]
        side = s.sd_side * cells // s.crop
        if len(sums) == i:
            sums.append(values.new_zeros(values.shape[0], side, side))
            counts.append(values.new_zeros(side, side))
        x, y = (v * cells // s.crop for v in corner)
        sums[i][:, y : y + cells, x : x + cells] += values
        counts[i][y : y + cells, x : x + cells] += 1

    def _dino(self, view: View) -> Float[Tensor, "cells c"]:
        with self.clock.part("dino"):
            canvas = letterbox(view.image(), self.settings.dino_side)
            last = (self.vit.depth - 1, "normed")  # the released code runs all of the network
            taps = [(self.settings.dino_layer, self.settings.facet), last]
            return self.vit.describe(canvas.tensor()[None], taps)[taps[0]][0].flatten(1).T

    def _together(self, a: list[Tensor], b: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Both views' layers after a random PCA of the pair, enlarged in turn and put side by
        side: cells x channels.
        """
        halves: list[list[Tensor]] = [[], []]
        for one, other, k in zip(a, b, self.settings.pca, strict=True):
            rows = torch.cat([one.flatten(1).T, other.flatten(1).T])
            rows = rows - rows.mean(0)
            q = min(k, *rows.shape)
            projected = rows @ torch.pca_lowrank(rows, q=q, niter=2)[2]
            for half, part in zip(halves, projected.split(one[0].numel()), strict=True):
                half.append(part.T.unflatten(1, one.shape[1:])[None])
        grid = (self.settings.grid,) * 2

        def up(x: Tensor, size) -> Tensor:
            return interpolate(x, tuple(size), mode="bilinear", align_corners=False)

        result = []
        for layers in halves:
            joined = layers[0]
            for layer in layers[1:]:
                joined = torch.cat([layer, up(joined, layer.shape[2:])], 1)
            result.append(up(joined, grid)[0].flatten(1).T)
        return result[0], result[1]
