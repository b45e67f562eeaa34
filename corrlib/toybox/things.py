"""The things of a room: bottle, chair, potted plant, television; and the table of all eighteen
toys.
"""

import math

from corrlib.toybox.animals import ANIMALS
from corrlib.toybox.maker import (
    ACCENT,
    BODY,
    DARK,
    ENDS,
    GLASS,
    LEAF,
    LIGHT,
    METAL,
    SIDES,
    WARM,
    Maker,
)
from corrlib.toybox.shapes import BOX, ELLIPSOID
from corrlib.toybox.vehicles import VEHICLES


def bottle(m: Maker) -> None:
    """A bottle whose badge, back label and studs tell its sides apart."""
    radius, tall, neck = m.uniform(0.3, 0.42), m.uniform(0.5, 0.72), m.uniform(0.24, 0.42)
    m.post("base", (0, 0, 0.05), radius * 1.03, 0.05, DARK)
    m.post("body", (0, 0, tall + 0.04), radius, tall, BODY)
    m.ball("shoulder", (0, 0, 2 * tall), (radius, radius, 0.3), BODY)
    z = 2 * tall + 0.2
    m.post("neck", (0, 0, z + neck / 2), 0.13, neck / 2 + 0.1, BODY, -0.1)
    m.post("ring", (0, 0, z + neck), 0.16, 0.035, LIGHT)
    m.post("cap", (0, 0, z + neck + 0.13), 0.15, 0.1, ACCENT)
    low, high = tall * 0.55, tall * m.uniform(1.2, 1.45)
    m.post("label", (0, 0, (low + high) / 2), radius * 1.02, (high - low) / 2, LIGHT)
    # the picture on the label tells front from back
    m.ball("badge", (radius * 0.98, 0, (low + high) / 2), (0.06, 0.15, 0.15), ACCENT)
    m.box("back_label", (-radius * 0.99, 0, (low + high) / 2), (0.05, 0.14, (high - low) / 4), DARK)
    for side, y in SIDES:
        m.ball(f"{side}_stud", (0, y * radius, (low + high) / 2), (0.09, 0.05, 0.09), WARM)


def chair(m: Maker) -> None:
    """A chair on four legs, with a leaning back and sometimes arms."""
    seat, width, back = m.uniform(0.75, 0.95), m.uniform(0.42, 0.56), m.uniform(0.75, 1.1)
    lean, arms = m.uniform(0.0, 0.25), m.chance(0.5)
    m.box("seat", (0, 0, seat), (width, width, 0.07), BODY)
    m.ball("cushion", (0.03, 0, seat + 0.07), (width * 0.88, width * 0.85, 0.09), ACCENT)
    for end, x in ENDS:
        for side, y in SIDES:
            m.limb(
                f"{end}_{side}_leg",
                (x * width * 0.86, y * width * 0.86, seat),
                (x * width, y * width, 0),
                0.065,
                WARM,
                kind=BOX,
            )
    top = seat + back
    for side, y in SIDES:
        foot = (-width * 0.9, y * width * 0.88, seat)
        m.limb(
            f"{side}_stile",
            foot,
            (-width * 0.9 - lean, y * width * 0.88, top),
            0.06,
            WARM,
            kind=BOX,
        )
        m.limb(
            f"{side}_arm",
            (-width * 0.95, y * width, seat + 0.36),
            (width * 0.8, y * width, seat + 0.36),
            0.06 * arms,
            WARM,
            kind=BOX,
        )
        m.limb(
            f"{side}_arm_post",
            (width * 0.74, y * width, seat),
            (width * 0.74, y * width, seat + 0.34),
            0.05 * arms,
            WARM,
            kind=BOX,
        )
    start, end = (
        (-width * 0.92 - lean * 0.35, 0, seat + back * 0.35),
        (-width * 0.92 - lean * 0.95, 0, top - 0.03),
    )
    m.add(
        BOX,
        "backrest",
        ((start[0] + end[0]) / 2, 0, (start[2] + end[2]) / 2),
        (0.05, width * 0.9, back * 0.33),
        BODY,
        m.turn(pitch=(lean / back * 57.3)),
    )


def pottedplant(m: Maker) -> None:
    """A plant in a pot: four leaves by the compass, a flower on top."""
    radius, tall = m.uniform(0.36, 0.5), m.uniform(0.26, 0.38)
    m.post("pot", (0, 0, tall), radius, tall, BODY, 0.2)
    m.post("rim", (0, 0, 2 * tall), radius * 1.28, 0.07, ACCENT)
    m.post("soil", (0, 0, 2 * tall + 0.06), radius * 1.08, 0.03, DARK)
    m.ball("badge", (radius * 1.0, 0, tall), (0.06, 0.14, 0.14), LIGHT)
    stem = 2 * tall + m.uniform(0.45, 0.75)
    m.limb("stem", (0, 0, 2 * tall), (0, 0, stem), 0.06, LEAF)
    spread, lift = m.uniform(0.55, 0.85), m.uniform(0.15, 0.55)
    for name, angle in (("front", 0), ("left", 90), ("back", 180), ("right", 270)):
        dx, dy = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        m.limb(
            f"{name}_leaf",
            (0, 0, stem - 0.2),
            (dx * spread, dy * spread, stem + lift - 0.1),
            0.2,
            LEAF,
            kind=ELLIPSOID,
            flat=0.45,
        )
    flower = stem + m.uniform(0.3, 0.5)
    m.limb("flower_stem", (0, 0, stem - 0.05), (0, 0, flower), 0.05, LEAF)
    m.ball("flower", (0, 0, flower + 0.1), (0.22, 0.22, 0.16), ACCENT)
    m.ball("flower_heart", (0, 0, flower + 0.22), (0.12, 0.12, 0.08), WARM)


