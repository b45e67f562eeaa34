"""A small language for building toys out of parts, for a whole batch of instances at once.

Numbers in a toy's definition may be plain floats or tensors with one value an instance. Toys stand
on z = 0 and look along +x; +y is their left. Builders add named parts; `finish` centres each toy
and scales it into the unit ball.
"""

from dataclasses import dataclass
from numbers import Real

import torch
from jaxtyping import Float, Int
from torch import Tensor

from corrlib.toybox.shapes import BOX, ELLIPSOID, FRUSTUM

KINDS = (ELLIPSOID, BOX, FRUSTUM)
# Palette slots: what a part is painted with. The scene draws the colours.
BODY, ACCENT, DARK, LIGHT, GLASS, WARM, LEAF, SKIN, METAL, HAIR = range(10)
SLOTS = 10
# Which way each side and end of a toy lies: the sign of y, and of x.
SIDES = (("left", 1.0), ("right", -1.0))
ENDS = (("front", 1.0), ("back", -1.0))


@dataclass(frozen=True)
class Parts:
    """The parts of a batch of toys of one category: `p` parts, the same names and kinds in every
    instance.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    colors: Int[Tensor, "p"]
    centre: Float[Tensor, "b p 3"]
    rotation: Float[Tensor, "b p 3 3"]  # columns are the part's axes in the toy's frame
    half: Float[Tensor, "b p 3"]
    taper: Float[Tensor, "b p"]

    def place(self, part: int, u: Float[Tensor, "*n 3"]) -> Float[Tensor, "b *n 3"]:
        """Part coordinates on one part to the toy's frame."""
        local = self.half[:, part, None] * u.reshape(1, -1, 3)
        world = self.centre[:, part, None] + torch.einsum(
            "bij,bnj->bni", self.rotation[:, part], local
        )
        return world.reshape(-1, *u.shape)


class Maker:
    """Collects parts; draws the shape parameters that a definition asks for from one generator."""

    def __init__(self, batch: int, generator: torch.Generator):
        self.batch, self.generator, self.device = batch, generator, generator.device
        self._parts: list[tuple] = []

    def uniform(self, low: Real, high: Real) -> Float[Tensor, "b"]:
        return (
            torch.rand(self.batch, generator=self.generator, device=self.device) * (high - low)
            + low
        )

    def chance(self, p: Real) -> Float[Tensor, "b"]:
        """1 with probability p, else 0: multiply a size by it to make a part optional."""
        return (self.uniform(0, 1) < p).float()

    def number(self, value) -> Float[Tensor, "b"]:
        return torch.as_tensor(value, dtype=torch.float32, device=self.device).expand(self.batch)

    def vector(self, xyz) -> Float[Tensor, "b 3"]:
        return xyz if isinstance(xyz, Tensor) else torch.stack([self.number(v) for v in xyz], -1)

    def turn(self, yaw=0.0, pitch=0.0, roll=0.0) -> Float[Tensor, "b 3 3"]:
        """Rotation by yaw about z, then pitch (nose up positive), then roll about x, in degrees."""
        a, b, c = (torch.deg2rad(self.number(v)) for v in (yaw, pitch, roll))
        zero, one = torch.zeros_like(a), torch.ones_like(a)

        def matrix(*rows):
            return torch.stack([torch.stack(row, -1) for row in rows], -2)

        about_z = matrix((a.cos(), -a.sin(), zero), (a.sin(), a.cos(), zero), (zero, zero, one))
        about_y = matrix((b.cos(), zero, -b.sin()), (zero, one, zero), (b.sin(), zero, b.cos()))
        about_x = matrix((one, zero, zero), (zero, c.cos(), -c.sin()), (zero, c.sin(), c.cos()))
        return about_z @ about_y @ about_x

    def add(self, kind: str, name: str, at, half, color: int, turn=None, taper=0.0) -> None:
        """One part: centre, half sizes along its own axes, palette slot, rotation, taper of a
        frustum.
        """
        turn = torch.eye(3, device=self.device).expand(self.batch, 3, 3) if turn is None else turn
        self._parts.append(
            (name, kind, color, self.vector(at), turn, self.vector(half), self.number(taper))
        )

    def ball(self, name, at, half, color, turn=None):
        self.add(ELLIPSOID, name, at, half, color, turn)

    def box(self, name, at, half, color, turn=None):
        self.add(BOX, name, at, half, color, turn)

    def disc(self, name, at, radius, half_width, color, taper=0.0):
        """A capped cylinder whose axis is the toy's y, as a wheel's; +z in part coordinates is the
        toy's left.
        """
        self.add(
            FRUSTUM, name, at, (radius, radius, half_width), color, self.turn(roll=-90.0), taper
        )

    def post(self, name, at, radius, half_height, color, taper=0.0):
        """An upright capped cylinder (or a cone, with taper towards -1)."""
        self.add(FRUSTUM, name, at, (radius, radius, half_height), color, None, taper)

    def limb(self, name, start, end, radius, color, taper=0.0, kind=FRUSTUM, flat=1.0):
        """A part from `start` to `end`: part z runs from -1 at the start to +1 at the end. `flat`
        thins its second axis.
        """
        start, end = self.vector(start), self.vector(end)
        axis = end - start
        length = axis.norm(dim=-1, keepdim=True).clamp(min=1e-6)
        z = axis / length
        # part x points as far forward as it can, so that part coordinates mean the same whatever
        # the pose
        forward = torch.where(
            z[:, :1].abs() > 0.9, z.new_tensor([0.0, 0.0, 1.0]), z.new_tensor([1.0, 0.0, 0.0])
        )
        x = forward - (forward * z).sum(-1, keepdim=True) * z
        x = x / x.norm(dim=-1, keepdim=True)
        y = torch.linalg.cross(z, x)
        radius = self.number(radius)
        half = torch.stack([radius, radius * flat, length[:, 0] / 2], -1)
        self.add(kind, name, (start + end) / 2, half, color, torch.stack([x, y, z], -1), taper)

    def finish(self) -> Parts:
        """The parts, each toy moved and scaled so that the box around its parts has its centre at 0
        and half diagonal 1.
        """
        names, kinds, colors, centre, rotation, half, taper = zip(*self._parts, strict=True)
        centre, rotation, half, taper = (torch.stack(x, 1) for x in (centre, rotation, half, taper))
        reach = (rotation.abs() @ half[..., None])[..., 0]
        shown = (half.amin(-1, keepdim=True) > 1e-5).expand_as(
            centre
        )  # optional parts that this instance lacks
        low = torch.where(shown, centre - reach, MISSING).amin(1, keepdim=True)
        high = torch.where(shown, centre + reach, -MISSING).amax(1, keepdim=True)
        scale = 2 / (high - low).norm(dim=-1, keepdim=True)
        return Parts(
            names,
            kinds,
            torch.tensor(colors, device=self.device),
            (centre - (low + high) / 2) * scale,
            rotation,
            half * scale,
            taper,
        )


MISSING = 1e6
