"""Keep in memory what was used last, up to so many bytes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class LRUCache(Generic[Value]):
    """Values by key, of which those used last are kept: as many as `keep_bytes` hold, and
    `at_least` so many in any case.

    `nbytes(value)` is asked each time a value is used, so that a value may grow.
    """

    def __init__(self, keep_bytes: int, nbytes: Callable[[Value], int], at_least: int = 1):
        self.keep_bytes, self.at_least = keep_bytes, at_least
        self._nbytes = nbytes
        self._kept: OrderedDict[Hashable, Value] = OrderedDict()
        self._sizes: dict[Hashable, int] = {}
        self._total = 0

    def get(self, key: Hashable) -> Value | None:
        """The value of `key`, or None where it is not, or not any more."""
        return self.put(key, self._kept[key]) if key in self._kept else None

    def put(self, key: Hashable, value: Value) -> Value:
        """Keep `value`, drop what was not used for longest where there is too much, and return
        `value`.
        """
        self._total += (size := self._nbytes(value)) - self._sizes.get(key, 0)
        self._kept[key], self._sizes[key] = value, size
        self._kept.move_to_end(key)
        while len(self) > self.at_least and self._total > self.keep_bytes:
            self.drop(next(iter(self._kept)))
        return value

    def of(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of `key`, made now where it is not."""
        return self.put(key, self._kept[key] if key in self._kept else make())

    def drop(self, key: Hashable) -> None:
        """Keep `key` no more, if it is there."""
        self._kept.pop(key, None)
        self._total -= self._sizes.pop(key, 0)

    def __len__(self) -> int:
        return len(self._kept)
