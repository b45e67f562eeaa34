"""Five quadrupeds of one body plan: cat, cow, dog, horse, sheep."""

from corrlib.toybox.maker import ACCENT, BODY, DARK, HAIR, LIGHT, SIDES, SKIN, Maker
from corrlib.toybox.shapes import ELLIPSOID

# What makes a species of the common body plan: lengths in units of the body's half length.
SPECIES = {
    "cat": dict(
        thick=0.42,
        leg=(0.55, 0.7),
        leg_width=0.13,
        neck=(0.35, 0.3),
        head=0.44,
        snout=(0.16, 0.2),
        ears="point",
        tail=1.25,
        lift=60,
    ),
    "dog": dict(
        thick=0.44,
        leg=(0.65, 0.95),
        leg_width=0.14,
        neck=(0.4, 0.45),
        head=0.38,
        snout=(0.42, 0.19),
        ears="flop",
        tail=0.8,
        lift=45,
    ),
    "horse": dict(
        thick=0.42,
        leg=(1.1, 1.35),
        leg_width=0.13,
        neck=(0.55, 0.85),
        head=0.27,
        snout=(0.52, 0.17),
        ears="point",
        tail=0.9,
        lift=-60,
    ),
    "cow": dict(
        thick=0.52,
        leg=(0.75, 0.95),
        leg_width=0.15,
        neck=(0.45, 0.25),
        head=0.34,
        snout=(0.34, 0.24),
        ears="side",
        tail=0.9,
        lift=-75,
    ),
    "sheep": dict(
        thick=0.62,
        leg=(0.55, 0.7),
        leg_width=0.12,
        neck=(0.4, 0.28),
        head=0.28,
        snout=(0.26, 0.17),
        ears="side",
        tail=0.25,
        lift=-20,
    ),
}


def quadruped(m: Maker, species: str) -> None:
    """A body on four legs with neck, head, snout, ears, eyes and tail; part names are shared by all
    five species.
    """
    s = SPECIES[species]
    thick = s["thick"] * m.uniform(0.88, 1.15)
    leg = m.uniform(*s["leg"])
    width = thick * m.uniform(0.85, 1.0)
    wool = species == "sheep"
    m.ball("body", (0, 0, leg + thick * 0.6), (1.05, width, thick), BODY)
    if not wool:
        m.ball("chest", (0.55, 0, leg + thick * 0.62), (0.48, width * 1.02, thick * 1.02), BODY)
    hoof = {"cat": LIGHT, "dog": LIGHT}.get(species, DARK)
    for end, x in (("front", 0.62), ("back", -0.68)):
        for side, y in SIDES:
            swing = m.uniform(-0.22, 0.22)
            hip, knee = (
                (x, y * width * 0.62, leg + thick * 0.3),
                (x + swing * 0.5, y * width * 0.62, leg * 0.5),
            )
            foot = (x + swing, y * width * 0.62, 0.06)
            lw = s["leg_width"]
            m.limb(f"{end}_{side}_thigh", hip, knee, lw * 1.3, DARK if wool else BODY, taper=-0.2)
            m.limb(f"{end}_{side}_shin", knee, foot, lw, DARK if wool else BODY, taper=-0.1)
            m.ball(
                f"{end}_{side}_foot",
                (x + swing + 0.05, y * width * 0.62, 0.08),
                (lw * 1.45, lw * 1.2, 0.1),
                hoof,
            )
    nod, look = m.uniform(-0.12, 0.18), m.uniform(-0.14, 0.14)
    forward, up = s["neck"]
    base = (0.72, 0, leg + thick * 0.85)
    top = (0.72 + forward, look, leg + thick * 0.85 + up + nod)
    m.limb("neck", base, top, 0.24 if species != "horse" else 0.22, BODY, taper=-0.25)
    h = s["head"] * m.uniform(0.92, 1.1)
    hx, hy, hz = top[0] + h * 0.25, look, top[2] + h * 0.3
    face = DARK if wool else BODY
    m.ball("head", (hx, hy, hz), (h * 1.02, h * 0.86, h * 0.92), face)
    reach, w = s["snout"]
    reach = reach * m.uniform(0.85, 1.15)
    drop = -0.12 if species in ("cat", "dog") else -0.3
    tip = (hx + h * 0.75 + reach, hy, hz + drop * (h + reach))
    m.limb(
        "snout",
        (hx + h * 0.35, hy, hz - h * 0.12),
        tip,
        w,
        ACCENT if species in ("cow", "dog", "cat") else face,
        kind=ELLIPSOID,
    )
    m.ball(
        "nose",
        (tip[0] - 0.02, hy, tip[2] + w * 0.35),
        (0.08, 0.1, 0.07),
        DARK if not wool else SKIN,
    )
    for side, y in SIDES:
        m.ball(
            f"{side}_eye",
            (hx + h * 0.68, hy + y * h * 0.5, hz + h * 0.32),
            (0.085, 0.085, 0.1),
            DARK if not wool else LIGHT,
        )
        _ear(m, s["ears"], side, y, (hx, hy, hz), h, face)
        if species == "cow":
            root = (hx + 0.02, hy + y * h * 0.45, hz + h * 0.75)
            end = (hx + 0.1, hy + y * (h * 0.45 + 0.26), hz + h * 0.75 + m.uniform(0.2, 0.38))
            m.limb(f"{side}_horn", root, end, 0.075, LIGHT, taper=-0.6)
    if wool:
        m.ball("wool_cap", (hx - h * 0.25, hy, hz + h * 0.65), (h * 0.75, h * 0.7, h * 0.5), BODY)
    if species == "horse":
        m.limb(
            "mane",
            (0.52, 0, leg + thick * 1.35),
            (hx - h * 0.7, hy, hz + h * 0.75),
            0.17,
            HAIR,
            kind=ELLIPSOID,
            flat=0.45,
        )
    _tail(m, s, species, leg, thick)


