"""What a page's small copies of features cost in PCK, and how many bytes they take."""

from collections.abc import Iterable
from typing import Any

from corrlib import data, methods, metrics
from corrlib.bench import benchmark
from corrlib.experiments import evaluate
from corrlib.experiments.profiles import load_profile
from corrlib.matching.estimators import nearest
from corrlib.types import FeatureMap, Matches
from corrlib.validation.kinds import Count
from corrlib.viz.explorer import CELLS, small
from corrlib.viz.explorer.packing import pack, unpack

COMPONENTS = (8, 16, 24, 32)


@benchmark("explorer")
def bench_explorer(
    profile: str = "toybox",
    root: str | None = None,
    limit: Count = 60,
    coarse: float = 0.1,
    cells: Count = CELLS,
    alpha: float = 0.1,
    seed: int = 0,
) -> dict[str, Any]:
    """PCK of DIFT (the profile's preset, one noise) on `limit` test pairs, from its features and
    from what a page holds of them with each number of components in steps of `coarse`
    on at most `cells` cells a side.

    Rows of `packed`: components, `pck`, its difference from that of the features with a 95 %
    interval over pictures, the share of points whose answer counts otherwise, bytes a pair.
    """
    chosen = load_profile(profile)
    where = chosen["data"]
    pairs = data.load(where["name"], root or chosen.path(where["root"]), chosen["split"])
    pairs = [pairs[i] for i in evaluate.select(len(pairs), limit)]
    dift = methods.load("dift", chosen["preset"], device=chosen["device"], ensemble=1)
    whole = evaluate.evaluate(dift, pairs, seed=seed, progress=False)
    found, right = metrics.pck(whole, alpha), metrics.correct(whole, alpha)
    rows = []
    for components in COMPONENTS:
        through = Through(dift, components, coarse, cells)
        table = evaluate.evaluate(through, pairs, seed=seed, progress=False)
        gap = metrics.paired_interval(table, whole, alpha=alpha)
        row = {"components": components, "pck": metrics.pck(table, alpha)}
        row |= {"difference": gap.value, "low": gap.low, "high": gap.high}
        row |= {"otherwise": float((metrics.correct(table, alpha) != right).mean())}
        rows.append(row | {"bytes": round(sum(through.sizes) / len(through.sizes))})
    described = {"pairs": len(pairs), "points": len(whole), "coarse": coarse, "alpha": alpha}
    return {**described, "pck": found, "packed": rows}


class Through:
    """DIFT, seen through the page's copies of its features."""

    def __init__(self, dift: Any, components: int, coarse: float, cells: int):
        self.dift, self.components, self.coarse, self.sizes = dift, components, coarse, []
        self.settings, self.cells = (dift.settings, components, coarse, cells), cells
        self.name = self.preset = "explorer"

    def __call__(self, source: Any, target: Any, queries: Any, *, seed: int = 0) -> Matches:
        maps: Iterable[FeatureMap] = (self.dift.features(v, seed=seed) for v in (source, target))
        packed = pack(*(small(fm, self.cells) for fm in maps), self.components, self.coarse)
        self.sizes.append(len(packed.data))
        found = nearest(*unpack(packed), queries.double())
        return Matches(found.points.to(queries), found.score.to(queries))
