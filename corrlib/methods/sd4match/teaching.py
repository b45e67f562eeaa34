"""The loss of a prompt on pairs, and the whole way from pairs to a taught prompt.

    lesson = Lesson(settings, fit, env, views_of(pairs))
    prompts = new_prompts(PromptSettings(...), lesson, start="ids")
    teach(prompts, keypoints(pairs), 1000, fit, partial(lesson.loss, prompts))

An image goes through the VAE and DINO once, not at every step; both images of all pairs of a pass
share it; nothing behind the wanted layer is computed.
"""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from corrlib.backbones.gradient_pass import features_with_gradient
from corrlib.backbones.learned_text import Start, first_vectors
from corrlib.heads.bank import Item, by_id
from corrlib.heads.prompt_training import PromptFit
from corrlib.heads.prompts import ConditionalPrompts, FixedPrompts, Prompts, PromptSettings
from corrlib.heads.smoothed_loss import LOSSES, cosines
from corrlib.methods.base import Env
from corrlib.methods.sd4match.images import Images
from corrlib.methods.sd4match.method import conditions, require_fit
from corrlib.methods.sd4match.settings import Sd4MatchSettings
from corrlib.types import View


class Lesson:
    """What a prompt learns from: the views by their ids, and the frozen networks."""

    def __init__(
        self,
        settings: Sd4MatchSettings,
        fit: PromptFit,
        env: Env,
        views: Sequence[View],
        *,
        conditional: bool = False,
        keep_bytes: int = 2**30,
    ):
        self.settings, self.fit, self.views = settings, fit, by_id(views)
        self.diffuser = env.diffuser(settings.model, settings.dtype)
        self.vit = env.vit(settings.dino, settings.dtype) if conditional else None
        self.images = Images(settings, self.diffuser, self.vit, keep_bytes)

    def loss(self, prompts: Prompts, items: Sequence[Item], step: int) -> Tensor:
        """The sum of the losses of some pairs, with gradient to `prompts`. Latents and noise are
        drawn for this step, image by image, so that the sum does not depend on how the pairs are
        parted.
        """
        s, fit = self.settings, self.fit
        views = [self.views[id] for item in items for id in (item.source, item.target)]
        seen = [self.images.seen(view) for view in views]
        made = [
            vectors for a, b in zip(seen[::2], seen[1::2], strict=True) for vectors in prompts(a, b)
        ]
        draws = range(step, step + 1)
        different, order = conditions(prompts, self.diffuser, made)
        z = torch.cat([self.images.draw(view, fit.timestep, draws, fit.seed) for view in views])
        maps = features_with_gradient(
            self.diffuser, z, fit.timestep, different, s.layer, order=order, recompute=fit.recompute
        ).float()
        total = maps.new_zeros(())
        for i, item in enumerate(items):
            a, b = maps[2 * i], maps[2 * i + 1]
            frames = [
                self.images.frame(view, (maps.shape[3], maps.shape[2]))
                for view in views[2 * i : 2 * i + 2]
            ]
            here, there = (
                frame.to_grid(points.double())
                for frame, points in zip(
                    frames, (item.source_points, item.target_points), strict=True
                )
            )
            found = cosines(a, b, here)
            total = total + LOSSES[fit.loss](found, there.float(), fit.temperature)
        return total

    @cached_property
    def origin(self) -> dict[str, str]:
        """All that decides the frozen side of a run: settings and weights."""
        return {
            "settings": repr(self.settings),
            "weights": self.diffuser.fingerprint,
            "dino": self.vit.fingerprint if self.vit is not None else "",
        }


def new_prompts(settings: PromptSettings, lesson: Lesson, start: Start = "ids") -> Prompts:
    """Untaught prompts; single and class prompts `start` as `first_vectors` says, conditional ones
    from uniform numbers, as released. Raises ValueError where they do not fit the model.
    """
    require_fit(settings, lesson.diffuser.text_encoder.config.hidden_size)
    seed = lesson.fit.seed
    if settings.kind == "conditional":
        return ConditionalPrompts(settings, seed).to(lesson.diffuser.device)
    count = max(1, len(settings.categories))
    if settings.space == "states":
        generator = torch.Generator().manual_seed(seed)
        first = torch.rand(count, settings.tokens, settings.width, generator=generator)
    else:
        first = first_vectors(lesson.diffuser, start, count, settings.tokens, seed)
    return FixedPrompts(settings, first).to(lesson.diffuser.device)
