"""Keys and values of a prompt, computed once for all images that it conditions.

In a batch of many noises of one image, or of pairs that share their prompt, every cross-attention
projects the same tokens again for each row. Here each different prompt is projected once: the same
numbers. At Stable Diffusion's size that is about a hundredth of a pass; of the toy model, whose
maps are small beside its 77 tokens, a tenth.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def shared_context(unet: nn.Module, order: Sequence[int]) -> Iterator[None]:
    """Within the block, row i of a batch has the same conditioning as every other row j with
    `order[j] == order[i]`; numbers run from 0, in the order of their first rows. The caller says
    so: rows that differ would silently get the first one's.
    """
    first = [list(order).index(number) for number in range(max(order) + 1)]
    if len(first) == len(order):
        yield
        return
    rows, back = torch.tensor(first), torch.tensor(list(order))

    def fewer(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (inputs[0][rows.to(inputs[0].device)], *inputs[1:])

    def all_again(module: nn.Module, inputs: Any, out: Tensor) -> Tensor:
        return out[back.to(out.device)]

    handles = []
    try:
        for module in unet.modules():
            if getattr(module, "is_cross_attention", False):
                for name in ("to_k", "to_v"):
                    projection = getattr(module, name)
                    handles.append(projection.register_forward_pre_hook(fewer))
                    handles.append(projection.register_forward_hook(all_again))
        yield
    finally:
        for handle in handles:
            handle.remove()
