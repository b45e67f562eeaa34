"""Ours against the straightforward nearest neighbour: time, memory and answers."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate, normalize

from corrlib.bench import benchmark
from corrlib.bench._measure import paired_peak_mib, paired_seconds
from corrlib.coords import Frame, Points, Size
from corrlib.matching.estimators import first_maximum, nearest
from corrlib.types import FeatureMap, Matches
from corrlib.validation.kinds import DIFFERENT, SOME, Count

Case = Literal["toy", "full"]
# name: channels, grid (width, height), image (width, height), queries
CASES: dict[str, tuple[int, Size, Size, int]] = {
    "toy": (128, (16, 16), (192, 192), 10),
    "full": (1280, (48, 48), (500, 375), 10),
}


def nearest_straightforward(
    a: FeatureMap, b: FeatureMap, queries: Points, *, normalise_once: bool = False
) -> Matches:
    """`match.nearest` done plainly: upsample both maps, then for each query normalise all target
    pixels and compare.

    Queries are integer pixels and the grids cover the whole images. `normalise_once` normalises
    before the loop over queries, which the released code does not. The tie rule is that of `match`,
    for a plain argmax lets rounding decide.
    *Source:* the released code of DIFT, `eval_spair.py`.
    """
    if a.frame.box is not None or b.frame.box is not None:
        raise ValueError("the straightforward way knows no box: build both frames with box=None")
    if not torch.equal(queries, queries.round()):
        raise ValueError(
            "the straightforward way reads the source at whole pixels: round the queries first"
        )
    source, target = (_upsampled(fm) for fm in (a, b))
    flat = normalize(target.flatten(1), dim=0) if normalise_once else target.flatten(1)
    scores, points = [], []
    for x, y in queries.long().tolist():
        vector = normalize(source[:, y, x], dim=0)
        cosine = vector @ (flat if normalise_once else normalize(flat, dim=0))
        best, index = first_maximum(cosine[None])
        scores.append(best)
        points.append((index.item() % b.frame.image[0], index.item() // b.frame.image[0]))
    return Matches(torch.tensor(points).to(queries), torch.cat(scores).to(queries))


def _upsampled(fm: FeatureMap) -> Float[Tensor, "c H W"]:
    return interpolate(
        fm.values[None], size=fm.frame.image[::-1], mode="bilinear", align_corners=False
    )[0]


def _inputs(case: str) -> tuple[FeatureMap, FeatureMap, Points]:
    channels, grid, image, n = CASES[case]
    generator = torch.Generator().manual_seed(0)
    maps = [
        FeatureMap(torch.randn(channels, *grid[::-1], generator=generator), Frame(image, grid))
        for _ in range(2)
    ]
    queries = torch.stack(
        [torch.randint(0, side, (n,), generator=generator) for side in image], dim=1
    ).float()
    return maps[0], maps[1], queries


def _prepared(how: str, case: str) -> Callable[[], Matches]:
    function = {"ours": nearest, "straightforward": nearest_straightforward}[how]
    nearest(*_inputs("toy"))  # the libraries' own first-call buffers are nobody's
    return partial(function, *_inputs(case))


@benchmark("match")
def bench_match(
    runs: Count = 3, cases: Annotated[tuple[Case, ...], SOME, DIFFERENT] = tuple(CASES)
) -> dict[str, Any]:
    """Time, memory and equality on a toy pair and on a random map of Stable Diffusion's size; ours
    includes the norm map.

    `time_ratio` compares with the straightforward way as released, `time_ratio_normalised_once`
    with a kinder one. The ratios at the top level are those of the last case; `same_answer` there
    is about all of them.
    """
    result: dict[str, Any] = {"runs": runs, "threads": 1}
    for case in cases:
        inputs = _inputs(case)
        ours, theirs = partial(nearest, *inputs), partial(nearest_straightforward, *inputs)
        seconds, plain_seconds, time_ratio = paired_seconds(ours, theirs, runs)
        kinder_ratio = paired_seconds(ours, partial(theirs, normalise_once=True), runs)[2]
        sides = (partial(_prepared, how, case) for how in ("ours", "straightforward"))
        mib, plain_mib, memory_ratio = paired_peak_mib(*sides, runs)
        mine, plain = ours(), theirs()
        channels, grid, image, n = CASES[case]
        result[case] = {
            "channels": channels,
            "grid": grid,
            "image": image,
            "queries": n,
            "seconds": seconds,
            "straightforward_seconds": plain_seconds,
            "peak_mib": mib,
            "straightforward_peak_mib": plain_mib,
            "time_ratio": time_ratio,
            "time_ratio_normalised_once": kinder_ratio,
            "memory_ratio": memory_ratio,
            "same_answer": bool(torch.equal(mine.points, plain.points)),
            "largest_score_difference": float((mine.score - plain.score).abs().max()),
        }
    compared = [result[case] for case in cases]
    result |= {ratio: compared[-1][ratio] for ratio in ("time_ratio", "memory_ratio")}
    return result | {"same_answer": all(case["same_answer"] for case in compared)}
