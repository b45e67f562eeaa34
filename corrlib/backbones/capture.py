"""Look inside a network during one pass: outputs of modules by hooks, attention probabilities by
attention processors.

Both are with-blocks. The network is as before afterwards, whatever happened inside. With
`stop=True` the pass ends as soon as everything wanted has been seen, and the rest of the block's
body is skipped: read the result after the block.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import SequenceMatcher
from typing import Any, Literal

import torch
from einops import rearrange
from torch import Tensor, nn


class _Stop(BaseException):
    """Ends a pass early. Not an Exception, so that no `except Exception` inside of a model swallows
    it.
    """


@contextmanager
def capture(
    model: nn.Module, names: str | Sequence[str], *, stop: bool = True, detach: bool = True
) -> Iterator[dict[str, Tensor]]:
    """Outputs of the named modules (paths as in `model.named_modules()`) as a dict from name to
    tensor, filled by the next pass.

    Of an output that is a tuple, list or dict, the first element is taken. A module that runs again
    overwrites its entry. `detach=False` keeps gradients. Raises KeyError with the nearest names
    before anything runs when a name is unknown, and RuntimeError at the end of the block when a
    named module never ran.
    """
    names = list(dict.fromkeys([names] if isinstance(names, str) else names))
    modules = modules_of(model, names)
    out: dict[str, Tensor] = {}
    end = _Stop()

    def keep(name: str):
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            value = _first(name, output)
            value = value.detach() if detach else value
            last = stop and len({*out, name}) == len(names)
            out[name] = value if last else value.clone()  # a later layer may work in place
            if last:
                raise end

        return hook

    handles = []
    try:
        handles = [
            module.register_forward_hook(keep(name))
            for name, module in zip(names, modules, strict=True)
        ]
        yield out
        _require_all(names, out)
    except _Stop as stopped:
        if stopped is not end:
            raise
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def attention(
    unet: nn.Module,
    *,
    under: str | Sequence[str] = (),
    kind: Literal["cross", "self", "both"] = "cross",
    heads: Literal["mean", "all"] = "mean",
    stop: bool = True,
    detach: bool = True,
) -> Iterator[dict[str, Tensor]]:
    """Attention probabilities of a diffusers model's layers as a dict from layer path to tensor,
    filled by the next pass.

    `under` are path prefixes such as "up_blocks.1" (none: all layers). Tensors are b x queries x
    keys, or b x heads x queries x keys with `heads="all"`; they sum to 1 over keys. Queries are
    cells in row-major order; keys are tokens (cross) or cells (self). The pass itself is computed
    by the layers' own processors and does not change. Raises as `capture` does.
    """
    if kind not in ("cross", "self", "both") or heads not in ("mean", "all"):
        raise ValueError(
            f"got kind={kind!r}, heads={heads!r}; wanted kind 'cross', 'self' or 'both' and "
            "heads 'mean' or 'all'"
        )
    under = [under] if isinstance(under, str) else list(under)
    if under:
        modules_of(unet, under)
    layers = {
        name: module
        for name, module in unet.named_modules()
        if hasattr(module, "set_processor")
        and (not under or any(f"{name}.".startswith(f"{prefix}.") for prefix in under))
        and (kind == "both" or module.is_cross_attention == (kind == "cross"))
    }
    if not layers:
        raise KeyError(
            f"no {kind}-attention layer under {under or 'this model'}; print "
            "list(model.attn_processors) to see all"
        )
    out: dict[str, Tensor] = {}
    end = _Stop()

    def keep(name: str, probabilities: Tensor) -> None:
        value = probabilities.mean(1) if heads == "mean" else probabilities
        out[name] = value.detach() if detach else value
        if stop and len(out) == len(layers):
            raise end

    originals = {name: layer.processor for name, layer in layers.items()}
    try:
        for name, layer in layers.items():
            layer.set_processor(_Recorder(name, originals[name], keep))
        yield out
        _require_all(list(layers), out)
    except _Stop as stopped:
        if stopped is not end:
            raise
    finally:
        for name, layer in layers.items():
            layer.set_processor(originals[name])


class _Recorder:
    """An attention processor that lets the original one work and forms the probabilities of the
    queries and keys it used.
    """

    def __init__(self, name: str, original: Any, keep: Any):
        self.name, self.original, self.keep = name, original, keep

    def __call__(
        self,
        attn,
        hidden_states,
        encoder_hidden_states=None,
        attention_mask=None,
        temb=None,
        **kwargs,
    ):
        with capture(attn, ["to_q", "to_k"], stop=False, detach=False) as projected:
            result = self.original(
                attn, hidden_states, encoder_hidden_states, attention_mask, temb, **kwargs
            )
        query, key = (attn.head_to_batch_dim(projected[name]) for name in ("to_q", "to_k"))
        mask = attn.prepare_attention_mask(
            attention_mask, projected["to_k"].shape[1], projected["to_k"].shape[0]
        )
        probabilities = attn.get_attention_scores(query, key, mask)
        self.keep(
            self.name, rearrange(probabilities, "(b heads) q k -> b heads q k", heads=attn.heads)
        )
        return result


def modules_of(model: nn.Module, names: Sequence[str]) -> list[nn.Module]:
    """The modules of these names. Raises KeyError on one that there is not, with the nearest."""
    known = dict(model.named_modules())
    known.pop("", None)
    if not names:
        raise ValueError(
            "got no names; name at least one module, as in capture(unet, ['up_blocks.1'])"
        )
    for name in names:
        if name not in known:
            near = sorted(
                known, key=lambda other: SequenceMatcher(None, name, other).ratio(), reverse=True
            )[:3]
            raise KeyError(
                f"{type(model).__name__} has no module {name!r}; the nearest are "
                f"{', '.join(map(repr, near))}. "
                "Print [name for name, _ in model.named_modules()] to see all"
            )
    return [known[name] for name in names]


def _first(name: str, output: Any) -> Tensor:
    value = output
    while isinstance(value, (tuple, list, Mapping)) and len(value):
        value = next(iter(value.values())) if isinstance(value, Mapping) else value[0]
    if not isinstance(value, torch.Tensor):
        raise TypeError(
            f"module {name!r} returned {type(output).__name__} without a tensor in front; "
            "capture a module inside of it"
        )
    return value


def _require_all(names: Sequence[str], out: Mapping[str, Tensor]) -> None:
    missing = [name for name in names if name not in out]
    if missing:
        raise RuntimeError(
            f"modules {missing} did not run in the with-block; call the model inside of it, or "
            "drop these names"
        )
