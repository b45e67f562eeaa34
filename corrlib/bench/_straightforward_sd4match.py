"""SD4Match the way its released code computes it: the VAE in every step, source and target in two
calls, the whole U-Net. Same draws, same loss, same answers as ours.

*Source:* `train_cpm.py`, `test.py` and `utils/matching.py` of the released code, commit 3d7b09e.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from corrlib.backbones.capture import capture
from corrlib.coords import Queries
from corrlib.heads.bank import Item
from corrlib.heads.prompts import Prompts
from corrlib.heads.smoothed_loss import LOSSES, cosines
from corrlib.methods.sd4match.images import Images
from corrlib.methods.sd4match.method import conditions, estimator
from corrlib.methods.sd4match.teaching import Lesson
from corrlib.types import FeatureMap, Matches, View


def maps(
    lesson: Lesson, views: Sequence[View], t: int, members: range, condition: Tensor
) -> Float[Tensor, "b c h w"]:
    """One call of the whole U-Net for `views`, each encoded anew; the layer's output."""
    images = Images(lesson.settings, lesson.diffuser, lesson.vit)  # nothing kept from before
    z = torch.cat([images.draw(view, t, members, lesson.fit.seed) for view in views])
    layer, unet = lesson.settings.layer, lesson.diffuser.unet
    with capture(unet, [layer], stop=False, detach=False) as found:
        unet(z, t, encoder_hidden_states=condition.expand(len(z), -1, -1))
    return found[layer]


def loss(lesson: Lesson, prompts: Prompts, items: Sequence[Item], step: int) -> Tensor:
    """The sum of some pairs' losses, with gradient."""
    pairs = [(lesson.views[item.source], lesson.views[item.target]) for item in items]
    made = [prompts(*(lesson.images.seen(view) for view in pair)) for pair in pairs]
    found = []
    for side in range(2):
        views = [pair[side] for pair in pairs]
        different, order = conditions(prompts, lesson.diffuser, [both[side] for both in made])
        condition = different[order]
        found.append(maps(lesson, views, lesson.fit.timestep, range(step, step + 1), condition))
    total = found[0].new_zeros(())
    for i, item in enumerate(items):
        points = (item.source_points, item.target_points)
        here, there = (
            lesson.images.frame(view, (one.shape[3], one.shape[2])).to_grid(p.double())
            for view, one, p in zip(pairs[i], found, points, strict=True)
        )
        similarity = cosines(found[0][i], found[1][i], here)
        total = total + LOSSES[lesson.fit.loss](similarity, there.float(), lesson.fit.temperature)
    return total


@torch.no_grad()
def match(
    lesson: Lesson, prompts: Prompts, source: View, target: View, queries: Queries
) -> Matches:
    """One pair's answers, both images from the start."""
    s, views = lesson.settings, (source, target)
    made = prompts(*(lesson.images.seen(view) for view in views))
    condition, order = conditions(prompts, lesson.diffuser, made)
    found = []
    for view, one in zip(views, condition[order], strict=True):
        values = maps(lesson, [view], s.timestep, range(s.ensemble), one[None]).mean(0)
        frame = lesson.images.frame(view, (values.shape[2], values.shape[1]))
        found.append(FeatureMap(values, frame))
    return estimator(s)(*found, queries)
