"""The method: features of each view once, then for each pair two joint means, one decomposition a
layer, and the nearest neighbour of every query; or, with a trained head, its descriptors' nearest.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from corrlib.backbones.canvas import letterboxed
from corrlib.coords import Frame, Points, Queries, as_queries
from corrlib.heads import files, shipped
from corrlib.heads.aggregation import AggregationHead
from corrlib.matching.estimators import first_maximum
from corrlib.methods import register
from corrlib.methods.base import Env
from corrlib.methods.sd_dino import captioner as captioners
from corrlib.methods.sd_dino.fusion import Joined, Side, blend, compare, inside
from corrlib.methods.sd_dino.settings import PRESETS, SdDinoSettings
from corrlib.methods.sd_dino.supervised import describe
from corrlib.methods.sd_dino.taps import Taps
from corrlib.methods.sd_dino.views import Views, frame_of, sides_kept
from corrlib.storage.lru_cache import LRUCache
from corrlib.storage.tensor_store import TensorStore
from corrlib.types import FeatureMap, Matches, View

PIXELS_BYTES = 64 * 2**20  # of the maps over all pixels that a chunk of queries may fill
HEAD_BYTES = 512 * 2**20  # of a head's descriptors that are kept
SIDES = "sd_dino sides"  # in an `Env`'s `shared`


@dataclass
class SdDino:
    """SD, DINO, or both fused, as `settings.alpha` says; what has no weight is never computed."""

    settings: SdDinoSettings
    views: Views
    head: AggregationHead | None = None
    weights: str = ""
    name: str = ""
    preset: str = ""

    def __post_init__(self):
        self._described: LRUCache[FeatureMap] = LRUCache(
            HEAD_BYTES, nbytes=lambda one: one.values.nbytes, at_least=2
        )

    @property
    def source(self) -> str:
        """The digest of the method's files."""
        return self.views.source

    @source.setter
    def source(self, digest: str) -> None:
        self.views.source = digest

    @property
    def store(self) -> TensorStore | None:
        """Where features of single views are kept."""
        return self.views.store

    def __call__(self, source: View, target: View, queries: Queries, *, seed: int = 0) -> Matches:
        """Matches in pixels of `target` for `queries` (n x 2) in pixels of `source`. Raises
        ValueError on a query outside.
        """
        queries = as_queries(queries, source.size)
        joined, b = (
            self.joined(source, target, queries, seed=seed),
            self.features(target, seed=seed),
        )
        if self.settings.answer == "pixels":
            return self._best_pixels(joined, target, queries)
        return self._best_cells(joined, target, frame_of(b), queries)

    def features(self, view: View, *, seed: int = 0) -> dict[str, Side]:
        """The sides of one view that have weight, "sd" and "dino"."""
        return self.views(view, seed=seed)

    def joined(
        self, source: View, target: View, queries: Points, *, seed: int = 0
    ) -> dict[str, Joined]:
        """What is compared, each with the source's unit vectors at the queries and the target's
        map: "sd" and "dino", without the one of no weight; or "head" alone.
        """
        s = self.settings
        a, b = self.features(source, seed=seed), self.features(target, seed=seed)
        if self.head is not None:
            places = self._places(source, frame_of(a), queries)
            here, there = (self._describe(view, seed) for view in (source, target))
            vectors = FeatureMap(here.values, Frame(here.frame.grid, here.frame.grid)).at(places)
            return {"head": Joined(normalize(vectors, dim=1), there)}
        options = {"grid": (s.grid, s.grid), "chain": s.upsample == "chain"}
        components = {"sd": s.pca, "dino": (0,)}
        result = {}
        for name, side in a.items():  # cells are one grid; pixels lie on each side's own frame
            frame = side.frame if s.answer == "pixels" else frame_of(a)
            places = self._places(source, frame, queries)
            result[name] = compare(side, b[name], places, components=components[name], **options)
        return result

    def _describe(self, view: View, seed: int) -> FeatureMap:
        make = lambda: describe(self.head, self.views.joined(view, seed=seed))  # noqa: E731
        return self._described.of((view.key(), seed), make)

    def _blend(self, maps: dict[str, Tensor]) -> Tensor:
        return maps["head"] if self.head is not None else blend(maps, self.settings.alpha)

    def _places(self, view: View, frame: Frame, queries: Points) -> Float[Tensor, "n 2"]:
        """Where the queries lie on the grid: in whole cells, or between them where the answer is
        one of all pixels.
        """
        s, points = self.settings, queries.double()
        if s.points == "corners":
            scale, offset, cell = self._released(view)
            places = (points * scale + points.new_tensor(offset)) / cell - 0.5
        else:
            places = Frame(frame.image, (s.grid, s.grid), frame.box).to_grid(points)
        return places if s.answer == "pixels" else (places + 0.5).floor().clamp(0, s.grid - 1)

    def _released(self, view: View) -> tuple[float, tuple[int, int], float]:
        """How the released code puts points on DINO's canvas: scale, offset, and pixels a cell."""
        side = self.settings.dino_side
        offset = letterboxed(view.size, side)[1]
        return side / max(view.size), offset, side / self.settings.grid

    def _best_cells(
        self, joined: dict[str, Joined], target: View, frame: Frame, queries: Points
    ) -> Matches:
        s = self.settings
        frame = Frame(frame.image, (s.grid, s.grid), frame.box)
        maps = self._blend({name: side.at_cells() for name, side in joined.items()})
        if s.border == "masked":
            maps = maps.masked_fill(~inside(frame).to(maps.device), -2.0)
        best, index = first_maximum(maps.flatten(1))
        cells = torch.stack([index % s.grid, index // s.grid], 1).double()
        points = frame.to_image(cells)
        if s.points == "corners":
            scale, offset, cell = self._released(target)
            points = (cells * cell + (cell - 1) / 2 - points.new_tensor(offset)) / scale
        if s.border == "masked":  # a cell of which a part is on the image may have its centre off
            last = points.new_tensor(frame.image) - 1
            points = points.clamp(min=torch.zeros_like(last), max=last)
        return Matches(points.to(queries), best.clamp(-1, 1).to(queries))

    def _best_pixels(self, joined: dict[str, Joined], target: View, queries: Points) -> Matches:
        width, height = target.size
        size = max(1, PIXELS_BYTES // (4 * width * height))
        points, scores = [queries.new_zeros(0, 2)], [queries.new_zeros(0)]
        for start in range(0, len(queries), size):
            some = {name: side.part(start, start + size) for name, side in joined.items()}
            maps = self._blend({name: side.at_pixels() for name, side in some.items()})
            best, index = first_maximum(maps.flatten(1))
            points.append(torch.stack([index % width, index // width], 1).to(queries))
            scores.append(best.clamp(-1, 1).to(queries))
        return Matches(torch.cat(points), torch.cat(scores))


@register("sd_dino", presets=PRESETS)
def build(settings: SdDinoSettings, env: Env) -> SdDino:
    """SD + DINO under these settings; loads only the networks that have weight.

    Raises ValueError where DINO's input is no multiple of its patch, or the head's grid another.
    """
    taps = vit = head = None
    marks: dict[str, str] = {}
    if settings.alpha > 0:
        taps = _taps(settings, env)
        captioner = taps.captioner
        marks["sd"] = taps.diffuser.fingerprint + (f"+{captioner.fingerprint}" if captioner else "")
    if settings.alpha < 1:
        vit = env.vit(settings.dino, settings.dtype, settings.positions)
        marks["dino"] = vit.fingerprint
        if settings.dino_side % vit.patch:
            near = max(1, round(settings.dino_side / vit.patch)) * vit.patch
            raise ValueError(
                f"dino_side is {settings.dino_side}; {settings.dino} has patches of {vit.patch} "
                f"pixels, so wanted a multiple of it, for example {near}"
            )
    kept = env.shared.setdefault(SIDES, sides_kept())
    views = Views(settings, taps, vit, marks, env.store, kept=kept)
    weights = list(marks.values())
    if settings.head:
        named = settings.head in shipped.HEADS
        path = shipped.locate(settings.head) if named else Path(settings.head)
        head = files.load(path).to(env.device)
        weights.append(files.fingerprint(head))
        if head.settings.grid != (settings.grid, settings.grid):
            raise ValueError(
                f"{settings.head} describes a grid of {head.settings.grid}; set grid to it, it is "
                f"{settings.grid}"
            )
    return SdDino(settings, views, head, weights="+".join(weights))


def _taps(settings: SdDinoSettings, env: Env) -> Any:
    diffuser = env.diffuser(settings.model, settings.dtype)
    if not settings.captioner:
        return Taps(settings.sd, diffuser)
    tokens, width = diffuser.condition("").shape
    time = diffuser.unet.time_embedding.linear_2.out_features
    captioner = captioners.load(settings.captioner, tokens, width, time, diffuser.device)
    return Taps(settings.sd, diffuser, captioner)
