"""The toybox as SPair-71k: eighteen categories, three splits that share no toy, difficulty tags
that are true.
"""

from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from corrlib.toybox.captions import captions, view_name
from corrlib.toybox.items import generator_for, item
from corrlib.toybox.render import render
from corrlib.toybox.sets.base import Load, ToySet
from corrlib.toybox.things import CATEGORIES
from corrlib.toybox.truth import flags, keypoint_truth, toy_box
from corrlib.toybox.writing.spair import (
    CLASS_ID,
    ImageRecord,
    common_keypoints,
    write_image,
    write_split,
)

MIN_POINTS = 3  # an image that shows fewer keypoints is left out, as no annotator would keep it
# of an image with its annotation and mask, on average; of a pair with its lines in lists,
# KILOBYTES_PAIR
KILOBYTES = 13.4
KILOBYTES_PAIR = 0.77


@dataclass(frozen=True)
class Plan:
    """Images and ordered pairs a category in a split."""

    images: int
    pairs: int


SPLITS = {"trn": Plan(12, 60), "val": Plan(8, 40), "test": Plan(16, 60)}
SMALL = 10  # pairs a category in Layout/small


def write_item(root: Path, split: str, category: str, index: int, seed: int) -> ImageRecord | None:
    """Render and write one image; None (and no file) when the picture shows too little of its
    toy.
    """
    scene, size = item(split, category, index, seed=seed)
    drawn, truth = render(scene, size), keypoint_truth(scene, size)
    box = toy_box(drawn)
    if (
        box is None
        or int(truth.visible.sum()) < MIN_POINTS
        or min(box[2] - box[0], box[3] - box[1]) < 12
    ):
        return None
    limit = torch.tensor(size) - 1
    places = torch.minimum(truth.points.round().clamp(min=0), limit).int().tolist()
    points = {
        str(i): tuple(p) if seen else None
        for i, (p, seen) in enumerate(zip(places, truth.visible.tolist(), strict=True))
    }
    truncated, occluded = flags(scene, drawn, size)
    azimuth, elevation = scene.azimuth.item(), scene.elevation.item()
    caption = captions(scene, generator_for("caption", seed, split, category, index))[0]
    record = ImageRecord(
        name=f"{split}_{index:04d}",
        category=category,
        width=size[0],
        height=size[1],
        box=box,
        keypoints=points,
        keypoint_names=truth.names,
        azimuth=round(azimuth, 3),
        elevation=round(elevation, 3),
        truncated=truncated,
        occluded=occluded,
        pose=view_name(azimuth).title(),
        extra={"caption": caption, "seed": seed, "index": index},
    )
    pixels = (drawn.rgb[0].permute(1, 2, 0) * 255).round().byte().numpy()
    mask = ((drawn.part[0] >= 0).numpy() * CLASS_ID[category]).astype(np.uint8)
    write_image(root, Image.fromarray(pixels), record, mask)
    return record


def choose_pairs(
    records: list[ImageRecord], count: int, seed: int
) -> list[tuple[ImageRecord, ImageRecord]]:
    """`count` ordered pairs drawn evenly from all that share a keypoint: no pair is preferred for
    being easy.
    """
    able = [(a, b) for a, b in permutations(records, 2) if common_keypoints(a, b)]
    order = torch.randperm(
        len(able), generator=generator_for("pairs", seed, records[0].name, records[0].category)
    ).tolist()
    return [able[i] for i in sorted(order[:count])]


def work(root: Path, job: tuple, seed: int) -> list[tuple[ImageRecord, ImageRecord]]:
    """A category's images in a split; returns its pairs."""
    split, category = job
    records, index = [], 0
    while len(records) < SPLITS[split].images:
        record = write_item(root, split, category, index, seed)
        records += [record] if record else []
        index += 1
    return choose_pairs(records, SPLITS[split].pairs, seed)


def finish(root: Path, results: list, seed: int) -> dict[str, int]:
    """Pair annotations and lists of every split, in the order of splits and categories."""
    counts = {}
    for split in SPLITS:
        per_category = [pairs for (name, _), pairs in results if name == split]
        pairs = [pair for chosen in per_category for pair in chosen]
        write_split(root, split, pairs, small=SMALL * len(per_category))
        counts[f"{split} images"], counts[f"{split} pairs"] = (
            SPLITS[split].images * len(per_category),
            len(pairs),
        )
    return counts


def load(job: tuple) -> Load:
    """What a job takes, known before it is done."""
    plan = SPLITS[job[0]]
    return Load(
        plan.images,
        3 * plan.images + plan.pairs,
        (plan.images * KILOBYTES + plan.pairs * KILOBYTES_PAIR) / 1000,
    )


SET = ToySet(
    folder="SPair-71k",
    about="keypoints of 18 categories, difficulty tags, segmentation",
    jobs=tuple((split, category) for split in SPLITS for category in CATEGORIES),
    work=work,
    finish=finish,
    load=load,
    lists=Load(files=2 * len(SPLITS)),
)
