"""Both sides of one view: computed once, kept in memory and in a store, and joined for a head."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.functional import normalize

from corrlib.backbones.canvas import fitted
from corrlib.backbones.vit import ViT
from corrlib.coords import Frame
from corrlib.methods.sd_dino.fusion import Side, on_grid
from corrlib.methods.sd_dino.settings import SdDinoSettings
from corrlib.methods.sd_dino.taps import Taps
from corrlib.storage.lru_cache import LRUCache
from corrlib.storage.tensor_store import TensorStore
from corrlib.types import FeatureMap, View

KEEP_BYTES = 2 * 2**30


def sides_kept() -> LRUCache[Side]:
    """Room in memory for the sides of the views used last."""
    return LRUCache(KEEP_BYTES, nbytes=lambda side: side.nbytes, at_least=4)


@dataclass
class Views:
    """The sides "sd" and "dino" of a view; one without weight (`taps` or `vit` None) is absent.

    They are kept in memory (`kept`, moments included) and in `store` if there is one, each under
    what it depends on alone: a sweep over alpha, PCA or grids computes none anew, nor do methods
    that share a `kept`. `weights` holds the fingerprint of each side's network, `source` the digest
    of the method.
    """

    settings: SdDinoSettings
    taps: Taps | None
    vit: ViT | None
    weights: Mapping[str, str] = field(default_factory=dict)
    store: TensorStore | None = None
    source: str = ""
    kept: LRUCache[Side] = field(default_factory=sides_kept)

    def __call__(self, view: View, *, seed: int = 0) -> dict[str, Side]:
        """The sides of `view`: from memory, from the store, or computed and kept in both."""
        s, found = self.settings, {}
        if self.taps is not None:
            drawn = seed if s.noise != "none" else None  # without noise all seeds are one
            make = lambda: self.taps(view, seed=seed)  # noqa: E731
            found["sd"] = self._side("sd", view, s.sd, s.layers, make, seed=drawn)
        if self.vit is not None:
            found["dino"] = self._side("dino", view, s.vit, ("dino",), lambda: self._dino(view))
        return found

    def joined(self, view: View, *, seed: int = 0) -> FeatureMap:
        """All raw channels on the settings' grid: the sides' unit vectors times alpha and
        1 - alpha. What a head is trained on.
        """
        s, parts = self.settings, []
        grid, sides = (s.grid, s.grid), self(view, seed=seed)
        for name, side in sides.items():
            chain = name == "sd" and s.upsample == "chain"
            values = on_grid(side, [None] * len(side.maps), grid, chain).values
            parts.append(normalize(values, dim=0) * (s.alpha if name == "sd" else 1 - s.alpha))
        frame = frame_of(sides)
        return FeatureMap(torch.cat(parts), Frame(frame.image, grid, frame.box))

    def _side(
        self,
        side: str,
        view: View,
        settings: Any,
        names: tuple[str, ...],
        make: Callable[[], dict[str, FeatureMap]],
        **decides: Any,
    ) -> Side:
        network = self.taps if side == "sd" else self.vit
        key = (side, settings, self.weights.get(side, id(network)), view.key(), *decides.values())
        return self.kept.of(
            key, lambda: Side(self._stored(side, view, settings, names, make, **decides))
        )

    def _dino(self, view: View) -> dict[str, FeatureMap]:
        s = self.settings
        tap = (s.dino_layer, s.facet)
        return {"dino": self.vit.maps(fitted(view.image(), s.dino_side, s.fit), [tap])[tap]}

    def _stored(
        self,
        side: str,
        view: View,
        settings: Any,
        names: tuple[str, ...],
        make: Callable[[], dict[str, FeatureMap]],
        **decides: Any,
    ) -> dict[str, FeatureMap]:
        if self.store is None:
            return make()
        weights = self.weights[side]
        key = self.store.key(settings, view, weights=weights, source=self.source, **decides)
        network = self.taps.diffuser if side == "sd" else self.vit
        if (stored := self.store.get(key, network.device, (*names, "edges"))) is None:
            found = make()
            tensors = {name: fm.values for name, fm in found.items()}
            edges = [fm.frame.edges for fm in found.values()]
            note = {"method": "sd_dino", "settings": settings, "weights": weights, "view": view.id}
            self.store.put(key, tensors | {"edges": torch.tensor(edges, dtype=torch.float64)}, note)
            return found
        whole = Frame(view.size, (1, 1)).edges
        result = {}
        for name, edges in zip(names, stored["edges"].tolist(), strict=True):
            box = None if tuple(edges) == whole else tuple(edges)
            frame = Frame(view.size, tuple(stored[name].shape[:0:-1]), box)
            result[name] = FeatureMap(stored[name], frame)
        return result


def frame_of(sides: Mapping[str, Side]) -> Frame:
    """The frame in which a view's queries and answers are counted: DINO's where it is there."""
    return sides["dino" if "dino" in sides else "sd"].frame
