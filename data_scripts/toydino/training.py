"""Self-distillation: a student learns what its own average says of another crop, of the patches
that are hidden from it, and of the same place in the other crop. No label is read; a killed run
goes on where it stood.

*Source:* Caron et al., DINO (multi-crop, sharpening); Caron et al., SwAV (prototypes used alike, in
place of a centre); Zhou et al., iBOT (the loss at hidden patches); all as in DINOv2. That a place
has to be told from all other places is Wang et al., DenseCL, with the loss of van den Oord et al.,
InfoNCE. The published models have the time to do without it; in pilots of 4,000 pictures it took
PCK on validation pairs to 13.3 %, prototypes at the same places to 10.3, where pixels reach 9.8.
"""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy, grid_sample, log_softmax

from data_scripts.toydino.crops import across, boxes, cut, masks, recolour
from data_scripts.toydino.model import Head, Net
from data_scripts.toytrain import checkpoint


@dataclass(frozen=True)
class Recipe:
    """What decides the result: `images` seen in all, the crops of each, temperatures, and rates.

    `wide` and `narrow` are pixels a side of the two large and of the `narrows` small crops; `areas`
    their shares of the picture. The teacher's `keep` rises to 1 along half a cosine. `patches`
    weighs the loss at hidden patches beside the one of class tokens, `places` the one at `points`
    patches a crop that lie in the other crop too, told apart at temperature `apart`.
    """

    images: int = 80_000
    batch: int = 32
    rate: float = 2e-3
    warmup: int = 100  # steps
    cooldown: float = 0.5
    decay: float = 0.04
    wide: int = 72
    narrow: int = 36
    narrows: int = 2
    wide_area: tuple[float, float] = (0.35, 1.0)
    narrow_area: tuple[float, float] = (0.08, 0.35)
    sharp: float = 0.04  # the teacher's temperature
    soft: float = 0.1  # the student's
    keep: float = 0.97
    patches: float = 0.0
    places: float = 1.0
    points: int = 48
    apart: float = 0.1
    still: int = 100  # steps for which the prototypes do not move
    clip: float = 1.0
    seed: int = 0


KEPT = ("seen", "steps", "seconds", "record", "curve", "history")


