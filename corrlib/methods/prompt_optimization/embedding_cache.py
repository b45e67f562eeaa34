"""Embeddings found before, in memory and on disk, one item a (image, point, number of embedding,
settings, seed).
"""

from operator import attrgetter

from jaxtyping import Float
from torch import Tensor

from corrlib.methods.prompt_optimization.draws import Sample
from corrlib.methods.prompt_optimization.settings import PromptSettings
from corrlib.storage.lru_cache import LRUCache
from corrlib.storage.tensor_store import TensorStore
from corrlib.types import View


class EmbeddingCache:
    """Embeddings of one model (`weights` is its fingerprint) under one seed's settings.

    An item depends on what an embedding depends on and no more: the number of crops at which an
    image is asked, say, may change. With a `store` items outlive the process: each is one
    safetensors file that appears whole or not at all. In memory, the `keep_bytes` used last are
    kept.
    """

    def __init__(
        self,
        settings: PromptSettings,
        weights: str = "",
        store: TensorStore | None = None,
        keep_bytes: int = 256 * 2**20,
    ):
        self.settings, self.weights, self.store = settings, weights, store
        self._kept: LRUCache[Tensor] = LRUCache(keep_bytes, nbytes=attrgetter("nbytes"))

    def key(self, view: View, sample: Sample, seed: int) -> str:
        """The item's key: what `TensorStore.key` makes of it."""
        what = ("prompt_optimization", *self.settings.of_embedding())
        return TensorStore.key(
            what, view, weights=self.weights, seed=seed, point=sample.point, member=sample.member
        )

    def get(self, key: str) -> Float[Tensor, "tokens d"] | None:
        """An embedding, or None where there is none."""
        if (kept := self._kept.get(key)) is not None:
            return kept
        stored = self.store.get(key, wanted=["embedding"]) if self.store is not None else None
        return None if stored is None else self._kept.put(key, stored["embedding"])

    def put(self, key: str, sample: Sample, embedding: Float[Tensor, "tokens d"]) -> None:
        """Keep an embedding; on disk, if there is a store, before anything else happens."""
        if self.store is not None:
            meta = {
                "view": sample.view_id,
                "point": sample.point,
                "member": sample.member,
                "weights": self.weights,
            }
            self.store.put(key, {"embedding": embedding}, {**meta, "settings": self.settings})
        self._kept.put(key, embedding.clone())  # not a view of a whole batch
