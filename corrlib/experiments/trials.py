"""Many settings of a method over the same few points: what tells knobs apart, and what a search of
settings is made of.

A study is a section of the profile's `studies`, for example

    prompt-knobs:
      {method: prompt_optimization, split: test, limit: 72, block: 4, points: 4, trials: {base: {},
              steps-5: {steps: 5}}}

`each` takes every combination of some values. `across`, `surface`, `challenges` and `benchmark`
name other pairs than the profile's (`studies.py`); `flow` asks for dense flow (`flow_study.py`),
`swap` for swapped instances (`swap_study.py`).

Its matches are the table of every other run with one more column, `trial`. All trials see the same
pairs and keypoints, so that they may be compared point by point.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby, product
from pathlib import Path
from typing import Any

import pandas as pd

from corrlib.experiments.evaluate import (
    ask,
    content_of,
    described,
    labels_of,
    progress_bar,
    rows_of,
)
from corrlib.experiments.flow_study import FlowSettings, flow_rows
from corrlib.experiments.profile_schema import Study
from corrlib.experiments.random_search import draws, trial_name
from corrlib.experiments.strata import balanced
from corrlib.experiments.swap_study import Swap, swap_rows
from corrlib.storage.result_folder import ResultFolder
from corrlib.types import Method, Pair
from corrlib.validation.check import checked_mapping


def variants(study: Mapping[str, Any], seed: int = 0) -> dict[str, dict[str, Any]]:
    """The trials of a study, by name: those listed under `trials`, one for `each` combination of
    the values listed there, and `draws` many random ones of its `space`.

    A trial's values replace settings; `method` and `preset` among them replace the study's own.
    `set` holds what all trials replace. Raises ValueError when a study has no trial.
    """
    checked_mapping(dict(study), Study, "study")
    found = {name: dict(values or {}) for name, values in study.get("trials", {}).items()}
    found |= combinations(study.get("each", {}))
    if "draws" in study:
        drawn = draws(study["space"], study["draws"], seed)
        found |= {trial_name(i): values for i, values in enumerate(drawn)}
    if not found:
        raise ValueError(
            "a study without trials: list some under `trials`, give lists of values under `each`, "
            "or `draws` and a `space` to draw from"
        )
    settings = {name: {**study.get("set", {}), **values} for name, values in found.items()}
    return {
        name: {key: _frozen(value) for key, value in values.items()}
        for name, values in settings.items()
    }


def combinations(each: Mapping[str, Sequence[Any]]) -> dict[str, dict[str, Any]]:
    """Every combination of the values listed for each setting, named by the values with "@" between
    them: layers [[1], [2]] and positions [[0], [8]] give "1@0", "1@8", "2@0", "2@8".
    """
    every = product(*each.values()) if each else ()
    return {"@".join(map(_said, values)): dict(zip(each, values, strict=True)) for values in every}


def _said(value: Any) -> str:
    return "+".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _frozen(value: Any) -> Any:
    """Lists as tuples: settings are hashable."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def blocks(pairs: Sequence[Pair], limit: int | None = None, block: int = 1) -> list[list[int]]:
    """About `limit` of the pairs, as blocks of `block` neighbours that share their source: a sample
    `balanced` by category, viewpoint and the other tags, in the order of the data set. Without a
    limit all pairs, in blocks of `block` at most.

    What a method finds for a source serves a whole block. Raises ValueError where no source has so
    many pairs in a row.
    """
    if block < 1 or (limit is not None and limit < block):
        raise ValueError(
            f"got limit={limit}, block={block}; wanted blocks of 1 or more pairs, and a limit "
            "of one block at least"
        )
    pairs = getattr(pairs, "pairs", pairs)  # of a set with other points on its pairs: the same ones
    runs = [list(run) for _, run in groupby(range(len(pairs)), key=lambda i: pairs[i].source.id)]
    every = [run[start : start + block] for run in runs for start in range(0, len(run), block)]
    if limit is None:
        return every
    whole = [one for one in every if len(one) == block]
    if not whole:
        raise ValueError(
            f"no source has {block} pairs in a row; the longest row is of "
            f"{max(map(len, runs), default=0)}"
        )
    return [whole[i] for i in sorted(balanced(whole, pairs, limit // block))]


def thinned(pairs: Sequence[Pair], points: int | None) -> list[Pair]:
    """The pairs of a block with `points` of their keypoints at most: those that most of the pairs
    ask for, else by a hash.
    """
    asked = Counter(name for pair in pairs for name in pair.keypoints)

    def rank(name: str) -> tuple[int, bytes]:
        return -asked[name], hashlib.sha256(f"{pairs[0].source.id} {name}".encode()).digest()

    found = []
    for pair in pairs:
        keep = sorted(
            pair.keypoints.index(name) for name in sorted(pair.keypoints, key=rank)[:points]
        )
        names = tuple(pair.keypoints[i] for i in keep)
        few = {
            "source_points": pair.source_points[keep],
            "target_points": pair.target_points[keep],
            "keypoints": names,
        }
        found.append(replace(pair, **few))
    return found


def run_trials(
    load: Callable[[str], Method],
    names: Sequence[str],
    pairs: Sequence[Pair],
    out: str | Path,
    *,
    run: Mapping[str, Any],
    shard: tuple[int, int] = (0, 1),
    limit: int | None = None,
    block: int = 1,
    points: int | None = None,
    flow: FlowSettings | None = None,
    swap: Swap | None = None,
    seed: int = 0,
    profile: str = "",
    progress: bool | None = None,
) -> ResultFolder:
    """Write the matches of every trial in `names` on the same pairs; a part is a block of pairs
    under all trials. With `flow` or `swap` these are counted in place of points.

    `load(name)` gives a trial's method; all are loaded before the work begins, so that a wrong
    setting is said at once. `run` describes the trials: a folder that was begun under another
    description is refused (ValueError).
    """
    methods = {name: load(name) for name in names}
    chosen = blocks(pairs, limit, block)
    flat = [i for part in chosen for i in part]
    labels = labels_by_trial(methods, pairs, flat, profile)
    each = {name: described(method, seed) for name, method in methods.items()}
    run = {**run, "names": list(names), "seed": seed, "profile": profile, "pairs": len(flat)}
    run |= {"points": points, "block": block, **kinds(flow, swap)}
    run |= {
        key: {name: one[key] for name, one in each.items()}
        for key in ("settings", "weights", "source")
    }
    parts = ResultFolder.start(out, run, len(chosen), content_of(pairs, flat))
    todo, rows_of_block = parts.todo(shard), rows_by(points, flow, swap)
    with progress_bar(
        sum(len(chosen[part]) for part in todo) * len(methods), None, progress
    ) as bar:
        for part in todo:
            few = [pairs[i] for i in chosen[part]]
            parts.write(part, rows_of_block(methods, few, labels, seed=seed, done=bar.update))
    return parts


def labels_by_trial(
    methods: Mapping[str, Method], pairs: Sequence[Pair], chosen: list[int], profile: str
) -> dict[str, dict[str, Any]]:
    """The labels of each trial's rows. Pairs are looked at once: of the methods only the names
    differ.
    """
    shared = labels_of(None, pairs, chosen, profile)
    return {
        trial: {**shared, "method": method.name, "preset": method.preset, "trial": trial}
        for trial, method in methods.items()
    }


def kinds(flow: FlowSettings | None, swap: Swap | None) -> dict[str, str]:
    """What decides the rows of a study that asks for something else than points."""
    return {k: repr(of) for k, of in (("flow", flow), ("swap", swap)) if of is not None}


def rows_by(
    points: int | None, flow: FlowSettings | None = None, swap: Swap | None = None
) -> Callable[..., pd.DataFrame]:
    """How the rows of one block of pairs are made: of `points` of their keypoints, of flow, or of
    swaps.
    """
    if swap is not None:
        return partial(swap_rows, settings=swap)
    if flow is not None:
        return partial(flow_rows, settings=flow)
    return partial(block_rows, points=points)


def block_rows(
    methods: Mapping[str, Method],
    pairs: Sequence[Pair],
    labels: Mapping[str, Mapping[str, Any]],
    points: int | None,
    seed: int,
    done: Callable[[], Any] = lambda: None,
) -> pd.DataFrame:
    """The matches of one block of pairs under every trial; `done` is called after each pair."""
    rows, few = [], thinned(pairs, points)
    for name, method in methods.items():
        for pair in few:
            rows.append(rows_of(pair, ask(method, pair, seed), labels[name]))
            done()
    return pd.concat(rows, ignore_index=True)
