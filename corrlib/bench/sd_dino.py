"""SD + DINO as its released code does it against ours: seconds a pair, seconds over a set of pairs,
and what both are worth.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from corrlib import methods
from corrlib.backbones.diffusion import Diffuser
from corrlib.backbones.vit import ViT
from corrlib.backbones.vit_weights import locate
from corrlib.bench import benchmark
from corrlib.bench._measure import on_threads
from corrlib.bench._straightforward_sd_dino import PARTS, Straightforward
from corrlib.coords import Points
from corrlib.methods.base import Env
from corrlib.methods.sd_dino.settings import PRESETS, SdDinoSettings
from corrlib.toybox.items import item
from corrlib.toybox.render import picture, render
from corrlib.toybox.sets.shots import to_image
from corrlib.toybox.truth import Truth, keypoint_truth, toy_box
from corrlib.types import View
from corrlib.validation.kinds import Count, Name

ALPHA = 0.1
SIDE = 96  # pixels of both inputs; four crops of 64, as 512 in 960


@dataclass(frozen=True)
class Toy:
    """A picture, its keypoints, and the longer side of its box in pixels."""

    view: View
    truth: Truth
    length: float


@dataclass(frozen=True)
class Asked:
    """A pair: two toys by number, the queries, and where they are in the target."""

    source: int
    target: int
    queries: Points
    wanted: Points


def toys(count: int) -> list[Toy]:
    """`count` toy dogs."""
    found = []
    for i in range(count):
        scene, size = item("bench", "dog", i)
        x0, y0, x1, y1 = toy_box(render(scene, size))
        view = View(f"bench-{i}", size, "dog", pixels=to_image(picture(scene, size)[0]))
        found.append(Toy(view, keypoint_truth(scene, size), float(max(x1 - x0, y1 - y0))))
    return found


def pairs_of(made: Sequence[Toy]) -> list[Asked]:
    """All ordered pairs that see a keypoint in common."""
    found = []
    for i, j in permutations(range(len(made)), 2):
        here, there = made[i].truth, made[j].truth
        both = here.visible & there.visible
        if both.any():
            found.append(Asked(i, j, here.points[both].float(), there.points[both].float()))
    return found


def settings_of(model: str = "toybox", **changes: Any) -> SdDinoSettings:
    """The released code's way at the toy models' size, without the captioner: four crops of 64
    pixels in 96, and about the shares of components that 256 are at full size.
    """
    small = {"model": model, "captioner": "", "dino": "toybox-dino", "dino_layer": 3}
    small |= {"sd_side": SIDE, "crop": 64, "dino_side": SIDE, "grid": 16, "pca": (10, 26, 26)}
    return replace(PRESETS["official"], **small | changes)


def network(name: str, positions: str) -> tuple[ViT, str]:
    """The vision transformer of that name, or, where it is not here, a random one of its size."""
    if locate(name) is not None:
        return ViT.load(name, positions=positions), name
    from transformers import Dinov2Config, Dinov2Model

    size = {"image_size": SIDE, "patch_size": 6, "hidden_size": 192, "num_hidden_layers": 6}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Dinov2Model(Dinov2Config(**size, num_attention_heads=6))
    return ViT(model, positions=positions), f"random, for {name} is not here"


@benchmark("sd_dino")
def bench_sd_dino(
    model: Name = "toybox",
    images: Annotated[int, Field(ge=2)] = 8,
    runs: Count = 3,
    straightforward_pairs: Count | None = None,
) -> dict[str, Any]:
    """Both ways with equal settings, pictures and noise, on all ordered pairs of `images` pictures,
    each of which lies in twice as many pairs as there are others.

    `time_ratio` is end to end: all pairs from the first pixel. Its two factors are `exact_ratio`,
    one pair by itself with nothing kept from before (no decoder, an early exit, no token loop,
    rows of queries only; the median of `runs` pairs), and `cached_ratio`, what features and moments
    kept from pair to pair gain on top. The straightforward way has the same work for every pair; it
    runs on all, or on `straightforward_pairs` of them, whose mean stands for the others. Seconds
    are the processor's on one thread. Its PCA is random, ours exact: `same_answers` is the percent
    of queries that both answer alike; `same_answer` says that both PCKs, in percent on the same
    queries, differ by less than a point.
    """
    with on_threads(1):
        settings = settings_of(model)
        diffuser = Diffuser.load(model)
        vit, named = network(settings.dino, settings.positions)
        made = toys(images)
        pairs = pairs_of(made)
        env = Env(models={settings.model: diffuser, settings.dino: vit})
        plain = Straightforward(diffuser, vit, settings)
        _load(env, settings)(made[0].view, made[1].view, pairs[0].queries)  # first-call buffers
        chosen = pairs[:: max(1, len(pairs) // (straightforward_pairs or len(pairs)))]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            theirs = [_timed(lambda p=p: plain(*_views(made, p), p.queries)) for p in chosen]
        single = [
            _timed(lambda p=p: _load(env, settings)(*_views(made, p), p.queries))
            for p in chosen[:runs]
        ]
        method = _load(env, settings)
        ours = [_timed(lambda p=p: method(*_views(made, p), p.queries).points) for p in pairs]
    plain_seconds = statistics.mean(seconds for seconds, _ in theirs)
    alone = statistics.median(seconds for seconds, _ in single)
    together = sum(seconds for seconds, _ in ours)
    mine = {id(p): points for p, (_, points) in zip(pairs, ours, strict=True)}
    answers = [(mine[id(p)], points, p) for p, (_, points) in zip(chosen, theirs, strict=True)]
    same = torch.cat([((a - b).norm(dim=1) < 0.01).float() for a, b, _ in answers])
    scores = [_pck(made, [(points[k], points[2]) for points in answers]) for k in (0, 1)]
    whole = plain_seconds * len(pairs)
    return {
        "model": model,
        "weights": diffuser.fingerprint,
        "dino": named,
        "settings": repr(settings),
        "images": images,
        "pairs": len(pairs),
        "pairs_an_image": 2 * len(pairs) / images,
        "straightforward_pairs_measured": len(chosen),
        "threads": 1,
        "seconds": alone,
        "straightforward_seconds": plain_seconds,
        "seconds_all_pairs": together,
        "straightforward_seconds_all_pairs": whole,
        "time_ratio": whole / together,
        "exact_ratio": plain_seconds / alone,
        "cached_ratio": alone * len(pairs) / together,
        "straightforward_shares": {
            part: round(100 * plain.clock.seconds["pair", part] / sum(s for s, _ in theirs), 1)
            for part in PARTS
        },
        "definition": "PCK@0.1 of the target box, per point, percent",
        "queries_compared": len(same),
        "pck": scores[0],
        "straightforward_pck": scores[1],
        "same_answers": 100 * same.mean().item(),
        "same_answer": abs(scores[0] - scores[1]) < 1,
    }


def _load(env: Env, settings: SdDinoSettings) -> Any:
    """A new method: nothing is kept from a run before."""
    values = {name: getattr(settings, name) for name in settings.__dataclass_fields__}
    return methods.load("sd_dino", "official", env=env, **values)


def _views(made: Sequence[Toy], pair: Asked) -> tuple[View, View]:
    return made[pair.source].view, made[pair.target].view


def _timed(function: Any) -> tuple[float, Any]:
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def _pck(made: Sequence[Toy], answers: Sequence[tuple[Tensor, Asked]]) -> float:
    right = torch.cat(
        [
            (found - pair.wanted).norm(dim=1) <= ALPHA * made[pair.target].length
            for found, pair in answers
        ]
    )
    return 100 * right.float().mean().item()
