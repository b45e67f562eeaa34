"""Self-distillation: a student learns what its own average says of another crop, and of the patches
that are hidden from it. No label is read; a killed run goes on where it stood.

*Source:* Caron et al., DINO (multi-crop, centring and sharpening); Zhou et al., iBOT (the loss at
hidden patches); both as in DINOv2.
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
from torch.nn.functional import log_softmax

from data_scripts.toydino.crops import crops, masks, recolour
from data_scripts.toydino.model import Head, Net
from data_scripts.toytrain import checkpoint


@dataclass(frozen=True)
class Recipe:
    """What decides the result: `images` seen in all, the crops of each, temperatures, and rates.

    `wide` and `narrow` are pixels a side of the two large and of the `narrows` small crops; `areas`
    their shares of the picture. The teacher's `keep` rises to 1 along half a cosine. `patches`
    weighs the loss at hidden patches beside the one of class tokens.
    """

    images: int = 400_000
    batch: int = 32
    rate: float = 1e-3
    warmup: int = 250  # steps
    cooldown: float = 0.5
    decay: float = 0.04
    wide: int = 72
    narrow: int = 36
    narrows: int = 4
    wide_area: tuple[float, float] = (0.35, 1.0)
    narrow_area: tuple[float, float] = (0.08, 0.35)
    sharp: float = 0.04  # the teacher's temperature
    soft: float = 0.1  # the student's
    keep: float = 0.99
    centring: float = 0.9
    patches: float = 1.0
    still: int = 100  # steps for which the prototypes do not move
    clip: float = 1.0
    seed: int = 0


KEPT = ("seen", "steps", "seconds", "record", "curve", "history")


class Trainer:
    """Student and teacher, their optimiser, the centres and the place in the schedule."""

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
        self.centres = torch.zeros(2, len(head.prototypes), device=device)  # class, patches
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
        self.centres = state["centres"]
        self.generator.set_state(state["generator"].cpu())
        for key in KEPT:
            setattr(self, key, state[key])
        return True

    def save(self, path: Path) -> None:
        """Everything that the next step depends on."""
        parts = ("student", "teacher", "optimizer")
        state = {name: getattr(self, name).state_dict() for name in parts}
        state |= {key: getattr(self, key) for key in KEPT} | {"centres": self.centres}
        checkpoint.save({**state, "generator": self.generator.get_state()}, path)

    def rate(self) -> float:
        """Warm up, hold, then fall linearly to a hundredth."""
        left = (1 - self.seen / self.recipe.images) / self.recipe.cooldown
        rise = min(1.0, (self.steps + 1) / self.recipe.warmup)
        return self.recipe.rate * rise * max(0.01, min(1.0, left))

    def step(self, images: torch.Tensor) -> torch.Tensor:
        """One optimiser step on a batch drawn from `images` (uint8); returns both losses, of class
        tokens and of patches, on the device.
        """
        r = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        pick = torch.randint(
            len(images), (r.batch,), generator=self.generator, device=images.device
        )
        batch = images[pick].to(self.device)
        wide = torch.cat([self._crops(batch, r.wide, r.wide_area) for _ in range(2)])
        narrow = [self._crops(batch, r.narrow, r.narrow_area) for _ in range(r.narrows)]
        hidden = masks(len(wide), r.wide // self.patch, self.generator, self.device)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device != "cpu"):
            losses = self._losses(wide, narrow, hidden)
        self.optimizer.zero_grad(set_to_none=True)
        (losses[0] + r.patches * losses[1]).backward()
        if self.steps < r.still:
            self.student.head.prototypes.grad = None
        nn.utils.clip_grad_norm_(self.student.parameters(), r.clip)
        self.optimizer.step()
        self.steps, self.seen = self.steps + 1, self.seen + r.batch
        self._average()
        return losses.detach()

    def _crops(self, batch: torch.Tensor, side: int, area: tuple[float, float]) -> torch.Tensor:
        return recolour(crops(batch, side, area, self.generator), self.generator)

    def _losses(
        self, wide: torch.Tensor, narrow: list[torch.Tensor], hidden: torch.Tensor
    ) -> torch.Tensor:
        r, student, teacher = self.recipe, self.student, self.teacher
        with torch.no_grad():
            seen = teacher(wide)
            about = [teacher.head(seen[:, 0]), teacher.head(seen[:, 1:][hidden])]
            if self.steps == 0:
                self._centre(about)
            wanted = [
                ((logits.float() - centre) / r.sharp).softmax(-1)
                for logits, centre in zip(about, self.centres, strict=True)
            ]
            if self.steps:
                self._centre(about)
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
        return torch.stack([first, second])

    def _centre(self, logits: list[torch.Tensor]) -> None:
        # the first batches' plain mean: from zero, the teacher would call everything one prototype
        weight = max(1 - self.recipe.centring, 1 / (self.steps + 1))
        for centre, of in zip(self.centres, logits, strict=True):
            if len(of):
                centre.lerp_(of.float().mean(0), weight)

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
                both = ", ".join(f"{value:.3f}" for value in losses.tolist())
                print(f"{self.seen:>9} images  losses {both}  ({speed:.1f}/s)", flush=True)
                shown = time.time()
            if time.time() - saved > save_every:
                self.save(path)
                saved = time.time()
        self.save(path)

    def _note(self, observe: Callable[["Trainer"], dict[str, Any]]) -> None:
        recent = self.curve[-20:]
        loss = [sum(row[k] for row in recent) / len(recent) for k in (1, 2)] if recent else None
        self.record.append({"images": self.seen, "losses": loss, **observe(self)})
        print("record", self.record[-1], flush=True)


def _cross_entropy(wanted: torch.Tensor, logits: torch.Tensor, soft: float) -> torch.Tensor:
    return -(wanted * log_softmax(logits.float() / soft, -1)).sum(-1).mean()
