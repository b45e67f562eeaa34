"""How many bytes a call holds at once, counted on networks without weights: the real modules run,
on shapes alone.

Counted is every tensor that comes into being in the call, for as long as it lives; weights and
other tensors that were there before are not. Attention is taken as the fused one that PyTorch has
on CUDA and on CPUs, which never holds a weight for every pair of cells. What a library keeps beside
tensors (cuDNN's workspace, the allocator's slack, CUDA's own half a gigabyte) is not counted.
"""

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class _Held(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.sizes: dict[int, int] = {}
        self.most = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        before = {_storage(t)._cdata for t in _tensors((args, kwargs))}
        result = func(*args, **(kwargs or {}))
        for storage in map(_storage, _tensors(result)):
            key = storage._cdata
            if key not in self.sizes and key not in before:
                self.sizes[key] = storage.nbytes()
                weakref.finalize(storage, self.sizes.pop, key)
        self.most = max(self.most, sum(self.sizes.values()))
        return result


class _Fused(TorchFunctionMode):
    """Attention by the one operator that has fused shapes without a device."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is not scaled_dot_product_attention:
            return func(*args, **(kwargs or {}))
        names = ("query", "key", "value", "attn_mask")
        given = dict(zip(names, args, strict=False)) | (kwargs or {})
        parts = [given.pop(name) for name in names[:3]]
        more = {name: given.get(name) for name in ("attn_mask", "scale")}
        return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(*parts, **more)[0]


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _storage(tensor: Tensor) -> torch.UntypedStorage:
    return tensor.untyped_storage()


def peak_bytes(call: Callable[[], Any]) -> int:
    """The most bytes that `call` holds at once in tensors of its own; it should run on skeletons
    (`backbones.skeletons`), since what fused kernels hold on real devices is not seen.
    """
    with _Fused(), _Held() as held:
        call()
    return held.most


def weight_bytes(*networks: nn.Module) -> int:
    """Bytes of the weights of networks."""
    return sum(p.numel() * p.element_size() for net in networks for p in net.parameters())
