"""The vehicles: aeroplane, boat, bus, car, train, and the two-wheelers."""

from corrlib.toybox.maker import ACCENT, BODY, DARK, ENDS, GLASS, LIGHT, METAL, SIDES, WARM, Maker
from corrlib.toybox.shapes import BOX
from corrlib.toybox.two_wheelers import TWO_WHEELERS


def _wheels(m: Maker, length, track, radius, width=0.1) -> None:
    for end, x in ENDS:
        for side, y in SIDES:
            m.disc(f"{end}_{side}_wheel", (x * length, y * track, radius), radius, width, DARK)
            m.disc(
                f"{end}_{side}_hub",
                (x * length, y * (track + 0.03), radius),
                radius * 0.5,
                width,
                LIGHT,
            )


def aeroplane(m: Maker) -> None:
    """A aeroplane: swept wings with engines, tailplane and fin."""
    span, sweep, fat = m.uniform(1.0, 1.5), m.uniform(0.0, 0.6), m.uniform(0.2, 0.28)
    high = m.uniform(-0.1, 0.12)
    m.ball("fuselage", (0, 0, 0), (1.5, fat, fat), BODY)
    m.ball("nose", (1.32, 0, 0), (0.2, fat * 0.55, fat * 0.55), ACCENT)
    m.ball("cockpit", (0.92, 0, fat * 0.66), (0.28, fat * 0.6, fat * 0.5), GLASS)
    m.limb(
        "fin",
        (-1.1, 0, 0.05),
        (-1.42, 0, m.uniform(0.6, 0.8)),
        0.24,
        ACCENT,
        taper=-0.35,
        kind=BOX,
        flat=0.16,
    )
    for side, y in SIDES:
        m.limb(
            f"{side}_wing",
            (0.15, y * fat * 0.6, high),
            (0.15 - sweep, y * span, high + 0.08),
            0.3,
            ACCENT,
            kind=BOX,
            flat=0.13,
        )
        m.limb(
            f"{side}_tailplane",
            (-1.25, y * 0.05, 0.1),
            (-1.42, y * 0.58, 0.14),
            0.18,
            BODY,
            kind=BOX,
            flat=0.16,
        )
        engine = (0.3 - sweep * 0.42, y * span * 0.45, high - 0.12)
        m.limb(
            f"{side}_engine",
            (engine[0] - 0.26, engine[1], engine[2]),
            (engine[0] + 0.26, engine[1], engine[2]),
            0.12,
            METAL,
        )


def boat(m: Maker) -> None:
    """A sailing boat with a cabin, a mast and two sails."""
    length, beam, mast = m.uniform(1.0, 1.25), m.uniform(0.34, 0.46), m.uniform(1.4, 1.9)
    m.ball("hull", (0, 0, 0.3), (length * 1.1, beam, 0.38), BODY)
    m.box("deck", (-0.05, 0, 0.52), (length * 0.8, beam * 0.72, 0.08), WARM)
    m.box("cabin", (-0.38, 0, 0.75), (0.34, beam * 0.55, 0.22), LIGHT)
    m.box("cabin_roof", (-0.38, 0, 1.0), (0.4, beam * 0.66, 0.05), ACCENT)
    m.box("windscreen", (-0.03, 0, 0.78), (0.03, beam * 0.42, 0.13), GLASS)
    m.post("mast", (0.22, 0, 0.5 + mast / 2), 0.05, mast / 2, WARM)
    m.limb("boom", (0.22, 0, 1.15), (-0.85, m.uniform(-0.2, 0.2), 1.2), 0.035, WARM)
    m.box(
        "sail",
        (-0.22, 0, 1.18 + (mast - 0.75) / 2),
        (0.4 * m.uniform(0.8, 1.1), 0.025, (mast - 0.75) / 2),
        ACCENT,
    )
    m.box("jib", (0.55, 0, 1.0 + mast * 0.12), (0.24, 0.025, mast * 0.22), LIGHT)
    m.box("flag", (0.06, 0, 0.5 + mast - 0.05), (0.16, 0.02, 0.1), BODY)
    for side, y in SIDES:
        m.disc(f"{side}_porthole", (-0.38, y * beam * 0.54, 0.78), 0.09, 0.03, GLASS)
        m.ball(f"{side}_buoy", (0.15, y * beam * 0.95, 0.42), (0.12, 0.06, 0.12), ACCENT)


