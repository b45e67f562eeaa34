"""Fit a head to labelled pairs. A run of a seed gives the same bits, in one go or stopped and taken
up again.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from tqdm import tqdm

from corrlib.heads import checkpoints
from corrlib.heads.aggregation import AggregationHead
from corrlib.heads.bank import Bank, Item, StoredBank
from corrlib.heads.epochs import turn
from corrlib.heads.loss import TEMPERATURE, correspondence_loss, keypoint_loss, to_cells
from corrlib.storage.content import digest_of
from corrlib.validation import Validated
from corrlib.validation.kinds import Count, NotNegative, Positive

LOSSES = {"cells": correspondence_loss, "keypoints": keypoint_loss}


@dataclass(frozen=True)
class Fit(Validated):
    """How a head is fitted; the defaults are the paper's, but for its 5,000 steps. `pairs` share a
    step, their losses averaged. `released_cells` puts points into cells as the released code does.
    A point has to be found `among` all "cells" of the other image, or among the other "keypoints"
    of the pair.
    """

    learning_rate: Positive = 1e-3
    weight_decay: NotNegative = 0.0
    pairs: Count = 1
    temperature: Positive = TEMPERATURE
    seed: int = 0
    released_cells: bool = False
    among: Literal["cells", "keypoints"] = "cells"


def train(
    head: AggregationHead,
    bank: Bank,
    items: Sequence[Item],
    steps: int,
    fit: Fit = Fit(),
    *,
    checkpoint: str | Path | None = None,
    every: int = 200,
    progress: bool | None = None,
    observe: Callable[[list[float]], None] | None = None,
    about: Mapping[str, Any] | None = None,
) -> list[float]:
    """Train `head` in place by AdamW; returns every step's loss. Each epoch visits all items in an
    order of its own.

    With `checkpoint`, a file, the run is kept every so many steps and at the end, and taken up from
    there when called again, also for more steps. `observe` is given all losses so far, every so
    many steps and at the end. `about` is what else decides the run, the features' origin say (JSON
    values). Raises ValueError when that file holds another run, or when an item's
    image is not in the bank.
    *Source:* Luo et al.: AdamW at 1e-3, constant, no decay, one pair a step.
    """
    if not items:
        raise ValueError("nothing to train on: no item")
    if missing := sorted({id for item in items for id in (item.source, item.target)} - bank.keys()):
        raise ValueError(
            f"the bank has no features of {missing[0]} ({len(missing)} images are missing); "
            "fill it with all views"
        )
    adam = torch.optim.AdamW(head.parameters(), fit.learning_rate, weight_decay=fit.weight_decay)
    run = {"head": repr(head.settings), "fit": asdict(fit), "items": _digest(items)}
    run |= {"maps": _digest_bank(bank, items)} if checkpoint else {}
    run |= about or {}
    found = checkpoints.resume(Path(checkpoint), head, adam, run) if checkpoint else None
    losses = found.notes["losses"] if found else []
    head.train()
    for step in tqdm(
        range(len(losses), steps),
        desc="train",
        leave=False,
        disable=None if progress is None else not progress,
    ):
        adam.zero_grad()
        loss = _loss(
            head, bank, [items[i] for i in turn(step, fit.pairs, len(items), fit.seed)], fit
        )
        loss.backward()
        adam.step()
        losses.append(loss.item())
        if (step + 1) % every == 0 or step + 1 == steps:
            if checkpoint:
                checkpoints.keep(Path(checkpoint), head, adam, run, {"losses": losses})
            if observe:
                observe(losses)
    head.eval()
    return losses


def _loss(head: AggregationHead, bank: Bank, items: Sequence[Item], fit: Fit) -> Tensor:
    ids = dict.fromkeys(id for item in items for id in (item.source, item.target))
    held = {id: bank[id] for id in ids}  # each image once
    device = head.mixing_weights.device
    maps = {
        cell: torch.stack([found[cell].values.float() for found in held.values()]).to(device)
        for cell in head.settings.cells
    }
    made = dict(zip(held, head(maps), strict=True))
    total = torch.zeros((), device=device)
    for item in items:
        cells = []
        for id, points in ((item.source, item.source_points), (item.target, item.target_points)):
            frame = replace(next(iter(held[id].values())).frame, grid=head.settings.grid)
            cells.append(to_cells(points, frame, released=fit.released_cells).to(device))
        total = total + LOSSES[fit.among](
            made[item.source], made[item.target], *cells, fit.temperature
        )
    return total / len(items)


def _digest(items: Sequence[Item]) -> str:
    digest = hashlib.sha256()
    for item in items:
        digest.update(
            repr(
                (item.source, item.target, item.source_points.tolist(), item.target_points.tolist())
            ).encode()
        )
    return digest.hexdigest()[:16]


def _digest_bank(bank: Bank, items: Sequence[Item]) -> str:
    """Of the features that the items need; of a bank that computes them later, of what decides
    them.
    """
    ids = dict.fromkeys(id for item in items for id in (item.source, item.target))
    if isinstance(bank, StoredBank):
        return digest_of({id: bank.digest(id) for id in ids})
    digest = hashlib.sha256()
    for id in ids:
        for cell, found in sorted(bank[id].items()):
            digest.update(repr((id, cell)).encode())
            digest.update(found.values.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
