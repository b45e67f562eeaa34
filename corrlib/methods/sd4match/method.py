"""The method: features of both images under the prompt, and the kernel soft-max.

A prompt of images' features is a pair's, so that its features cannot be kept for other pairs; those
under a text, a single or a class prompt are, once an image.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from corrlib.backbones.diffusion import Diffuser
from corrlib.backbones.learned_text import encode
from corrlib.backbones.shared_context import shared_context
from corrlib.coords import Queries, as_queries
from corrlib.heads import files, shipped
from corrlib.heads.prompts import Prompts, PromptSettings, make_prompts
from corrlib.matching.estimators import kernel_soft_argmax, nearest, soft_argmax
from corrlib.matching.interpolation import Target
from corrlib.methods import register
from corrlib.methods.base import Env
from corrlib.methods.sd4match.images import Images
from corrlib.methods.sd4match.settings import PRESETS, Sd4MatchSettings
from corrlib.storage.lru_cache import LRUCache
from corrlib.types import Estimator, FeatureMap, Matches, View


@dataclass
class Sd4Match:
    """Matching under the learned prompts, or, without any, under the settings' text."""

    settings: Sd4MatchSettings
    images: Images
    prompts: Prompts | None = None
    weights: str = ""
    keep_bytes: int = 512 * 2**20
    name: str = ""
    preset: str = ""
    source: str = ""

    def __post_init__(self):
        self._kept: LRUCache[Target] = LRUCache(
            self.keep_bytes, nbytes=lambda target: target.values.nbytes, at_least=2
        )
        self.estimate = estimator(self.settings)

    def __call__(self, source: View, target: View, queries: Queries, *, seed: int = 0) -> Matches:
        """Matches in pixels of `target` for `queries` (n x 2) in pixels of `source`. Raises
        ValueError on a query outside, and on a category that has no prompt.
        """
        queries = as_queries(queries, source.size)
        return self.estimate(*self.features(source, target, seed=seed), queries)

    def features(self, source: View, target: View, *, seed: int = 0) -> tuple[Target, Target]:
        """The maps of both images of a pair under its prompt."""
        if not self.of_pair:
            one, other = (self._alone(view, seed) for view in (source, target))
            return one, other
        first, second = self.condition(source, target)
        return self._under(source, first, seed), self._under(target, second, seed)

    @property
    def of_pair(self) -> bool:
        """Whether the prompt depends on both images."""
        s = self.prompts.settings if self.prompts is not None else None
        return s is not None and s.kind == "conditional" and s.seen == "pair"

    def condition(self, source: View, target: View) -> Float[Tensor, "2 tokens d"]:
        """What the U-Net reads for both images of a pair."""
        if self.prompts is None:
            text = [self.settings.prompt_for(view) for view in (source, target)]
            return torch.stack([self.images.diffuser.condition(words) for words in text])
        with torch.no_grad():
            made = self.prompts(self.images.seen(source), self.images.seen(target))
            different, order = conditions(self.prompts, self.images.diffuser, made)
            return different[order]

    def _alone(self, view: View, seed: int) -> Target:
        def make() -> Target:
            return self._under(view, self.condition(view, view)[0], seed)

        return self._kept.of((view.key(), seed), make)

    @torch.no_grad()
    def _under(self, view: View, condition: Float[Tensor, "tokens d"], seed: int) -> Target:
        s = self.settings
        z = self.images.draw(view, s.timestep, range(s.ensemble), seed)
        network, passes = self.images.diffuser, []
        for part in z.split(s.at_once):
            with shared_context(network.unet, [0] * len(part)):  # of one image, so of one prompt
                passes.append(network.features(part, s.timestep, condition, [s.layer]))
        values = torch.cat([found[s.layer].float() for found in passes]).mean(0)
        frame = self.images.frame(view, (values.shape[2], values.shape[1]))
        return Target.of(FeatureMap(values, frame))


def conditions(
    prompts: Prompts, diffuser: Diffuser, made: Sequence[Float[Tensor, "n d"]]
) -> tuple[Float[Tensor, "b tokens d"], list[int]]:
    """What the U-Net reads for learned vectors, each different prompt once, and the number of each:
    the text encoder's output, or the vectors themselves.
    """
    places = {vectors.data_ptr(): vectors for vectors in made}  # one prompt often serves many
    order = [list(places).index(vectors.data_ptr()) for vectors in made]
    different = torch.stack(list(places.values()))
    if prompts.settings.space == "tokens":
        different = encode(diffuser, different)
    return different, order


def estimator(settings: Sd4MatchSettings) -> Estimator:
    """How the settings read an answer off two maps."""
    s = settings
    choices: dict[str, Callable[[], Estimator]] = {
        "kernel": lambda: kernel_soft_argmax(sigma=s.sigma, temperature=s.temperature, far=s.far),
        "soft": lambda: soft_argmax(temperature=s.temperature),
        "nearest": lambda: nearest,
    }
    return choices[s.answer]()


@register("sd4match", presets=PRESETS)
def build(settings: Sd4MatchSettings, env: Env) -> Sd4Match:
    """SD4Match under these settings; loads DINO only for prompts that read features of images.

    Raises FileNotFoundError or ValueError where the prompts' file is none, or does not fit the
    model.
    """
    if not settings.prompts:
        return with_prompts(settings, None, env)
    name = settings.prompts
    path = shipped.locate(name) if name in shipped.PROMPTS else Path(name)
    found = files.load(path, make_prompts, PromptSettings)
    return with_prompts(settings, found, env)


def with_prompts(settings: Sd4MatchSettings, prompts: Prompts | None, env: Env) -> Sd4Match:
    """The method under prompts at hand, those of a training say; make it anew when they learned."""
    diffuser = env.diffuser(settings.model, settings.dtype)
    diffuser.require_size(settings.size)
    diffuser.require_layers([settings.layer])
    weights, vit = [diffuser.fingerprint], None
    if prompts is not None:
        prompts = prompts.to(env.device)
        weights.append(files.fingerprint(prompts))
        require_fit(prompts.settings, diffuser.text_encoder.config.hidden_size)
        if prompts.settings.kind == "conditional":
            vit = env.vit(settings.dino, settings.dtype)
            weights.append(vit.fingerprint)
    return Sd4Match(settings, Images(settings, diffuser, vit), prompts, "+".join(weights))


def require_fit(prompts: PromptSettings, width: int) -> None:
    """Raise ValueError where prompts have another width than the model's text encoder."""
    if prompts.width != width:
        raise ValueError(
            f"these prompts have vectors of {prompts.width} numbers, the model's text encoder "
            f"{width}; they were trained for another model"
        )
