"""Every layer at every timestep: what an ablation, a choice on validation pairs and the emergence
table start from.

One pass of a diffusion model yields all its layers, so the cost of a sweep is that of its
timesteps.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from corrlib import metrics
from corrlib.experiments.evaluate import (
    content_of,
    described,
    labels_of,
    progress_bar,
    rows_of,
    score,
    select,
)
from corrlib.matching.interpolation import Target
from corrlib.storage.lru_cache import LRUCache
from corrlib.storage.result_folder import ResultFolder
from corrlib.types import Pair, View


def sweep(
    method: Any,
    pairs: Sequence[Pair],
    layers: Sequence[str],
    timesteps: Sequence[int],
    *,
    out: str | Path | None = None,
    shard: tuple[int, int] = (0, 1),
    limit: int | None = None,
    seed: int = 0,
    profile: str = "",
    keep_bytes: int = 2**30,
    progress: bool | None = None,
) -> pd.DataFrame:
    """The keypoint table of every (layer, timestep), with these two as columns; `method` is a
    FeatureMethod such as dift.

    Each image passes through the model once a timestep, which gives all layers. Features are
    dropped after the last pair that needs them; where they exceed `keep_bytes` even so, the longest
    unused ones are computed again when needed. With `out`, the matches of each timestep are one
    part of that folder, `shard` takes every n-th timestep, and the result is the table of all
    parts, or of this shard's where others are missing.
    """
    chosen = select(len(pairs), limit)
    labels = labels_of(method, pairs, chosen, profile)
    run = {**labels, **described(method, seed), "layers": list(layers)}
    run |= {"timesteps": list(timesteps), "pairs": len(chosen), "of": len(pairs)}
    parts = None
    if out is not None:
        parts = ResultFolder.start(out, run, len(timesteps), content_of(pairs, chosen))
    todo = parts.todo(shard) if parts else range(shard[0], len(timesteps), shard[1])
    tables = []
    with progress_bar(len(todo) * len(chosen), method, progress) as bar:
        for part in todo:
            rows = []
            for block in _cells(
                method,
                [pairs[i] for i in chosen],
                layers,
                timesteps[part],
                seed,
                keep_bytes,
                labels,
            ):
                rows.append(block)
                bar.update()
            tables.append(pd.concat(rows, ignore_index=True))
            if parts:
                parts.write(part, tables[-1])
    if parts:
        return score(parts.read((0, 1) if not parts.todo((0, 1)) else shard))
    return score(pd.concat(tables, ignore_index=True))


def _cells(method, pairs, layers, timestep, seed, keep_bytes, labels) -> Iterator[pd.DataFrame]:
    """For each pair its rows at every layer, at one timestep."""
    uses = Counter(view.key() for pair in pairs for view in (pair.source, pair.target))
    kept: LRUCache[dict[str, Target]] = LRUCache(keep_bytes, nbytes=_nbytes, at_least=2)

    def features(view: View) -> dict[str, Target]:
        found = method.cells(view, layers, [timestep], seed=seed)
        return {layer: Target.of(found[layer, timestep]) for layer in layers}

    for pair in pairs:
        a, b = (
            kept.of(view.key(), lambda view=view: features(view))
            for view in (pair.source, pair.target)
        )
        blocks = []
        for layer in layers:
            matches = method.estimate(a[layer], b[layer], pair.source_points)
            blocks.append(rows_of(pair, matches, {**labels, "layer": layer, "timestep": timestep}))
        for view in (pair.source, pair.target):
            uses[view.key()] -= 1
            if not uses[view.key()]:
                kept.drop(view.key())
        yield pd.concat(blocks, ignore_index=True)


def _nbytes(targets: dict[str, Target]) -> int:
    """Features, and about what a target keeps for matching."""
    return sum(
        target.values.nbytes + 8 * math.prod(target.frame.image) for target in targets.values()
    )


def grid(
    table: pd.DataFrame, alpha: float = 0.1, by: str = "point", strict: bool = False
) -> pd.DataFrame:
    """PCK in percent of every cell of a sweep's keypoint table: columns layer, t, pck, in its
    order; `viz.layer_grid` draws it.
    """
    cells = table.groupby(["layer", "timestep"], sort=False)
    found = {cell: metrics.pck(rows, alpha=alpha, by=by, strict=strict) for cell, rows in cells}
    return pd.DataFrame([{"layer": layer, "t": t, "pck": pck} for (layer, t), pck in found.items()])


def best(table: pd.DataFrame, alpha: float = 0.1, by: str = "point") -> tuple[str, int]:
    """The (layer, timestep) with the highest PCK of a sweep; of equal ones the first."""
    cells = grid(table, alpha, by)
    row = cells.loc[cells["pck"].idxmax()]
    return str(row["layer"]), int(row["t"])
