"""The toybox as PF-Pascal: one flat folder of images, a .mat of keypoints and box for each, lists
of pairs of similar views.

Unlike the real lists, those of the toys share no image between the splits.
"""

from itertools import combinations, permutations
from pathlib import Path

import numpy as np
import torch

from corrlib.data.voc import CLASS_ID
from corrlib.toybox.items import generator_for
from corrlib.toybox.scene import Knobs
from corrlib.toybox.sets.base import Load, ToySet
from corrlib.toybox.sets.shots import Shot, shots
from corrlib.toybox.things import CATEGORIES, keypoints
from corrlib.toybox.writing import jpeg, mat, write, write_csv

FOLDER = "PF-dataset-PASCAL"
IMAGES = {"test": 4, "val": 3, "trn": 3}  # of a category; every list has its own
PAIRS = {
    "test": 4,
    "val": 3,
    "trn": 2,
}  # of a category; each in `trn` is listed in both directions, plain and mirrored
COMMON = 4  # keypoints that a pair shares, as the real test list has 4 to 17
SPREAD = 25.0  # degrees of azimuth to either side: the real pairs show similar views

Row = tuple[object, ...]


def work(root: Path, job: tuple, seed: int) -> dict[str, list[Row]]:
    """A category's photographs and .mat files; returns its rows of each list."""
    (category,) = job
    middle = float(torch.rand(1, generator=generator_for("pf_pascal", seed, category)) * 360)
    knobs = Knobs(
        azimuth=(middle - SPREAD, middle + SPREAD),
        elevation=(2.0, 25.0),
        truncation=0.05,
        occluder=0.1,
    )
    source = shots(
        ("pf_pascal",), category, keypoints(category), seed, knobs=knobs, points=COMMON + 1
    )
    rows, taken = {}, 0
    for split, count in IMAGES.items():
        kept: dict[str, Shot] = {}
        while len(able := _able(kept, split)) < PAIRS[split] or len(kept) < count:
            if len(kept) == count:  # too few of them go together: the oldest makes room
                kept.pop(next(iter(kept)))
            kept[f"{category}_{taken:03d}"] = next(source)
            taken += 1
        for name, shot in kept.items():
            _write(root, category, name, shot)
        order = torch.randperm(
            len(able), generator=generator_for("pf_pascal pairs", seed, category, split)
        ).tolist()
        rows[split] = [
            row
            for i in sorted(order[: PAIRS[split]])
            for row in _rows(split, category, *able[i], kept)
        ]
    return rows


def _write(root: Path, category: str, name: str, shot: Shot) -> None:
    write(root / f"JPEGImages/{name}.jpg", jpeg(shot.image()))
    fields = {"kps": shot.marked(), "bbox": np.array([shot.box], dtype=np.float64)}
    write(root / f"Annotations/{category}/{name}.mat", mat(fields))


def _able(kept: dict[str, Shot], split: str) -> list[tuple[str, str]]:
    """Pairs of names with enough keypoints in common: ordered, but for training, whose rows have
    both directions anyway.
    """
    pairs = combinations(kept, 2) if split == "trn" else permutations(kept, 2)
    return [(a, b) for a, b in pairs if int((kept[a].visible & kept[b].visible).sum()) >= COMMON]


def _rows(split: str, category: str, one: str, two: str, kept: dict[str, Shot]) -> list[Row]:
    files, number = [f"{FOLDER}/JPEGImages/{name}.jpg" for name in (one, two)], CLASS_ID[category]
    if split == "trn":
        return [(*names, number, flip) for names in (files, files[::-1]) for flip in (0, 1)]
    if split == "val":
        return [(*files, number, 0)]
    both = (kept[one].visible & kept[two].visible).numpy()
    columns = [kept[name].marked()[both, axis] for name in (one, two) for axis in (0, 1)]
    return [(*files, number, *(";".join(f"{v:.12g}" for v in column) for column in columns))]


def finish(root: Path, results: list, seed: int) -> dict[str, int]:
    """The lists, with categories in VOC's order."""
    counts = {}
    for split in IMAGES:
        fields = ("XA", "YA", "XB", "YB") if split == "test" else ("flip",)
        rows = [row for _, found in results for row in found[split]]
        name = "train" if split == "trn" else split
        write_csv(
            root / f"{name}_pairs.csv", [("source_image", "target_image", "class", *fields), *rows]
        )
        counts[f"{split} images"], counts[f"{split} rows"] = IMAGES[split] * len(results), len(rows)
    return counts


def load(job: tuple) -> Load:
    """What a job takes, known before it is done."""
    images = sum(IMAGES.values())
    return Load(images, 2 * images, images * 0.0117)


SET = ToySet(
    folder=FOLDER,
    about="keypoints of 18 categories in similar views, lists with mirrored rows",
    jobs=tuple((category,) for category in CATEGORIES),
    work=work,
    finish=finish,
    load=load,
    lists=Load(files=3, megabytes=0.06),
)
