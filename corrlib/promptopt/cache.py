"""Embeddings found before, in memory and on disk, one item a (image, point, number of embedding, settings, seed)."""

from collections import OrderedDict

import torch
from jaxtyping import Float
from torch import Tensor

from corrlib.promptopt.draws import Sample
from corrlib.promptopt.settings import PromptSettings
from corrlib.store import Store
from corrlib.types import View


class EmbeddingCache:
    """Embeddings of one model (`weights` is its fingerprint) under one seed's settings.

    An item depends on what an embedding depends on and no more: the number of crops at which an image is asked, say, may change.
    With a `store` items outlive the process: each is one safetensors file that appears whole or not at all. In memory, the
    `keep_bytes` used last are kept.
    """

    def __init__(self, settings: PromptSettings, weights: str = "", store: Store | None = None, keep_bytes: int = 256 * 2**20):
        self.settings, self.weights, self.store, self.keep_bytes = settings, weights, store, keep_bytes
        self._kept: OrderedDict[str, Tensor] = OrderedDict()

    def key(self, view: View, sample: Sample, seed: int) -> str:
        """The item's key: what `Store.key` makes of it."""
        what = ("prompt_optimization", *self.settings.of_embedding())
        return Store.key(what, view, weights=self.weights, seed=seed, point=sample.point, member=sample.member)

    def get(self, key: str) -> Float[Tensor, "tokens d"] | None:
        """An embedding, or None where there is none."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        stored = self.store.get(key) if self.store is not None else None
        if stored is None:
            return None
        self._keep(key, stored["embedding"])
        return stored["embedding"]

    def put(self, key: str, sample: Sample, embedding: Float[Tensor, "tokens d"]) -> None:
        """Keep an embedding; on disk, if there is a store, before anything else happens."""
        if self.store is not None:
            meta = {"view": sample.view_id, "point": sample.point, "member": sample.member, "weights": self.weights}
            self.store.put(key, {"embedding": embedding}, {**meta, "settings": self.settings})
        self._keep(key, embedding)

    def _keep(self, key: str, embedding: Tensor) -> None:
        self._kept[key] = torch.clone(embedding)  # not a view of a whole batch
        size = embedding.nbytes
        while len(self._kept) > 1 and len(self._kept) * size > self.keep_bytes:
            self._kept.popitem(last=False)
