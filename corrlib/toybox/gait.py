"""Toys that walk: the limbs of a person or an animal turned about their joints, which stay
joined.
"""

import math
from dataclasses import replace
from numbers import Real

import torch
from jaxtyping import Float
from torch import Tensor

from corrlib.toybox.maker import ENDS, SIDES, Parts

# A limb is a chain of bones that begin where the one before ends, and what hangs on its end, which
# moves but does not turn.
PERSON = {
    **{f"{side} leg": (f"{side}_thigh", f"{side}_shin", f"{side}_shoe") for side, _ in SIDES},
    **{
        f"{side} arm": (f"{side}_upper_arm", f"{side}_forearm", f"{side}_hand") for side, _ in SIDES
    },
}
ANIMAL = {
    f"{end} {side} leg": (f"{end}_{side}_thigh", f"{end}_{side}_shin", f"{end}_{side}_foot")
    for end, _ in ENDS
    for side, _ in SIDES
}


def bend(parts: Parts, limb: tuple[str, str, str], upper: Real, lower: Real) -> Parts:
    """The toys with a limb's two bones at these angles (radians) from straight down, forward
    positive, in the plane of walking.

    Bones turn about the toy's y through their joints, so that a limb that was spread stays spread.
    """
    one, two, end = (parts.names.index(name) for name in limb)
    turned = _turn(parts, one, (one, two), (end,), upper)
    return _turn(turned, two, (two,), (end,), lower)


def _turn(
    parts: Parts, bone: int, rigid: tuple[int, ...], carried: tuple[int, ...], angle: Real
) -> Parts:
    start = parts.place(bone, torch.tensor([[0.0, 0.0, -1.0]]))[:, 0]
    along = parts.rotation[:, bone, :, 2]  # from the bone's start to its end
    by = angle - torch.atan2(along[:, 0], -along[:, 2])
    matrix = _about_y(by)
    centre, rotation = parts.centre.clone(), parts.rotation.clone()
    for part in (*rigid, *carried):
        centre[:, part] = start + torch.einsum("bij,bj->bi", matrix, parts.centre[:, part] - start)
    for part in rigid:
        rotation[:, part] = matrix @ parts.rotation[:, part]
    return replace(parts, centre=centre, rotation=rotation)


def _about_y(angle: Float[Tensor, "b"]) -> Float[Tensor, "b 3 3"]:
    """Turns straight down towards forward for a positive angle."""
    cos, sin, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    return torch.stack([cos, zero, -sin, zero, one, zero, sin, zero, cos], -1).unflatten(-1, (3, 3))


def stride(parts: Parts, phase: Real, *, swing: Real = 0.45, lift: Real = 0.8) -> Parts:
    """A walk's pose at `phase` (radians): opposite legs in turn, the knee bent while a leg swings
    forward, arms against the legs.

    A person runs with more `swing` and `lift`; an animal's diagonal legs go together. Other toys
    are returned as they are.
    """
    if "left_thigh" in parts.names:
        for side, sign in SIDES:
            beat = phase if sign > 0 else phase + math.pi
            parts = bend(parts, PERSON[f"{side} leg"], *_leg(beat, swing, lift))
            upper = -swing * math.sin(beat)
            parts = bend(parts, PERSON[f"{side} arm"], upper, upper + 0.25 + lift * 0.6)
    elif "front_left_thigh" in parts.names:
        for limb, beat in (
            ("front left", 0),
            ("back right", 0),
            ("front right", math.pi),
            ("back left", math.pi),
        ):
            parts = bend(parts, ANIMAL[f"{limb} leg"], *_leg(phase + beat, swing * 0.8, lift * 0.7))
    return parts


def _leg(phase: Real, swing: Real, lift: Real) -> tuple[Real, Real]:
    upper = swing * math.sin(phase)
    return upper, upper - lift * max(
        0.0, math.cos(phase)
    )  # the leg swings forward while its angle grows


def wave(parts: Parts, phase: Real, side: str = "right") -> Parts:
    """A person with one arm up, whose forearm swings with `phase`; the other arm hangs and both
    legs stand.
    """
    other = "left" if side == "right" else "right"
    for name, upper, lower in (
        (f"{side} arm", 2.5, 2.6 + 0.7 * math.sin(phase)),
        (f"{other} arm", 0.05, 0.2),
    ):
        parts = bend(parts, PERSON[name], upper, lower)
    for name, lean in ((f"{side} leg", 0.08), (f"{other} leg", -0.08)):
        parts = bend(parts, PERSON[name], lean, lean)
    return parts


def crouch(parts: Parts, depth: Real) -> Parts:
    """A person with both knees bent by `depth` in [0, 1] and the arms back, as before a jump."""
    for side, _ in SIDES:
        parts = bend(parts, PERSON[f"{side} leg"], 0.9 * depth, -0.9 * depth)
        parts = bend(parts, PERSON[f"{side} arm"], 1.6 - 2.4 * depth, 1.9 - 2.2 * depth)
    return parts
