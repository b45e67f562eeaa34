"""When does correspondence emerge? DIFT's accuracy on a few validation pairs, taken while the model
trains.
"""

import itertools

import torch
from torch.nn.functional import interpolate

from corrlib.backbones.capture import capture
from corrlib.coords import Frame
from corrlib.matching.estimators import nearest
from corrlib.toybox.items import item_of
from corrlib.toybox.render import render
from corrlib.toybox.things import CATEGORIES
from corrlib.toybox.truth import keypoint_truth, toy_box
from corrlib.types import FeatureMap

TIMESTEPS = (51, 151, 301)
LAYERS = ("up_blocks.0", "up_blocks.1", "up_blocks.2", "up_blocks.3.attentions.0")
IMAGES = {"calibrated": 8, "hard": 4}  # validation images a category
ALPHA = 0.1


class Observer:
    """Validation pictures encoded once; called with a trainer it returns PCK@0.1 (percent, per
    point) for every (t, layer).
    """

    def __init__(
        self,
        vae,
        tokenize,
        alphas: torch.Tensor,
        scale: float,
        size: int,
        device: str,
        world: str = "calibrated",  # where its pictures are from; the record says so
    ):
        self.world = world
        self.alphas, self.device, self.items = alphas.to(device), device, []
        pictures = []
        for category in CATEGORIES:
            for index in range(IMAGES[world]):
                scene, shape = item_of(world, "val", category, index, 0)
                drawn = render(scene, shape)
                self.items.append((category, shape, keypoint_truth(scene, shape), toy_box(drawn)))
                pictures.append(
                    interpolate(drawn.rgb, (size, size), mode="bicubic", antialias=True).clamp(0, 1)
                )
        with torch.no_grad():
            self.z = vae.encode(torch.cat(pictures).to(device) * 2 - 1).latent_dist.mean * scale
        self.ids = tokenize([f"a photo of a {category}" for category, *_ in self.items]).to(device)
        self.noise = torch.randn(self.z.shape, generator=torch.Generator().manual_seed(7)).to(
            device
        )

    @torch.no_grad()
    def __call__(self, trainer) -> dict[str, float]:
        """`trainer.average` holds the nets to look at."""
        condition = trainer.average["text"](self.ids).last_hidden_state
        scores = {}
        for t in TIMESTEPS:
            alpha = self.alphas[t]
            noisy = alpha.sqrt() * self.z + (1 - alpha).sqrt() * self.noise
            with capture(trainer.average["unet"], LAYERS) as out:
                trainer.average["unet"](noisy, t, condition)
            for layer in LAYERS:
                scores[f"{layer}@{t}"] = self.score(out[layer].float().cpu())
        return {"pck": scores}

    def score(self, features: torch.Tensor) -> float:
        """PCK@0.1 of the target box over all ordered pairs within each category; `features`: images
        x c x h x w.
        """
        right = total = 0
        grid = (features.shape[3], features.shape[2])
        for i, j in itertools.permutations(range(len(self.items)), 2):
            (category, shape, here, _), (other, target_shape, there, box) = (
                self.items[i],
                self.items[j],
            )
            if category != other or box is None:
                continue
            both = here.visible & there.visible
            if not both.any():
                continue
            a, b = (
                FeatureMap(features[i], Frame(shape, grid)),
                FeatureMap(features[j], Frame(target_shape, grid)),
            )
            found = nearest(a, b, here.points[both]).points
            far = (found - there.points[both]).norm(dim=1)
            right += int((far <= ALPHA * max(box[2] - box[0], box[3] - box[1])).sum())
            total += len(far)
        return 100 * right / total
