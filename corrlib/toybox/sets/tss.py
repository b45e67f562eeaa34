"""The toybox as TSS: pairs of toys with exact dense flow in both directions, masks, and pairs that
face opposite ways.
"""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from corrlib.toybox.dense import clicked, dense_flow
from corrlib.toybox.items import generator_for
from corrlib.toybox.scene import Knobs
from corrlib.toybox.sets.base import Load, ToySet
from corrlib.toybox.sets.shots import Shot, shots
from corrlib.toybox.things import keypoints
from corrlib.toybox.writing import encoded, write
from corrlib.toybox.writing.flo import write_flo

SIZES = ((192, 144), (176, 144), (192, 128))
SPREAD = 12.0  # degrees of azimuth to either side of a pair's view
KNOBS = Knobs(elevation=(4, 22), size=(1.0, 1.3), shift=0.05, truncation=0, occluder=0.1)
SEEN = 0.6  # of a mask's pixels, at least, must be seen in the other image
POINTS = 4  # clicked points of a pair, at least
JODS, PASCAL = (
    ("aeroplane", "car", "horse"),
    ("bicycle", "boat", "bus", "cow", "motorbike", "train"),
)
# group, folder, toy, whether the two face opposite ways. A folder's first word names the toy, but
# in FG3DCar, which has cars only.
JOBS: tuple[tuple, ...] = (
    *(("FG3DCar", f"{2 * i + 1:03d}_{2 * i + 2:03d}", "car", i % 4 == 3) for i in range(8)),
    *(
        ("JODS", f"{toy}_{2 * i + 1:02d}_{2 * i + 2:02d}", toy, False)
        for toy in JODS
        for i in range(2)
    ),
    *(
        ("PASCAL", f"{toy}_{2 * i + 1:02d}_{2 * i + 2:02d}", toy, i == 1)
        for toy in PASCAL
        for i in range(2)
    ),
)


def work(root: Path, job: tuple, seed: int) -> bool:
    """One pair's folder; returns whether it is flipped."""
    group, pair, toy, flip = job
    one, two = _pair(job, seed)
    folder = root / group / pair
    for i, (source, target) in enumerate(((one, two), (two, one)), start=1):
        flow, _ = dense_flow(source.scene, source.drawn, target.scene, target.size, mirrored=flip)
        known = np.isfinite(flow).all(axis=2)
        write(folder / f"image{i}.png", encoded(source.image(), "PNG"))
        # the real masks of JODS hold 0 and 1, the others' 0 and 255
        write(
            folder / f"mask{i}.png",
            encoded(
                Image.fromarray(known.astype(np.uint8) * (1 if group == "JODS" else 255)), "PNG"
            ),
        )
        write_flo(folder / f"flow{i}.flo", flow)
    points = clicked((one.scene, one.size), (two.scene, two.size), keypoints(toy), mirrored=flip)
    # the real lists count pixels from 1 and divide by width and height
    shares = torch.cat(
        [(p + 1) / torch.tensor(shot.size) for p, shot in zip(points, (one, two), strict=True)], 1
    )
    write(
        folder / "corr.txt",
        "".join("\t".join(f"{v:.8f}" for v in row) + "\n" for row in shares.tolist()),
    )
    write(folder / "flip_gt.txt", str(int(flip)))
    numbers = pair.split("_")[-2:]
    write(
        folder / "pair.txt", "Image1,Image2\n" + ",".join(f"{toy}_{n}.png" for n in numbers) + "\n"
    )
    return flip


def _pair(job: tuple, seed: int) -> tuple[Shot, Shot]:
    """Two toys in one view, or the second in the mirrored view, that show each other's surface."""
    group, pair, toy, flip = job
    side = torch.rand(2, generator=generator_for("tss view", seed, group, pair)).tolist()
    middle = (40 + 100 * side[0]) * (1 if side[1] < 0.5 else -1)
    views = (middle, -middle if flip else middle)
    found = []
    for i, view in enumerate(views):
        knobs = replace(KNOBS, azimuth=(view - SPREAD, view + SPREAD))
        found.append(
            shots(
                ("tss", group, pair, i),
                toy,
                keypoints(toy),
                seed,
                sizes=SIZES,
                points=POINTS,
                knobs=knobs,
            )
        )
    for one, two in islice(zip(*found, strict=True), 50):
        enough = [
            dense_flow(a.scene, a.drawn, b.scene, b.size, mirrored=flip)[1].sum()
            >= SEEN * int((a.drawn.part >= 0).sum())
            for a, b in ((one, two), (two, one))
        ]
        points, _ = clicked(
            (one.scene, one.size), (two.scene, two.size), keypoints(toy), mirrored=flip
        )
        if all(enough) and len(points) >= POINTS:
            return one, two
    raise RuntimeError(
        f"no two scenes of {group}/{pair} show {SEEN:.0%} of each other's surface; change the views"
    )


def finish(root: Path, results: list, seed: int) -> dict[str, int]:
    """Counts only: the layout has no lists."""
    return {"pairs": len(results), "flipped": sum(flip for _, flip in results)}


def load(job: tuple) -> Load:
    """What a job takes, known before it is done."""
    return Load(2, 9, 0.45)


SET = ToySet(
    folder="TSS_CVPR2016",
    about="dense flow and masks in both directions, flipped pairs",
    jobs=JOBS,
    work=work,
    finish=finish,
    load=load,
)
