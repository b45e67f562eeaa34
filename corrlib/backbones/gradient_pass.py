"""One pass of a frozen diffusion model with gradient to its conditioning, as far as one layer.

Nothing behind the layer is computed, no weight gets a gradient, and where memory is short the
blocks' inner values are computed again on the way back (gradient checkpointing).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

import torch
from jaxtyping import Float
from torch import Tensor, nn

from corrlib.backbones.capture import capture
from corrlib.backbones.diffusion import Diffuser
from corrlib.backbones.shared_context import shared_context


def features_with_gradient(
    diffuser: Diffuser,
    z: Float[Tensor, "b z h w"],
    t: int,
    condition: Float[Tensor, "prompts tokens d"],
    layer: str,
    *,
    order: Sequence[int] | None = None,
    recompute: bool = False,
) -> Float[Tensor, "b c h2 w2"]:
    """The output of the U-Net's module `layer` at timestep `t`, whose gradient reaches `condition`.

    `condition` has a row for each of `z`; or, with `order`, each different prompt once, and row i
    of `z` has number `order[i]` (numbered in the order of their first rows). `recompute` keeps only
    the blocks' inputs and computes the rest once more backwards: the same numbers, less memory,
    about a third more time. Raises KeyError on an unknown layer.
    """
    where, what = diffuser.device, diffuser.dtype
    order = list(range(len(z))) if order is None else order
    condition = condition[list(order)]
    # what is computed again meets the network as it is then, without this block's hooks
    shared = nullcontext() if recompute else shared_context(diffuser.unet, order)
    with torch.enable_grad(), _recomputed(diffuser.unet, recompute), shared:
        with capture(diffuser.unet, [layer], detach=False) as found:
            diffuser.unet(z.to(where, what), t, encoder_hidden_states=condition.to(where, what))
    return found[layer]


@contextmanager
def _recomputed(unet: nn.Module, on: bool) -> Iterator[None]:
    if not on:
        yield
        return
    unet.enable_gradient_checkpointing()
    try:
        yield
    finally:
        unet.disable_gradient_checkpointing()
