"""Bicycle and motorbike."""

from corrlib.toybox.maker import ACCENT, BODY, DARK, ENDS, LIGHT, METAL, SIDES, WARM, Maker
from corrlib.toybox.shapes import BOX, ELLIPSOID


def _two_wheeler(m: Maker, radius, base, thick: float) -> None:
    """Wheels of a bicycle or motorbike: a dark tyre around a pale disc."""
    for end, x in ENDS:
        m.disc(f"{end}_wheel", (x * base, 0, radius), radius, thick, DARK)
        m.disc(f"{end}_disc", (x * base, 0, radius), radius * 0.78, thick * 1.15, LIGHT)
        m.disc(f"{end}_hub", (x * base, 0, radius), radius * 0.18, thick * 1.9, METAL)


def bicycle(m: Maker) -> None:
    """A bicycle on disc wheels, with frame, saddle, bars and pedals."""
    radius, base, rise = m.uniform(0.52, 0.62), m.uniform(0.82, 0.98), m.uniform(0.0, 0.22)
    _two_wheeler(m, radius, base, 0.05)
    crank, seat, head = (
        (-0.12, 0, radius * 0.95),
        (-0.34, 0, radius + 0.72),
        (base - 0.28, 0, radius + 0.68),
    )
    tube = 0.055
    m.limb("seat_tube", crank, seat, tube, BODY)
    m.limb("down_tube", crank, head, tube, BODY)
    m.limb("top_tube", (-0.3, 0, radius + 0.58), head, tube, BODY)
    m.limb("fork", head, (base, 0, radius), tube, ACCENT)
    m.limb("chain_stay", (-base, 0, radius), crank, tube * 0.8, BODY)
    m.limb("seat_stay", (-base, 0, radius), (-0.3, 0, radius + 0.55), tube * 0.8, BODY)
    m.ball("saddle", (-0.36, 0, radius + 0.8), (0.24, 0.12, 0.07), DARK)
    bar = (base - 0.34, 0, radius + 0.9 + rise)
    m.limb("stem", head, bar, tube, METAL)
    m.disc("crank_disc", crank, 0.16, 0.07, METAL)
    for side, y in SIDES:
        m.limb(f"{side}_bar", bar, (bar[0] - 0.1, y * 0.4, bar[2] + 0.02), 0.05, METAL)
        m.limb(
            f"{side}_grip",
            (bar[0] - 0.09, y * 0.34, bar[2] + 0.02),
            (bar[0] - 0.16, y * 0.56, bar[2]),
            0.07,
            DARK,
        )
        m.limb(
            f"{side}_pedal",
            (-0.12, y * 0.1, radius * 0.95 - y * 0.22),
            (-0.12, y * 0.3, radius * 0.95 - y * 0.22),
            0.07,
            DARK,
            kind=BOX,
        )


def motorbike(m: Maker) -> None:
    """A motorbike: tank, seat, engine, bars, lights and two exhausts."""
    radius, base, rise = m.uniform(0.46, 0.54), m.uniform(0.85, 1.0), m.uniform(0.0, 0.25)
    _two_wheeler(m, radius, base, 0.13)
    m.box("engine", (-0.02, 0, 0.52), (0.32, 0.2, 0.26), METAL)
    m.ball("tank", (0.2, 0, 1.0), (0.42, 0.24, 0.22), BODY)
    m.ball("seat", (-0.42, 0, 0.98), (0.45, 0.2, 0.13), DARK)
    m.limb(
        "rear_fender", (-0.6, 0, 0.95), (-base - 0.3, 0, 1.05), 0.2, BODY, kind=ELLIPSOID, flat=0.7
    )
    m.ball("front_fender", (base, 0, radius * 2 - 0.04), (0.34, 0.17, 0.12), BODY)
    bar = (base - 0.42, 0, 1.3 + rise)
    m.limb("fork", (base, 0, radius), bar, 0.07, METAL)
    m.ball("headlight", (base - 0.16, 0, 1.12 + rise * 0.5), (0.16, 0.18, 0.18), LIGHT)
    m.ball("taillight", (-base - 0.22, 0, 1.05), (0.08, 0.1, 0.08), WARM)
    for side, y in SIDES:
        m.limb(f"{side}_bar", bar, (bar[0] - 0.14, y * 0.45, bar[2] + 0.05), 0.05, METAL)
        m.limb(
            f"{side}_grip",
            (bar[0] - 0.12, y * 0.4, bar[2] + 0.05),
            (bar[0] - 0.18, y * 0.62, bar[2] + 0.05),
            0.08,
            DARK,
        )
        m.limb(
            f"{side}_exhaust",
            (0.1, y * 0.24, 0.34),
            (-base + 0.1, y * 0.27, 0.22),
            0.08,
            METAL,
            taper=0.2,
        )


TWO_WHEELERS = {
    "bicycle": (
        bicycle,
        {
            **{f"{e} hub {s}": (f"{e}_hub", (0, 0, y)) for e, _ in ENDS for s, y in SIDES},
            **{f"{e} tyre top": (f"{e}_wheel", (0, -1, 0)) for e, _ in ENDS},
            **{f"{e} tyre bottom": (f"{e}_wheel", (0, 1, 0)) for e, _ in ENDS},
            "saddle": ("saddle", (0, 0, 1)),
            "saddle nose": ("saddle", (1, 0, 0)),
            "head": ("fork", (0, 0, -1)),
            **{f"{s} grip": (f"{s}_grip", (0, 0, 1)) for s, _ in SIDES},
            **{f"{s} pedal": (f"{s}_pedal", (0, 0, 1)) for s, _ in SIDES},
        },
    ),
    "motorbike": (
        motorbike,
        {
            **{f"{e} hub {s}": (f"{e}_hub", (0, 0, y)) for e, _ in ENDS for s, y in SIDES},
            "front tyre": ("front_wheel", (1, 0, 0)),
            "back tyre": ("back_wheel", (-1, 0, 0)),
            "headlight": ("headlight", (1, 0, 0)),
            "taillight": ("taillight", (-1, 0, 0)),
            "tank": ("tank", (0, 0, 1)),
            "seat": ("seat", (0, 0, 1)),
            **{f"{s} grip": (f"{s}_grip", (0, 0, 1)) for s, _ in SIDES},
            **{f"{s} exhaust end": (f"{s}_exhaust", (0, 0, 1)) for s, _ in SIDES},
        },
    ),
}
