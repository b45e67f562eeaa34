"""A few validation pictures of the toybox and how well features match them: what a training is
watched by.
"""

import itertools

import torch
from torch.nn.functional import interpolate

from corrlib.coords import Frame
from corrlib.matching.estimators import nearest
from corrlib.toybox.items import item_of
from corrlib.toybox.render import render
from corrlib.toybox.things import CATEGORIES
from corrlib.toybox.truth import keypoint_truth, toy_box
from corrlib.types import FeatureMap

IMAGES = {"calibrated": 8, "hard": 4}  # validation images a category
ALPHA = 0.1


class Validation:
    """Validation pictures (`images`: n x 3 x size x size in [0, 1]) of a world, `each` a category,
    with their keypoints.
    """

    def __init__(self, size: int, world: str = "calibrated", each: int | None = None):
        self.items, pictures = [], []
        for category in CATEGORIES:
            for index in range(each or IMAGES[world]):
                scene, shape = item_of(world, "val", category, index, 0)
                drawn = render(scene, shape)
                self.items.append((category, shape, keypoint_truth(scene, shape), toy_box(drawn)))
                pictures.append(
                    interpolate(drawn.rgb, (size, size), mode="bicubic", antialias=True).clamp(0, 1)
                )
        self.images = torch.cat(pictures)

    def score(self, features: torch.Tensor) -> float:
        """PCK@0.1 of the target box, in percent, over all ordered pairs within each category;
        `features`: images x c x h x w.
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
