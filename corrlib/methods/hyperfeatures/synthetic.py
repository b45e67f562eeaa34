"""Pictures that a diffusion model draws, with the hyperfeatures that it passes through while it
draws them.
"""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from corrlib.backbones.ddim import generation, walk
from corrlib.backbones.noise import noise_for
from corrlib.coords import Frame
from corrlib.methods.base import FeatureMethod
from corrlib.methods.hyperfeatures.method import Hyperfeatures
from corrlib.types import FeatureMap, View

GUIDANCE = 7.5
# the released configuration's, which quotes a post by E. Mostaque of November 2022; a toy's text
# encoder knows none of these words
RELEASED_NEGATIVE = (
    "poorly drawn, ugly, tiling, out of frame, mutation, mutated, extra limbs, extra legs, extra "
    "arms, disfigured, deformed, cross-eye, body out of frame, blurry, bad art, bad anatomy, "
    "blurred, text, watermark, grainy,  writing, calligraphy, sign, cut off"
)


@dataclass(frozen=True)
class Drawn:
    """A picture, and the features of its way from noise; two of them are matched by the method's
    `estimate`.
    """

    view: View
    features: FeatureMap


@torch.no_grad()
def draw(
    method: FeatureMethod,
    prompt: str,
    *,
    seed: int = 0,
    negative: str = "",
    guidance: float | int = GUIDANCE,
) -> Drawn:
    """Draw `prompt`, and mix by the method's head what is read at its positions on the way down.

    A head is used as it was trained on inversions: position by position, which under the rule
    "released" stand one stride noisier here. The picture has the settings' size. Noise is keyed on
    `seed` and the prompt; `RELEASED_NEGATIVE` is the released code's `negative`. Raises ValueError
    where the settings name another path, or no sum.
    *Source:* `configs/synthetic.yaml` and `synthetic_demo.ipynb` of the released code.
    """
    extract: Hyperfeatures = method.extract
    frozen, s = extract.frozen, extract.frozen.settings
    if s.path != "inversion" or s.read != "sum":
        raise ValueError(
            f"path is {s.path!r} and read {s.read!r}; drawing wants 'inversion', whose way back it "
            "is, and 'sum'"
        )
    d, steps = frozen.diffuser, generation(s.steps, s.rule, frozen.diffuser.timesteps)
    shape = (d.unet.config.in_channels, s.size[1] // d.factor, s.size[0] // d.factor)
    z = noise_for(seed, prompt, 0, d.timesteps, shape, kind="drawing")[None]
    asked = extract.asked()
    end = 0 if steps[-1].to is None else -1
    visits = walk(
        d,
        z,
        steps,
        d.condition(prompt),
        layers=asked,
        at={*asked, end},
        negative=d.condition(negative),
        guidance=guidance,
    )
    total = None
    for visit in visits:
        if visit.maps:
            total = extract.fold(total, s.places.index(visit.position), visit.maps)
    pixels = ((d.decode(visit.latent)[0].float().cpu() + 1) * 127.5).round()
    image = Image.fromarray(pixels.permute(1, 2, 0).numpy().astype(np.uint8))
    view = View(f"drawn {prompt!r}, seed {seed}", s.size, None, pixels=image)
    return Drawn(view, FeatureMap(total[0], Frame(s.size, s.grid)))
