"""What is computed of an image whatever the prompt: the VAE's posterior, what a conditional prompt
sees, and the noise of a pass. Once an image, and kept.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from corrlib.backbones.canvas import centre_crop
from corrlib.backbones.diffusion import Diffuser, Posterior
from corrlib.backbones.noise import noise_for
from corrlib.backbones.vit import ViT
from corrlib.coords import Frame, Size
from corrlib.heads.prompts import Seen
from corrlib.methods.sd4match.settings import Sd4MatchSettings
from corrlib.storage.lru_cache import LRUCache
from corrlib.types import View


@dataclass
class Images:
    """Posteriors and sights of views; `vit` is needed where a prompt reads features of images."""

    settings: Sd4MatchSettings
    diffuser: Diffuser
    vit: ViT | None = None
    keep_bytes: int = 512 * 2**20
    _posteriors: LRUCache[Posterior] = field(init=False, repr=False)
    _seen: LRUCache[Seen] = field(init=False, repr=False)

    def __post_init__(self):
        def bytes_of(one: Any) -> int:
            return sum(v.nbytes for v in vars(one).values() if isinstance(v, Tensor))

        self._posteriors, self._seen = (
            LRUCache(self.keep_bytes // 2, nbytes=bytes_of, at_least=2) for _ in range(2)
        )

    def posterior(self, view: View) -> Posterior:
        """The VAE's posterior of the squashed image."""
        return self._posteriors.of(view.key(), lambda: self._encode(view))

    def seen(self, view: View) -> Seen:
        """What a prompt may see of the view; features only where there is a `vit`."""
        return self._seen.of(view.key(), lambda: self._look(view))

    def frame(self, view: View, grid: Size) -> Frame:
        """Where a grid (width, height) lies on the view, by the settings' `points`."""
        if self.settings.points == "centres":
            return Frame(view.size, grid)
        # cells 0 .. w - 1 lie at the pixels 0 .. W - 1 of the input, where x is x W / width
        across, down = (
            length / side * (side - 1) / max(cells - 1, 1)
            for cells, side, length in zip(grid, self.settings.size, view.size, strict=True)
        )
        box = (-across / 2, -down / 2, across * (grid[0] - 0.5), down * (grid[1] - 0.5))
        return Frame(view.size, grid, box)

    def draw(self, view: View, t: int, members: range, seed: int) -> Float[Tensor, "b z h w"]:
        """Noisy latents of the view at timestep `t`, one for each of `members`: those of a test's
        ensemble, or of a training's steps.
        """
        s, found = self.settings, self.posterior(view)
        shape = tuple(found.mean.shape)

        def noise(kind: str, numbers: range | list[int]) -> Tensor:
            drawn = [noise_for(seed, view.noise_id, m, t, shape, kind=kind) for m in numbers]
            return torch.stack(drawn).to(found.mean)

        z = found.mean.expand(len(members), *shape)
        if s.posterior == "sample":
            each = members if s.latents == "each" else [0] * len(members)
            z = z + found.std * noise("posterior", each)
        return self.diffuser.noised(z, t, noise("diffusion", members)) if s.noise != "none" else z

    def _encode(self, view: View) -> Posterior:
        if self.settings.resize == "antialiased":
            return self.diffuser.encode(view.image(), self.settings.size)
        array = np.array(view.image(), dtype=np.float32)
        image = torch.from_numpy(array).permute(2, 0, 1)[None] / 127.5 - 1
        size = self.settings.size[::-1]
        return self.diffuser.posterior(interpolate(image, size, mode="bilinear"))

    def _look(self, view: View) -> Seen:
        if self.vit is None:
            return Seen(view.category)
        s = self.settings
        canvas = centre_crop(view.image(), s.dino_short, s.dino_side)
        whole, patches = self.vit.summary(canvas.tensor()[None])
        return Seen(view.category, patches[0], whole[0])
