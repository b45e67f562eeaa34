"""Render the toybox data set and write it to disk in SPair-71k's own layout.

    python data_scripts/make_toybox.py --out build/toybox/data

writes OUT/SPair-71k. The same --seed gives the same bytes, whatever the number of workers. The splits share no toy.
"""

import argparse
import json
import os
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from corrlib.data.spair_writer import CLASS_ID, ImageRecord, common_keypoints, write_image, write_split  # noqa: E402
from corrlib.data.toybox.captions import captions, view_name  # noqa: E402
from corrlib.data.toybox.items import generator_for, item  # noqa: E402
from corrlib.data.toybox.render import render  # noqa: E402
from corrlib.data.toybox.things import CATEGORIES  # noqa: E402
from corrlib.data.toybox.truth import flags, keypoint_truth, toy_box  # noqa: E402

MIN_POINTS = 3  # an image that shows fewer keypoints is left out, as no annotator would keep it


@dataclass(frozen=True)
class Plan:
    """Images and ordered pairs a category in a split; `small` is the share of pairs in Layout/small."""

    images: int
    pairs: int


SPLITS = {"trn": Plan(12, 60), "val": Plan(8, 40), "test": Plan(16, 60)}
SMALL = 10  # pairs a category in Layout/small


def write_item(root: Path, split: str, category: str, index: int, seed: int) -> ImageRecord | None:
    """Render and write one image; None (and no file) when the picture shows too little of its toy."""
    torch.set_num_threads(1)
    scene, size = item(split, category, index, seed=seed)
    drawn, truth = render(scene, size), keypoint_truth(scene, size)
    box = toy_box(drawn)
    if box is None or int(truth.visible.sum()) < MIN_POINTS or min(box[2] - box[0], box[3] - box[1]) < 12:
        return None
    limit = torch.tensor(size) - 1
    places = torch.minimum(truth.points.round().clamp(min=0), limit).int().tolist()
    points = {str(i): tuple(p) if seen else None for i, (p, seen) in enumerate(zip(places, truth.visible.tolist(), strict=True))}
    truncated, occluded = flags(scene, drawn, size)
    azimuth, elevation = scene.azimuth.item(), scene.elevation.item()
    caption = captions(scene, generator_for("caption", seed, split, category, index))[0]
    record = ImageRecord(
        name=f"{split}_{index:04d}", category=category, width=size[0], height=size[1], box=box, keypoints=points,
        keypoint_names=truth.names, azimuth=round(azimuth, 3), elevation=round(elevation, 3), truncated=truncated, occluded=occluded,
        pose=view_name(azimuth).title(), extra={"caption": caption, "seed": seed, "index": index},
    )  # fmt: skip
    pixels = (drawn.rgb[0].permute(1, 2, 0) * 255).round().byte().numpy()
    mask = ((drawn.part[0] >= 0).numpy() * CLASS_ID[category]).astype(np.uint8)
    write_image(root, Image.fromarray(pixels), record, mask)
    return record


def choose_pairs(records: list[ImageRecord], count: int, seed: int) -> list[tuple[ImageRecord, ImageRecord]]:
    """`count` ordered pairs drawn evenly from all that share a keypoint: no pair is preferred for being easy."""
    able = [(a, b) for a, b in permutations(records, 2) if common_keypoints(a, b)]
    order = torch.randperm(len(able), generator=generator_for("pairs", seed, records[0].name, records[0].category)).tolist()
    return [able[i] for i in sorted(order[:count])]


def write_category(root: Path, split: str, category: str, plan: Plan, seed: int) -> list[tuple[ImageRecord, ImageRecord]]:
    records, index = [], 0
    while len(records) < plan.images:
        record = write_item(root, split, category, index, seed)
        records += [record] if record else []
        index += 1
    return choose_pairs(records, plan.pairs, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "build/toybox/data")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    args = parser.parse_args()
    images = len(CATEGORIES) * sum(plan.images for plan in SPLITS.values())
    print(f"toybox: {images} images, about {images * 0.035:.0f} MB, to {args.out}")
    root, aside = args.out / "SPair-71k", args.out / "SPair-71k.partial"
    shutil.rmtree(aside, ignore_errors=True)
    jobs = [(split, category) for split in SPLITS for category in CATEGORIES]
    with ProcessPoolExecutor(args.workers) as workers:
        futures = {job: workers.submit(write_category, aside, *job, SPLITS[job[0]], args.seed) for job in jobs}
        pairs = {job: futures[job].result() for job in tqdm(jobs, desc="render", mininterval=2)}
    for split in SPLITS:
        chosen = [pair for category in CATEGORIES for pair in pairs[split, category]]
        write_split(aside, split, chosen, small=SMALL * len(CATEGORIES))
    shutil.rmtree(root, ignore_errors=True)
    os.replace(aside, root)  # a killed run leaves no half data set behind
    counts = {split: {"images": len(CATEGORIES) * plan.images, "pairs": len(CATEGORIES) * plan.pairs} for split, plan in SPLITS.items()}
    (args.out / "toybox.json").write_text(json.dumps({"seed": args.seed, **counts}, indent=1) + "\n")


if __name__ == "__main__":
    main()
