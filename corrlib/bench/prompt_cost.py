"""Where the time of prompt optimisation goes, the released code's way and ours, and what a match
takes beside other methods.
"""

import inspect
import statistics
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Annotated, Any

import numpy as np
import torch
from scipy.optimize import nnls

from corrlib import methods
from corrlib.backbones.diffusion import Diffuser
from corrlib.bench import benchmark
from corrlib.bench._clock import Clock, machine
from corrlib.bench._measure import on_threads
from corrlib.bench._straightforward_prompts import Straightforward
from corrlib.bench.prompt_optimization import REUSES, settings_of, toys
from corrlib.coords import Points
from corrlib.methods.base import Env
from corrlib.methods.prompt_optimization import optimise
from corrlib.methods.prompt_optimization.crop_latents import CropLatents
from corrlib.methods.prompt_optimization.gaussian_loss import Enlarged
from corrlib.methods.prompt_optimization.method import PromptOptimization
from corrlib.methods.prompt_optimization.network import Network
from corrlib.methods.prompt_optimization.settings import Crops, PromptSettings
from corrlib.types import View
from corrlib.validation.kinds import SOME, Count, Few, Name

PARTS = (
    "vae",
    "forward",
    "backward",
    "loss",
    "crops",
    "rest",
)  # "loss": and the enlargement of maps
COMMAND = "python -m corrlib record make prompt_cost"
IMAGE = ("vae", "crops")  # what an image needs once, whoever asks for it
SWEEP = (
    (5, 1, 4),
    (15, 1, 6),
    (15, 1, 20),
    (5, 4, 4),
    (15, 2, 12),
)  # steps, embeddings, crops; they fill passes of 4


@benchmark("prompt_cost")
def bench_prompt_cost(
    model: Name = "toybox",
    runs: Count = 3,
    points: Count = 8,
    steps: Count = 26,
    embeddings: Few = 5,
    crops: Crops = 4,
    reuses: Count = REUSES,
    places: Count = 4,
    sweep: Annotated[tuple[tuple[Count, Few, Crops], ...], SOME] = SWEEP,
    device: str = "cpu",
) -> dict[str, Any]:
    """Seconds by part of both ways on one pair, and seconds a match of several settings and
    methods; medians of `runs`.

    `ways`: the work of the benchmark prompt_optimization (the paper's shares of steps, embeddings
    and crops) at `points` points, seconds a point by phase ("find" an embedding, "ask" the target)
    and part (`PARTS`), and how often each part ran. A part's time is without that of the parts
    inside of it. `matches`: the toybox preset at each of `sweep` (steps, embeddings, crops) on
    `places` points, DIFT with 8 noises and with 1, and the distilled student where there is one:
    seconds `an image` (what is kept for it and serves every pair), `a point` (what is kept for a
    point of the source) and `a match` (what every match takes). `unit`: seconds of one step, one
    crop, one read-out and one encoded crop of a sample, fitted to the sweep.
    """
    with on_threads(1):
        diffuser = Diffuser.load(model, device=device)
        (source, *targets), where = toys(1 + runs, max(points, places))
        settings = settings_of(
            model, min(points, len(where)), steps=steps, embeddings=embeddings, crops=crops
        )
        short, one = replace(settings, steps=1, crops=4), where[:points]  # a warm-up
        (
            _straightforward(diffuser, short, source, targets[0], where[0]),
            _ours(diffuser, short, source, targets[0], one),
        )
        plain = [
            _straightforward(diffuser, settings, source, targets[i], where[i % len(where)])
            for i in range(runs)
        ]
        ours = [_ours(diffuser, settings, source, target, one) for target in targets]
        rows = [_prompts(diffuser, source, targets, where[:places], *values) for values in sweep]
        others = [_dift(diffuser, source, targets, where[:places], ensemble) for ensemble in (8, 1)]
        if "distilled" in methods.list():
            others.append(_features("distilled", diffuser, source, targets, where[:places]))
        place = machine(device)
    ways = {"straightforward": plain, "ours": ours}
    return {
        "command": COMMAND,
        "platform": place,
        "model": model,
        "weights": diffuser.fingerprint,
        "runs": runs,
        "points": points,
        "reuses": reuses,
        "work": {
            "steps": steps,
            "embeddings": embeddings,
            "crops": crops,
            "settings": repr(settings),
        },
        "ways": {
            way: {"seconds": _medians([s for s, _ in found]), "calls": found[-1][1]}
            for way, found in ways.items()
        },
        "matches": rows + others,
        "unit": unit(rows),
    }


def calls(way: str, diffuser: Diffuser) -> dict[str, dict[str, int]]:
    """How often each part of one way runs, {phase: {part: ...}}: the benchmark's last run by
    itself, which takes half a minute.
    """
    known = inspect.signature(bench_prompt_cost).parameters
    runs, points = known["runs"].default, known["points"].default
    work = {name: known[name].default for name in ("steps", "embeddings", "crops")}
    (source, *targets), where = toys(1 + runs, max(points, known["places"].default))
    settings = settings_of(diffuser.name, min(points, len(where)), **work)
    if way == "straightforward":
        point = where[(runs - 1) % len(where)]
        return _straightforward(diffuser, settings, source, targets[-1], point)[1]
    return _ours(diffuser, settings, source, targets[-1], where[:points])[1]


