"""The diffusion model's side: one view to maps of several decoder layers, in one pass or in crops
that overlap.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from corrlib.backbones.canvas import fitted
from corrlib.backbones.diffusion import Diffuser
from corrlib.backbones.noise import noise_for
from corrlib.methods.sd_dino.captioner import Captioner, added_time
from corrlib.methods.sd_dino.mosaic import Corner, corners, paste
from corrlib.methods.sd_dino.settings import SdSide
from corrlib.types import FeatureMap, View

SHARED_SEED, SHARED_SIDE = 42, 64  # of the one noise tensor of the released code


class Taps:
    """The extractor: a view to its map at each of the settings' layers.

    Crops of one view share passes, `at_once` of them; nothing of another view ever does.
    """

    def __init__(self, settings: SdSide, diffuser: Diffuser, captioner: Captioner | None = None):
        crop = settings.crop or settings.sd_side
        diffuser.require_size((settings.sd_side, settings.sd_side))
        diffuser.require_size((crop, crop))
        self.settings, self.diffuser, self.captioner = settings, diffuser, captioner
        self.corners = corners(settings.sd_side, crop)

    @torch.no_grad()
    def __call__(self, view: View, *, seed: int = 0) -> dict[str, FeatureMap]:
        """Maps by layer (c x h x w, float32), each over the view's canvas."""
        s = self.settings
        crop = s.crop or s.sd_side
        canvas = fitted(view.image(), s.sd_side, s.fit)
        whole = canvas.tensor()
        cuts = {(x, y): whole[:, y : y + crop, x : x + crop] for x, y in self.corners}
        found: dict[str, dict[Corner, Tensor]] = {layer: {} for layer in s.layers}
        for start in range(0, len(cuts), s.at_once):
            some = self.corners[start : start + s.at_once]
            maps = self._pass(torch.stack([cuts[corner] for corner in some]), some, view, seed)
            for layer in s.layers:
                found[layer] |= dict(zip(some, maps[layer].float(), strict=True))
        result = {}
        for layer, parts in found.items():
            values = paste(parts, s.sd_side, crop)
            result[layer] = FeatureMap(values, canvas.frame((values.shape[2], values.shape[1])))
        return result

    def _pass(
        self, images: Float[Tensor, "b 3 H W"], places: list[Corner], view: View, seed: int
    ) -> dict[str, Tensor]:
        s, model = self.settings, self.diffuser
        z = torch.stack([model.posterior(image[None] * 2 - 1).mean for image in images])
        if s.noise != "none":
            z = model.noised(z, s.timestep, self._noise(z, places, view, seed))
        null = model.condition("")
        if self.captioner is None:
            prompt = s.prompt.replace("{category}", view.category or "")
            known = "{category}" not in s.prompt or view.category is not None
            return model.features(
                z, s.timestep, model.condition(prompt) if known else null, s.layers
            )
        context, gain = self.captioner(images.to(model.device), null)
        if s.prompt and ("{category}" not in s.prompt or view.category is not None):
            context = model.condition(s.prompt.replace("{category}", view.category or ""))
        with added_time(model.unet, gain):
            return model.features(z, s.timestep, context, s.layers)

    def _noise(
        self, z: Float[Tensor, "b z h w"], places: list[Corner], view: View, seed: int
    ) -> Float[Tensor, "b z h w"]:
        shape = tuple(z.shape[1:])
        if self.settings.noise == "view":
            t = self.settings.timestep
            kinds = [f"crop {x} {y}" for x, y in places]
            return torch.stack([noise_for(seed, view.noise_id, 0, t, shape, kind=k) for k in kinds])
        generator = torch.Generator().manual_seed(SHARED_SEED + seed)
        noise = torch.randn(1, shape[0], SHARED_SIDE, SHARED_SIDE, generator=generator)
        if shape[1:] != (SHARED_SIDE, SHARED_SIDE):
            noise = interpolate(noise, shape[1:], mode="bicubic", align_corners=False)
        return noise.expand(len(z), -1, -1, -1)
