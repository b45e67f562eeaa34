"""The attention of the category's name: what prompt optimisation starts from, and has to beat.

A word's cross-attention shows where the thing is that it names, so every query gets one answer, the
place of the target where the word's attention is largest. Layers, crops, noise and read-out are
those of prompt optimisation's preset of the same name.

*Source:* Hedlin et al., "Unsupervised Semantic Correspondence Using Stable Diffusion", NeurIPS
2023, which shows the attention of words and then replaces the word by an embedding found for one
point.
"""

from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor

from corrlib.backbones.noised_pass import Prompt
from corrlib.coords import Points, Queries, as_queries
from corrlib.methods import register
from corrlib.methods.base import Env
from corrlib.methods.prompt_optimization.crop_latents import LatentPool
from corrlib.methods.prompt_optimization.crops import to_image
from corrlib.methods.prompt_optimization.draws import Sample
from corrlib.methods.prompt_optimization.locate import attend, fuse, read
from corrlib.methods.prompt_optimization.network import Network
from corrlib.methods.prompt_optimization.settings import RELEASED, PromptSettings
from corrlib.types import Matches, View


@dataclass(frozen=True)
class WordSettings(PromptSettings):
    """The settings of asking an image (those of finding are not used), and the sentence that the
    word stands in.

    Of the category the last token is read, which has seen the whole word.
    """

    prompt: Prompt = "a photo of a {category}"

    def __post_init__(self):
        super().__post_init__()
        if "{category}" not in self.prompt:
            raise ValueError(
                f'prompt is {self.prompt!r}; wanted a sentence with "{{category}}" in it, whose '
                "attention is read"
            )


PAPER = WordSettings()
PRESETS = {
    "paper": PAPER,
    "official": replace(PAPER, **RELEASED),
    # as many at once as its records were made with: a small model has the memory
    "toybox": replace(PAPER, model="toybox", size=96, layers=(10, 11, 12), crops=6, at_once=36),
}


class WordAttention:
    """Answers every query with the place where the attention of the target's category is
    largest.
    """

    def __init__(self, settings: WordSettings, env: Env):
        self.diffuser = env.diffuser(settings.model, settings.dtype)
        self.settings, self.weights, self.name, self.preset = (
            settings,
            self.diffuser.fingerprint,
            "",
            "",
        )
        self.network = Network.of(self.diffuser, settings)
        self._pool = LatentPool.shared(env.shared)
        self._found: dict[tuple, tuple[Points, Tensor]] = {}

    def __call__(self, source: View, target: View, queries: Queries, *, seed: int = 0) -> Matches:
        """One place of `target` for all `queries` (n x 2); score is the attention there, in [0, 1].

        Raises ValueError on a query outside of the source and on a target without a category.
        """
        queries = as_queries(queries, source.size)
        key = (target.key(), seed)
        if key not in self._found:
            s, maps = self.settings, self.maps(target, seed=seed)
            place = read(fuse(maps[:, None], s), s)
            x, y = place[0].floor().long().clamp(0, s.size - 1).tolist()
            point = to_image(place, target.size, s.size, half_pixel=s.half_pixel)
            self._found[key] = (point, maps.mean(1)[:, y, x].cpu())
        point, score = self._found[key]
        return Matches(
            point.expand(len(queries), 2).to(queries), score.expand(len(queries)).to(queries)
        )

    def maps(self, view: View, *, seed: int = 0) -> Float[Tensor, "1 layers size size"]:
        """The attention of the view's category on it, layer by layer, in the frame of the square
        input.
        """
        if view.category is None:
            raise ValueError(
                f"view {view.id!r} has no category, so no word to attend; give one: View(..., "
                "category='dog')"
            )
        s = replace(self.settings, token=self.token(view.category))
        words = self.diffuser.condition(s.prompt.replace("{category}", view.category))[None].float()
        latents = self._pool.of(self.diffuser, view, s.size, s.crop_side)
        sample = Sample("", (0.0, 0.0))  # its noise is that of no point
        return attend(self.network, latents, words, [sample], view.noise_id, s, seed=seed)

    def token(self, word: str) -> int:
        """The place of the last token of `word` in the prompt; token 0 is the start."""
        before = self.settings.prompt.split("{category}")[0]
        return len(self.diffuser.tokenizer.tokenize(before + word))


@register("word_attention", presets=PRESETS)
def build(settings: WordSettings, env: Env) -> WordAttention:
    """The attention of the category's name under these settings."""
    return WordAttention(settings, env)
