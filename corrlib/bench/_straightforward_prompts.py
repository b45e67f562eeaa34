"""Prompt optimisation done plainly, as the released code does it: the other side of the benchmark,
and the tests' oracle.

One point, one embedding and one crop at a time; the VAE at every step; the whole U-Net with every
attention, self and cross, written out and stored; every head's map enlarged to the image before
heads are averaged; nothing kept for the next pair. Only the random numbers come from
`corrlib.methods.prompt_optimization.draws`, so that both sides see the same ones, and ties are
decided by one rule.
*Source:* `ubc-vision/LDM_correspondences`, commit 97e3246, as described; written anew.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from corrlib.backbones.diffusion import Diffuser
from corrlib.coords import Points
from corrlib.matching.estimators import first_maximum
from corrlib.methods.prompt_optimization.draws import Draws, Sample, first_embedding
from corrlib.methods.prompt_optimization.settings import PromptSettings
from corrlib.types import View


class _Explicit:
    """softmax(Q K^T) V written out; what it stores are all probabilities, b x heads x queries x
    keys.
    """

    def __init__(self, stored: list[tuple[bool, Tensor]], largest: int | None):
        self.stored, self.largest = stored, largest

    def __call__(
        self,
        attn,
        hidden_states,
        encoder_hidden_states=None,
        attention_mask=None,
        temb=None,
        **kwargs,
    ):
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = attn.to_q(hidden_states), attn.to_k(context), attn.to_v(context)
        query, key, value = (
            x.unflatten(-1, (attn.heads, -1)).transpose(1, 2) for x in (query, key, value)
        )
        probabilities = (query @ key.transpose(-1, -2) * attn.scale).softmax(-1)
        if self.largest is None or query.shape[2] <= self.largest**2:
            self.stored.append((encoder_hidden_states is not None, probabilities.clone()))
        mixed = (probabilities @ value).transpose(1, 2).flatten(2)
        return attn.to_out[1](attn.to_out[0](mixed))


@contextmanager
def _storing(unet, largest: int | None) -> Iterator[list[tuple[bool, Tensor]]]:
    stored: list[tuple[bool, Tensor]] = []
    before = dict(unet.attn_processors)
    unet.set_attn_processor(_Explicit(stored, largest))
    try:
        yield stored
    finally:
        unet.set_attn_processor(before)


class Straightforward:
    """The method under `settings`, plainly. `settings.query_scale`, `window` and `crop_stride` are
    not part of it.
    """

    def __init__(self, diffuser: Diffuser, settings: PromptSettings):
        if (settings.query_scale, settings.window, settings.crop_stride) != (1, 0, 1):
            raise ValueError(
                "the released code has no query_scale, window or crop_stride; leave them at 1, 0, 1"
            )
        self.diffuser, self.settings = diffuser, settings
        self.side = int(settings.size * settings.crop)

    def __call__(self, source: View, target: View, queries: Points, *, seed: int = 0) -> Points:
        """The answers in pixels of the target, one query after the other."""
        return torch.stack([self.point(source, target, query, seed) for query in queries])

    def point(self, source: View, target: View, query: Tensor, seed: int) -> Tensor:
        """One query's answer."""
        s, half = self.settings, 0.5 * self.settings.half_pixel
        canvases = []
        for member in range(s.embeddings):
            sample = Sample.of(source.noise_id, query, member)
            place = [(sample.point[k] + half) * s.size / source.size[k] for k in (0, 1)]
            embedding = self.find(self._tensor(source.image()), place, sample, seed)
            canvases.append(
                self.ask(
                    self._tensor(target.image()),
                    embedding,
                    Draws(s, sample, seed, "ask", target.noise_id),
                )
            )
        mean = torch.stack(canvases).mean(0).double()
        if s.pixel_softmax:
            mean = mean.flatten(1).softmax(1).view_as(mean)
        mean = mean.mean(0).flatten()
        index = int(
            first_maximum(((mean - mean.min()) / (mean.max() - mean.min()))[None].float())[1]
        )
        return torch.tensor(
            [
                (index % s.size + 0.5) * target.size[0] / s.size - half,
                (index // s.size + 0.5) * target.size[1] / s.size - half,
            ],
            dtype=torch.float64,
        )

    def find(self, image: Tensor, place: list[float], sample: Sample, seed: int) -> Tensor:
        """One embedding (1 x tokens x d) for the point `place` of `image` (1 x 3 x size x size,
        values in [0, 1]).
        """
        s, draws = self.settings, Draws(self.settings, sample, seed, "find")
        embedding = first_embedding(
            sample, seed, (s.tokens, self.diffuser.unet.config.cross_attention_dim)
        )[None]
        embedding = embedding.requires_grad_()
        adam = torch.optim.Adam([embedding], lr=s.learning_rate)
        for _ in range(s.steps):
            x, y = self._offset(place, draws)
            maps = self._maps(image, x, y, embedding, s.timestep, draws, s.size).mean(1)
            centre = [
                (place[k] - offset) / self.side * s.size - 0.5 * s.half_pixel
                for k, offset in ((0, x), (1, y))
            ]
            self._backward(self._loss(maps, centre))
            adam.step()
            adam.zero_grad()
        return embedding.detach()

    @torch.no_grad()
    def ask(self, image: Tensor, embedding: Tensor, draws: Draws) -> Tensor:
        """The mean over crops of every layer's attention on `image`, layers x size x size."""
        s, far = self.settings, self.settings.size - self.side
        total = count = None
        for number in range(s.crops):
            if number < 4:
                x, y = ((0, 0), (0, far), (far, 0), (far, far))[number]
            else:
                mean = (total / count.clamp(min=1)).mean((0, 1))
                index = int(first_maximum(mean.flatten()[None])[1])
                x, y = self._offset([index % s.size + 0.5, index // s.size + 0.5], draws)
            maps = self._maps(image, x, y, embedding, s.locate_timestep, draws, self.side)
            if total is None:
                total, count = (torch.zeros(*maps.shape[:2], s.size, s.size) for _ in range(2))
            total[:, :, y : y + self.side, x : x + self.side] += maps
            count[:, :, y : y + self.side, x : x + self.side] += 1
        return (total / count).mean(1)

    def _maps(
        self, image: Tensor, x: int, y: int, embedding: Tensor, t: int, draws: Draws, side: int
    ) -> Tensor:
        """One noisy pass over one crop: layers x heads x side x side, every head's map enlarged by
        itself.
        """
        z = self._latent(self._crop(image, x, y))
        abar = self.diffuser.scheduler.alphas_cumprod[t]
        z = abar.sqrt() * z + (1 - abar).sqrt() * draws.noise(z.shape[1:])[None]
        return self._enlarged(self._pass(z, t, embedding), side)

    def _crop(self, image: Tensor, x: int, y: int) -> Tensor:
        part = image[:, :, y : y + self.side, x : x + self.side]
        return interpolate(part, (self.settings.size, self.settings.size), mode="bilinear")

    @torch.no_grad()
    def _latent(self, crop: Tensor) -> Tensor:
        return (
            self.diffuser.vae.encode(2 * crop - 1).latent_dist.mean
            * self.diffuser.vae.config.scaling_factor
        )

    def _pass(self, z: Tensor, t: int, embedding: Tensor) -> list[Tensor]:
        """The probabilities of all cross-attentions that are stored, in the order of the pass."""
        with _storing(self.diffuser.unet, self.settings.largest_map) as stored:
            self.diffuser.unet(z, t, encoder_hidden_states=embedding)
        return [probabilities for is_cross, probabilities in stored if is_cross]

    def _enlarged(self, cross: list[Tensor], side: int) -> Tensor:
        s, enlarged = self.settings, []
        for layer in sorted(s.layers):
            one = cross[layer][0, :, :, s.token]  # heads x queries
            one = one if s.heads is None else one[list(s.heads)]
            grid = one.unflatten(1, (round(one.shape[1] ** 0.5), -1))[None]
            enlarged.append(
                interpolate(grid, (side, side), mode="bilinear", align_corners=False)[0]
            )
        return _stack_heads(enlarged)

    def _loss(self, maps: Tensor, centre: list[float]) -> Tensor:
        index = torch.arange(self.settings.size, dtype=torch.float32)
        squares = (index[None, :] - centre[0]) ** 2 + (index[:, None] - centre[1]) ** 2
        return ((maps - torch.exp(-squares / (2 * self.settings.sigma**2))) ** 2).mean()

    def _backward(self, loss: Tensor) -> None:
        loss.backward()

    def _offset(self, place: list[float], draws: Draws) -> tuple[int, int]:
        inner, far, chosen = (
            int(self.settings.margin * self.side),
            self.settings.size - self.side,
            [],
        )
        for at in place:
            low, high = (
                int(min(max(0, edge), far)) for edge in (at - self.side + inner, at - inner)
            )
            chosen.append(int(torch.randint(low, high + 1, (), generator=draws.generator)))
        return chosen[0], chosen[1]

    def _tensor(self, image: Image.Image) -> Tensor:
        s = self.settings
        array = (
            np.array(image.resize((s.size, s.size), Image.Resampling.BILINEAR), dtype=np.float32)
            / 255
        )
        return torch.from_numpy(array).permute(2, 0, 1)[None]


def _stack_heads(maps: list[Tensor]) -> Tensor:
    """Layers whose numbers of heads differ, as in the toy model, are averaged over heads first;
    else all are kept.
    """
    if len({len(one) for one in maps}) == 1:
        return torch.stack(maps)
    return torch.stack([one.mean(0, keepdim=True) for one in maps])
