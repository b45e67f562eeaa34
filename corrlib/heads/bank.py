"""What a head is trained on: frozen features, once an image, and pairs of images with matching
points.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from corrlib.coords import Frame
from corrlib.heads.aggregation import Cell
from corrlib.storage.lru_cache import LRUCache
from corrlib.storage.tensor_store import TensorStore
from corrlib.types import FeatureMap, Pair, View

Bank = Mapping[str, Mapping[Cell, FeatureMap]]  # by the id of the image


@dataclass(frozen=True)
class Item:
    """Two images by their ids, and points (n x 2 each, in pixels of its image) that match one
    another.
    """

    source: str
    target: str
    source_points: Float[Tensor, "_ 2"]
    target_points: Float[Tensor, "_ 2"]

    def __post_init__(self):
        if len(self.source_points) != len(self.target_points) or not len(self.source_points):
            got = f"{len(self.source_points)} and {len(self.target_points)} points"
            raise ValueError(
                f"{self.source} and {self.target} have {got}; wanted as many in both, and one "
                "at least"
            )


def keypoints(pairs: Iterable[Pair]) -> list[Item]:
    """Clicked keypoints as items, one a pair; pairs without any are left out."""
    return [
        Item(p.source.id, p.target.id, p.source_points, p.target_points)
        for p in pairs
        if len(p.source_points)
    ]


def fill(
    views: Iterable[View],
    cells: Callable[[View], Mapping[Cell, FeatureMap]],
    progress: bool | None = None,
) -> Bank:
    """The features of every view, each computed once; `cells(view)` gives them, for example of a
    method's `cells`.
    """
    views = by_id(views)
    hide = None if progress is None else not progress
    return {
        id: dict(cells(view))
        for id, view in tqdm(views.items(), desc="features", leave=False, disable=hide)
    }


def by_id(views: Iterable[View]) -> dict[str, View]:
    """Views by their ids. Raises ValueError on an id of two images, or of one in two categories."""
    found: dict[str, View] = {}
    for view in views:
        if view.id in found and found[view.id].key() != view.key():
            raise ValueError(
                f"two different views are called {view.id!r}, and a bank keeps one of each name; "
                "give each an id of its own"
            )
        found[view.id] = view
    return found


class StoredBank(Mapping):
    """The same of more images than memory holds: features are computed when first asked for, kept
    in memory up to `keep_bytes`, and in `store` as long as that is no larger than `disk_bytes`.

    What fits in neither is computed again each time. All values are rounded to `dtype` before they
    are used, so that where they come from changes nothing. `key` names all that decides them, but
    for the image: settings, weights, seed. `computed` counts calls of `cells`.
    """

    def __init__(
        self,
        views: Sequence[View],
        cells: Callable[[View], Mapping[Cell, FeatureMap]],
        key: Any = None,
        store: TensorStore | None = None,
        *,
        disk_bytes: float | int = 0,
        keep_bytes: int = 2**30,
        dtype: torch.dtype = torch.float16,
    ):
        self._views, self._cells, self._key = by_id(views), cells, key
        self._store, self._disk_bytes, self._dtype = store, disk_bytes, dtype
        self._used = store.bytes_used() if store else 0
        self._kept: LRUCache[dict[Cell, FeatureMap]] = LRUCache(keep_bytes, nbytes, at_least=2)
        self.computed = 0

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    def __getitem__(self, id: str) -> dict[Cell, FeatureMap]:
        return self._kept.of(id, lambda: self._load(self._views[id]))

    def digest(self, id: str) -> str:
        """What decides an image's features, as digits; computes none."""
        return TensorStore.key((self._key, self._dtype), self._views[id])

    def _load(self, view: View) -> dict[Cell, FeatureMap]:
        if self._store is None:
            return self._compute(view)
        key = self.digest(view.id)
        if (stored := self._store.get(key)) is not None:
            return {_cell(name): _on(view, values) for name, values in stored.items()}
        found = self._compute(view)
        if self._used + nbytes(found) <= self._disk_bytes:
            values = {f"{layer}@{t}": fm.values for (layer, t), fm in found.items()}
            self._used += self._store.put(key, values).stat().st_size
        return found

    def _compute(self, view: View) -> dict[Cell, FeatureMap]:
        self.computed += 1
        found = self._cells(view)
        if any(fm.frame.box is not None for fm in found.values()):
            raise ValueError(f"features of {view.id} are of a crop; keep those of whole images")
        return {cell: _on(view, fm.values.to("cpu", self._dtype)) for cell, fm in found.items()}


def nbytes(maps: Mapping[Cell, FeatureMap]) -> int:
    """What an image's features take."""
    return sum(fm.values.nbytes for fm in maps.values())


def _cell(name: str) -> Cell:
    layer, _, t = name.rpartition("@")
    return layer, int(t)


def _on(view: View, values: Float[Tensor, "c h w"]) -> FeatureMap:
    return FeatureMap(values, Frame(view.size, (values.shape[2], values.shape[1])))
