"""The toybox as SPair-71k: eighteen categories, three splits that share no toy, difficulty tags
that are true.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import permutations
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from corrlib.toybox.captions import captions, view_name
from corrlib.toybox.items import generator_for, item_of
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
UNMARKED = 0.1  # share of visible points that no annotator marks, so that a pair has about seven
# Of an image with its annotation and mask, on average; of a pair with its lines in lists.
KILOBYTES, KILOBYTES_PAIR = 13.4, 0.77


@dataclass(frozen=True)
class Plan:
    """Images and ordered pairs a category in a split; images are counted from `first`."""

    images: int
    pairs: int
    first: int = 0


@dataclass(frozen=True)
class World:
    """A world of `corrlib.toybox.items` and the splits that are drawn from it."""

    name: str
    splits: Mapping[str, Plan]


STANDARD = World("calibrated", {"trn": Plan(12, 60), "val": Plan(12, 40), "test": Plan(30, 60)})
# More test toys of the standard world, none of which is in the standard set.
FURTHER = World("calibrated", {"test": Plan(60, 180, first=1000)})
UNIFORM = World("hard", {"trn": Plan(12, 60), "val": Plan(8, 40), "test": Plan(16, 60)})
SMALL = 10  # pairs a category in Layout/small


def write_item(
    root: Path, world: str, split: str, category: str, index: int, seed: int
) -> ImageRecord | None:
    """Render and write one image; None (and no file) when the picture shows too little of its
    toy.
    """
    scene, size = item_of(world, split, category, index, seed)
    drawn, truth = render(scene, size), keypoint_truth(scene, size)
    box, marked = toy_box(drawn), truth.visible
    if world == "calibrated":
        generator = generator_for("marks", seed, split, category, index)
        marked = marked & (torch.rand(len(marked), generator=generator) >= UNMARKED)
    if box is None or int(marked.sum()) < MIN_POINTS or min(box[2] - box[0], box[3] - box[1]) < 12:
        return None
    limit = torch.tensor(size) - 1
    places = torch.minimum(truth.points.round().clamp(min=0), limit).int().tolist()
    points = {
        str(i): tuple(p) if seen else None
        for i, (p, seen) in enumerate(zip(places, marked.tolist(), strict=True))
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
        extra={"caption": caption, "seed": seed, "index": index, "world": world},
    )
    pixels = (drawn.rgb[0].permute(1, 2, 0) * 255).round().byte().numpy()
    mask = ((drawn.part[0] >= 0).numpy() * CLASS_ID[category]).astype(np.uint8)
    write_image(root, Image.fromarray(pixels), record, mask)
    return record


def choose_pairs(
    records: list[ImageRecord], count: int, seed: int, *, even: bool
) -> list[tuple[ImageRecord, ImageRecord]]:
    """`count` ordered pairs drawn from all that share a keypoint: none is preferred for being easy.

    With `even`, every picture is in about as many as the others, since pictures are what intervals
    count.
    """
    able = [(a, b) for a, b in permutations(records, 2) if common_keypoints(a, b)]
    generator = generator_for("pairs", seed, records[0].name, records[0].category)
    order = torch.randperm(len(able), generator=generator).tolist()
    if even:
        used: Counter[str] = Counter()
        for k in range(min(count, len(order))):  # of those that are left, the first least used
            busy = [used[able[i][0].name] + used[able[i][1].name] for i in order[k:]]
            order.insert(k, order.pop(k + busy.index(min(busy))))
            used.update(record.name for record in able[order[k]])
    return [able[i] for i in sorted(order[:count])]


def work(world: World, root: Path, job: tuple, seed: int) -> list[tuple[ImageRecord, ImageRecord]]:
    """A category's images in a split; returns its pairs."""
    split, category = job
    plan = world.splits[split]
    records, index = [], plan.first
    while len(records) < plan.images:
        record = write_item(root, world.name, split, category, index, seed)
        records += [record] if record else []
        index += 1
    return choose_pairs(records, plan.pairs, seed, even=world.name == "calibrated")


def finish(world: World, root: Path, results: list, seed: int) -> dict[str, int]:
    """Pair annotations and lists of every split, in the order of splits and categories."""
    counts = {}
    for split, plan in world.splits.items():
        per_category = [pairs for (name, _), pairs in results if name == split]
        pairs = [pair for chosen in per_category for pair in chosen]
        write_split(root, split, pairs, small=SMALL * len(per_category))
        counts[f"{split} images"] = plan.images * len(per_category)
        counts[f"{split} pairs"] = len(pairs)
    return counts


def load(world: World, job: tuple) -> Load:
    """What a job takes, known before it is done."""
    plan = world.splits[job[0]]
    return Load(
        plan.images,
        3 * plan.images + plan.pairs,
        (plan.images * KILOBYTES + plan.pairs * KILOBYTES_PAIR) / 1000,
    )


def _set(world: World, folder: str, about: str) -> ToySet:
    return ToySet(
        folder=folder,
        about=about,
        jobs=tuple((split, category) for split in world.splits for category in CATEGORIES),
        work=partial(work, world),
        finish=partial(finish, world),
        load=partial(load, world),
        lists=Load(files=2 * len(world.splits)),
    )


SET = _set(STANDARD, "SPair-71k", "keypoints of 18 categories, difficulty tags, segmentation")
MORE = _set(FURTHER, "SPair-71k-more", "further test toys of the same world")
HARD = _set(UNIFORM, "SPair-71k-hard", "the same with toys of about one size, seen from anywhere")
