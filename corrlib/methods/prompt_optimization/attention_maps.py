"""Cross-attention maps of a few chosen layers: one token, chosen heads, and the pass ends at the
last soft-max.

Only the chosen layers get a processor of their own. It forms the soft-max over tokens of the wanted
heads and keeps one token; the layer's output is still computed by its own (fused) processor, except
in the last one, where nobody needs it.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate

from corrlib.backbones.capture import capture

_STAGES = {"down_blocks": 0, "mid_block": 1, "up_blocks": 2}


@dataclass(frozen=True)
class Layer:
    """A cross-attention: its module path, the side of its square map in cells, and its number of
    heads.
    """

    name: str
    side: int
    heads: int


def cross_attentions(unet: nn.Module, latent: int) -> list[Layer]:
    """All cross-attentions of a U-Net fed with latents of `latent` x `latent`, in the order in
    which a pass reaches them.

    That is down, mid, up. `named_modules` has another order, down, up, mid, so that counting its
    entries would be wrong.
    """
    sides = _sides(unet, latent)
    found = []
    for name, module in unet.named_modules():
        if hasattr(module, "set_processor") and getattr(module, "is_cross_attention", False):
            stage, block = re.match(r"(\w+?_blocks?)(?:\.(\d+))?\.", name).groups()
            found.append(Layer(name, sides[stage, int(block or 0)], module.heads))
    return sorted(
        found,
        key=lambda layer: (
            _STAGES[layer.name.split(".")[0]],
            [int(n) for n in re.findall(r"\d+", layer.name)],
        ),
    )


def _sides(unet: nn.Module, latent: int) -> dict[tuple[str, int], int]:
    """The side of the feature maps inside of each block."""
    sides, now, down = {}, latent, []
    for i, block in enumerate(unet.down_blocks):
        sides["down_blocks", i] = now
        down.append(now)
        now = -(-now // 2) if getattr(block, "downsamplers", None) else now
    sides["mid_block", 0] = now
    return sides | {("up_blocks", i): side for i, side in enumerate(reversed(down))}


def choose(
    unet: nn.Module,
    numbers: Sequence[int],
    latent: int,
    *,
    largest_map: int | None = None,
    heads: Sequence[int] | None = None,
) -> list[Layer]:
    """The layers with these numbers, in the order of the pass; with `largest_map` only maps up to
    that side are counted.

    Raises ValueError when a number or one of `heads` does not exist. The released code silently
    drops such a layer.
    *Source:* Hedlin et al., supplement (layers 7 to 10 of 16); the released code counts 5 to 8 of
    the eleven up to 32 x 32.
    """
    counted = [
        layer
        for layer in cross_attentions(unet, latent)
        if largest_map is None or layer.side <= largest_map
    ]
    if wrong := [number for number in numbers if not 0 <= number < len(counted)]:
        limit = "" if largest_map is None else f" with maps up to {largest_map} x {largest_map}"
        names = (
            f"{i} {layer.name.split('.transformer')[0]} ({layer.side}x{layer.side})"
            for i, layer in enumerate(counted)
        )
        listed = ", ".join(names)
        raise ValueError(
            f"no layer {wrong[0]}: the {len(counted)} cross-attentions{limit} are {listed}"
        )
    chosen = [counted[number] for number in sorted(numbers)]
    for layer in chosen if heads is not None else []:
        if wrong := [head for head in heads if not 0 <= head < layer.heads]:
            raise ValueError(
                f"{layer.name} has {layer.heads} heads, numbered from 0, and no head "
                f"{wrong[0]}; set heads=None to take all"
            )
    return chosen


class _End(BaseException):
    """Ends a pass. Not an Exception, so that no `except Exception` inside of a model swallows
    it.
    """


@contextmanager
def token_maps(
    unet: nn.Module,
    layers: Sequence[Layer],
    *,
    token: int = 1,
    heads: Sequence[int] | None = None,
    query_scale: int = 1,
    stop: bool = True,
) -> Iterator[dict[str, Float[Tensor, "b side side"]]]:
    """Attention to `token`, the mean over `heads`, as maps by layer name in the order of `layers`,
    filled by the next pass.

    Maps are b x side x side in float32, values in [0, 1], the soft-max is over all tokens;
    gradients are kept. `query_scale` > 1 enlarges the queries by bicubic interpolation first, and
    so the map. With `stop` (the default) the pass ends at the last soft-max and the rest of the
    block's body is skipped. The network is as before afterwards, whatever happened.
    """
    out: dict[str, Tensor] = {}
    end = _End()
    modules = {layer.name: unet.get_submodule(layer.name) for layer in layers}
    originals = {name: module.processor for name, module in modules.items()}

    def keep(layer: Layer, query: Tensor, key: Tensor, scale: float) -> None:
        out[layer.name] = _map(query, key, layer, scale, token, heads, query_scale)

    try:
        for layer in layers:
            last = end if stop and layer is layers[-1] else None
            modules[layer.name].set_processor(_Tap(layer, originals[layer.name], keep, last))
        yield out
    except _End as ended:
        if ended is not end:
            raise
    finally:
        for name, module in modules.items():
            module.set_processor(originals[name])
    if missing := [layer.name for layer in layers if layer.name not in out]:
        raise RuntimeError(
            f"layers {missing} did not run in the with-block; call the U-Net inside of it"
        )


class _Tap:
    """The processor of a tapped layer: keeps its map, then lets the layer's own processor work or
    ends the pass.
    """

    def __init__(self, layer: Layer, original: Any, keep: Any, end: _End | None):
        self.layer, self.original, self.keep, self.end = layer, original, keep, end

    def __call__(
        self,
        attn,
        hidden_states,
        encoder_hidden_states=None,
        attention_mask=None,
        temb=None,
        **kwargs,
    ):
        if (
            attn.norm_q is not None
            or attn.norm_k is not None
            or attn.norm_cross is not None
            or attention_mask is not None
        ):
            raise NotImplementedError(
                f"{self.layer.name} normalises or masks its attention; only plain "
                "cross-attention is read"
            )
        if self.end is not None:
            self.keep(
                self.layer, attn.to_q(hidden_states), attn.to_k(encoder_hidden_states), attn.scale
            )
            raise self.end
        with capture(attn, ["to_q", "to_k"], stop=False, detach=False) as made:
            result = self.original(
                attn, hidden_states, encoder_hidden_states, attention_mask, temb, **kwargs
            )
        self.keep(self.layer, made["to_q"], made["to_k"], attn.scale)
        return result


def _map(
    query: Float[Tensor, "b queries c"],
    key: Float[Tensor, "b tokens c"],
    layer: Layer,
    scale: float,
    token: int,
    heads: Sequence[int] | None,
    query_scale: int,
) -> Float[Tensor, "b side side"]:
    side = layer.side
    if query.shape[1] != side**2:
        raise RuntimeError(
            f"{layer.name} has {query.shape[1]} queries, not {side} x {side}; feed square "
            "latents of the size named"
        )
    q, k = (
        rearrange(x.float(), "b n (heads d) -> b heads n d", heads=layer.heads)
        for x in (query, key)
    )
    if heads is not None:
        q, k = q[:, list(heads)], k[:, list(heads)]
    if query_scale > 1:
        grid = rearrange(q, "b heads (h w) d -> b (heads d) h w", h=side)
        grid = interpolate(grid, scale_factor=query_scale, mode="bicubic", align_corners=False)
        q = rearrange(grid, "b (heads d) h w -> b heads (h w) d", heads=q.shape[1])
    scores = (q * scale) @ k.transpose(-1, -2)
    one = (
        (scores[..., token] - scores.logsumexp(-1)).exp().mean(1)
    )  # the soft-max over tokens, of one token
    return rearrange(one, "b (h w) -> b h w", h=side * query_scale)
