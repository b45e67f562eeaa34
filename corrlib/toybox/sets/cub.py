"""The toybox as CUB-200-2011: fourteen species of the toy bird, fifteen parts, boxes, and a split,
all in text files.
"""

from itertools import islice
from pathlib import Path

import torch

from corrlib.toybox.items import generator_for
from corrlib.toybox.scene import COLORS, PATTERNS, Knobs, Scene, draw
from corrlib.toybox.sets.base import Load, ToySet
from corrlib.toybox.sets.shots import Places, shots
from corrlib.toybox.writing import jpeg, write

SPECIES = 14
FIRST, REST = (
    (5, 2),
    (3, 1),
)  # test and training images of the first three species, which one protocol uses, and of the others
PARTS: Places = {
    "back": ("body", (-0.3, 0, 0.95)),
    "beak": ("beak", (0, 0, 1)),
    "belly": ("belly", (-0.1, 0, -0.95)),
    "breast": ("belly", (0.6, 0, -0.7)),
    "crown": ("head", (0, 0, 1)),
    "forehead": ("head", (0.7, 0, 0.7)),
    "left eye": ("left_eye", (0.6, 0.8, 0)),
    "left leg": ("left_leg", (0, 0, 0.2)),
    "left wing": ("left_wing", (0, 0, 0.6)),
    "nape": ("head", (-0.8, 0, 0.6)),
    "right eye": ("right_eye", (0.6, -0.8, 0)),
    "right leg": ("right_leg", (0, 0, 0.2)),
    "right wing": ("right_wing", (0, 0, 0.6)),
    "tail": ("tail", (0, 0, 0.6)),
    "throat": ("head", (0.75, 0, -0.65)),
}
KNOBS = Knobs(elevation=(-2.0, 25.0), truncation=0.05, occluder=0.08)


def looks(number: int, seed: int) -> tuple[str, Scene]:
    """A species' name, such as 003.Blue_Striped_Toybird, and the scene whose plumage all its birds
    wear.
    """
    # the step through the colours visits all, so that no two species have the same two colours
    scene = draw(
        "bird", 1, generator_for("toybox", seed, "cub species", number), Knobs(paint_noise=0.02)
    )
    body, accent, pattern = (
        (5 * number) % len(COLORS),
        (5 * number + 1 + number % 7) % len(COLORS),
        number % len(PATTERNS),
    )
    palette = scene.palette.clone()
    palette[:, 0], palette[:, 1] = (torch.tensor(COLORS[i][1:]) for i in (body, accent))
    name = f"{number:03d}.{COLORS[body][0].title()}_{PATTERNS[pattern].title()}_Toybird"
    colors = {
        "body_color": torch.tensor([body]),
        "accent_color": torch.tensor([accent]),
        "pattern": torch.tensor([pattern]),
    }
    return name, scene.seen_from(palette=palette, **colors)


def work(root: Path, job: tuple, seed: int) -> list[dict]:
    """A species' photographs; returns what the text files say of each."""
    (number,) = job
    name, plumage = looks(number, seed)
    worn = {
        key: getattr(plumage, key)
        for key in ("palette", "body_color", "accent_color", "pattern", "pattern_phase")
    }
    found = shots(
        ("cub", number),
        "bird",
        PARTS,
        seed,
        knobs=KNOBS,
        points=5,
        change=lambda scene: scene.seen_from(**worn),
    )
    test, train = _counts(number)
    records = []
    for i, shot in enumerate(islice(found, test + train)):
        file = f"{name}/{name.split('.')[1]}_{i + 1:04d}.jpg"
        write(root / f"images/{file}", jpeg(shot.image()))
        size = torch.tensor(shot.size) - 1
        places = torch.minimum(shot.points.round().clamp(min=0), size).int().tolist()
        parts = [
            (x, y) if seen else None
            for (x, y), seen in zip(places, shot.visible.tolist(), strict=True)
        ]
        records.append({"file": file, "train": int(i >= test), "box": shot.box, "parts": parts})
    return records


def _counts(number: int) -> tuple[int, int]:
    return FIRST if number <= 3 else REST


def finish(root: Path, results: list, seed: int) -> dict[str, int]:
    """The text files: space separated, image ids from 1 on in the order of classes."""
    images = [(number, record) for (number,), records in results for record in records]
    lines: dict[str, list[str]] = {
        "images": [],
        "train_test_split": [],
        "image_class_labels": [],
        "bounding_boxes": [],
    }
    places = []
    classes = sorted(
        {number: records[0]["file"].split("/")[0] for (number,), records in results}.items()
    )
    for i, (number, record) in enumerate(images, start=1):
        x1, y1, x2, y2 = record["box"]
        lines["images"].append(f"{i} {record['file']}")
        lines["train_test_split"].append(f"{i} {record['train']}")
        lines["image_class_labels"].append(f"{i} {number}")
        lines["bounding_boxes"].append(f"{i} {x1:.1f} {y1:.1f} {x2 - x1 + 1:.1f} {y2 - y1 + 1:.1f}")
        for j, place in enumerate(record["parts"], start=1):
            x, y = place or (0, 0)
            places.append(f"{i} {j} {x:.1f} {y:.1f} {int(place is not None)}")
    lines["classes"] = [f"{number} {name}" for number, name in classes]
    lines["parts/parts"] = [f"{i} {name}" for i, name in enumerate(PARTS, start=1)]
    lines["parts/part_locs"] = places
    for name, text in lines.items():
        write(root / f"{name}.txt", "".join(f"{line}\n" for line in text))
    test = sum(1 - record["train"] for _, record in images)
    return {"species": len(results), "test images": test, "training images": len(images) - test}


def load(job: tuple) -> Load:
    """What a job takes, known before it is done."""
    images = sum(_counts(job[0]))
    return Load(images, images, images * 0.0104)


SET = ToySet(
    folder="CUB_200_2011",
    about="fifteen parts of fourteen species of the toy bird",
    jobs=tuple((number,) for number in range(1, SPECIES + 1)),
    work=work,
    finish=finish,
    load=load,
    lists=Load(files=7, megabytes=0.02),
)
