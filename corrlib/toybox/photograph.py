"""Photographs of toys: scenes framed as SPair-71k's pictures are, for any number at once.

`scene.draw` alone makes the *hard* world: a toy of about one size, seen from anywhere. Here a
photographer stands before it. How much of the picture the toy fills follows SPair-71k (FILL, from
the boxes of 360 of its test pairs); how often a border or another thing cuts it follows the shares
of pairs without either (half, and six in ten). Where the camera stands is our own assumption, since
SPair-71k does not state azimuths: most pictures are taken near one favourite view, so that about
half of the pairs are easy, a third medium and a sixth hard (below 35, below 80 degrees, above).
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from corrlib.coords import Size
from corrlib.toybox.maker import Maker
from corrlib.toybox.render import outline
from corrlib.toybox.scene import COLORS, Knobs, Scene, draw

# Quantiles of the longer side of the box over the longer side of the picture.
FILL = ((0.0, 0.25), (0.1, 0.36), (0.25, 0.49), (0.5, 0.65), (0.75, 0.82), (0.9, 0.95), (1.0, 0.99))
FAVOURITE, SPREAD = 35.0, 32.0  # degrees of azimuth: from the front left, and the deviation
ANYWHERE = 0.1  # share of the pictures that are taken from any side
CUT = 0.58  # chance that the picture cuts a toy of the largest fill; it falls in proportion
AWAY = (0.1, 0.3)  # how much of a cut toy's extent lies outside
HIDER = 0.27  # chance of something in front
WHOLE = Knobs(truncation=0, occluder=0)  # what is cut or hidden is decided by the frame
SHAPES: tuple[Size, ...] = ((192, 192), (224, 168), (168, 224))  # square, landscape, portrait


def photograph(
    category: str, batch: int, generator: torch.Generator
) -> tuple[Scene, Float[Tensor, "b 2"]]:
    """A batch of scenes as a photographer frames them, and each picture's (width, height) of
    SHAPES.

    Elevation, roll, clutter, patterns, light and paint are those of `scene.draw`. Everything lives
    on the generator's device. Raises KeyError for an unknown category.
    """
    scene = draw(category, batch, generator, WHOLE)
    m = Maker(batch, generator)
    near = FAVOURITE + SPREAD * torch.randn(batch, generator=generator, device=m.device)
    azimuth = torch.where(m.chance(ANYWHERE) > 0, m.uniform(0, 360), near % 360)
    scene = scene.seen_from(azimuth=azimuth)
    low, high = outline(scene)
    shape = _shape(m, high - low)
    size = torch.tensor(SHAPES, device=m.device)[shape].float()
    room = size / size.amin(1, keepdim=True)  # in screen units
    scale, shift = _frame(m, low, high, room)
    scene = scene.seen_from(scale=scale, shift=shift)
    return scene.seen_from(occluder=_hider(m, low, high, scale, shift)), size


def _shape(m: Maker, extent: Float[Tensor, "b 2"]) -> Tensor:
    """Which of SHAPES: a wide toy in a wide picture, a tall one in a tall one, mostly."""
    lean = (extent[:, 0] / extent[:, 1]).log()
    lean = lean + 0.15 * torch.randn(m.batch, generator=m.generator, device=m.device)
    return (lean > 0.12).long() + 2 * (lean < -0.12).long()


def _frame(m: Maker, low: Tensor, high: Tensor, room: Tensor) -> tuple[Tensor, Tensor]:
    """How large each toy is and where it stands, so that its visible box fills what FILL says."""
    level = m.uniform(0, 1)
    at, fills = (torch.tensor(v, device=m.device) for v in zip(*FILL, strict=True))
    i = torch.searchsorted(at, level, right=True).clamp(1, len(at) - 1)
    fill = fills[i - 1] + (level - at[i - 1]) / (at[i] - at[i - 1]) * (fills[i] - fills[i - 1])
    extent = high - low
    cut = (m.uniform(0, 1) < CUT * level)[:, None]
    # a cut toy leaves the picture at one side, more often at the left or right
    axis = (m.uniform(0, 1) < 0.35).long()
    side = torch.where(m.uniform(0, 1) < 0.5, -1.0, 1.0)
    away = m.uniform(*AWAY)
    along = torch.nn.functional.one_hot(axis, 2) > 0
    inside = torch.where(cut & along, extent * (1 - away[:, None]), extent)
    scale = fill * room.amax(1) / inside.amax(1)
    fits = 0.99 * (room / inside).amin(1)
    scale = torch.minimum(scale, fits)
    extent, free = extent * scale[:, None], room - extent * scale[:, None]
    middle = (torch.stack([m.uniform(-0.5, 0.5), m.uniform(-0.5, 0.5)], -1)) * free.clamp(min=0)
    over = side[:, None] * (room / 2 - extent / 2 + away[:, None] * extent)
    centre = torch.where(cut & along, over, middle)
    return scale, centre - (low + high) / 2 * scale[:, None]


def _hider(m: Maker, low: Tensor, high: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """A coloured shape before some of the toys, off their middle, so that most stays visible."""
    shown, angle = m.chance(HIDER), m.uniform(0, 2 * math.pi)
    half = (high - low) / 2 * scale[:, None]
    ray = torch.stack([angle.cos(), angle.sin()], -1)
    centre = shift + (low + high) / 2 * scale[:, None] + half * ray * m.uniform(0.35, 0.8)[:, None]
    size = half.amax(1, keepdim=True) * torch.stack([m.uniform(0.15, 0.32) for _ in range(2)], -1)
    colors = torch.tensor([c[1:] for c in COLORS], device=m.device)
    color = colors[m.uniform(0, len(colors)).long().clamp(max=len(colors) - 1)]
    turn = torch.stack([m.uniform(0, math.pi), m.chance(0.5)], -1)
    return torch.cat([centre, size * shown[:, None], turn, color], -1)
