"""Learned prompts: one for everything, one a category, or one made for each pair of images.

They give vectors; `backbones.learned_text` takes them through the text encoder.

*Source:* Li et al., "SD4Match: Learning to Prompt Stable Diffusion Model for Semantic Matching",
CVPR 2024, section 3; released code `hidden_state.py` and `hybrid_captioner.py`, commit 3d7b09e.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import adaptive_max_pool1d

from corrlib.validation import Validated
from corrlib.validation.kinds import Count, Name, Natural


@dataclass(frozen=True)
class PromptSettings(Validated):
    """What a learned prompt is.

    `kind` "single" has `tokens` vectors of `width` numbers, "class" as many for each of
    `categories`. "conditional" has `shared` vectors of its own and makes `conditional` more from
    features of images: `seen` is "pair" (both images, one prompt) or "image" (each image its own
    prompt), `features` "local" (`patches` vectors of `feature_width`) or "global" (one). `mixed`
    says whether a linear map over patches comes before the pooling; `scale` is "tanh",
    tanh(omega) (x + position), or "plain", omega x + position. `space` is where the vectors enter:
    as "tokens" of the text encoder, or as the "states" that the U-Net reads.
    """

    kind: Literal["single", "class", "conditional"] = "single"
    width: Count = 1024
    space: Literal["tokens", "states"] = "tokens"
    tokens: Count = 75
    categories: tuple[Name, ...] = ()
    shared: Natural = 25
    conditional: Count = 50
    seen: Literal["pair", "image"] = "pair"
    features: Literal["local", "global"] = "local"
    feature_width: Count = 768
    patches: Count = 256
    mixed: bool = True
    scale: Literal["tanh", "plain"] = "tanh"

    def __post_init__(self):
        super().__post_init__()
        if self.kind == "class" and not self.categories:
            raise ValueError("a prompt of kind class wants categories, one or more")
        if self.kind != "class" and self.categories:
            raise ValueError(f"a prompt of kind {self.kind} has no categories; leave them out")

    @property
    def length(self) -> int:
        """How many vectors a prompt has."""
        if self.kind == "conditional":
            return self.shared + self.conditional
        return self.tokens


@dataclass(frozen=True)
class Seen:
    """What a prompt may see of an image: the category, and features of its patches and of the whole
    (None where the prompt reads none).
    """

    category: str | None = None
    patches: Float[Tensor, "p f"] | None = None
    whole: Float[Tensor, "f"] | None = None


class FixedPrompts(nn.Module):
    """Single and Class: vectors that no image changes."""

    def __init__(self, settings: PromptSettings, first: Float[Tensor, "k n d"] | None = None):
        super().__init__()
        self.settings = settings
        shape = (max(1, len(settings.categories)), settings.tokens, settings.width)
        self.vectors = nn.Parameter(torch.zeros(shape))
        if first is not None:
            self.vectors.data.copy_(first)

    def forward(self, source: Seen, target: Seen) -> tuple[Tensor, Tensor]:
        """The vectors (n x d) of both images of a pair. Raises ValueError on an image of a category
        that has no prompt.
        """
        return self._of(source), self._of(target)

    def _of(self, seen: Seen) -> Float[Tensor, "n d"]:
        names = self.settings.categories
        if not names:
            return self.vectors[0]
        if seen.category not in names:
            raise ValueError(
                f"there is no prompt for category {seen.category!r}; there are {', '.join(names)}"
            )
        return self.vectors[names.index(seen.category)]


class ConditionalPrompts(nn.Module):
    """The conditional prompting module, CPM: features of one image or of two side by side, a linear
    map over channels, one over patches, the maximum in each of m windows; behind shared vectors.
    """

    def __init__(self, settings: PromptSettings, seed: int = 0):
        super().__init__()
        s = self.settings = settings
        generator = torch.Generator().manual_seed(seed)
        inputs = s.feature_width * (2 if s.seen == "pair" else 1)
        self.channels = _linear(inputs, s.width, generator)
        mixes = s.mixed and s.features == "local"
        self.mixer = _linear(s.patches, s.patches, generator) if mixes else None
        for name, length in (("shared", s.shared), ("position", s.conditional)):
            setattr(self, name, _uniform(length, s.width, generator))
        self.omega = _uniform(s.conditional, s.width, generator)

    def forward(self, source: Seen, target: Seen) -> tuple[Tensor, Tensor]:
        """The vectors (n x d) of both images of a pair: the same ones where the prompt is the
        pair's. Raises ValueError where features are missing.
        """
        a, b = (self._features(seen) for seen in (source, target))
        if self.settings.seen == "pair":
            both = self._made(torch.cat([a, b], dim=1))
            return both, both
        return self._made(a), self._made(b)

    def _features(self, seen: Seen) -> Float[Tensor, "p f"]:
        s = self.settings
        found = seen.patches if s.features == "local" else seen.whole
        if found is None:
            raise ValueError(f"this prompt reads {s.features} features of images, and got none")
        found = found.float().to(self.omega)
        return found if s.features == "local" else found[None]

    def _made(self, x: Float[Tensor, "p f"]) -> Float[Tensor, "n d"]:
        s, x = self.settings, self.channels(x)
        if self.mixer is not None:
            x = self.mixer(x.T).T
        if s.features == "local":
            x = rearrange(adaptive_max_pool1d(x.T[None], s.conditional), "1 d m -> m d")
        x = x.expand(s.conditional, -1)
        if s.scale == "tanh":
            made = torch.tanh(self.omega) * (x + self.position)
        else:
            made = self.omega * x + self.position
        return torch.cat([self.shared, made])


Prompts = FixedPrompts | ConditionalPrompts


def make_prompts(settings: PromptSettings) -> Prompts:
    """Untrained prompts of these settings; what a file's weights are put into."""
    return (
        ConditionalPrompts(settings) if settings.kind == "conditional" else FixedPrompts(settings)
    )


def rates(prompts: nn.Module, vectors: float, linear: float) -> list[dict]:
    """Parameter groups of an optimiser: free vectors learn at one rate, linear maps at another."""
    slow = [p for m in prompts.modules() if isinstance(m, nn.Linear) for p in m.parameters()]
    known = {id(p) for p in slow}
    fast = [p for p in prompts.parameters() if id(p) not in known]
    groups = [{"params": fast, "lr": vectors}, {"params": slow, "lr": linear}]
    return [group for group in groups if group["params"]]


def categories_of(names: Sequence[str | None]) -> tuple[str, ...]:
    """The categories among `names`, each once, sorted."""
    return tuple(sorted({name for name in names if name}))


def _uniform(length: int, width: int, generator: torch.Generator) -> nn.Parameter:
    return nn.Parameter(torch.rand(length, width, generator=generator))


def _linear(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    """A linear layer with PyTorch's own initial law, from a generator of its own."""
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs)
    for parameter in layer.parameters():
        bound = inputs**-0.5
        parameter.data = (torch.rand(parameter.shape, generator=generator) * 2 - 1) * bound
    return layer
