"""The animals: a bird, a person, and the quadrupeds."""

from corrlib.toybox.maker import ACCENT, BODY, DARK, HAIR, SIDES, SKIN, WARM, Maker
from corrlib.toybox.quadrupeds import SPECIES, points, quadruped
from corrlib.toybox.shapes import ELLIPSOID


def bird(m: Maker) -> None:
    """A round bird with wings that may be spread, a beak, a tail and sometimes a crest."""
    plump, leg, raised = m.uniform(0.5, 0.66), m.uniform(0.35, 0.6), m.uniform(-8, 28)
    z = leg + plump * 0.9
    m.ball("body", (0, 0, z), (0.85, plump * 0.92, plump), BODY, m.turn(pitch=raised))
    m.ball(
        "belly",
        (0.2, 0, z - plump * 0.18),
        (0.6, plump * 0.8, plump * 0.85),
        ACCENT,
        m.turn(pitch=raised),
    )
    hx, hz, h = 0.62, z + plump * 0.55 + raised / 60, m.uniform(0.34, 0.42)
    m.ball("head", (hx, 0, hz), (h, h * 0.95, h), BODY)
    length = m.uniform(0.22, 0.5)
    m.limb(
        "beak",
        (hx + h * 0.75, 0, hz - 0.02),
        (hx + h * 0.75 + length, 0, hz - 0.1),
        0.13,
        WARM,
        taper=-0.95,
    )
    m.limb(
        "tail",
        (-0.6, 0, z + 0.1),
        (-1.45, 0, z + m.uniform(-0.35, 0.3)),
        0.26,
        ACCENT,
        taper=0.3,
        flat=0.3,
    )
    m.limb(
        "crest",
        (hx - 0.1, 0, hz + h * 0.7),
        (hx - 0.28, 0, hz + h * 1.5),
        0.1 * m.chance(0.5),
        ACCENT,
        taper=-0.8,
    )
    spread = m.uniform(0.0, 1.0)
    for side, y in SIDES:
        m.ball(
            f"{side}_eye", (hx + h * 0.55, y * h * 0.68, hz + h * 0.3), (0.085, 0.085, 0.095), DARK
        )
        root = (0.22, y * plump * 0.8, z + 0.2)
        tip = (-0.62 + spread * 0.25, y * (plump * 0.98 + spread * 0.75), z - 0.12 + spread * 0.55)
        m.limb(f"{side}_wing", root, tip, 0.34, ACCENT, kind=ELLIPSOID, flat=0.3)
        m.limb(f"{side}_leg", (0.05, y * 0.22, z - plump * 0.7), (0.1, y * 0.24, 0.05), 0.06, WARM)
        m.ball(f"{side}_foot", (0.2, y * 0.24, 0.04), (0.22, 0.12, 0.05), WARM)


def person(m: Maker) -> None:
    """A person in shirt and trousers, arms and legs in any stride."""
    build, tall = m.uniform(0.85, 1.2), m.uniform(0.92, 1.1)
    hip, shoulder = 1.15 * tall, 1.95 * tall
    m.limb("torso", (0, 0, hip), (0, 0, shoulder), 0.27 * build, BODY, taper=0.18, flat=1.35)
    m.ball("hips", (0, 0, hip), (0.26 * build, 0.34 * build, 0.2), ACCENT)
    m.limb("neck", (0, 0, shoulder), (0, 0, shoulder + 0.18), 0.11, SKIN)
    hz = shoulder + 0.42
    m.ball("head", (0.02, 0, hz), (0.3, 0.27, 0.33), SKIN)
    m.ball("hair", (-0.06, 0, hz + 0.1), (0.3, 0.3, 0.3), HAIR)
    m.ball("nose", (0.34, 0, hz - 0.04), (0.06, 0.05, 0.07), SKIN)
    m.ball("mouth", (0.285, 0, hz - 0.17), (0.04, 0.09, 0.025), WARM)
    for side, y in SIDES:
        m.ball(f"{side}_eye", (0.285, y * 0.11, hz + 0.05), (0.04, 0.05, 0.055), DARK)
        step, out, bend = m.uniform(-0.4, 0.4), m.uniform(0.08, 0.45), m.uniform(0.0, 0.5)
        arm = m.uniform(-0.3, 0.55)
        top = (0, y * 0.38 * build, shoulder - 0.06)
        elbow = (arm * 0.5, y * (0.42 * build + out * 0.6), shoulder - 0.52)
        hand = (arm * 0.9 + bend * 0.45, y * (0.42 * build + out), shoulder - 1.0 + bend * 0.55)
        m.limb(f"{side}_upper_arm", top, elbow, 0.115 * build, BODY)
        m.limb(f"{side}_forearm", elbow, hand, 0.09 * build, SKIN)
        m.ball(f"{side}_hand", hand, (0.11, 0.09, 0.13), SKIN)
        knee = (step * 0.45 + 0.06, y * 0.19, hip * 0.52)
        foot = (step * 0.8, y * 0.2, 0.1)
        m.limb(f"{side}_thigh", (0, y * 0.17, hip), knee, 0.15 * build, ACCENT, taper=-0.12)
        m.limb(f"{side}_shin", knee, foot, 0.12 * build, ACCENT, taper=-0.1)
        m.ball(f"{side}_shoe", (step * 0.8 + 0.1, y * 0.2, 0.08), (0.22, 0.11, 0.09), DARK)


BIRD_POINTS = {
    "beak tip": ("beak", (0, 0, 1)),
    "forehead": ("head", (0.3, 0, 0.95)),
    **{f"{side} eye": (f"{side}_eye", (0.6, 0.8 * y, 0)) for side, y in SIDES},
    "breast": ("belly", (1, 0, 0)),
    **{f"{side} wing tip": (f"{side}_wing", (0, 0, 1)) for side, _ in SIDES},
    **{f"{side} wing front": (f"{side}_wing", (1, 0, 0)) for side, _ in SIDES},
    **{f"{side} foot": (f"{side}_foot", (1, 0, 0)) for side, _ in SIDES},
    "tail": ("tail", (0, 0, 0.1)),
    "tail tip": ("tail", (0, 0, 1)),
    "back": ("body", (-0.3, 0, 0.95)),
}


PERSON_POINTS = {
    "nose": ("nose", (1, 0, 0)),
    "hair top": ("hair", (0, 0, 1)),
    "mouth": ("mouth", (1, 0, 0)),
    **{f"{side} eye": (f"{side}_eye", (1, 0, 0)) for side, _ in SIDES},
    **{f"{side} shoulder": (f"{side}_upper_arm", (0, -y, -0.7)) for side, y in SIDES},
    **{f"{side} elbow": (f"{side}_forearm", (0, -y, -0.95)) for side, y in SIDES},
    **{f"{side} hand": (f"{side}_hand", (0, 0, -1)) for side, _ in SIDES},
    **{f"{side} knee": (f"{side}_shin", (1, 0, -0.95)) for side, _ in SIDES},
    **{f"{side} toe": (f"{side}_shoe", (1, 0, 0)) for side, _ in SIDES},
}


ANIMALS = {
    **{name: (lambda m, name=name: quadruped(m, name), points(name)) for name in SPECIES},
    "bird": (bird, BIRD_POINTS),
    "person": (person, PERSON_POINTS),
}