def bus(m: Maker) -> None:
    """A bus with windows and stripes on both sides and a door on its right."""
    length, height = m.uniform(1.25, 1.6), m.uniform(0.48, 0.72)
    z = 0.3 + height
    m.box("body", (0, 0, z), (length, 0.5, height), BODY)
    m.box("roof", (0, 0, z + height + 0.05), (length * 0.96, 0.46, 0.06), ACCENT)
    m.box("windscreen", (length, 0, z + height * 0.3), (0.03, 0.42, height * 0.45), GLASS)
    m.box("rear_window", (-length, 0, z + height * 0.4), (0.03, 0.38, height * 0.3), GLASS)
    m.box("bumper", (length, 0, 0.36), (0.07, 0.48, 0.08), METAL)
    m.box("sign", (length, 0, z + height * 0.88), (0.04, 0.3, height * 0.1), LIGHT)
    for side, y in SIDES:
        m.box(
            f"{side}_windows",
            (-0.05, y * 0.5, z + height * 0.4),
            (length * 0.85, 0.025, height * 0.28),
            GLASS,
        )
        m.box(
            f"{side}_stripe", (0, y * 0.5, z - height * 0.25), (length, 0.022, height * 0.1), ACCENT
        )
        m.ball(f"{side}_headlight", (length + 0.02, y * 0.34, 0.52), (0.05, 0.11, 0.09), LIGHT)
        m.ball(f"{side}_taillight", (-length - 0.02, y * 0.38, 0.55), (0.04, 0.08, 0.11), WARM)
        m.limb(
            f"{side}_mirror",
            (length - 0.05, y * 0.5, z + height * 0.5),
            (length + 0.14, y * 0.68, z + height * 0.35),
            0.06,
            DARK,
        )
    m.box("door", (length * 0.72, -0.5, z - 0.06), (0.17, 0.035, height * 0.8), LIGHT)
    _wheels(m, length * 0.64, 0.46, 0.3, 0.09)


def car(m: Maker) -> None:
    """A car: body, bonnet, glass cabin under a roof, lights and mirrors."""
    length, roof, cab = m.uniform(1.15, 1.4), m.uniform(0.3, 0.46), m.uniform(-0.32, -0.02)
    m.box("body", (0, 0, 0.52), (length, 0.55, 0.25), BODY)
    m.ball("bonnet", (length * 0.62, 0, 0.74), (length * 0.42, 0.5, 0.14), BODY)
    m.box("cabin", (cab, 0, 0.74 + roof / 2), (length * 0.46, 0.46, roof / 2 + 0.04), GLASS)
    m.box("roof", (cab, 0, 0.8 + roof), (length * 0.44, 0.48, 0.07), ACCENT)
    m.box("bumper", (length, 0, 0.38), (0.08, 0.56, 0.09), METAL)
    m.box("rear_bumper", (-length, 0, 0.38), (0.08, 0.56, 0.09), METAL)
    m.box("grille", (length + 0.01, 0, 0.58), (0.03, 0.24, 0.09), DARK)
    for side, y in SIDES:
        m.box(f"{side}_pillar", (cab, y * 0.45, 0.74 + roof / 2), (0.05, 0.035, roof / 2), ACCENT)
        m.ball(f"{side}_headlight", (length + 0.01, y * 0.4, 0.6), (0.07, 0.12, 0.11), LIGHT)
        m.ball(f"{side}_taillight", (-length - 0.01, y * 0.42, 0.62), (0.05, 0.11, 0.08), WARM)
        m.ball(f"{side}_mirror", (cab + length * 0.42, y * 0.6, 0.84), (0.06, 0.1, 0.07), BODY)
    _wheels(m, length * 0.62, 0.52, m.uniform(0.26, 0.34))


def train(m: Maker) -> None:
    """A steam engine: boiler, chimney, cab, cowcatcher and six wheels."""
    boiler, length, cab = m.uniform(0.32, 0.42), m.uniform(1.2, 1.5), m.uniform(0.62, 0.8)
    z = 0.62 + boiler * 0.6
    m.box("chassis", (0, 0, 0.42), (length, 0.42, 0.1), DARK)
    m.limb("boiler", (-0.35, 0, z), (length - 0.12, 0, z), boiler, BODY)
    m.limb("smokebox", (length - 0.14, 0, z), (length + 0.04, 0, z), boiler * 1.06, ACCENT)
    m.ball("lamp", (length + 0.06, 0, z + boiler * 0.2), (0.09, 0.13, 0.13), LIGHT)
    m.post("chimney", (length * 0.62, 0, z + boiler + 0.2), 0.14, 0.26, DARK, taper=0.35)
    m.ball("dome", (length * 0.12, 0, z + boiler), (0.2, 0.2, 0.2), METAL)
    m.box("cab", (-length * 0.62, 0, 0.5 + cab), (0.38, 0.44, cab), BODY)
    m.box("cab_roof", (-length * 0.62, 0, 0.55 + 2 * cab), (0.5, 0.52, 0.07), ACCENT)
    m.limb(
        "cowcatcher",
        (length - 0.02, 0, 0.4),
        (length + 0.3, 0, 0.14),
        0.38,
        METAL,
        taper=-0.4,
        kind=BOX,
        flat=1.0,
    )
    for side, y in SIDES:
        m.box(
            f"{side}_window",
            (-length * 0.62, y * 0.44, 0.55 + cab * 1.35),
            (0.22, 0.03, cab * 0.32),
            GLASS,
        )
        m.disc(f"{side}_buffer", (length + 0.08, y * 0.3, 0.46), 0.07, 0.07, METAL)
        for place, x in (("front", 0.68), ("middle", 0.12), ("back", -0.62)):
            r = 0.3 if place != "front" else 0.22
            m.disc(f"{place}_{side}_wheel", (x * length, y * 0.42, r), r, 0.08, WARM)
            m.disc(f"{place}_{side}_hub", (x * length, y * 0.46, r), r * 0.4, 0.08, LIGHT)
        m.limb(
            f"{side}_rod",
            (0.12 * length, y * 0.55, 0.3),
            (-0.62 * length, y * 0.55, 0.3),
            0.04,
            METAL,
        )