def tvmonitor(m: Maker) -> None:
    """A television on a foot, with antennas and knobs."""
    wide, high, foot = m.uniform(0.85, 1.25), m.uniform(0.5, 0.75), m.uniform(0.22, 0.42)
    z = foot + high
    m.box("case", (0, 0, z), (0.09, wide, high), BODY)
    m.box("screen", (0.09, 0, z + 0.03), (0.015, wide * 0.9, high * 0.84), GLASS)
    m.box("back_shell", (-0.16, 0, z), (0.12, wide * 0.6, high * 0.62), METAL)
    m.post("neck", (-0.05, 0, foot * 0.6), 0.11, foot * 0.6, METAL)
    m.ball("foot", (0.02, 0, 0.05), (0.3, wide * 0.5, 0.06), DARK)
    m.ball("lamp", (0.1, -wide * 0.8, z - high * 0.92), (0.03, 0.05, 0.05), WARM)
    m.ball("logo", (0.1, 0, z - high * 0.92), (0.025, 0.14, 0.045), LIGHT)
    for side, y in SIDES:
        lean = m.uniform(0.1, 0.45)
        m.limb(
            f"{side}_antenna",
            (-0.05, y * 0.08, z + high),
            (-0.05, y * (0.1 + lean), z + high + 0.5),
            0.035,
            METAL,
        )
        m.ball(
            f"{side}_antenna_tip",
            (-0.05, y * (0.1 + lean), z + high + 0.52),
            (0.06, 0.06, 0.06),
            ACCENT,
        )
        m.ball(f"{side}_knob", (0.02, y * (wide + 0.02), z - high * 0.3), (0.06, 0.06, 0.1), ACCENT)


THINGS = {
    "bottle": (
        bottle,
        {
            "cap top": ("cap", (0, 0, 1)),
            "badge": ("badge", (1, 0, 0)),
            "back label": ("back_label", (-1, 0, 0)),
            **{f"{s} stud": (f"{s}_stud", (0, y, 0)) for s, y in SIDES},
            **{f"label top {e}": ("label", (x, 0, 1)) for e, x in ENDS},
            **{f"label bottom {e}": ("label", (x, 0, -1)) for e, x in ENDS},
            **{f"base {e}": ("base", (x, 0, -1)) for e, x in ENDS},
            **{f"neck {e}": ("ring", (x, 0, 0)) for e, x in ENDS},
            **{f"cap {e}": ("cap", (x, 0, 0)) for e, x in ENDS},
        },
    ),
    "chair": (
        chair,
        {
            **{f"{e} {s} foot": (f"{e}_{s}_leg", (0, 0, 1)) for e, _ in ENDS for s, _ in SIDES},
            **{f"seat {e} {s}": ("seat", (x, y, 1)) for e, x in ENDS for s, y in SIDES},
            **{f"backrest upper {s}": ("backrest", (1, y, 1)) for s, y in SIDES},
            **{f"backrest lower {s}": ("backrest", (1, y, -1)) for s, y in SIDES},
            **{f"stile {s}": (f"{s}_stile", (0, 0, 1)) for s, _ in SIDES},
        },
    ),
    "pottedplant": (
        pottedplant,
        {
            "badge": ("badge", (1, 0, 0)),
            **{
                f"rim {n}": ("rim", (x, y, 0))
                for n, x, y in (("front", 1, 0), ("back", -1, 0), ("left", 0, 1), ("right", 0, -1))
            },
            **{
                f"pot bottom {n}": ("pot", (0.8 * x, 0.8 * y, -1))
                for n, x, y in (("front", 1, 0), ("back", -1, 0), ("left", 0, 1), ("right", 0, -1))
            },
            **{
                f"{n} leaf tip": (f"{n}_leaf", (0, 0, 1))
                for n in ("front", "left", "back", "right")
            },
            "flower": ("flower_heart", (0, 0, 1)),
            "stem": ("stem", (0, 0, -0.1)),
        },
    ),
    "tvmonitor": (
        tvmonitor,
        {
            **{
                f"screen {n}": ("screen", (1, y, z))
                for n, y, z in (
                    ("upper left", 1, 1),
                    ("upper right", -1, 1),
                    ("lower left", 1, -1),
                    ("lower right", -1, -1),
                )
            },
            **{
                f"case {n}": ("case", (0, y, z))
                for n, y, z in (
                    ("upper left", 1, 1),
                    ("upper right", -1, 1),
                    ("lower left", 1, -1),
                    ("lower right", -1, -1),
                )
            },
            "logo": ("logo", (1, 0, 0)),
            "foot": ("foot", (1, 0, 0)),
            "lamp": ("lamp", (1, 0, 0)),
            "back": ("back_shell", (-1, 0, 0)),
            **{f"{s} antenna": (f"{s}_antenna_tip", (0, 0, 1)) for s, _ in SIDES},
            **{f"{s} knob": (f"{s}_knob", (0, y, 0)) for s, y in SIDES},
        },
    ),
}

TOYS = dict(sorted({**ANIMALS, **VEHICLES, **THINGS}.items()))
CATEGORIES = tuple(TOYS)


def keypoints(category: str) -> dict[str, tuple[str, tuple[float, float, float]]]:
    """The category's semantic points: name -> (part, place on the part in part coordinates)."""
    return {
        name: (part, (float(x), float(y), float(z)))
        for name, (part, (x, y, z)) in TOYS[category][1].items()
    }
