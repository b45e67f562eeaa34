"""A look at a whole copy of PF-Willow: sub-classes, points, images, and csv lists beside them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from corrlib.data.checks.findings import Notice, counted, decoded, told, walk
from corrlib.data.pf_willow import SUB_CLASSES, PFWillow
from corrlib.types import Pair

NEAR = 0.01  # pixels by which a csv list may differ from the .mat files


def check(root: str | Path, *, decode: bool = True, **options: Any) -> Iterator[str]:
    """Findings: pairs against the published 900, every point file, every image, and every csv file
    that is there.
    """
    options = dict(options)
    lists = [options.pop("pairs")] if options.get("pairs", "all") != "all" else None
    try:
        pairs = PFWillow(root, **options)
    except (OSError, ValueError) as error:
        yield told(error)
        return
    yield from counted("pairs", pairs.counts(), dict.fromkeys(SUB_CLASSES, 90))
    views = {}
    images = {(pairs.category_of(n), n.split("/")[1].split(":")[0]) for n in pairs.names}
    for category, stem in tqdm(sorted(images), desc="images", leave=False, disable=None):
        try:
            view = pairs.photograph(category, stem)
            views[view.id] = view
            pairs.points(category, stem)
        except (OSError, ValueError) as error:
            yield told(error)
    if decode:
        yield from decoded(views.values())
    found = sorted(p.name for p in pairs.root.glob("*.csv") if not p.name.startswith("."))
    for name in found if lists is None else lists:
        try:
            yield from _list(pairs, PFWillow(root, pairs=name, **options), name)
        except (OSError, ValueError) as error:
            yield told(error)
    if len(views) != 70 and len(pairs) == 900:
        yield Notice(f"{len(views)} different photographs; the published data set has 70")


def _list(pairs: PFWillow, listed: PFWillow, name: str) -> Iterator[str]:
    """Pairs of a csv list whose images are not there, and points unlike those of the .mat files."""
    path, there = listed.root / name, set(pairs.names)
    if unknown := set(listed.names) - there:
        yield (
            f"{path} lists {len(unknown)} pairs whose images are not there; the first is "
            f"{min(unknown)}"
        )

    def apart(name: str, pair: Pair | None) -> Iterator[str]:
        if pair is None:
            return
        points, stems = (pair.source_points, pair.target_points), name.split("/")[1].split(":")
        far = max(
            float((xy - pairs.points(pair.category, stem)).abs().max())
            for xy, stem in zip(points, stems, strict=True)
        )
        if far > NEAR:
            yield f"{path}: points of {name} differ from the .mat files' by up to {far:.3g} px"

    yield from walk(listed.named(there), apart)
