"""What methods are made of: where they run (`Env`), and the method whose features need one view
only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from corrlib.backbones.diffusion import Diffuser
from corrlib.backbones.noised_pass import DTYPES
from corrlib.backbones.vit import ViT
from corrlib.coords import Frame, Queries, as_queries
from corrlib.matching.estimators import nearest
from corrlib.matching.interpolation import Target
from corrlib.storage.lru_cache import LRUCache
from corrlib.storage.tensor_store import TensorStore
from corrlib.types import Estimator, Extractor, FeatureMap, Matches, View


@dataclass
class Env:
    """Where methods run and what they share: device, feature store, and networks, each loaded once.

    A model put into `models` under its name is used instead of being loaded. `dtype`, where it is
    not "", is that of every method that has such a setting and was not given another. `shared`
    holds by name what several methods of one kind compute once for all of them.
    """

    device: str = "cpu"
    store: TensorStore | None = None
    models: dict[tuple[str, ...] | str, Diffuser | ViT] = field(default_factory=dict)
    shared: dict[str, Any] = field(default_factory=dict)
    dtype: str = ""

    def __post_init__(self):
        """Raises ValueError where `device` is not usable on this machine."""
        try:
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError) as error:  # torch has no error of its own for this
            why = str(error).splitlines()[0]
            raise ValueError(
                f"device {str(self.device)!r} is not usable here ({why}); choose another, for "
                "example cpu"
            ) from error

    def diffuser(self, model: str, dtype: str = "float32") -> Diffuser:
        """The diffusion model of that name (a preset, a folder or a hub id) on this device."""
        if model in self.models:
            return self.models[model]
        if (model, dtype) not in self.models:
            self.models[model, dtype] = Diffuser.load(
                model, device=self.device, dtype=DTYPES[dtype]
            )
        return self.models[model, dtype]

    def vit(self, name: str, dtype: str = "float32", positions: str = "exact") -> ViT:
        """The vision transformer of that name (a preset, a folder or a hub id) on this device."""
        if name in self.models:
            return self.models[name]
        if (name, dtype, positions) not in self.models:
            self.models[name, dtype, positions] = ViT.load(
                name, device=self.device, dtype=DTYPES[dtype], positions=positions
            )
        return self.models[name, dtype, positions]


@dataclass
class FeatureMethod:
    """A method made of an extractor (one view to features) and an estimator (two feature maps to
    matches).

    Features are kept in memory, up to `keep_bytes`, and in `store` if there is one, keyed by
    everything that decides them: the settings, the `weights`' fingerprint, the seed, the view's id
    and category, and the image's content.
    """

    settings: Any
    extract: Extractor
    estimate: Estimator = nearest
    weights: str = ""
    store: TensorStore | None = None
    keep_bytes: int = 512 * 2**20
    name: str = ""
    preset: str = ""
    source: str = ""

    def __post_init__(self):
        self._kept: LRUCache[Target] = LRUCache(
            self.keep_bytes, nbytes=lambda target: target.values.nbytes, at_least=2
        )

    def __call__(self, source: View, target: View, queries: Queries, *, seed: int = 0) -> Matches:
        """Matches in pixels of `target` for `queries` (n x 2) in pixels of `source`. Raises
        ValueError on a query outside.
        """
        queries = as_queries(queries, source.size)
        return self.estimate(
            self.features(source, seed=seed), self.features(target, seed=seed), queries
        )

    def keep_at_most(self, keep_bytes: int) -> None:
        """From now on, keep features in memory up to so many bytes."""
        self.keep_bytes = self._kept.keep_bytes = keep_bytes

    def features(self, view: View, *, seed: int = 0) -> Target:
        """Features of one view: from memory, from the store, or computed and kept in both."""
        return self._kept.of((view.key(), seed), lambda: Target.of(self._load(view, seed)))

    def cells(
        self, view: View, layers: Sequence[str], timesteps: Sequence[int], *, seed: int = 0
    ) -> dict:
        """Features at every (layer, timestep), of methods that have both. Raises TypeError where a
        method has not.
        """
        if not hasattr(self.extract, "cells"):
            raise TypeError(
                f"method {self.name or type(self.extract).__name__!r} has no layers and "
                "timesteps to sweep; dift has"
            )
        return self.extract.cells(view, layers, timesteps, seed=seed)

    def _load(self, view: View, seed: int) -> FeatureMap:
        if self.store is None:
            return self.extract(view, seed=seed)
        key = self.store.key(
            self.settings, view, weights=self.weights, seed=seed, source=self.source
        )
        stored = self.store.get(key, wanted=["values"])
        if stored is not None:
            values, box = (
                stored["values"],
                tuple(stored["box"].tolist()) if "box" in stored else None,
            )
            return FeatureMap(values, Frame(view.size, (values.shape[2], values.shape[1]), box))
        found = self.extract(view, seed=seed)
        tensors = {"values": found.values}
        if found.frame.box is not None:
            tensors["box"] = torch.tensor(found.frame.box, dtype=torch.float64)
        self.store.put(
            key,
            tensors,
            {
                "method": self.name,
                "settings": self.settings,
                "weights": self.weights,
                "view": view.id,
            },
        )
        return found
