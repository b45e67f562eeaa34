"""The latents of an image's crops, each encoded at most once, whoever asks for it and however
often.
"""

from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from corrlib.backbones.diffusion import Diffuser
from corrlib.storage.lru_cache import LRUCache
from corrlib.types import View


class CropLatents:
    """Latent means of the square crops of one image, which is squashed to `size` x `size` first,
    bilinearly.

    A crop of `side` pixels at an offset (x, y) is enlarged to `size` x `size` and encoded when it
    is first asked for, by itself: a latent does not depend on which others were asked for. Latents
    stay in memory, 36 x 36 of them at most in the paper. Raises ValueError when `size` does not fit
    the model.
    """

    def __init__(self, diffuser: Diffuser, image: Image.Image, size: int, side: int):
        diffuser.require_size((size, size))
        self.diffuser, self.size, self.side = diffuser, size, side
        array = np.array(
            image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR), dtype=np.float32
        )
        self.pixels = rearrange(torch.from_numpy(array), "H W c -> 1 c H W") / 127.5 - 1
        self._kept: dict[tuple[int, int], Tensor] = {}

    def __call__(self, offsets: list[tuple[int, int]]) -> Float[Tensor, "b z h w"]:
        """The latents of the crops at these offsets (x, y), in the U-Net's scale."""
        for offset in offsets:
            if offset not in self._kept:
                self._kept[offset] = self.diffuser.posterior(self.crop(*offset)).mean
        return torch.stack([self._kept[offset] for offset in offsets])

    def crop(self, x: int, y: int) -> Float[Tensor, "1 3 size size"]:
        """The crop at offset (x, y) as the VAE sees it, values in [-1, 1]."""
        part = self.pixels[:, :, y : y + self.side, x : x + self.side]
        return interpolate(part, (self.size, self.size), mode="bilinear", align_corners=False)

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def nbytes(self) -> int:
        """The memory of the latents kept."""
        return sum(latent.nbytes for latent in self._kept.values())


class LatentPool:
    """The crop latents of many images, the `keep_bytes` used last; methods of one `Env` share it,
    whatever their settings.
    """

    def __init__(self, keep_bytes: int = 512 * 2**20):
        self._kept: LRUCache[CropLatents] = LRUCache(keep_bytes, nbytes=lambda kept: kept.nbytes)

    @classmethod
    def shared(cls, kept: dict[str, Any]) -> "LatentPool":
        """The one pool of all methods that share `kept` (an `Env`'s `shared`)."""
        return kept.setdefault("crop latents", cls())

    def of(self, diffuser: Diffuser, view: View, size: int, side: int) -> CropLatents:
        """Those of crops of `side` of one image squashed to `size`."""
        # the model's id stays taken, since what is kept holds the model
        key = (id(diffuser), view.key(), size, side)
        return self._kept.of(key, lambda: CropLatents(diffuser, view.image(), size, side))
