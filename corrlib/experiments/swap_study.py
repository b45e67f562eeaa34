"""Studies of swapped instances: every trial's swap of the same pairs, seen by an encoder that knows
no feature under test (`heads.judge`), and beside the exact one.

A study with `swap` among its keys is one, for example

    sd-dino-swap: {method: sd_dino, limit: 108, swap: {step: 2}, trials: {...}}

Its table has one row a pair and trial, and a trial "truth", the swap by the toybox's own exact
correspondence, where there is one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import cosine_similarity

from corrlib.heads.judge import SIDE, WIDTHS, shipped
from corrlib.matching.warping import pulled
from corrlib.methods.sd_dino.swap import pixels_of, swapped
from corrlib.toybox.dense import dense_flow
from corrlib.toybox.items import item_of
from corrlib.toybox.render import render
from corrlib.types import Method, Pair, View

KEYS = ("trial", "pair")
VECTOR = tuple(f"e{i:02d}" for i in range(WIDTHS[-1]))
NUMBERS = ("similarity", "color_error", *VECTOR)
TRUTH = "truth"


@dataclass(frozen=True)
class Swap:
    """Every `step`-th pixel of both objects is asked; `data` holds the pictures' masks."""

    step: int = 2
    data: Any = field(default=None, repr=False, compare=False)


def swap_rows(
    methods: Mapping[str, Method],
    pairs: Sequence[Pair],
    labels: Mapping[str, Mapping[str, Any]],
    settings: Swap,
    seed: int,
    done: Callable[[], Any] = lambda: None,
) -> pd.DataFrame:
    """One row a trial and pair: the judge's vector of the swapped picture; `similarity`, 100 times
    the cosine between its object's crop and the target's; `color_error`, the mean difference in
    colour (0 to 1) from the exact swap at the pixels whose answer is known and seen, NaN on
    photographs. `done` is called after each.
    """
    rows = []
    for pair in pairs:
        mask, among = (torch.from_numpy(settings.data.mask(v)) for v in (pair.source, pair.target))
        if not mask.any() or not among.any():
            continue
        true = exact(settings.data, pair, mask)
        reference = embedding(crop(pixels_of(pair.target), among))
        given = dict(labels) | ({TRUTH: {"trial": TRUTH}} if true is not None else {})
        for name, label in given.items():
            if name == TRUTH:
                made = torch.where(true.isnan(), pixels_of(pair.source), true)
            else:
                of = pair.source, pair.target, mask, among
                made = swapped(methods[name], *of, step=settings.step, seed=seed)
            like = cosine_similarity(embedding(crop(made, mask)), reference, dim=0)
            off = (made - true).abs()[~true.isnan()].mean() if true is not None else torch.nan
            vector = dict(zip(VECTOR, embedding(made).tolist(), strict=True))
            row = {"similarity": 100 * float(like), "color_error": float(off), **vector}
            rows.append({**label, "pair": pair.id, "category": pair.category, **row})
            done()
    return pd.DataFrame(rows)


def embedding(picture: Float[Tensor, "3 H W"]) -> Float[Tensor, "d"]:
    """The judge's vector of a picture in [0, 1] of any size."""
    image = Image.fromarray((picture * 255).round().byte().permute(1, 2, 0).numpy())
    small = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32) / 255
    with torch.no_grad():
        return shipped().embed(torch.from_numpy(small).permute(2, 0, 1)[None])[0]


def embeddings(views: Sequence[View]) -> Float[np.ndarray, "n d"]:
    """Those of whole pictures, a row each."""
    return np.stack([embedding(pixels_of(view)).numpy() for view in views])


def crop(picture: Float[Tensor, "3 H W"], mask: Bool[Tensor, "H W"]) -> Float[Tensor, "3 h w"]:
    """The picture within the box of a mask."""
    rows, columns = torch.nonzero(mask, as_tuple=True)
    return picture[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def exact(data: Any, pair: Pair, mask: Bool[Tensor, "H W"]) -> Float[Tensor, "3 H W"] | None:
    """The target's colours at the exact places of the source's pixels, NaN where the place is not
    seen; None where nobody knows.
    """
    notes = [data.annotation(view.id) for view in (pair.source, pair.target)]
    if any(note.get("src_database") != "toybox" for note in notes):
        return None
    scenes = [
        item_of(n.get("world", "calibrated"), data.split, n["category"], n["index"], n["seed"])
        for n in notes
    ]
    (scene, size), (target, there) = scenes
    flow, seen = dense_flow(scene, render(scene, size), target, there)
    y, x = torch.meshgrid(*(torch.arange(n) for n in mask.shape), indexing="ij")
    places = torch.from_numpy(flow) + torch.stack([x, y], -1)
    places[~(torch.from_numpy(seen) & mask)] = torch.nan
    return pulled(pixels_of(pair.target), places)
