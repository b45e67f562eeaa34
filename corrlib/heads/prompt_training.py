"""Teach a prompt: Adam on the vectors alone, a step of as many pairs as wanted in passes of as many
as fit, the best weights by validation, stopped and taken up at any step.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from tqdm import tqdm

from corrlib.heads import checkpoints
from corrlib.heads.bank import Item
from corrlib.heads.epochs import turn
from corrlib.heads.prompts import Prompts, rates
from corrlib.validation import Validated
from corrlib.validation.kinds import Count, Few, Positive, Seed, Timestep


@dataclass(frozen=True)
class PromptFit(Validated):
    """How a prompt is taught; the defaults are the paper's, 9 pairs a step.

    `at_once` pairs share a pass, their gradients are added up. Vectors learn at `vector_rate`, the
    linear maps of a conditional prompt at `linear_rate`. `loss` "paper" blurs the target,
    "released" interpolates the answer. `recompute` saves memory for time. `timestep` is the
    training's.
    """

    pairs: Count = 9
    at_once: Few = 3
    timestep: Timestep = 261
    vector_rate: Positive = 1e-2
    linear_rate: Positive = 1e-3
    loss: Literal["paper", "released"] = "released"
    temperature: Positive = 0.04
    recompute: bool = False
    seed: Seed = 0


@dataclass
class Progress:
    """What a training left: every step's loss, and the rows of its curve (step, loss, pck)."""

    losses: list[float]
    rows: list[dict[str, Any]]


def teach(
    prompts: Prompts,
    items: Sequence[Item],
    steps: int,
    fit: PromptFit,
    loss_of: Callable[[Sequence[Item], int], Tensor],
    *,
    checkpoint: str | Path | None = None,
    every: int = 50,
    validate: Callable[[], float] | None = None,
    observe: Callable[[Progress], None] | None = None,
    about: Mapping[str, Any] | None = None,
    progress: bool | None = None,
) -> Progress:
    """Teach `prompts` in place, which are the best of the run afterwards (by `validate`, higher is
    better; the last ones without it).

    `loss_of(items, step)` is the sum of the losses of some pairs at a step, with gradient. Every so
    many steps, and at the end, the run is validated and kept in `checkpoint`, a file; called again,
    also for more steps, it goes on from there. Under torchrun or `accelerate launch` each process
    takes its share of every step's pairs. Raises ValueError without items, and where the file holds
    another run.
    *Source:* SD4Match, section 4.1: Adam, constant rates, 9 pairs a step, about 30,000 steps.
    """
    if not items:
        raise ValueError("nothing to learn from: no pair with a keypoint")
    adam = torch.optim.Adam(rates(prompts, fit.vector_rate, fit.linear_rate))
    run = {"prompts": repr(prompts.settings), "fit": asdict(fit), "items": _digest(items)}
    run |= about or {}
    found = checkpoints.resume(Path(checkpoint), prompts, adam, run) if checkpoint else None
    notes: dict[str, Any] = found.notes if found else {"losses": [], "rows": [], "best": None}
    best = found.extra if found else {}
    losses = notes["losses"]
    rank, size = _processes()
    for step in tqdm(
        range(len(losses), steps),
        desc="teach",
        leave=False,
        disable=rank > 0 or (None if progress is None else not progress),
    ):
        losses.append(_step(prompts, items, step, fit, loss_of, adam, (rank, size)))
        if (step + 1) % every and step + 1 < steps:
            continue
        best = _note(prompts, notes, best, validate)
        if rank == 0:
            if checkpoint:
                checkpoints.keep(Path(checkpoint), prompts, adam, run, notes, best)
            if observe:
                observe(Progress(losses, notes["rows"]))
    if best:
        prompts.load_state_dict(best)
    return Progress(losses, notes["rows"])


def _step(
    prompts: Prompts,
    items: Sequence[Item],
    step: int,
    fit: PromptFit,
    loss_of: Callable[[Sequence[Item], int], Tensor],
    adam: torch.optim.Optimizer,
    place: tuple[int, int],
) -> float:
    adam.zero_grad()
    chosen = [items[i] for i in turn(step, fit.pairs, len(items), fit.seed)]
    mine, total = chosen[place[0] :: place[1]], 0.0
    for start in range(0, len(mine), fit.at_once):
        loss = loss_of(mine[start : start + fit.at_once], step) / len(chosen)
        loss.backward()
        total += loss.item()
    if place[1] > 1:
        total = _summed(prompts, total)
    adam.step()
    return total


def _note(
    prompts: Prompts,
    notes: dict[str, Any],
    best: dict[str, Tensor],
    validate: Callable[[], float] | None,
) -> dict[str, Tensor]:
    """Add a row to the curve; returns the best weights so far."""
    losses, rows = notes["losses"], notes["rows"]
    last = int(rows[-1]["step"]) if rows else 0
    part = losses[last:] or losses[-1:]
    row = {"step": len(losses), "loss": sum(part) / len(part)}
    if validate is not None:
        row["pck"] = float(validate())
        if notes["best"] is None or row["pck"] > notes["best"]:
            notes["best"] = row["pck"]
            best = {name: t.detach().clone() for name, t in prompts.state_dict().items()}
    rows.append(row)
    return best


def _processes() -> tuple[int, int]:
    """This process among how many: (rank, size)."""
    there = torch.distributed.is_available() and torch.distributed.is_initialized()
    return (torch.distributed.get_rank(), torch.distributed.get_world_size()) if there else (0, 1)


def _summed(prompts: Prompts, loss: float) -> float:
    """Add up all processes' gradients; returns the sum of their losses."""
    for parameter in prompts.parameters():
        if parameter.grad is None:  # of a category that this process did not meet
            parameter.grad = torch.zeros_like(parameter)
        torch.distributed.all_reduce(parameter.grad)
    total = torch.tensor(loss, dtype=torch.float64)
    total = total.to(next(prompts.parameters()).device)
    torch.distributed.all_reduce(total)
    return float(total)


def _digest(items: Sequence[Item]) -> str:
    digest = hashlib.sha256()
    for item in items:
        points = (item.source_points.tolist(), item.target_points.tolist())
        digest.update(repr((item.source, item.target, *points)).encode())
    return digest.hexdigest()[:16]
