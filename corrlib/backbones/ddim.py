"""DDIM without noise, both ways: from an image's latent up to noise (inversion) and down again
(generation), as one iterator.

A path has positions 0 .. n - 1 in one order, from clean to noisy, whichever way it is walked. At
each of them the latent has a noise level, which the network is told: a timestep, or `CLEAN`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from corrlib.backbones.capture import capture
from corrlib.backbones.diffusion import Condition, Diffuser

CLEAN = -1  # the level of a latent without any noise, and what the released code tells the network
RULES = ("consistent", "released")
Layers = Sequence[str] | Mapping[int, Sequence[str]]  # the same everywhere, or by position


@dataclass(frozen=True)
class Step:
    """One call of the network: `position` on the path from clean to noisy, level `t` of the latent,
    and the level that it goes `to`, None where the path ends here.
    """

    position: int
    t: int
    to: int | None


@dataclass(frozen=True)
class Visit:
    """What was seen at one position: the level, the latent before the call, and the layers asked
    for.
    """

    position: int
    t: int
    latent: Float[Tensor, "b z h w"]
    maps: dict[str, Float[Tensor, "b _ _ _"]] = field(default_factory=dict)


def inversion(n: int, rule: str = "consistent", timesteps: int = 1000) -> list[Step]:
    """The `n` calls from a clean latent up to noise, in the order they are made; stride
    `timesteps // n`.

    "consistent": the clean latent counts as that of timestep 0, as Stable Diffusion's own schedule
    has it; 0, 20, .., 980 for 50. "released": the clean latent is told as timestep -1, which no
    training has seen; -1, 0, 20, .., 960.
    *Source:* `generalized_steps` of the released code of Diffusion Hyperfeatures.
    """
    goals = _strided(n, timesteps)
    if _known(rule) == "released":
        levels = [CLEAN, *goals[:-1]]
    else:
        levels, goals = goals, [*goals[1:], None]
    return [Step(i, a, b) for i, (a, b) in enumerate(zip(levels, goals, strict=True))]


def generation(n: int, rule: str = "consistent", timesteps: int = 1000) -> list[Step]:
    """The `n` calls from noise down to a clean latent, in the order they are made: 980, .., 20, 0
    for 50.

    The rules differ in the last call alone: "released" steps from timestep 0 to no noise at all;
    "consistent" ends with the latent of timestep 0, which counts as clean. So "consistent" visits
    what its inversion visits, while "released" is one stride noisier at each position.
    """
    levels = _strided(n, timesteps)
    last = CLEAN if _known(rule) == "released" else None
    goals = [last, *levels[:-1]]
    return [Step(i, a, b) for i, (a, b) in enumerate(zip(levels, goals, strict=True))][::-1]


def _strided(n: int, timesteps: int) -> list[int]:
    if not 1 <= n <= timesteps:
        raise ValueError(f"got {n} steps; wanted 1 to {timesteps}, the model's timesteps")
    return [i * (timesteps // n) for i in range(n)]


def _known(rule: str) -> str:
    if rule not in RULES:
        raise ValueError(f"rule is {rule!r}; wanted one of {', '.join(RULES)}")
    return rule


def shares(diffuser: Diffuser, level: int) -> tuple[float, float]:
    """(sqrt(abar), sqrt(1 - abar)) at a level, (1, 0) at `CLEAN`: the shares of image and noise."""
    return (1.0, 0.0) if level == CLEAN else diffuser.noise_level(level)


def move(
    diffuser: Diffuser,
    z: Float[Tensor, "b z h w"],
    prediction: Float[Tensor, "b z h w"],
    t: int,
    to: int,
) -> Float[Tensor, "b z h w"]:
    """The latent of level `to`, from that of level `t` and what the network said of it (noise or
    velocity, as its schedule names it). Raises ValueError on another kind of prediction.
    """
    (a, s), (to_a, to_s) = shares(diffuser, t), shares(diffuser, to)
    kind = diffuser.scheduler.config.prediction_type
    if kind == "epsilon":
        noise, clean = prediction, (z - s * prediction) / a
    elif kind == "v_prediction":
        noise, clean = a * prediction + s * z, a * z - s * prediction
    else:
        raise ValueError(f"the model predicts {kind!r}; wanted epsilon or v_prediction")
    return to_a * clean + to_s * noise


@torch.no_grad()
def walk(
    diffuser: Diffuser,
    z: Float[Tensor, "b z h w"],
    steps: Sequence[Step],
    condition: Condition,
    *,
    layers: Layers = (),
    at: Collection[int] | None = None,
    negative: Condition | None = None,
    guidance: float | int = 1.0,
) -> Iterator[Visit]:
    """Walk `steps` from the latent `z`; yields what is seen at each position of `at` (default: all
    of them), in the order walked, and goes no further than the last.

    With `layers` (module paths, or such by position) a visit has their outputs, and the network
    stops after the last layer at the last position. Where the last call leads on, one more position
    can be asked for, where the latent arrives: n of an inversion, -1 of a generation; it has no
    layers. `guidance` above 1 pushes away from the `negative` prompt, in a batch twice as large;
    layers are those of `condition`. Latents are float32. No random number is drawn. Raises
    ValueError on a position that the path has not.
    """
    if guidance != 1 and negative is None:
        raise ValueError("guidance needs the condition of a negative prompt; '' is none")
    texts = [condition] if guidance == 1 else [negative, condition]
    z, left = z.to(diffuser.device, torch.float32), _wanted(steps, at)
    for step in steps:
        asked = step.position in left
        wanted = _at(layers, step.position) if asked else ()
        left -= {step.position}
        if asked and not wanted:
            yield Visit(step.position, step.t, z)
        if not left and not wanted:
            return
        maps, prediction = _call(diffuser, z, step.t, texts, wanted, stop=not left)
        if wanted:
            yield Visit(step.position, step.t, z, maps)
        if not left:
            return
        if guidance != 1:
            away, toward = prediction.chunk(2)
            prediction = away + guidance * (toward - away)
        z = move(diffuser, z, prediction, step.t, step.to)
    yield Visit(_arrival(steps), steps[-1].to, z)


@torch.no_grad()
def noised(
    diffuser: Diffuser,
    z: Float[Tensor, "b z h w"],
    steps: Sequence[Step],
    condition: Condition,
    noise: Callable[[int], Float[Tensor, "b z h w"]],
    *,
    layers: Layers = (),
    at: Collection[int] | None = None,
) -> Iterator[Visit]:
    """The same visits without a path: at each position the clean latent `z` with `noise(t)` of that
    level, independent of the others. One call of the network a position asked for, in the order of
    `steps`; each stops after the last layer.
    """
    z, left = z.to(diffuser.device, torch.float32), _wanted(steps, at)
    for step in steps:
        if step.position in left:
            a, s = shares(diffuser, step.t)
            x = a * z + s * noise(step.t).to(z)
            wanted = _at(layers, step.position)
            maps = _call(diffuser, x, step.t, [condition], wanted, stop=True)[0]
            yield Visit(step.position, step.t, x, maps)


def _wanted(steps: Sequence[Step], at: Collection[int] | None) -> set[int]:
    there = {step.position for step in steps}
    there |= {_arrival(steps)} if steps[-1].to is not None else set()
    if at is not None and (missing := set(at) - there):
        raise ValueError(
            f"no position {min(missing)} on this path; it has {min(there)} to {max(there)}"
        )
    return there if at is None else set(at)


def _at(layers: Layers, position: int) -> Sequence[str]:
    return layers.get(position, ()) if isinstance(layers, Mapping) else layers


def _arrival(steps: Sequence[Step]) -> int:
    """One position beyond the last that is walked to."""
    last = steps[-1]
    return last.position + (1 if last.to > last.t else -1)


def _call(
    diffuser: Diffuser,
    z: Tensor,
    t: int,
    texts: Sequence[Condition],
    layers: Sequence[str],
    stop: bool,
) -> tuple[dict[str, Tensor], Tensor | None]:
    """The layers of the last text's samples, and the prediction of all, unless stopped before."""
    embedding = torch.cat([text.expand(len(z), -1, -1) for text in texts])
    x = z.repeat(len(texts), 1, 1, 1).to(diffuser.dtype)
    prediction = None

    def run() -> Tensor:
        return diffuser.unet(
            x, t, encoder_hidden_states=embedding.to(diffuser.device, diffuser.dtype)
        ).sample.float()

    if not layers:
        return {}, None if stop else run()
    with capture(diffuser.unet, layers, stop=stop) as found:
        prediction = run()
    return {layer: values[-len(z) :] for layer, values in found.items()}, prediction
