"""Hyperfeatures as the released code does it against ours: seconds over pairs, memory, answers."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import permutations
from statistics import median
from typing import Annotated, Any

import torch
from pydantic import Field

from corrlib import methods
from corrlib.backbones.diffusion import Diffuser
from corrlib.backbones.skeletons import skeleton
from corrlib.bench import benchmark
from corrlib.bench._measure import on_threads, paired_peak_mib
from corrlib.bench._straightforward_hyperfeatures import Straightforward
from corrlib.coords import Points
from corrlib.methods.base import Env, FeatureMethod
from corrlib.methods.hyperfeatures.cost import cost
from corrlib.methods.hyperfeatures.frozen import FrozenPath
from corrlib.methods.hyperfeatures.method import new_head, with_head
from corrlib.methods.hyperfeatures.settings import HyperfeatureSettings
from corrlib.toybox.items import item
from corrlib.toybox.render import picture
from corrlib.toybox.sets.shots import to_image
from corrlib.toybox.truth import keypoint_truth
from corrlib.types import View
from corrlib.validation.kinds import DIFFERENT, SOME, Count, Natural

USES = 51  # pairs of SPair-71k's test split that an image of it is in: 24,468 / 478
TOLERANCE_PX = 1.0


def toys(count: int) -> tuple[list[View], list[Points]]:
    """`count` toy dogs as views, and the whole pixels nearest to the visible keypoints of each."""
    views, points = [], []
    for i in range(count):
        scene, size = item("bench", "dog", i)
        truth = keypoint_truth(scene, size)
        seen = truth.points[truth.visible].float().round()
        points.append(torch.minimum(seen.clamp(min=0), seen.new_tensor(size) - 1))
        views.append(View(f"bench-{i}", size, "dog", pixels=to_image(picture(scene, size)[0])))
    return views, points


def _ours(diffuser: Diffuser, settings: HyperfeatureSettings) -> FeatureMethod:
    """A new method: nothing is kept from a run before."""
    return with_head(settings, None, Env(models={settings.model: diffuser}))


def _plain(diffuser: Diffuser, settings: HyperfeatureSettings) -> Straightforward:
    return Straightforward(diffuser, settings, new_head(settings, FrozenPath(settings, diffuser)))


def _prepared(how: str, settings: HyperfeatureSettings) -> Callable[[], Any]:
    torch.set_num_threads(1)
    diffuser = Diffuser.load(settings.model)
    views, points = toys(2)
    make = {"ours": _ours, "straightforward": _plain}[how]
    # first-call buffers are nobody's; of a small image, so that the pair's own are not among them
    small = replace(settings, size=(32, 32), grid=(8, 8), steps=1, positions=(0,))
    make(diffuser, small)(*views, points[0])
    return partial(make(diffuser, settings), *views, points[0])


def _seconds(function: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def _held_mib(settings: HyperfeatureSettings, diffuser: Diffuser) -> tuple[float, float]:
    """Features held at once for a pair, by count: ours one step's maps and the sum of one image;
    there all maps of both at the size of the grid.
    """
    counted = cost(settings, skeleton(diffuser.unet), skeleton(diffuser.vae))
    cells, steps = settings.grid[0] * settings.grid[1], len(settings.places)
    channels = sum(FrozenPath(settings, diffuser).channels)
    ours = counted.maps // steps + settings.width * cells
    return ours * 4 / 2**20, 2 * steps * channels * cells * 4 / 2**20


@benchmark("hyperfeatures")
def bench_hyperfeatures(
    images: Annotated[int, Field(ge=2)] = 8,
    runs: Count = 3,
    memory_runs: Count = 1,
    steps: Count = 20,
    positions: Annotated[tuple[Natural, ...], SOME, DIFFERENT] = (
        0,
        2,
        4,
        6,
        8,
        10,
        12,
        14,
        16,
        18,
        19,
    ),
) -> dict[str, Any]:
    """All ordered pairs of `images` toys of one category, with equal settings, head and latents.

    Each image is in 2 (images - 1) pairs, 14 of 8 images; in SPair-71k's test split in 51. The
    straightforward way has the same work for every pair: it is run on `runs` of them, whose median
    stands for the others. `time_ratio` is over all pairs, ours with everything included;
    `time_ratio_pair` for one pair by itself, nothing kept; `time_ratio_spair` what the first would
    be at 51 pairs an image, from the measured seconds of an image and of a match. Seconds are the
    processor's on one thread. `peak_mib` is what a pair adds to the loaded model's memory, the
    network's own included; `features_mib` what its features take by count.
    """
    with on_threads(1):
        settings = methods.settings(
            "hyperfeatures", "toybox", steps=steps, positions=tuple(positions)
        )
        diffuser = Diffuser.load(settings.model)
        views, points = toys(images)
        pairs = list(permutations(range(images), 2))
        _ours(diffuser, settings).features(views[0])  # first-call buffers
        method = _ours(diffuser, settings)
        described = sum(_seconds(partial(method.features, view))[0] for view in views)
        asked = [_seconds(partial(method, views[a], views[b], points[a])) for a, b in pairs]
        matched = sum(seconds for seconds, _ in asked)
        every = pairs[:: max(1, len(pairs) // runs)][:runs]
        plain = _plain(diffuser, settings)
        theirs = [_seconds(partial(plain, views[a], views[b], points[a])) for a, b in every]
        alone = [
            _seconds(partial(_ours(diffuser, settings), views[a], views[b], points[a]))[0]
            for a, b in every
        ]
        mine = [asked[pairs.index(pair)][1] for pair in every]
        apart = [
            (one.points - other.points).norm(dim=1)
            for one, (_, other) in zip(mine, theirs, strict=True)
        ]
        mib, plain_mib, memory_ratio = paired_peak_mib(
            *(partial(_prepared, how, settings) for how in ("ours", "straightforward")), memory_runs
        )
    pair = median(seconds for seconds, _ in theirs)
    held, plain_held = _held_mib(settings, diffuser)
    differences = torch.cat(apart)
    return {
        "model": settings.model,
        "weights": diffuser.fingerprint,
        "settings": repr(settings),
        "threads": 1,
        "images": images,
        "pairs": len(pairs),
        "pairs_an_image": 2 * (images - 1),
        "straightforward_pairs_measured": len(theirs),
        "seconds": described + matched,
        "seconds_an_image": described / images,
        "seconds_a_match": matched / len(pairs),
        "straightforward_seconds": pair * len(pairs),
        "straightforward_seconds_a_pair": pair,
        "time_ratio": pair * len(pairs) / (described + matched),
        "time_ratio_pair": median(t / m for (t, _), m in zip(theirs, alone, strict=True)),
        "time_ratio_spair": pair / (2 * described / images / USES + matched / len(pairs)),
        "peak_mib": mib,
        "straightforward_peak_mib": plain_mib,
        "memory_ratio": memory_ratio,
        "features_mib": held,
        "features_ratio": plain_held / held,
        "straightforward_features_mib": plain_held,
        "points": len(differences),
        "equal_points": int((differences == 0).sum()),
        "largest_difference_px": float(differences.max()),
        "tolerance_px": TOLERANCE_PX,
        "same_answer": bool(differences.max() <= TOLERANCE_PX),
    }
