"""The toybox as PF-Willow: ten sub-classes with parentheses in their names, ten points an image
that are all in view.
"""

from itertools import islice, permutations
from pathlib import Path

import numpy as np

from corrlib.toybox.scene import Knobs
from corrlib.toybox.sets.base import Load, ToySet
from corrlib.toybox.sets.shots import Places, Shot, shots
from corrlib.toybox.writing import encoded, mat, write, write_csv

FOLDER = "PF-dataset"
IMAGES = 4  # of a sub-class
# Ten places that the left side shows, for a bottle the front and the left.
CAR: Places = {
    "front wheel": ("front_left_hub", (0, 0, 1)),
    "back wheel": ("back_left_hub", (0, 0, 1)),
    "roof front": ("roof", (1, 1, 1)),
    "roof back": ("roof", (-1, 1, 1)),
    "pillar": ("left_pillar", (0, 1, -0.5)),
    "bonnet": ("bonnet", (0, 0, 1)),
    "front bumper": ("bumper", (0, 1, 0)),
    "rear bumper": ("rear_bumper", (0, 1, 0)),
    "headlight": ("left_headlight", (0, 1, 0)),
    "taillight": ("left_taillight", (0, 1, 0)),
}
DUCK: Places = {
    "beak": ("beak", (0, 0, 1)),
    "forehead": ("head", (0.3, 0, 0.95)),
    "eye": ("left_eye", (0.6, 0.8, 0)),
    "breast": ("belly", (0.6, 0, -0.7)),
    "wing tip": ("left_wing", (0, 0, 1)),
    "wing front": ("left_wing", (1, 0, 0)),
    "foot": ("left_foot", (1, 0, 0)),
    "tail": ("tail", (0, 0, 0.1)),
    "tail tip": ("tail", (0, 0, 1)),
    "back": ("body", (-0.3, 0, 0.95)),
}
MOTORBIKE: Places = {
    "front hub": ("front_hub", (0, 0, 1)),
    "back hub": ("back_hub", (0, 0, 1)),
    "front tyre": ("front_wheel", (1, 0, 0)),
    "back tyre": ("back_wheel", (-1, 0, 0)),
    "headlight": ("headlight", (1, 0, 0)),
    "taillight": ("taillight", (-1, 0, 0)),
    "tank": ("tank", (0, 0, 1)),
    "seat": ("seat", (0, 0, 1)),
    "grip": ("left_grip", (0, 0, 1)),
    "exhaust": ("left_exhaust", (0, 0, 1)),
}
BOTTLE: Places = {
    "badge": ("badge", (1, 0, 0)),
    "stud": ("left_stud", (0, 1, 0)),
    **{
        f"{name} {side}": (part, u)
        for side, x, y in (("front", 1, 0), ("left", 0, 1))
        for name, part, u in (
            ("label top", "label", (x, y, 1)),
            ("base", "base", (x, y, -1)),
            ("neck", "ring", (x, y, 0)),
            ("cap", "cap", (x, y, 0)),
        )
    },
}
GENERAL = Knobs(
    azimuth=(55.0, 120.0), elevation=(4.0, 24.0), size=(1.1, 1.35), truncation=0.0, occluder=0.0
)
SIDE = Knobs(
    azimuth=(82.0, 98.0),
    elevation=(4.0, 12.0),
    roll=2.0,
    size=(1.15, 1.35),
    truncation=0.0,
    occluder=0.0,
    clutter=0.15,
)
CLUTTER = Knobs(
    azimuth=(30.0, 60.0),
    elevation=(0.0, 18.0),
    size=(1.1, 1.35),
    truncation=0.0,
    occluder=0.0,
    clutter=1.0,
)
CLEAR = Knobs(
    azimuth=(30.0, 60.0),
    elevation=(0.0, 18.0),
    size=(1.1, 1.35),
    truncation=0.0,
    occluder=0.0,
    clutter=0.0,
)
# The class -> toy, its points, file name, sizes, and the sub-classes that are rendered; M, if any,
# has half of each of them.
KINDS: dict[str, tuple] = {
    "car": ("car", CAR, "Cars_{:03d}a", ((192, 144), (192, 128)), {"G": GENERAL, "S": SIDE}, "M"),
    "duck": ("bird", DUCK, "060_{:04d}", ((192, 192), (192, 160)), {"S": SIDE}, None),
    "motorbike": (
        "motorbike",
        MOTORBIKE,
        "Motorbikes_{:03d}a",
        ((192, 144), (192, 160)),
        {"G": GENERAL, "S": SIDE},
        "M",
    ),
    "winebottle": (
        "bottle",
        BOTTLE,
        "246_{:04d}",
        ((128, 192), (144, 192)),
        {"wC": CLUTTER, "woC": CLEAR},
        "M",
    ),
}


def work(root: Path, job: tuple, seed: int) -> list[tuple]:
    """A class's images, .mat files and the rows of its pairs: all ordered pairs within each
    sub-class.
    """
    (kind,) = job
    toy, places, name, sizes, rendered, mixed = KINDS[kind]
    folders: dict[str, dict[str, Shot]] = {}
    for part, (letters, knobs) in enumerate(rendered.items()):
        found = shots(
            ("pf_willow", letters), toy, places, seed, knobs=knobs, sizes=sizes, points=len(places)
        )
        numbers = range(part * IMAGES, (part + 1) * IMAGES)
        folders[letters] = {
            name.format(i): shot for i, shot in zip(numbers, islice(found, IMAGES), strict=True)
        }
    if (
        mixed
    ):  # the same photographs again, as in the real set: half of the first, half of the second
        folders[mixed] = {
            name: shot
            for shots in folders.values()
            for name, shot in list(shots.items())[: IMAGES // 2]
        }
    rows = []
    for letters, shown in sorted(folders.items()):
        for name, shot in shown.items():
            write(root / f"{kind}({letters})/{name}.png", encoded(shot.image(), "PNG"))
            write(root / f"{kind}({letters})/{name}.mat", mat({"pts_coord": _points(shot)}))
        for one, two in permutations(shown, 2):
            numbers = [f"{v:.12g}" for name in (one, two) for v in _points(shown[name]).ravel()]
            rows.append(
                (*(f"{FOLDER}/{kind}({letters})/{name}.png" for name in (one, two)), *numbers)
            )
    return rows


def _points(shot: Shot) -> np.ndarray:
    """2 x 10, first pixel 1, as the real .mat files count."""
    return shot.marked().T + 1


def finish(root: Path, results: list, seed: int) -> dict[str, int]:
    """The list of pairs: two names, then x of the ten source points, their y, and the same of the
    target.
    """
    rows = [row for _, found in results for row in found]
    header = [
        "imageA",
        "imageB",
        *(f"{axis}{image}{i}" for image in "AB" for axis in "XY" for i in range(1, 11)),
    ]
    write_csv(root / "test_pairs.csv", [header, *rows])
    return {
        "pairs": len(rows),
        "images": sum(2 * IMAGES if len(KINDS[kind][4]) > 1 else IMAGES for (kind,), _ in results),
    }


def load(job: tuple) -> Load:
    """What a job takes, known before it is done."""
    rendered, mixed = KINDS[job[0]][4:]
    images = IMAGES * (len(rendered) + bool(mixed))
    pairs = images * (IMAGES - 1)
    return Load(IMAGES * len(rendered), 2 * images, images * 0.0151 + pairs * 0.0007)


SET = ToySet(
    folder=FOLDER,
    about="ten points in view, ten sub-classes of four toys",
    jobs=tuple((kind,) for kind in KINDS),
    work=work,
    finish=finish,
    load=load,
    lists=Load(files=1),
)