def _ear(m: Maker, style: str, side: str, y: float, head, h, color: int) -> None:
    hx, hy, hz = head
    if style == "point":
        m.limb(
            f"{side}_ear",
            (hx - 0.02, hy + y * h * 0.5, hz + h * 0.55),
            (hx, hy + y * h * 0.66, hz + h * 1.5),
            h * 0.33,
            color,
            taper=-0.9,
            flat=0.6,
        )
    elif style == "flop":
        m.limb(
            f"{side}_ear",
            (hx - 0.02, hy + y * h * 0.7, hz + h * 0.75),
            (hx - 0.04, hy + y * h * 1.15, hz - h * 0.35),
            h * 0.34,
            ACCENT,
            kind=ELLIPSOID,
            flat=0.4,
        )
    else:
        m.limb(
            f"{side}_ear",
            (hx - 0.05, hy + y * h * 0.6, hz + h * 0.45),
            (hx - 0.08, hy + y * h * 1.7, hz + h * 0.3),
            h * 0.3,
            color,
            kind=ELLIPSOID,
            flat=0.5,
        )


def _tail(m: Maker, s: dict, species: str, leg, thick) -> None:
    lift = m.number(s["lift"]) + m.uniform(-18, 18)
    cos, sin = (lift * 3.14159 / 180).cos(), (lift * 3.14159 / 180).sin()
    root = (-0.95, 0, leg + thick * 0.95)
    tip = (-0.95 - s["tail"] * cos, m.uniform(-0.15, 0.15), leg + thick * 0.95 + s["tail"] * sin)
    color, radius = (
        (HAIR, 0.13) if species == "horse" else (BODY, 0.08 if species != "sheep" else 0.16)
    )
    m.limb("tail", root, tip, radius, color, taper=-0.2)
    if species in ("cow", "cat"):
        m.ball("tail_tip", tip, (0.12, 0.12, 0.15), DARK if species == "cow" else ACCENT)


def points(species: str) -> dict:
    """Named points of a species: name to (part, place on it)."""
    found = {
        "nose": ("nose", (1, 0, 0)),
        "forehead": ("head", (0.3, 0, 0.95)),
        **{f"{side} eye": (f"{side}_eye", (0.8, 0.6 * y, 0)) for side, y in SIDES},
        **{f"{side} ear tip": (f"{side}_ear", (0, 0, 1)) for side, _ in SIDES},
        "chin": ("snout", (0, 0, 1)),
        **{
            f"{end} {side} foot": (f"{end}_{side}_foot", (1, 0, 0))
            for end in ("front", "back")
            for side, _ in SIDES
        },
        **{
            f"{end} {side} knee": (f"{end}_{side}_shin", (1, 0, -1))
            for end in ("front", "back")
            for side, _ in SIDES
        },
        "back": ("body", (0, 0, 1)),
        "tail": ("tail", (0, 0, -0.3)),
        "tail tip": ("tail_tip" if species in ("cat", "cow") else "tail", (0, 0, 1)),
    }
    if species == "cow":
        found |= {f"{side} horn tip": (f"{side}_horn", (0, 0, 1)) for side, _ in SIDES}
    return found