class Trainer:
    """Student and teacher, their optimiser and the place in the schedule."""

    def __init__(self, vit: nn.Module, head: Head, recipe: Recipe, device: str):
        self.recipe, self.device, self.patch = recipe, device, vit.config.patch_size
        self.student = Net(vit, head).to(device)
        self.teacher = copy.deepcopy(self.student).eval().requires_grad_(False)
        flat = [p for p in self.student.parameters() if p.ndim < 2]
        full = [p for p in self.student.parameters() if p.ndim >= 2]
        self.optimizer = torch.optim.AdamW(
            [{"params": full, "weight_decay": recipe.decay}, {"params": flat, "weight_decay": 0.0}],
            lr=recipe.rate,
            betas=(0.9, 0.99),
            fused=True,
        )
        self.generator = torch.Generator(device).manual_seed(recipe.seed)
        self.seen, self.steps, self.seconds, self.record, self.curve = 0, 0, 0.0, [], []
        self.history: list[dict] = []

    def resume(self, path: Path) -> bool:
        """Take up a checkpoint; False when there is none."""
        state = checkpoint.load(path, self.device)
        if state is None:
            return False
        for name in ("student", "teacher", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.generator.set_state(state["generator"].cpu())
        for key in KEPT:
            setattr(self, key, state[key])
        return True

    def save(self, path: Path) -> None:
        """Everything that the next step depends on."""
        parts = ("student", "teacher", "optimizer")
        state = {name: getattr(self, name).state_dict() for name in parts}
        state |= {key: getattr(self, key) for key in KEPT}
        checkpoint.save({**state, "generator": self.generator.get_state()}, path)

    def rate(self) -> float:
        """Warm up, hold, then fall linearly to a hundredth."""
        left = (1 - self.seen / self.recipe.images) / self.recipe.cooldown
        rise = min(1.0, (self.steps + 1) / self.recipe.warmup)
        return self.recipe.rate * rise * max(0.01, min(1.0, left))

    def step(self, images: torch.Tensor) -> torch.Tensor:
        """One optimiser step on a batch drawn from `images` (uint8); returns the three losses, of
        class tokens, of hidden patches and of shared places, on the device.
        """
        r = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        pick = torch.randint(
            len(images), (r.batch,), generator=self.generator, device=images.device
        )
        batch = images[pick].to(self.device)
        views = [self._crops(batch, r.wide, r.wide_area) for _ in range(2)]
        wide, box = (torch.cat(parts) for parts in zip(*views, strict=True))
        narrow = [self._crops(batch, r.narrow, r.narrow_area)[0] for _ in range(r.narrows)]
        hidden = masks(len(wide), r.wide // self.patch, self.generator, self.device)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device != "cpu"):
            losses = self._losses(wide, box, narrow, hidden)
        self.optimizer.zero_grad(set_to_none=True)
        (losses[0] + r.patches * losses[1] + r.places * losses[2]).backward()
        if self.steps < r.still:
            self.student.head.prototypes.grad = None
        nn.utils.clip_grad_norm_(self.student.parameters(), r.clip)
        self.optimizer.step()
        self.steps, self.seen = self.steps + 1, self.seen + r.batch
        self._average()
        return losses.detach()

    def _crops(
        self, batch: torch.Tensor, side: int, area: tuple[float, float]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        box = boxes(len(batch), area, self.generator, batch.device)
        return recolour(cut(batch, box, side), self.generator), box

    def _losses(
        self,
        wide: torch.Tensor,
        box: torch.Tensor,
        narrow: list[torch.Tensor],
        hidden: torch.Tensor,
    ) -> torch.Tensor:
        r, student, teacher = self.recipe, self.student, self.teacher
        patch, places, inside = self._shared(box, r.wide // self.patch)
        with torch.no_grad():
            seen = teacher(wide)
            other = seen[:, 1:].roll(r.batch, 0)  # of every crop, the same picture's other one
            there = _read(other, places)[inside]
            wanted = [
                _balanced(teacher.head(tokens).float() / r.sharp)
                for tokens in (seen[:, 0], seen[:, 1:][hidden])
            ]
            keys = teacher.head.described(there)
        masked = student(wide, hidden)
        said = [student.head(masked[:, 0])]
        if narrow:
            said += student.head(student(torch.cat(narrow))[:, 0]).split(r.batch)
        said = [*said[0].split(r.batch), *said[1:]]
        first = sum(
            _cross_entropy(target, logits, r.soft)
            for i, target in enumerate(wanted[0].split(r.batch))
            for j, logits in enumerate(said)
            if i != j
        ) / (2 * len(said) - 2)
        guessed = student.head(masked[:, 1:][hidden])
        second = _cross_entropy(wanted[1], guessed, r.soft) if len(guessed) else 0 * first
        rows = torch.arange(len(wide), device=wide.device)[:, None]
        asked = student.head.described(masked[:, 1:][rows, patch][inside])
        third = cross_entropy(asked @ keys.T / r.apart, torch.arange(len(keys), device=keys.device))
        return torch.stack([first, second, third])

    def _shared(self, box: torch.Tensor, grid: int) -> tuple[torch.Tensor, ...]:
        """Of every wide crop `points` patches drawn at random (2b x points), where they lie in the
        other crop of the picture (2b x points x 2), and whether that is inside of it.
        """
        n, r = len(box), self.recipe
        draws = torch.rand(n, grid * grid, generator=self.generator, device=box.device)
        patch = draws.argsort(1)[:, : r.points]
        places = across(box, box.roll(r.batch, 0), grid)
        places = places.gather(1, patch[..., None].expand(-1, -1, 2))
        return patch, places, (places.abs() < 1).all(-1)

    @torch.no_grad()
    def _average(self) -> None:
        ahead = math.cos(math.pi * min(1.0, self.seen / self.recipe.images))
        weight = (1 - self.recipe.keep) * (1 + ahead) / 2
        torch._foreach_lerp_(
            list(self.teacher.parameters()), list(self.student.parameters()), weight
        )

    def run(
        self,
        images: torch.Tensor,
        path: Path,
        *,
        observe: Callable[["Trainer"], dict[str, Any]],
        seconds: float = float("inf"),
        save_every: float = 120.0,
    ) -> None:
        """Train until the recipe's images are seen or `seconds` have passed; `observe(self)` before
        the first step and at each doubling of images seen.
        """
        started = saved = shown = time.time()
        already, spent = self.seen, self.seconds
        self.history.append({"from": self.seen, "batch": self.recipe.batch, "pool": len(images)})
        if not self.record:
            self._note(observe)
        due = 1000
        while due <= self.seen:
            due *= 2
        while self.seen < self.recipe.images and time.time() - started < seconds:
            losses = self.step(images)
            self.seconds = spent + time.time() - started
            if self.steps % 10 == 0:
                self.curve.append([self.seen, *losses.tolist()])
            if self.seen >= due or self.seen >= self.recipe.images:
                due *= 2
                self._note(observe)
            if time.time() - shown > 20:
                speed = (self.seen - already) / max(time.time() - started, 1)
                shares = ", ".join(f"{value:.3f}" for value in losses.tolist())
                print(f"{self.seen:>9} images  losses {shares}  ({speed:.1f}/s)", flush=True)
                shown = time.time()
            if time.time() - saved > save_every:
                self.save(path)
                saved = time.time()
        self.save(path)

    def _note(self, observe: Callable[["Trainer"], dict[str, Any]]) -> None:
        recent = self.curve[-20:]
        loss = [sum(row[k] for row in recent) / len(recent) for k in (1, 2, 3)] if recent else None
        self.record.append({"images": self.seen, "losses": loss, **observe(self)})
        print("record", self.record[-1], flush=True)


def _read(tokens: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Patch tokens (n x grid^2 x c) read bilinearly at places (n x k x 2 in [-1, 1])."""
    grid = math.isqrt(tokens.shape[1])
    maps = tokens.transpose(1, 2).unflatten(2, (grid, grid))
    found = grid_sample(maps, places[:, None], align_corners=False, padding_mode="border")
    return found[:, :, 0].transpose(1, 2)


def _balanced(logits: torch.Tensor, rounds: int = 3) -> torch.Tensor:
    """Rows of probabilities in which all prototypes are used alike over the batch (Sinkhorn and
    Knopp): the trivial answer, one prototype for everything, is not to be had.
    """
    for _ in range(rounds if len(logits) else 0):
        logits = logits - logits.logsumexp(0, keepdim=True)
        logits = logits - logits.logsumexp(1, keepdim=True)
    return logits.exp()


def _cross_entropy(wanted: torch.Tensor, logits: torch.Tensor, soft: float) -> torch.Tensor:
    return -(wanted * log_softmax(logits.float() / soft, -1)).sum(-1).mean()
