"""What passes cost in multiply-adds, counted on networks without weights: the real modules run, on
shapes alone.

    # or skeleton(diffuser.unet), skeleton(diffuser.vae); all three of corrlib.backbones.skeletons
    unet, vae = published("sd1-4")
    # of one 512 x 512 image: encode 558 G, whole 402 G, forward 240 G, ...
    cost = pass_cost(unet, vae, settings)
    # a point's cost as released, and with one waste after the other removed
    savings(settings, cost)

Counts depend on shapes only, so that they are the same on every machine, and cost a second at full
size. What is counted are convolutions and matrix products, attention's included, as
`torch.utils.flop_counter` finds them (it counts two operations a multiply-add); norms, activations,
the enlargement of maps and Adam are not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import pandas as pd
import torch
from torch import Tensor, nn

from corrlib.backbones.capture import capture
from corrlib.backbones.skeletons import multiply_adds
from corrlib.backbones.skeletons import published as published
from corrlib.backbones.skeletons import skeleton as skeleton
from corrlib.methods.prompt_optimization.attention_maps import choose, cross_attentions, token_maps
from corrlib.methods.prompt_optimization.settings import PromptSettings
from corrlib.types import Pair


@dataclass(frozen=True)
class PassCost:
    """Multiply-adds of one sample: `encode` one crop; the `whole` U-Net; `forward`, up to the last
    map that is read; and `backward`, from the maps to the embedding."""

    encode: int
    whole: int
    forward: int
    backward: int


def pass_cost(unet: nn.Module, vae: nn.Module, settings: PromptSettings) -> PassCost:
    """The cost of a sample's passes under `settings`, of networks on "meta". Raises ValueError
    where a layer does not exist.
    """
    z, latent = _latent(unet, vae, settings.size)
    layers = choose(
        unet, settings.layers, latent, largest_map=settings.largest_map, heads=settings.heads
    )
    embedding = torch.empty(
        1, settings.tokens, unet.config.cross_attention_dim, device="meta", requires_grad=True
    )

    def forward() -> None:
        with token_maps(unet, layers, token=settings.token, heads=settings.heads) as found:
            unet(z, _step(), encoder_hidden_states=embedding)
        maps.update(found)

    maps: dict[str, Tensor] = {}
    with torch.no_grad():
        whole = multiply_adds(lambda: unet(z, _step(), encoder_hidden_states=embedding))
    with torch.enable_grad():
        there = multiply_adds(forward)
        total = sum(one.sum() for one in maps.values())
        back = multiply_adds(lambda: torch.autograd.grad(total, embedding))
    return PassCost(encode_cost(vae, settings.size), whole, there, back)


def encode_cost(vae: nn.Module, size: int) -> int:
    """Multiply-adds of the latent of one image of `size` x `size`."""
    with torch.no_grad():
        return multiply_adds(lambda: vae.encode(torch.empty(1, 3, size, size, device="meta")))


def look_cost(unet: nn.Module, vae: nn.Module, size: int, layer: str, tokens: int = 77) -> int:
    """Multiply-adds of one noisy look at an image of `size` x `size` up to `layer`, the encoder not
    included: a member of DIFT.
    """
    z, _ = _latent(unet, vae, size)
    embedding = torch.empty(1, tokens, unet.config.cross_attention_dim, device="meta")

    def look() -> None:
        with torch.no_grad(), capture(unet, [layer]):
            unet(z, _step(), encoder_hidden_states=embedding)

    return multiply_adds(look)


WASTES = (
    "as released",
    "the pass ends at the last map",
    "a pair's points share the crops",
    "crops encoded once, ever",
    "one embedding",
    "embeddings kept",
    "one embedding, kept",
)


def savings(
    settings: PromptSettings, cost: PassCost, points: float | int = 7.2, reuses: float | int = 18
) -> pd.DataFrame:
    """What one point of one pair costs, as released and with one waste after the other removed: one
    row each, as in `WASTES`.

    Columns: passes a point (`encodes`, `whole`, `forward`, `backward`), `multiply_adds`, and
    `ratio`, the first row's by this one's. A pair has `points`; a point is asked for in `reuses`
    pairs. The defaults are SPair-71k's. "A pair's points share the crops" means one series of
    source crops for all its points and embeddings, and the four corner crops of the target. "Crops
    encoded once, ever" leaves the encoder out; see `pool` for what it takes to fill. The last two
    rows begin again with all embeddings, and with one.
    """
    s, e = settings.steps, settings.embeddings
    passes, shared = e * (s + settings.crops), (s + 4) / points + e * (settings.crops - 4)
    rows = {
        "as released": (passes, passes, 0, e * s),
        "the pass ends at the last map": (passes, 0, passes, e * s),
        "a pair's points share the crops": (shared, 0, passes, e * s),
        "crops encoded once, ever": (0, 0, passes, e * s),
        "one embedding": (0, 0, passes / e, s),
        "embeddings kept": (0, 0, e * (s / reuses + settings.crops), e * s / reuses),
        "one embedding, kept": (0, 0, s / reuses + settings.crops, s / reuses),
    }
    table = pd.DataFrame.from_dict(
        rows, orient="index", columns=["encodes", "whole", "forward", "backward"], dtype=float
    )
    each = (cost.encode, cost.whole, cost.forward, cost.backward)
    table["multiply_adds"] = sum(
        table[name] * value for name, value in zip(table.columns, each, strict=True)
    )
    table["ratio"] = table["multiply_adds"].iloc[0] / table["multiply_adds"]
    return table.rename_axis("removed")


def pool(settings: PromptSettings) -> int:
    """How many different crops one image has: 36 x 36 in the paper."""
    return len(range(0, settings.size - settings.crop_side + 1, settings.crop_stride)) ** 2


@dataclass(frozen=True)
class Demand:
    """What a set of pairs asks for: `matches` in all, of `points` different points of a source, on
    `images`, in `pairs`.
    """

    pairs: int
    matches: int
    points: int
    images: int

    @classmethod
    def of(cls, pairs: Iterable[Pair]) -> "Demand":
        """Of pairs with named keypoints."""
        pairs = list(pairs)
        asked = [(pair.source.id, name) for pair in pairs for name in pair.keypoints]
        images = {view.id for pair in pairs for view in (pair.source, pair.target)}
        return cls(len(pairs), len(asked), len(set(asked)), len(images))


def match_seconds(
    unit: Mapping[str, float], demand: Demand, settings: PromptSettings, *, kept: bool
) -> float:
    """Seconds a match, from the prices of one `step`, `crop` that is asked, `read`-out and
    `encode`d crop of one embedding.

    Of a pair by itself with as many points as the demand's have on average; or `kept`, with every
    crop of every image encoded and every point searched once for all pairs. By itself, a pair
    encodes the different ones of the crops that it draws, counted as if all were equally likely.
    Passes are taken as full: `at_once` that is no multiple of `embeddings` costs more.
    """
    s, places, points = settings, pool(settings), demand.matches / demand.pairs
    find, ask = (
        s.embeddings * s.steps * unit["step"],
        s.embeddings * s.crops * unit["crop"] + unit["read"],
    )
    if kept:
        return (
            demand.points / demand.matches * find
            + ask
            + demand.images * places / demand.matches * unit["encode"]
        )
    drawn = points * s.embeddings * s.steps, 4 + points * s.embeddings * (s.crops - 4)
    encoded = sum(places * (1 - (1 - 1 / places) ** n) for n in drawn)
    return find + ask + encoded / points * unit["encode"]


@dataclass(frozen=True)
class Prices:
    """Seconds a match of what answers a `demand`: `one pair` that comes alone, and with everything
    `kept` for all pairs. `unit` is as in `match_seconds`; where it has multiply-adds, so has this.
    """

    unit: Mapping[str, float]
    demand: Demand
    settings: PromptSettings

    def combination(self, steps: int, embeddings: int, crops: int) -> dict[str, float]:
        """Of prompt optimisation under `settings` with these three knobs."""
        knobs = {"steps": steps, "embeddings": embeddings, "crops": crops}
        asked = self.unit, self.demand, replace(self.settings, **knobs)
        return {
            "one pair": match_seconds(*asked, kept=False),
            "kept": match_seconds(*asked, kept=True),
        }

    def looks(self, image: float, match: float = 0) -> dict[str, float]:
        """Of a method that takes `image` for each picture once, and then `match` for each match."""
        d = self.demand
        return {
            "one pair": 2 * image * d.pairs / d.matches + match,
            "kept": image * d.images / d.matches + match,
        }


def attention_bytes(unet: nn.Module, vae: nn.Module, settings: PromptSettings) -> dict[str, int]:
    """Bytes of float32 attention in one pass of one sample: `written`, by explicit self- and
    cross-attention in every layer; `stored`, of those layers whose map has at most 32 cells a side
    (`largest_map`, where set); `read`, of the layers that count.
    """
    latent = settings.size // _factor(vae)
    largest = settings.largest_map or 32
    read = {
        layer.name
        for layer in choose(unet, settings.layers, latent, largest_map=settings.largest_map)
    }
    found = {"written": 0, "stored": 0, "read": 0}
    for layer in cross_attentions(unet, latent):
        cross = 4 * layer.heads * layer.side**2 * settings.tokens
        both = (
            cross + 4 * layer.heads * layer.side**4
        )  # its self-attention has as many heads and cells
        found["written"] += both
        found["stored"] += both if layer.side <= largest else 0
        found["read"] += cross if layer.name in read else 0
    return found


def _factor(vae: nn.Module) -> int:
    return 2 ** (len(vae.config.block_out_channels) - 1)


def _latent(unet: nn.Module, vae: nn.Module, size: int) -> tuple[Tensor, int]:
    side = size // _factor(vae)
    return torch.empty(1, unet.config.in_channels, side, side, device="meta"), side


def _step() -> Tensor:
    return torch.zeros((), dtype=torch.long, device="meta")