def _corners(part: str, label: str, face: float = 1.0) -> dict:
    """The four corners of a plate whose normal is the toy's x."""
    return {
        f"{label} {name}": (part, (face, y, z))
        for name, y, z in (
            ("upper left", 1, 1),
            ("upper right", -1, 1),
            ("lower left", 1, -1),
            ("lower right", -1, -1),
        )
    }


def _wheel_points() -> dict:
    return {
        f"{end} {side} wheel": (f"{end}_{side}_hub", (0, 0, y))
        for end, _ in ENDS
        for side, y in SIDES
    }


VEHICLES = {
    "aeroplane": (
        aeroplane,
        {
            "nose": ("nose", (1, 0, 0)),
            "cockpit": ("cockpit", (0.3, 0, 0.95)),
            "tail end": ("fuselage", (-1, 0, 0)),
            "fin tip": ("fin", (0, 0, 1)),
            "back": ("fuselage", (0, 0, 1)),
            **{f"{s} wing tip": (f"{s}_wing", (0, 0, 1)) for s, _ in SIDES},
            **{f"{s} wing root": (f"{s}_wing", (1, 0, -0.6)) for s, _ in SIDES},
            **{f"{s} tailplane tip": (f"{s}_tailplane", (0, 0, 1)) for s, _ in SIDES},
            **{f"{s} engine front": (f"{s}_engine", (0, 0, 1)) for s, _ in SIDES},
        },
    ),
    **TWO_WHEELERS,
    "boat": (
        boat,
        {
            "bow": ("hull", (1, 0, 0)),
            "stern": ("hull", (-1, 0, 0)),
            "windscreen": ("windscreen", (1, 0, 0)),
            "mast top": ("mast", (0, 0, 1)),
            "boom end": ("boom", (0, 0, 1)),
            "sail top": ("sail", (-1, 0, 1)),
            "sail foot": ("sail", (-1, 0, -1)),
            "jib top": ("jib", (1, 0, 1)),
            "jib foot": ("jib", (1, 0, -1)),
            "flag": ("flag", (-1, 0, 0)),
            "cabin roof front": ("cabin_roof", (1, 0, 1)),
            "cabin roof back": ("cabin_roof", (-1, 0, 1)),
            **{f"{s} buoy": (f"{s}_buoy", (0, y, 0)) for s, y in SIDES},
        },
    ),
    "bus": (
        bus,
        {
            **_corners("windscreen", "windscreen"),
            **{f"roof {e} {s}": ("roof", (x, y, 1)) for e, x in ENDS for s, y in SIDES},
            **_wheel_points(),
            **{f"{s} headlight": (f"{s}_headlight", (1, 0, 0)) for s, _ in SIDES},
            **{f"{s} taillight": (f"{s}_taillight", (-1, 0, 0)) for s, _ in SIDES},
            **{f"{s} mirror": (f"{s}_mirror", (0, 0, 1)) for s, _ in SIDES},
        },
    ),
    "car": (
        car,
        {
            **{f"roof {e} {s}": ("roof", (x, y, 1)) for e, x in ENDS for s, y in SIDES},
            **_wheel_points(),
            **{f"{s} headlight": (f"{s}_headlight", (1, 0, 0)) for s, _ in SIDES},
            **{f"{s} taillight": (f"{s}_taillight", (-1, 0, 0)) for s, _ in SIDES},
            **{f"{s} mirror": (f"{s}_mirror", (0, y, 0)) for s, y in SIDES},
            "grille": ("grille", (1, 0, 0)),
            "bonnet": ("bonnet", (0, 0, 1)),
            "rear bumper": ("rear_bumper", (-1, 0, 0)),
        },
    ),
    "train": (
        train,
        {
            "lamp": ("lamp", (1, 0, 0)),
            "chimney top": ("chimney", (0, 0, 1)),
            "dome": ("dome", (0, 0, 1)),
            **{f"cab roof {e} {s}": ("cab_roof", (x, y, 1)) for e, x in ENDS for s, y in SIDES},
            **{
                f"{p} {s} wheel": (f"{p}_{s}_hub", (0, 0, y))
                for p in ("front", "middle", "back")
                for s, y in SIDES
            },
            "cowcatcher tip": ("cowcatcher", (0, 0, 1)),
            **{f"{s} window": (f"{s}_window", (0, y, 0)) for s, y in SIDES},
        },
    ),
}
