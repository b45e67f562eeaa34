"""Drawing a scene: everything that varies from one picture to the next, under one knob each, from
one generator.
"""

from dataclasses import dataclass, fields, replace
from numbers import Real
from typing import Annotated

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from corrlib.toybox.maker import BODY, SLOTS, Maker, Parts
from corrlib.toybox.things import TOYS
from corrlib.validation import Validated
from corrlib.validation.kinds import FLOAT, NotNegative, Number, Positive, Share

# (name in captions, red, green, blue); what toys are painted with
COLORS = (
    ("red", 0.84, 0.18, 0.16),
    ("orange", 0.95, 0.52, 0.13),
    ("yellow", 0.96, 0.81, 0.22),
    ("green", 0.26, 0.62, 0.27),
    ("blue", 0.16, 0.38, 0.76),
    ("purple", 0.50, 0.26, 0.62),
    ("pink", 0.93, 0.55, 0.68),
    ("brown", 0.48, 0.30, 0.18),
    ("grey", 0.52, 0.53, 0.55),
    ("white", 0.93, 0.92, 0.90),
    ("black", 0.13, 0.13, 0.15),
    ("turquoise", 0.20, 0.68, 0.66),
)
# quieter colours for walls and floors, so that the toy stands out
GROUNDS = (
    ("red", 0.74, 0.47, 0.42),
    ("orange", 0.87, 0.69, 0.49),
    ("yellow", 0.88, 0.82, 0.58),
    ("green", 0.57, 0.70, 0.50),
    ("blue", 0.56, 0.69, 0.82),
    ("purple", 0.66, 0.58, 0.74),
    ("pink", 0.88, 0.74, 0.76),
    ("brown", 0.60, 0.49, 0.40),
    ("grey", 0.66, 0.67, 0.68),
    ("white", 0.90, 0.89, 0.87),
    ("black", 0.27, 0.28, 0.31),
    ("turquoise", 0.55, 0.76, 0.74),
)
# fixed paints of the slots that the caption does not name: dark, light, glass, warm, leaf, skin,
# metal, hair
FIXED = {
    2: (0.14, 0.13, 0.14),
    3: (0.90, 0.88, 0.83),
    4: (0.25, 0.35, 0.45),
    5: (0.80, 0.50, 0.22),
    6: (0.25, 0.52, 0.22),
}
FIXED |= {7: (0.85, 0.66, 0.52), 8: (0.60, 0.61, 0.64), 9: (0.22, 0.15, 0.11)}
PATTERNS = ("plain", "striped", "spotted", "patchy")
CLUTTER = 6  # background shapes at most


Angle = Annotated[Number, FLOAT]


@dataclass(frozen=True)
class Knobs(Validated):
    """How much of each variation a scene gets. Angles are degrees, sizes fractions of the image's
    shorter side.
    """

    azimuth: tuple[Angle, Angle] = (0.0, 360.0)
    elevation: tuple[Angle, Angle] = (-2.0, 38.0)
    roll: NotNegative = 5.0
    size: tuple[Positive, Positive] = (0.78, 1.2)  # diameter of the toy's ball
    shift: NotNegative = 0.08  # of the centre, at most
    truncation: Share = 0.08  # chance that the toy is pushed over the border
    occluder: Share = 0.12  # chance of an object in front
    clutter: Share = 0.6  # chance of each background shape
    pattern: Share = 0.5  # chance that the body is not plain
    light: Share = 1.0  # 0: always from the camera's upper left
    paint_noise: NotNegative = 0.06  # jitter of every colour


