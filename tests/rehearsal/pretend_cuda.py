"""A device "cuda" that is this CPU, with CUDA's rules about where tensors lie.

`install()` makes a tensor that is moved to "cuda" remember so. What a GPU would refuse is then
refused in CUDA's words: `.numpy()` of a tensor there, one operation on tensors of both sides, a
generator of the other side. It has no kernels, no rounding and no memory of its own: numbers are
the CPU's, and what a GPU can hold is not rehearsed.
"""

from types import SimpleNamespace

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

CPU, CUDA = torch.device("cpu"), torch.device("cuda:0")
GIB = 2**30


class There(Tensor):
    """A tensor that is taken to lie on the GPU."""


def there(tensor: Tensor) -> Tensor:
    return tensor if isinstance(tensor, There) else tensor.as_subclass(There)


def here(tensor: Tensor) -> Tensor:
    return tensor.as_subclass(Tensor) if isinstance(tensor, There) else tensor


def names_cuda(device) -> bool:
    """Whether an argument names the GPU: "cuda", a device, or its number."""
    if isinstance(device, str):
        return device.split(":")[0] == "cuda"
    if isinstance(device, torch.device):
        return device.type == "cuda"
    return isinstance(device, int) and not isinstance(device, bool)


NUMPY = (
    "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy it to host memory"
)
MIXED = (
    "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu"
)
HOST_ONLY = {Tensor.numpy, Tensor.__array__}
SHOWN = {Tensor.__repr__, Tensor.__str__, Tensor.__format__, Tensor.tolist, Tensor.item}
WHERE = {Tensor.device.__get__: lambda t: CUDA, Tensor.is_cuda.__get__: lambda t: True}
MOVES = {Tensor.to, Tensor.type_as}
# A copy crosses devices, and a write may bring its value from the other side.
CROSSES = {Tensor.copy_, Tensor.__setitem__, Tensor.data.__set__, Tensor.set_, Tensor.as_subclass}


class Pretend(TorchFunctionMode):
    """Looks at every call of torch, keeps track of sides, and refuses what CUDA refuses."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is torch._C._nn._parse_to:  # `Module.to` reads its arguments by it
            return func(*args, **kwargs)
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        concerned = any(isinstance(t, There) for t in tensors) or names_cuda(kwargs.get("device"))
        concerned |= func is Tensor.cuda or (func in MOVES and any(map(_is_side, args[1:])))
        if not concerned:
            return func(*args, **kwargs)
        with torch._C.DisableTorchFunctionSubclass():
            return self.call(func, args, dict(kwargs), tensors)

    def call(self, func, args, kwargs, tensors):
        first = args[0] if args else None
        if func is torch._has_compatible_shallow_copy_type:
            return isinstance(args[0], There) == isinstance(args[1], There)
        if func in WHERE and isinstance(first, There):
            return WHERE[func](first)
        if func in HOST_ONLY and isinstance(first, There) and not kwargs.get("force"):
            raise TypeError(NUMPY)
        if func in SHOWN:
            return func(here(first), *args[1:], **kwargs)
        if func is Tensor.cpu:
            return self.moved(first, False)
        if func is Tensor.cuda:
            return self.moved(first, True)
        if func in MOVES:
            return self.move(first, args[1:], kwargs)
        return self.compute(func, args, kwargs, tensors)

    def moved(self, tensor: Tensor, to_there: bool) -> Tensor:
        """A copy on that side; the tensor itself where it lies there."""
        if isinstance(tensor, There) == to_there:
            return tensor
        return there(tensor.clone()) if to_there else here(tensor.clone())

    def move(self, first, rest, kwargs):
        """`tensor.to(...)` in all its forms."""
        goal, others = isinstance(first, There), []
        for key in ("device", "other"):
            if kwargs.get(key) is not None:
                rest = (*rest, kwargs[key])
        kwargs = {k: v for k, v in kwargs.items() if k not in ("device", "other")}
        for value in rest:
            if isinstance(value, Tensor):
                goal, value = isinstance(value, There), value.dtype
            elif _is_side(value):
                goal = names_cuda(value)
                continue
            if isinstance(value, torch.dtype):  # what is left are flags about waiting and copying
                others.append(value)
        same = here(first)
        changed = same.to(*others, **kwargs) if others or kwargs else same
        if changed is same:
            return self.moved(first, goal)
        return there(changed) if goal else here(changed)

    def compute(self, func, args, kwargs, tensors):
        """Any other call: sides must agree, and the result lies where its operands do."""
        asked = kwargs.get("device")
        if asked is not None and names_cuda(asked):
            kwargs["device"] = CPU
        far = [t for t in tensors if isinstance(t, There)]
        first = args[0] if args else None
        near = [t for t in tensors if not isinstance(t, There) and t.ndim]
        indexing = func is Tensor.__getitem__
        if indexing and not isinstance(first, There) and any(t.ndim for t in far):
            raise RuntimeError(
                "indices should be either on cpu or on the same device as the tensor"
            )
        if far and near and not indexing and func not in CROSSES:
            raise RuntimeError(f"{MIXED}! (in {getattr(func, '__qualname__', func)})")
        if isinstance(kwargs.get("generator"), torch.Generator) and (far or names_cuda(asked)):
            raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
        result = func(*args, **kwargs)
        if func in (Tensor.__setitem__, Tensor.data.__set__):
            return result
        to_there = names_cuda(asked) if asked is not None else bool(far)
        if indexing or func in CROSSES:
            to_there = isinstance(first, There)
        own = {id(t): t for t in tensors}  # an operation in place gives its operand back

        def mark(tensor):
            return own.get(id(tensor)) if id(tensor) in own else there(tensor)

        return tree_map_only(Tensor, mark, result) if to_there else result


def _is_side(value) -> bool:
    """Whether an argument of `to` says where, or is a tensor that does."""
    sides = ("cuda", "cpu", "mps", "meta")
    if isinstance(value, str):
        return value.split(":")[0] in sides
    return isinstance(value, torch.device | There) or names_cuda(value)


def install() -> None:
    """From now on there is one GPU, in this thread and in processes forked from it."""
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    torch.cuda.is_available = lambda: True
    torch.cuda.device_count = lambda: 1
    torch.cuda.get_device_name = lambda *_: "a pretended GPU"
    torch.cuda.mem_get_info = lambda *_: (70 * GIB, 80 * GIB)
    torch.cuda.get_device_properties = lambda *_: SimpleNamespace(total_memory=80 * GIB)
    for name in ("empty_cache", "synchronize", "reset_peak_memory_stats", "manual_seed_all"):
        setattr(torch.cuda, name, lambda *_: None)
    # A torch that was built for CUDA asks a GPU for its streams, which only a real one has.
    torch.cuda.is_current_stream_capturing = lambda: False
    torch.accelerator.is_available = lambda: False
    torch.accelerator.current_accelerator = lambda *_, **__: None
    Pretend().__enter__()