def _straightforward(
    diffuser: Diffuser, settings: PromptSettings, source: View, target: View, point: torch.Tensor
) -> tuple:
    """Seconds and calls of one point, by phase and part."""
    method, clock = Straightforward(diffuser, settings), Clock(device=diffuser.device)
    watched = {
        "find": "find",
        "_latent": "vae",
        "_pass": "forward",
        "_backward": "backward",
        "_crop": "crops",
        "_tensor": "crops",
        "_loss": "loss",
        "_enlarged": "loss",
    }
    with clock.watch(*((method, name, part) for name, part in watched.items())), clock.part("ask"):
        method(source, target, point[None])
    return _by_phase(clock, 1)


def _ours(
    diffuser: Diffuser, settings: PromptSettings, source: View, target: View, points: Points
) -> tuple:
    """Seconds and calls a point, by phase and part; nothing is kept from before."""
    method = _method(diffuser, settings)
    clock = watched(method, Clock(device=diffuser.device), lambda: method(source, target, points))
    return _by_phase(clock, len(points))


def watched(method: PromptOptimization, clock: Clock, call: Any) -> Clock:
    """`call`, which uses `method`, with its parts' times taken by `clock`."""
    places = [
        (method, "embed", "find"),
        (method.network.diffuser, "posterior", "vae"),
        (Network, "maps", "forward"),
        (torch.autograd, "grad", "backward"),
        (optimise, "loss", "loss"),
        (Enlarged, "__call__", "loss"),
        (CropLatents, "crop", "crops"),
        (CropLatents, "__init__", "crops"),
    ]
    with clock.watch(*places), clock.part("ask"):
        call()
    return clock


def _method(diffuser: Diffuser, settings: PromptSettings) -> PromptOptimization:
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return methods.load(
        "prompt_optimization", "paper", env=Env(models={settings.model: diffuser}), **values
    )


def _by_phase(clock: Clock, points: int) -> tuple[dict, dict]:
    """Seconds a point and calls in all, {phase: {part: ...}}."""
    seconds = {
        phase: {part: clock.seconds[phase, part] / points for part in PARTS}
        for phase in clock.phases
    }
    return seconds, {
        phase: {part: clock.calls[phase, part] for part in PARTS} for phase in clock.phases
    }


def _medians(found: Sequence[dict]) -> dict:
    return {
        phase: {part: statistics.median(one[phase][part] for one in found) for part in PARTS}
        for phase in found[0]
    }


def _prompts(
    diffuser: Diffuser,
    source: View,
    targets: Sequence[View],
    points: Points,
    steps: int,
    embeddings: int,
    crops: int,
) -> dict[str, Any]:
    """The toybox preset at these settings: seconds an image, a point, a match."""
    preset = methods.settings("prompt_optimization", "toybox")
    settings = replace(preset, model=diffuser.name, steps=steps, embeddings=embeddings, crops=crops)
    found = []
    for target in targets:
        seconds, calls = _ours(diffuser, settings, source, target, points)
        kept = (
            sum(seconds["find"][part] for part in IMAGE),
            sum(seconds["ask"][part] for part in IMAGE),
        )
        encoded = calls["find"]["vae"] + calls["ask"]["vae"]
        once = sum(kept) * len(points)
        rest = (
            sum(seconds[phase].values()) - own
            for phase, own in zip(("find", "ask"), kept, strict=True)
        )
        found.append((once / 2, *rest, once / encoded))
    image, point, match, encode = (statistics.median(values) for values in zip(*found, strict=True))
    name = f"{steps} steps x {embeddings} embeddings x {crops} crops"
    values = {"steps": steps, "embeddings": embeddings, "crops": crops, "encode": encode}
    return {
        "method": "prompt_optimization",
        "name": name,
        **values,
        "image": image,
        "point": point,
        "match": match,
    }


def _dift(
    diffuser: Diffuser, source: View, targets: Sequence[View], points: Points, ensemble: int
) -> dict[str, Any]:
    return _features("dift", diffuser, source, targets, points, ensemble=ensemble)


def _features(
    name: str,
    diffuser: Diffuser,
    source: View,
    targets: Sequence[View],
    points: Points,
    **changes: Any,
) -> dict[str, Any]:
    """A method whose features need one image only: seconds an image, and a match once both images'
    features are there.
    """
    clock, found = Clock(device=diffuser.device), []
    for target in [targets[0], *targets]:
        method = methods.load(name, "toybox", env=Env(models={diffuser.name: diffuser}), **changes)
        begin = clock.now()
        method.features(source), method.features(target)
        middle = clock.now()
        method(source, target, points)
        found.append(((middle - begin) / 2, (clock.now() - middle) / len(points)))
    image, match = (statistics.median(values) for values in zip(*found[1:], strict=True))
    label = f"{name}, ensemble of {changes['ensemble']}" if "ensemble" in changes else name
    return {"method": name, "name": label, **changes, "image": image, "point": 0.0, "match": match}


def unit(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Seconds of one `step`, of one `crop` that is asked (both of one embedding), of one `read`-out
    and of one `encode`d crop: least squares over the sweep, no price below 0; there a point takes
    embeddings x steps and a match embeddings x crops."""
    work = np.array(
        [[row["embeddings"] * row["steps"], row["embeddings"] * row["crops"], 1] for row in rows],
        float,
    )
    point, match = (np.array([row[name] for row in rows]) for name in ("point", "match"))
    step = float(work[:, 0] @ point / (work[:, 0] @ work[:, 0]))
    crop, read = (float(value) for value in nnls(work[:, 1:], match)[0])
    return {
        "step": step,
        "crop": crop,
        "read": read,
        "encode": statistics.median(row["encode"] for row in rows),
    }