@dataclass(frozen=True)
class Scene:
    """A batch of scenes of one category, before any pixel is drawn. Angles in degrees; screen
    units: the shorter side is 1.
    """

    category: str
    parts: Parts
    azimuth: Float[Tensor, "b"]  # where the camera stands: 0 sees the toy's front, 90 its left side
    elevation: Float[Tensor, "b"]
    roll: Float[Tensor, "b"]
    scale: Float[Tensor, "b"]  # radius of the toy's unit ball
    shift: Float[Tensor, "b 2"]  # of the toy's centre from the image's centre, right and down
    light: Float[Tensor, "b 3"]
    palette: Float[Tensor, "b s 3"]
    body_color: Int[Tensor, "b"]
    accent_color: Int[Tensor, "b"]
    pattern: Int[Tensor, "b"]
    pattern_phase: Float[Tensor, "b 4"]
    wall_color: Int[Tensor, "b"]
    floor_color: Int[Tensor, "b"]
    grounds: Float[Tensor, "b 2 3"]
    horizon: Float[Tensor, "b"]  # height of the floor's edge, from the top
    texture: Float[Tensor, "b 6"]
    clutter: Float[
        Tensor, "b k 9"
    ]  # centre, half sizes, angle, ellipse?, colour; half sizes 0 where absent
    occluder: Float[Tensor, "b 9"]

    def __len__(self) -> int:
        return len(self.azimuth)

    def __getitem__(self, i: int) -> "Scene":
        """Scene i alone, as a batch of one."""

        def one(value):
            return value[i : i + 1] if isinstance(value, Tensor) else value

        parts = replace(
            self.parts,
            **{k: one(getattr(self.parts, k)) for k in ("centre", "rotation", "half", "taper")},
        )
        return replace(
            self,
            parts=parts,
            **{f.name: one(getattr(self, f.name)) for f in fields(self) if f.name != "parts"},
        )

    def seen_from(self, **changes) -> "Scene":
        """The same scene with fields replaced, for instance another azimuth or shift."""
        return replace(self, **changes)

    @property
    def camera(self) -> Float[Tensor, "b 3 3"]:
        """Rows: the image's right, the image's up, and the direction towards the camera, in the
        toy's frame.
        """
        a, e, r = (torch.deg2rad(x) for x in (self.azimuth, self.elevation, self.roll))
        zero = torch.zeros_like(a)
        right = torch.stack([-a.sin(), a.cos(), zero], -1)
        up = torch.stack([-e.sin() * a.cos(), -e.sin() * a.sin(), e.cos()], -1)
        towards = torch.stack([e.cos() * a.cos(), e.cos() * a.sin(), e.sin()], -1)
        turned_right = right * r.cos()[:, None] + up * r.sin()[:, None]
        return torch.stack(
            [turned_right, up * r.cos()[:, None] - right * r.sin()[:, None], towards], 1
        )


def draw(category: str, batch: int, generator: torch.Generator, knobs: Knobs = Knobs()) -> Scene:
    """A batch of scenes of `category` from `generator` (whose device they live on). Raises KeyError
    for an unknown category.
    """
    if category not in TOYS:
        raise KeyError(f"no toy named {category!r}; there are {', '.join(TOYS)}")
    m = Maker(batch, generator)
    TOYS[category][0](m)
    device = generator.device
    body, accent = _two_different(m, len(COLORS))
    wall, floor = _two_different(m, len(GROUNDS))
    paints, grounds = (
        torch.tensor([c[1:] for c in table], device=device) for table in (COLORS, GROUNDS)
    )
    palette = torch.zeros(batch, SLOTS, 3, device=device)
    palette[:, BODY], palette[:, 1] = paints[body], paints[accent]
    for slot, color in FIXED.items():
        palette[:, slot] = torch.tensor(color, device=device)
    palette = (palette + knobs.paint_noise * _normal(m, SLOTS, 3)).clamp(0.02, 0.98)
    skin = m.uniform(0.35, 1.05)[:, None]
    palette[:, 7] *= skin
    scale = m.uniform(*knobs.size) / 2
    pushed = m.chance(knobs.truncation)[:, None]
    edge = torch.nn.functional.normalize(_normal(m, 2), dim=-1) * m.uniform(0.3, 0.45)[:, None]
    shift = (torch.stack([m.uniform(-1, 1), m.uniform(-1, 1)], -1) * knobs.shift) * (
        1 - pushed
    ) + edge * pushed
    spread = knobs.light
    light = torch.stack(
        [
            m.uniform(-0.9, 0.9) * spread - 0.5 * (1 - spread),
            m.uniform(0.3, 0.9),
            m.uniform(0.45, 0.9),
        ],
        -1,
    )
    pattern = (m.uniform(1, 4).long() * m.chance(knobs.pattern).long()).clamp(0, 3)
    return Scene(
        category=category,
        parts=m.finish(),
        azimuth=m.uniform(*knobs.azimuth) % 360,
        elevation=m.uniform(*knobs.elevation),
        roll=m.uniform(-knobs.roll, knobs.roll),
        scale=scale,
        shift=shift,
        light=torch.nn.functional.normalize(light, dim=-1),
        palette=palette,
        body_color=body,
        accent_color=accent,
        pattern=pattern,
        pattern_phase=torch.stack([m.uniform(0, 6.28) for _ in range(4)], -1),
        wall_color=wall,
        floor_color=floor,
        grounds=(
            torch.stack([grounds[wall], grounds[floor]], 1)
            + knobs.paint_noise * 0.7 * _normal(m, 2, 3)
        ).clamp(0.05, 0.97),
        horizon=m.uniform(0.42, 0.78),
        texture=torch.stack([m.uniform(0, 1) for _ in range(6)], -1),
        clutter=_shapes(m, CLUTTER, knobs.clutter, grounds),
        occluder=_occluder(m, knobs.occluder, paints, shift, scale),
    )


