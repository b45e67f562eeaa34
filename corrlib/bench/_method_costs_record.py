"""What a pair costs each method, as a record: multiply-adds, which every build counts again for
some of them, and seconds, which are kept and not compared.

A row is a trial of a study: `multiply_adds` and `seconds` of a pair of pictures that the method has
never seen, and `again`, the seconds of the same question asked once more. Weights are loaded
before. Pairs are the first ones of the study's that share no picture, cut to its `points`.
"""

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from torch.nn.attention import SDPBackend, sdpa_kernel

from corrlib.backbones.skeletons import multiply_adds
from corrlib.bench._clock import Clock
from corrlib.bench._measure import on_threads
from corrlib.experiments.evaluate import ask, content_of, described
from corrlib.experiments.profiles import Profile
from corrlib.experiments.records import Recipe, Tolerance
from corrlib.experiments.studies import Study
from corrlib.experiments.trials import thinned
from corrlib.storage.content import digest_of
from corrlib.types import Pair

RUNS = 3  # pairs that are timed; one more warms up, and one is counted
POINTS = 4


def recipe(profile: Profile, study: Mapping[str, Any], name: str, elsewhere: Tolerance) -> Recipe:
    """Its recipe: `record make` counts and times every trial, `record check` counts some again."""
    opened = _opened(profile, study)
    chosen = apart(opened.pairs, opened.few.get("points", POINTS))
    each = {trial: described(opened.load(trial), opened.seed) for trial in opened.names}
    decides = {
        key: {trial: one[key] for trial, one in each.items()} for key in ("settings", "weights")
    }

    def block(number: int) -> pd.DataFrame:
        trial = opened.names[number]
        return pd.DataFrame([{"trial": trial, **counted(profile, study, trial)}])

    def whole() -> pd.DataFrame:
        rows = [
            {"trial": trial, **counted(profile, study, trial), **timed(profile, study, trial)}
            for trial in opened.names
        ]
        return pd.DataFrame(rows).assign(block=range(len(rows)))

    return Recipe(
        name,
        {**decides, "seed": opened.seed, "profile": profile.name, "pairs": len(chosen)},
        digest_of(content_of(opened.pairs, chosen)),
        len(opened.names),
        block,
        keys=("trial",),
        numbers=("multiply_adds",),
        elsewhere=elsewhere,
        code=" ".join(sorted({one["source"] for one in each.values()})),
        whole=whole,
    )


def apart(pairs: Any, points: int, count: int = RUNS + 2) -> list[int]:
    """The first `count` pairs with `points` keypoints or more that have no picture in common.
    Raises ValueError where there are fewer.
    """
    found, seen = [], set()
    for i in range(len(pairs)):
        pair = pairs[i]
        both = {pair.source.id, pair.target.id}
        if len(pair.keypoints) >= points and len(both) == 2 and not both & seen:
            found.append(i)
            seen |= both
        if len(found) == count:
            return found
    raise ValueError(
        f"{len(found)} pairs with {points} keypoints share no picture; wanted {count}: a larger "
        "set, or fewer `points`"
    )


def counted(profile: Profile, study: Mapping[str, Any], trial: str) -> dict[str, int]:
    """Multiply-adds of a pair of new pictures: convolutions and matrix products."""
    opened, (first, second, *_) = _begun(profile, study)
    method = opened.load(trial)
    ask(method, first, opened.seed)
    # attention written out: fused, it is not counted
    with on_threads(1), sdpa_kernel(SDPBackend.MATH):
        return {"multiply_adds": multiply_adds(lambda: ask(method, second, opened.seed))}


def timed(profile: Profile, study: Mapping[str, Any], trial: str) -> dict[str, float]:
    """Seconds of a pair of new pictures and of the same question again, medians over pairs; on a
    CPU the processor's.
    """
    opened, (first, _, *rest) = _begun(profile, study)
    method, clock = opened.load(trial), Clock(device=opened.env.device)
    seconds, again = [], []
    with on_threads(1):
        ask(method, first, opened.seed)
        for pair in rest:
            begin = clock.now()
            ask(method, pair, opened.seed)
            middle = clock.now()
            ask(method, pair, opened.seed)
            seconds.append(middle - begin)
            again.append(clock.now() - middle)
    return {"seconds": statistics.median(seconds), "again": statistics.median(again)}


def _opened(profile: Profile, study: Mapping[str, Any]) -> Study:
    """The study with nothing kept from before."""
    return Study(profile, {**study, "store": False}, Path())


def _begun(profile: Profile, study: Mapping[str, Any]) -> tuple[Study, list[Pair]]:
    opened = _opened(profile, study)
    points = opened.few.get("points", POINTS)
    pairs = [opened.pairs[i] for i in apart(opened.pairs, points)]
    return opened, [thinned([pair], points)[0] for pair in pairs]
