"""The claims about DIFT as comparisons of keypoint tables: one set of rules, for every model that
they are tested on.

    comparisons(Knobs(...), noise_share)   # comparisons by law, as `readings.judged` takes them

Whatever a claim calls the best is chosen on validation pairs and compared on test pairs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import pandas as pd

from corrlib import metrics
from corrlib.experiments.laws import Comparison, best, compare, contrast

MODERATE = 0.2, 0.8  # noise shares between these are moderate


@dataclass(frozen=True)
class Knobs:
    """One model's answers under DIFT's knobs.

    Of validation pairs, PCK in percent: `tried` by (layer, t), `tried_clean` by t, with the clean
    latent in place of the noisy one. Of test pairs, keypoint tables: `by_cell` by (layer, t) of the
    decoder's blocks, `by_t` of the preset's `layer`, `clean` by t; `standard` is the preset's,
    `single` its one with one noise, at `timestep`, `silent` the one without a prompt; `sizes` by
    the input's side in pixels, `native` is the preset's.
    """

    tried: pd.Series
    tried_clean: pd.Series
    by_cell: Mapping[tuple[str, int], pd.DataFrame]
    by_t: Mapping[int, pd.DataFrame]
    clean: Mapping[int, pd.DataFrame]
    standard: pd.DataFrame
    single: pd.DataFrame
    silent: pd.DataFrame
    sizes: Mapping[int, pd.DataFrame]
    layer: str
    timestep: int
    native: int


def of_trials(
    validation: Mapping[str, pd.DataFrame],
    test: Mapping[str, pd.DataFrame],
    *,
    layer: str,
    timestep: int,
    native: int,
    alpha: float = 0.1,
) -> Knobs:
    """The same from two studies (`Run.trials`), as a record of another model holds them.

    Trials are named LAYER@T and clean@T, with one noise; of `test` also base, prompt-none and
    size-PIXELS. Timesteps are in their order, and blocks are compared at those that all of them
    have. Raises KeyError where a trial is missing.
    """
    tried, tried_clean = (
        pd.Series({cell: metrics.pck(table, alpha) for cell, table in tables.items()})
        for tables in _cells(validation)
    )
    cells, clean = _cells(test)
    by_t = {t: table for (name, t), table in sorted(cells.items()) if name == layer}
    shared = [t for t in by_t if all((name, t) in cells for name, _ in cells)]
    kinds = (name.partition("-") for name in test)
    sizes = {int(side): test[f"{kind}-{side}"] for kind, _, side in kinds if kind == "size"}
    return Knobs(
        tried=tried,
        tried_clean=tried_clean,
        by_cell={cell: table for cell, table in cells.items() if cell[1] in shared},
        by_t=by_t,
        clean=clean,
        standard=test["base"],
        single=by_t[timestep],
        silent=test["prompt-none"],
        sizes={**sizes, native: by_t[timestep]},
        layer=layer,
        timestep=timestep,
        native=native,
    )


def _cells(tables: Mapping[str, pd.DataFrame]) -> tuple[dict[tuple[str, int], pd.DataFrame], dict]:
    """The trials of a layer and a timestep by both, those of the clean latent by the latter."""
    named = {tuple(name.split("@")): table for name, table in tables.items() if "@" in name}
    clean = {int(t): table for (what, t), table in named.items() if what == "clean"}
    return {(what, int(t)): of for (what, t), of in named.items() if what != "clean"}, clean


def comparisons(
    knobs: Knobs,
    noise_share: Callable[[int], float],
    *,
    alpha: float = 0.1,
    flat: float = 0.05,
    little: float = 0.1,
) -> dict[str, list[Comparison]]:
    """The comparisons of the laws layer, peak, clean, ensemble, prompt and size, in this order.

    `noise_share` is sqrt(1 - alpha bar) of a timestep. A plateau loses less than `flat` of its
    peak, a gain is little below the fraction `little` of the whole. Raises ValueError where nothing
    was run on validation pairs that a claim chooses from.
    """
    how = {"alpha": alpha}
    helps = partial(_a_little, little=little, **how)
    halves = (knobs.native // 2, 2 * knobs.native)
    return {
        "layer": _layer(knobs, **how),
        "peak": _peak(knobs, noise_share, flat, **how),
        "clean": _clean(knobs, noise_share, **how),
        "ensemble": helps(knobs.standard, knobs.single, "the ensemble"),
        "prompt": helps(knobs.standard, knobs.silent, "the prompt"),
        "size": [_beats(knobs.native, n, knobs.sizes, "{} pixels", **how) for n in halves],
    }


def _beats(a, b, tables, name="{}", **how) -> Comparison:
    text = f"{name.format(a)} - {name.format(b)}"
    return compare(text, tables[a], tables[b], **how)


def _layer(knobs: Knobs, **how) -> list[Comparison]:
    """The best middle block against the first and the last, each at its own best t."""
    times: dict[str, list[int]] = {}
    for name, t in knobs.by_cell:
        times.setdefault(name, []).append(t)
    own_t = {name: best(knobs.tried[name], of) for name, of in times.items()}
    scores = pd.Series({name: knobs.tried[name, t] for name, t in own_t.items()})
    block = {name: int(name.split(".")[1]) for name in own_t}
    ends = min(block.values()), max(block.values())
    top = best(scores, [name for name in block if block[name] not in ends])
    rivals = [best(scores, [name for name in block if block[name] == end]) for end in ends]
    named = {name: f"{name} at t = {t}" for name, t in own_t.items()}
    table = {name: knobs.by_cell[name, t] for name, t in own_t.items()}
    return [compare(f"{named[top]} - {named[n]}", table[top], table[n], **how) for n in rivals]


def _peak(knobs: Knobs, noise_share, flat: float, **how) -> list[Comparison]:
    """The best moderate t against the best of little and of much noise, and how flat it is around
    the peak.
    """
    tried, times, (low, high) = knobs.tried[knobs.layer], knobs.by_t, MODERATE
    share = {t: noise_share(t) for t in times}
    peak = best(tried, [t for t in times if low <= share[t] <= high])
    sides = [t for t in times if share[t] < low], [t for t in times if share[t] > high]
    parts = [_beats(peak, best(tried, side), times, "t = {}", **how) for side in sides]
    dip = tried[[t for t in times if peak / 2 <= t <= 1.5 * peak]].idxmin()
    floor = 1 - flat
    text = f"t = {dip} - {floor:g} of t = {peak}"
    return [*parts, contrast(text, [(1, times[dip]), (-floor, times[peak])], **how)]


def _clean(knobs: Knobs, noise_share, **how) -> list[Comparison]:
    """Noise against the clean latent, at the preset's t, and each at its own best."""
    same = min(knobs.clean, key=lambda t: abs(t - knobs.timestep))
    noised = [t for t in knobs.clean if noise_share(t) >= MODERATE[0]]
    own, other = best(knobs.tried[knobs.layer], knobs.by_t), best(knobs.tried_clean, noised)
    return [
        compare(f"noise - clean, t = {same}", knobs.by_t[same], knobs.clean[same], **how),
        compare("each at its best t", knobs.by_t[own], knobs.clean[other], **how),
    ]


def _a_little(more, less, name: str, little: float, **how) -> list[Comparison]:
    """`more` beats `less`, but by less than `little` of the whole."""
    text = f"without {name} - {1 - little:g} of with it"
    return [
        compare(f"with {name} - without", more, less, **how),
        contrast(text, [(1, less), (little - 1, more)], **how),
    ]
