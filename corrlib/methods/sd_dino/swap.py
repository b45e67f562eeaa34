"""Instance swapping: the source's object in the colours of the target's, pixel by pixel, and drawn
anew by the diffusion model.

*Source:* "A Tale of Two Features", section 4.3. Of the released code there is the first part; the
second has none, and its numbers (supplement A.8) were not at hand: those of plug-and-play are used.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torch.nn.functional import interpolate

from corrlib.backbones.diffusion import Diffuser
from corrlib.backbones.plug_and_play import Injection, translate
from corrlib.matching.warping import pulled
from corrlib.methods.sd_dino.dense import dense
from corrlib.methods.sd_dino.method import SdDino
from corrlib.types import View


def swapped(
    method: SdDino,
    source: View,
    target: View,
    mask: Bool[Tensor, "H W"],
    among: Bool[Tensor, "H2 W2"],
    *,
    step: int = 1,
    seed: int = 0,
) -> Float[Tensor, "3 H W"]:
    """The source's picture, in [0, 1], with each pixel inside of `mask` in the colour of its
    nearest pixel inside of the target's mask `among`. Raises as `dense`.

    With a `step` above 1 one pixel of step x step is asked on both sides, and the others take the
    colour of the asked pixel beside them: step^4 times less work.
    """
    asked, answers = (thinned(of, step) for of in (mask, among))
    places = dense(method, source, target, asked, answers, seed=seed)
    places = spread(places, asked)
    here, there = (pixels_of(view) for view in (source, target))
    return torch.where(mask, pulled(there, places), here)


def spread(places: Float[Tensor, "H W 2"], asked: Bool[Tensor, "H W"]) -> Float[Tensor, "H W 2"]:
    """Every pixel with the place of the nearest pixel that was asked."""
    nearest = distance_transform_edt(~asked.numpy(), return_distances=False, return_indices=True)
    return places[tuple(torch.from_numpy(nearest))]


def thinned(mask: Bool[Tensor, "H W"], step: int) -> Bool[Tensor, "H W"]:
    """One pixel of step x step of a mask; a mask of which none would be left stays whole."""
    few = torch.zeros_like(mask)
    few[::step, ::step] = mask[::step, ::step]
    return few if few.any() else mask


def refined(
    diffuser: Diffuser,
    picture: Float[Tensor, "3 H W"],
    prompt: str,
    size: tuple[int, int],
    settings: Injection | None = None,
) -> Float[Tensor, "3 H W"]:
    """A swapped picture drawn anew under a prompt that names the category, at `size` (width,
    height, multiples of the model's factor) and brought back to its own; values in [0, 1].
    """
    pixels = (picture * 255).round().byte().permute(1, 2, 0).numpy()
    z = diffuser.encode(Image.fromarray(pixels), size).mean[None]
    texts = diffuser.condition(prompt), diffuser.condition("")
    drawn = translate(diffuser, z, *texts, settings or Injection())
    found = (diffuser.decode(drawn).float().cpu() + 1) / 2
    return interpolate(found, picture.shape[1:], mode="bilinear", align_corners=False)[0]


def pixels_of(view: View) -> Float[Tensor, "3 H W"]:
    """A view's colours, in [0, 1]."""
    return torch.from_numpy(np.array(view.image())).permute(2, 0, 1).float() / 255
