"""DAVIS: masks of the first frame carried through the video, counted as J and F of its objects."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Int
from PIL import Image
from torch import Tensor

from corrlib import metrics
from corrlib.data.masks import VOID, masks_in
from corrlib.matching.propagation import Rule, mask_labels, mask_of_labels, propagate
from corrlib.storage.atomic_write import atomic_write
from corrlib.types import Video

FOLDER = "masks"  # of a result: <video>/<frame>.png, as the official evaluation and server want it
UNPUBLISHED = ("test-dev", "test-challenge")
WORDS = (
    "J: intersection over union of masks, F: F-measure of their boundaries, J&F: mean of both; "
    "in percent; mean over frames (without the first and last), then over objects"
)


def ask(method: Any, video: Video, settings: Rule, seed: int, out: Path) -> pd.DataFrame:
    """The masks of all frames as indexed PNG in `out`/masks, and one row a frame."""
    maps = (method.features(view, seed=seed) for view in video.frames)
    first = video.masks(0)
    given = torch.where(first == VOID, 0, first).long()
    start, count = next(maps), int(given.max())
    names = [view.id.rpartition("/")[2] for view in video.frames]
    _write(given, out / FOLDER / video.id / f"{names[0]}.png")
    labels = mask_labels(given, count, start.frame)
    later = propagate(chain([start], maps), labels, settings)
    for name, found in zip(names[1:], later, strict=True):
        ids = mask_of_labels(found.cpu(), start.frame)
        _write(ids, out / FOLDER / video.id / f"{name}.png")
    return pd.DataFrame({"frame": names, "objects": count})


def _write(ids: Int[Tensor, "H W"], path: Path) -> None:
    image = Image.fromarray(ids.numpy().astype(np.uint8), "P")
    image.putpalette(voc_colours().reshape(-1).tolist())
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as part:
        image.save(part, format="PNG")


def voc_colours() -> np.ndarray:
    """PASCAL VOC's palette (256 x 3), whose bits are an id's bits in threes: 1 is dark red."""
    ids = np.arange(256)
    bits = (ids[:, None, None] >> (3 * np.arange(8)[None, :, None] + np.arange(3))) & 1
    return (bits << (7 - np.arange(8))[None, :, None]).sum(1).astype(np.uint8)


def count(rows: pd.DataFrame, data: Sequence, out: Path) -> dict[str, pd.DataFrame]:
    """J and F of every object, and their means; nothing of a split whose masks are not published,
    and without videos whose first mask holds no object.
    """
    if getattr(data, "split", "") in UNPUBLISHED:
        return {}
    frames = []
    for name, part in rows.groupby("item", sort=False):
        if part["objects"].iloc[0]:
            video = data.item(name)
            answered = masks_in(out / FOLDER / name, video)
            frames.append(
                metrics.score_objects(
                    lambda i, of=answered: of(i).numpy(),
                    lambda i, of=video: of.masks(i).numpy(),
                    len(video),
                    sequence=name,
                )
            )
    if not frames:
        raise ValueError(f"{data!r}: no video has an object in its first mask: nothing to score")
    objects = metrics.object_table(pd.concat(frames))
    mean = pd.Series(metrics.mask_summary(objects)).rename("mean over objects").to_frame().T
    numbers = ["J&F", "J", "J_recall", "J_decay", "F", "F_recall", "F_decay"]
    mean[numbers], objects[numbers] = 100 * mean[numbers], 100 * objects[numbers]
    return {"masks": mean, "objects": objects.set_index(["sequence", "object"])}
