"""How the records of a profile are computed: its section `records`, an entry a record.

    records:
      prompt-main: {study: {method: prompt_optimization, block: 3, trials: {...}}, sample: 1}
      prompt_cost: {counts: prompt_cost, sample: 1}
      found-costs: {counts: method_costs, study: {method: dift, trials: {...}}, sample: 2}

`study` is a study as `trials` has it, `counts` a measurement of times, of which only the counts are
compared (a function that the caller hands in, see `corrlib.cli.record`). `sample` is the number of
blocks that every build computes again, `elsewhere` what another kind of machine is granted:
`within` so many pixels, and a `share` of the rows that may be farther off.
"""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from corrlib.experiments import flow_study, swap_study
from corrlib.experiments.evaluate import content_of, described
from corrlib.experiments.profiles import Profile
from corrlib.experiments.records import Recipe, Tolerance
from corrlib.experiments.studies import Study
from corrlib.experiments.trials import blocks, kinds, labels_by_trial, rows_by
from corrlib.storage.content import digest_of

POINTS = tuple(f"{of}_{axis}" for of in ("source", "target", "predicted") for axis in "xy")


def entry(profile: Profile, name: str) -> Mapping[str, Any]:
    """The profile's entry of a record. Raises KeyError naming those there are."""
    known = profile.get("records", {}) or {}
    if name not in known:
        raise KeyError(
            f"profile {profile.name} has no record {name!r}; it has {', '.join(known) or 'none'}"
        )
    return known[name]


def recipe(
    profile: Profile,
    name: str,
    *,
    store: Path | None = None,
    counts: Mapping[str, Callable[[str, Tolerance], Recipe]] | None = None,
    device: str | None = None,
) -> Recipe:
    """The recipe of a record. What is found for a source is kept in `store`, by default in a folder
    that ends with the process: a check computes anew.
    """
    found = entry(profile, name)
    elsewhere = Tolerance(**found.get("elsewhere", {"within": 0.5, "share": 0.05}))
    if "counts" in found:
        known = counts or {}
        if found["counts"] not in known:
            raise KeyError(
                f"record {name}: nothing counts {found['counts']!r}; known: {', '.join(known)}"
            )
        return known[found["counts"]](name, elsewhere)
    place = store or Path(_scratch(name))
    return of_study(name, Study(profile, found["study"], place, device), elsewhere)


def of_study(name: str, study: Study, elsewhere: Tolerance) -> Recipe:
    """The recipe of a study: a block is a block of its pairs under all trials."""
    few = dict(study.few)
    points, flow, swap = (few.pop(name, None) for name in ("points", "flow", "swap"))
    chosen = blocks(study.pairs, few.get("limit"), few.get("block", 1))
    flat = [i for part in chosen for i in part]
    loaded = {trial: study.load(trial) for trial in study.names}
    labels = labels_by_trial(loaded, study.pairs, flat, study.profile.name)
    each = {trial: described(method, study.seed) for trial, method in loaded.items()}
    decides = {
        "settings": {trial: one["settings"] for trial, one in each.items()},
        "weights": {trial: one["weights"] for trial, one in each.items()},
        "seed": study.seed,
        "points": points,
        "block": few.get("block", 1),
        "profile": study.profile.name,
        "pairs": len(flat),
        **kinds(flow, swap),
    }
    rows_of_block = rows_by(points, flow, swap)
    keys, numbers = ("trial", "pair", "keypoint"), POINTS
    for asked, of in ((flow, flow_study), (swap, swap_study)):
        keys, numbers = (of.KEYS, of.NUMBERS) if asked is not None else (keys, numbers)
    code = " ".join(sorted({one["source"] for one in each.values()}))

    def block(number: int) -> pd.DataFrame:
        pairs = [study.pairs[i] for i in chosen[number]]
        return rows_of_block(loaded, pairs, labels, seed=study.seed)

    return Recipe(
        name,
        decides,
        digest_of(content_of(study.pairs, flat)),
        len(chosen),
        block,
        keys=keys,
        numbers=numbers,
        elsewhere=elsewhere,
        code=code,
    )


_KEPT: list[tempfile.TemporaryDirectory] = []  # until the process ends


def _scratch(name: str) -> str:
    _KEPT.append(tempfile.TemporaryDirectory(prefix=f"record-{name}-"))
    return _KEPT[-1].name
