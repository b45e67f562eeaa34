"""Several toys on one floor before one camera: who hides whom is decided by depth, ray by ray."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real

import torch
from einops import reduce
from jaxtyping import Float, UInt8
from torch import Tensor

from corrlib.coords import Points, Size
from corrlib.toybox import paint
from corrlib.toybox.maker import Parts
from corrlib.toybox.render import cast, pixel_grid, project
from corrlib.toybox.scene import Scene, covers

STAGE = (
    "elevation",
    "roll",
    "light",
    "wall_color",
    "floor_color",
    "grounds",
    "horizon",
    "texture",
    "clutter",
    "occluder",
)


@dataclass(frozen=True)
class Actor:
    """A toy of a film at one moment: a scene of one, standing where its shift says, and how far
    away it is (screen units).
    """

    scene: Scene
    away: Real


def stand(stage: Scene, toy: Scene, *, x: Real, far: Real, ground: Real, lift: Real = 0.0) -> Actor:
    """A toy on the stage's floor: `x` to the right of the picture's middle, `far` behind the line
    where the floor is at `ground`.

    All in screen units (the picture's shorter side is 1, down is positive); `lift` is the height of
    its lowest point over the floor. The stage gives camera, light and background, the toy
    everything else.
    """
    scene = replace(toy, **{name: getattr(stage, name) for name in STAGE})
    sin, cos = (
        float(v)
        for v in (torch.deg2rad(stage.elevation).sin(), torch.deg2rad(stage.elevation).cos())
    )
    scale = float(toy.scale)
    height = lift - foot(toy.parts) * scale  # of the toy's centre over the floor
    shift = torch.tensor([[x, ground - far * sin - height * cos]])
    return Actor(replace(scene, shift=shift), far * cos - height * sin)


def foot(parts: Parts) -> float:
    """z of the lowest point of a toy's parts, in its own frame."""
    reach = (parts.rotation.abs() @ parts.half[..., None])[..., 0]
    shown = parts.half.amin(-1) > 1e-5
    return float(torch.where(shown, (parts.centre - reach)[..., 2], torch.inf).amin())


def look(
    actors: Sequence[Actor], x: Float[Tensor, "1 n"], y: Float[Tensor, "1 n"]
) -> tuple[Tensor, Tensor]:
    """Along each ray the colour (1 n 3) and the number of the actor that is seen (1 n): 1, 2, ...;
    0 for none of them.
    """
    stage = actors[0].scene
    color = paint.background(stage, x, y)
    for actor in actors[1:]:
        color = color * (1 - 0.35 * paint.shadow(actor.scene, x, y))[..., None]
    nearest, seen = torch.full_like(x, torch.inf), torch.zeros_like(x, dtype=torch.uint8)
    for number, actor in enumerate(actors, start=1):
        part, depth, place, normal = cast(actor.scene, x, y)
        distance = torch.where(
            part >= 0, depth * actor.scene.scale[:, None] + actor.away, torch.inf
        )
        closer = distance < nearest
        toy = paint.lit(actor.scene, paint.toy_paint(actor.scene, part, place), normal)
        color, nearest = (
            torch.where(closer[..., None], toy, color),
            torch.where(closer, distance, nearest),
        )
        seen = torch.where(closer, number, seen)
    covered = covers(stage.occluder[:, None], x, y)[:, 0]
    color = torch.where(covered[..., None], stage.occluder[:, None, 6:], color)
    return color, torch.where(covered, 0, seen)


def frame(
    actors: Sequence[Actor], size: Size, *, pan: Real = 0.0
) -> tuple[Float[Tensor, "3 H W"], UInt8[Tensor, "H W"]]:
    """One picture and its map of actors' numbers, taken at pixel centres; `pan` moves the camera to
    the right (screen units).
    """
    x, y = pixel_grid(actors[0].scene, size, 2)
    color, _ = look(actors, x + pan, y)
    rgb = reduce(color, "1 (H i W j) c -> c H W", "mean", W=size[0], i=2, j=2).clamp(0, 1)
    x, y = pixel_grid(actors[0].scene, size, 1)
    return rgb, look(actors, x + pan, y)[1].reshape(size[1], size[0])


def joints(
    actor: Actor,
    places: Sequence[tuple[str, tuple[Real, Real, Real]]],
    size: Size,
    *,
    pan: Real = 0.0,
) -> Points:
    """Where places on parts of an actor lie in the picture, in pixels, hidden or not, also outside
    of it.
    """
    parts = actor.scene.parts
    world = torch.stack(
        [
            parts.place(parts.names.index(name), torch.tensor([list(map(float, u))]))[:, 0]
            for name, u in places
        ],
        1,
    )
    moved = replace(actor.scene, shift=actor.scene.shift - torch.tensor([[pan, 0.0]]))
    return project(moved, world, size)[0][0]
