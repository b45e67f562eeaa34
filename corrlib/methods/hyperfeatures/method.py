"""The method: one walk a view, each map folded into the head's sum as soon as it is there.

Differences to the released code: an image is walked by itself, once, not once for every pair it is
in; its latent is drawn from a seed; 1 x 1 convolutions run before maps are enlarged; nothing but
the sum is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from corrlib.coords import Frame, Points, Size
from corrlib.heads import files, published, published_files, shipped
from corrlib.heads.aggregation import AggregationHead, HeadSettings
from corrlib.matching import feature_maps
from corrlib.matching.estimators import nearest
from corrlib.methods import register
from corrlib.methods.base import Env, FeatureMethod
from corrlib.methods.hyperfeatures.frozen import FrozenPath, network, on_image
from corrlib.methods.hyperfeatures.settings import PRESETS, HyperfeatureSettings
from corrlib.types import Estimator, FeatureMap, Matches, View


@dataclass
class Hyperfeatures:
    """The extractor: a view to its map. `head` is read where its sum is, or its largest weights
    are, asked for.
    """

    frozen: FrozenPath
    head: AggregationHead

    def __call__(self, view: View, *, seed: int = 0) -> FeatureMap:
        """The head's sum (width x grid, >= 0), or the maps themselves side by side."""
        s, total, maps = self.frozen.settings, None, []
        for visit in self.frozen.visits(view, self.asked(), seed=seed):
            number = s.places.index(visit.position)
            if s.read == "sum":
                total = self.fold(total, number, visit.maps)
            else:
                maps += [on_image(view, values[0].float()) for values in visit.maps.values()]
        if s.read == "maps":
            return feature_maps.concat([feature_maps.resize(fm, s.grid) for fm in maps])
        return FeatureMap(total[0], Frame(view.size, s.grid))

    @torch.no_grad()
    def fold(self, total: Tensor | None, number: int, maps: Mapping[str, Tensor]) -> Tensor:
        """The head's sum, with what the maps at position `number` of those read add to it."""
        device = self.head.mixing_weights.device
        given = {layer: values.float().to(device) for layer, values in maps.items()}
        return self.head.add(total, number, given)

    def asked(self) -> dict[int, Sequence[str]]:
        """The layers to read at each position: all of them, or those of the largest weights."""
        s, frozen = self.frozen.settings, self.frozen
        if not s.keep:
            return dict.fromkeys(s.places, frozen.layers)
        chosen = set(self.head.largest(s.keep))
        found = {
            place: tuple(layer for layer in frozen.layers if (number, layer) in chosen)
            for number, place in enumerate(s.places)
        }
        return {place: layers for place, layers in found.items() if layers}

    def cells(
        self, view: View, layers: Sequence[str], timesteps: Sequence[int], *, seed: int = 0
    ) -> dict[tuple[str, int], FeatureMap]:
        """The maps at every (module path, level): `FrozenPath.cells`."""
        return self.frozen.cells(view, layers, timesteps, seed=seed)


def new_head(settings: HyperfeatureSettings, frozen: FrozenPath) -> AggregationHead:
    """An untrained head that fits the settings' path."""
    sizes = {
        name: getattr(settings, name) for name in ("grid", "width", "middle", "groups", "init_seed")
    }
    given = HeadSettings(frozen.layers, frozen.channels, frozen.levels, **sizes)
    return AggregationHead(given).eval()


def open_head(settings: HyperfeatureSettings, frozen: FrozenPath) -> AggregationHead:
    """The head that the settings name, in evaluation mode. Raises FileNotFoundError where its file
    is not there, ValueError where it does not fit the path.
    """
    if settings.head == "untrained":
        return new_head(settings, frozen)
    if settings.head in shipped.HEADS:
        return files.load(shipped.locate(settings.head))
    if settings.head in published_files.PUBLISHED:
        return published.load(published_files.locate(settings.head), settings.grid)
    if settings.head.endswith(".pt"):
        return published.load(settings.head, settings.grid)
    return files.load(settings.head)


def with_head(
    settings: HyperfeatureSettings, head: AggregationHead | None, env: Env
) -> FeatureMethod:
    """The method with this head as it is now; None is an untrained one. Raises ValueError where it
    reads other layers, or another number of timesteps, than the path has.

    That its timesteps lie elsewhere on the path is no error: it is how a head trained on one path
    is tried on another.
    """
    diffuser = network(settings, env)
    frozen = FrozenPath(settings, diffuser)
    frozen.share(env)
    head = new_head(settings, frozen) if head is None else head
    h = head.settings
    if (h.layers, h.channels) != (frozen.layers, frozen.channels):
        raise ValueError(
            f"the head reads {h.layers} with {h.channels} channels, the settings give "
            f"{frozen.layers} with {frozen.channels}; set layers and model to the head's"
        )
    if len(h.timesteps) != len(frozen.levels):
        raise ValueError(
            f"the head reads {len(h.timesteps)} timesteps, the settings give "
            f"{len(frozen.levels)} positions of {settings.steps}; set steps and positions"
        )
    if h.grid != settings.grid and settings.read == "sum":
        raise ValueError(f"the head's grid is {h.grid}, the settings' {settings.grid}; set grid")
    named = settings.read == "sum" or settings.keep
    weights = f"{diffuser.fingerprint}-{files.fingerprint(head)}" if named else diffuser.fingerprint
    return FeatureMethod(
        settings,
        Hyperfeatures(frozen, head.to(env.device)),
        nearest if settings.match == "exact" else nearest_as_released(settings.load, settings.size),
        weights=weights,
        store=env.store,
        name="hyperfeatures",
    )


def nearest_as_released(load: Size | None, size: Size) -> Estimator:
    """Nearest neighbour among the pixels of the image as it was loaded: queries are rounded to one
    of them, and the answer is scaled back without the half pixel.

    *Source:* `rescale_points` and `find_nn_source_correspondences` of the released code; exact,
    without enlarging the maps.
    """
    side = load or size

    def estimate(a: FeatureMap, b: FeatureMap, queries: Points) -> Matches:
        seen = queries.new_tensor(side)
        asked = (queries * seen / queries.new_tensor(a.frame.image)).round()
        asked = asked.clamp(min=torch.zeros_like(seen), max=seen - 1)
        found = nearest(_loaded(a, side), _loaded(b, side), asked)
        return Matches(found.points * queries.new_tensor(b.frame.image) / seen, found.score)

    return estimate


def _loaded(fm: FeatureMap, side: Size) -> FeatureMap:
    return FeatureMap(fm.values, Frame(side, fm.frame.grid))


@register("hyperfeatures", presets=PRESETS)
def build(settings: HyperfeatureSettings, env: Env) -> FeatureMethod:
    """Hyperfeatures under these settings. Raises FileNotFoundError where `head` is not there."""
    frozen = FrozenPath(settings, network(settings, env))
    return with_head(settings, open_head(settings, frozen), env)