def _normal(m: Maker, *shape: int) -> Tensor:
    return torch.randn(m.batch, *shape, generator=m.generator, device=m.device)


def _two_different(m: Maker, n: int) -> tuple[Tensor, Tensor]:
    one = m.uniform(0, n).long().clamp(max=n - 1)
    return one, (one + 1 + m.uniform(0, n - 1).long().clamp(max=n - 2)) % n


def _shapes(m: Maker, count: int, chance: Real, colors: Tensor) -> Float[Tensor, "b k 9"]:
    rows = []
    for _ in range(count):
        shown = m.chance(chance * 0.7)
        place = [m.uniform(-0.6, 0.6), m.uniform(-0.6, 0.6)]
        half = [m.uniform(0.03, 0.16) * shown, m.uniform(0.03, 0.16) * shown]
        color = (
            colors[m.uniform(0, len(colors)).long().clamp(max=len(colors) - 1)]
            * m.uniform(0.7, 1.1)[:, None]
        )
        rows.append(
            torch.cat(
                [
                    torch.stack([*place, *half, m.uniform(0, 3.14), m.chance(0.5)], -1),
                    color.clamp(0, 1),
                ],
                -1,
            )
        )
    return torch.stack(rows, 1)


def _occluder(
    m: Maker, chance: Real, colors: Tensor, shift: Tensor, scale: Tensor
) -> Float[Tensor, "b 9"]:
    """A coloured shape in front of the toy, off its centre so that most of it stays visible."""
    shown = m.chance(chance)
    angle, far = m.uniform(0, 6.28), m.uniform(0.45, 0.95) * scale
    half = torch.stack([m.uniform(0.05, 0.12) * shown, m.uniform(0.05, 0.12) * shown], -1)
    color = colors[m.uniform(0, len(colors)).long().clamp(max=len(colors) - 1)]
    centre = shift + torch.stack([angle.cos() * far, angle.sin() * far], -1)
    return torch.cat(
        [centre, half, torch.stack([m.uniform(0, 3.14), m.chance(0.5)], -1), color], -1
    )


def covers(shapes: Float[Tensor, "b k 9"], x: Tensor, y: Tensor) -> Bool[Tensor, "b k n"]:
    """Which of the flat shapes cover which screen points (x, y: b x n, in screen units from the
    image's centre).
    """
    cx, cy, hx, hy, angle, round_ = (shapes[..., i, None] for i in range(6))
    dx, dy = x[:, None] - cx, y[:, None] - cy
    u = (dx * angle.cos() + dy * angle.sin()) / hx.clamp(min=1e-6)
    v = (dy * angle.cos() - dx * angle.sin()) / hy.clamp(min=1e-6)
    inside = torch.where(round_ > 0.5, u * u + v * v, torch.maximum(u.abs(), v.abs())) < 1
    return inside & (hx > 0)
