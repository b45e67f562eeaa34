"""What a graph keeps for its way back, counted tensor by tensor."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


class Activations:
    """Within the block, the bytes of tensors that autograd has saved and not yet dropped: `now`,
    and their `peak`. Storages are counted once, and those of `free` (weights, say) not at all.
    """

    def __init__(self, free: Iterable[Tensor] = ()):
        self.now = self.peak = 0
        self._free = {tensor.untyped_storage().data_ptr() for tensor in free}
        self._holders: Counter[int] = Counter()
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._pack, self._unpack)

    def __enter__(self) -> "Activations":
        self._hooks.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._hooks.__exit__(*error)

    def _pack(self, tensor: Tensor) -> Any:
        storage = tensor.untyped_storage()
        if storage.data_ptr() in self._free:
            return tensor
        return _Held(self, tensor, storage.data_ptr(), storage.nbytes())

    def _unpack(self, held: Any) -> Tensor:
        return held.tensor if isinstance(held, _Held) else held

    def add(self, place: int, size: int) -> None:
        """One more holder of a storage."""
        self._holders[place] += 1
        if self._holders[place] == 1:
            self.now += size
            self.peak = max(self.peak, self.now)

    def drop(self, place: int, size: int) -> None:
        """One holder less."""
        self._holders[place] -= 1
        if not self._holders[place]:
            self.now -= size


class _Held:
    def __init__(self, owner: Activations, tensor: Tensor, place: int, size: int):
        self.tensor, self._owner, self._place, self._size = tensor, owner, place, size
        owner.add(place, size)

    def __del__(self) -> None:
        self._owner.drop(self._place, self._size)
