"""A look at a whole copy of TSS: both directions of every pair, flows against masks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from corrlib.data.arrays import WHOLE
from corrlib.data.checks.findings import Notice, counted, decoded, told, walk
from corrlib.data.flo import flo_size
from corrlib.data.tss import DIRECTIONS, GROUPS, TSS
from corrlib.types import DensePair


def check(root: str | Path, *, decode: bool = True, **options: Any) -> Iterator[str]:
    """Findings: missing and damaged files, sizes that differ, and (with `decode`) images that do
    not decode and masks that differ from where the flow is known; notices of counts unlike the
    published ones.
    """
    try:
        data = TSS(root, **options)
    except (OSError, ValueError) as error:
        yield told(error)
        return
    found = {group: n // 2 for group, n in data.counts().items()}
    yield from counted("pairs of TSS", found, GROUPS)
    unclicked = 0

    def about(name: str, pair: DensePair | None) -> Iterator[str]:
        nonlocal unclicked
        unclicked += pair is not None and not pair.keypoints
        yield from _files(data.root, name, pair, decode)

    yield from walk(data, about)
    if unclicked:
        yield Notice(
            f"{unclicked:,} of {len(data):,} directions have no clicked points (corr.txt); the "
            "flow needs none"
        )


def _files(root: Path, name: str, pair: DensePair | None, decode: bool) -> Iterator[str]:
    """Flow and mask of a direction, looked at also where its image is broken."""
    folder, way = root / name.rpartition(":")[0], name.rpartition(":")[2]
    flow, mask = (folder / f"{what}{DIRECTIONS[way][0]}" for what in ("flow", "mask"))
    flow, mask = flow.with_suffix(".flo"), mask.with_suffix(".png")
    try:
        flo_size(flow, pair.source.size if pair else None)
        if not mask.is_file():
            raise FileNotFoundError(f"no mask {mask}; {WHOLE}")
        if pair and decode:
            differ = int((pair.source_mask() != ~pair.flow().isnan().any(dim=2)).sum())
            if differ:
                yield (
                    f"{mask} and the known flow of {flow.name} differ in {differ:,} pixels; "
                    "unpack both again"
                )
    except (OSError, ValueError) as error:
        yield told(error)
    yield from decoded([pair.source] if pair and decode else [])
