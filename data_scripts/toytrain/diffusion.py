"""Training the toy U-Net and text encoder: velocity prediction, Min-SNR weights, EMA, caption
dropout; resumable.
"""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import distributed, nn

from data_scripts.toytrain import checkpoint
from data_scripts.toytrain.optimizer import Optimizer


@dataclass(frozen=True)
class Recipe:
    """What decides the result: `images` seen in all, a `batch` a process; the rate falls over the
    last `cooldown` of the images.
    """

    images: int = 120_000
    batch: int = 32
    rate: float = 1e-3
    warmup: int = 250  # steps
    cooldown: float = 0.35
    dropout: float = 0.1  # captions replaced by the empty one
    gamma: float = 5.0  # Min-SNR's
    ema: float = 0.999
    seed: int = 0
    optimizer: str = "adamw"  # or muon


EVERY = 4  # steps between two updates of the average
KEPT = ("seen", "steps", "seconds", "record", "curve", "history", "began")


class Latents:
    """Encoded pictures (n x c x h x w, scaled, half precision), the posterior's mean spread (c x 1
    x 1), and token ids (n x 77).
    """

    def __init__(self, mean: torch.Tensor, spread: torch.Tensor, ids: torch.Tensor):
        self.mean, self.spread, self.ids = mean, spread, ids

    def __len__(self) -> int:
        return len(self.mean)


class Trainer:
    """U-Net and text encoder with their averages, optimiser and place in the schedule."""

    def __init__(
        self,
        unet: nn.Module,
        text: nn.Module,
        alphas: torch.Tensor,
        empty: torch.Tensor,
        recipe: Recipe,
        device: str,
    ):
        self.recipe, self.device = recipe, device
        self.nets = nn.ModuleDict({"unet": unet, "text": text}).to(device)
        self.average = copy.deepcopy(self.nets).eval().requires_grad_(False)
        self.alphas, self.empty = alphas.to(device), empty.to(device)
        together = distributed.is_initialized()
        self.rank, self.world = (
            (distributed.get_rank(), distributed.get_world_size()) if together else (0, 1)
        )
        self.optimizer = Optimizer(self.nets, recipe.optimizer, recipe.rate, self.rank, self.world)
        self.generator = torch.Generator(device).manual_seed(recipe.seed + 1000 * self.rank)
        self.seen, self.steps, self.seconds, self.record, self.curve = 0, 0, 0.0, [], []
        self.began = 0  # the step from which the optimiser's warm-up counts
        self.history: list[dict] = []  # with what batch each start of the run went on

    def resume(self, path: Path) -> bool:
        """Take up a checkpoint; False when there is none."""
        state = checkpoint.load(path, self.device)
        if state is None:
            return False
        for name in ("nets", "average"):
            getattr(self, name).load_state_dict(state[name])
        if self.rank == 0 and "generator" in state:
            self.generator.set_state(state["generator"].cpu())
        else:  # the other processes' draws need not be those of an unbroken run, only new ones
            self.generator.manual_seed(self.recipe.seed + 1000 * self.rank + state["steps"])
        for key in KEPT:
            setattr(self, key, state.get(key, getattr(self, key)))
        # weights that were exported come without their optimiser
        if not self.optimizer.load_state_dict(state.get("optimizer", {})):
            self.began = self.steps
        return True

    def save(self, path: Path) -> None:
        if self.rank:
            return
        state = {
            name: getattr(self, name).state_dict() for name in ("nets", "average", "optimizer")
        }
        state |= {k: getattr(self, k) for k in KEPT}
        checkpoint.save({**state, "generator": self.generator.get_state()}, path)

    def rate(self) -> float:
        """Warm up, hold, then fall linearly to a hundredth."""
        left = (1 - self.seen / self.recipe.images) / self.recipe.cooldown
        return (
            self.recipe.rate
            * min(1.0, (self.steps + 1 - self.began) / self.recipe.warmup)
            * max(0.01, min(1.0, left))
        )

    def step(self, data: Latents) -> torch.Tensor:
        """One optimiser step; returns the weighted loss (on the device, so that the host need not
        wait).
        """
        r, device = self.recipe, self.device
        pick = torch.randint(len(data), (r.batch,), generator=self.generator, device=device)
        z = data.mean[pick].float()
        z = z + data.spread * self._normal(z.shape)
        ids = data.ids[pick].long()
        dropped = torch.rand(r.batch, generator=self.generator, device=device) < r.dropout
        ids = torch.where(dropped[:, None], self.empty, ids)
        loss = self._losses(self.nets, z, ids, self.generator).mean()
        self.nets.zero_grad(set_to_none=True)
        loss.backward()
        if self.world > 1:
            self._share_gradients()
        nn.utils.clip_grad_norm_(self.nets.parameters(), 1.0)
        self.optimizer.step(self.rate())
        self.steps, self.seen = self.steps + 1, self.seen + r.batch * self.world
        if self.steps % EVERY == 0:
            self._average()
        return loss.detach()

    def _losses(self, nets, z: torch.Tensor, ids: torch.Tensor, generator) -> torch.Tensor:
        """The weighted loss of each of the latents z, at a timestep and a noise of its own."""
        device, count = self.device, len(z)
        t = torch.randint(len(self.alphas), (count,), generator=generator, device=device)
        noise = torch.randn(z.shape, generator=generator, device=device)
        alpha, sigma = (
            self.alphas[t].sqrt()[:, None, None, None],
            (1 - self.alphas[t]).sqrt()[:, None, None, None],
        )
        noisy, velocity = alpha * z + sigma * noise, alpha * noise - sigma * z
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            condition = nets["text"](ids).last_hidden_state
            out = nets["unet"](noisy, t, condition, return_dict=False)[0]
        snr = self.alphas[t] / (1 - self.alphas[t])
        weight = snr.clamp(max=self.recipe.gamma) / (snr + 1)  # Min-SNR for velocity prediction
        return ((out.float() - velocity) ** 2).mean((1, 2, 3)) * weight

    @torch.no_grad()
    def loss(self, data: Latents, seed: int = 0) -> float:
        """The mean loss of the averaged weights on `data`, the same draws at every call."""
        generator = torch.Generator(self.device).manual_seed(seed)
        found = [
            self._losses(self.average, mean.float(), ids.long(), generator)
            for mean, ids in zip(data.mean.split(32), data.ids.split(32), strict=True)
        ]
        return torch.cat(found).mean().item()

    def _share_gradients(self) -> None:
        """Average the gradients of all processes: one flat message."""
        grads = [p.grad for p in self.nets.parameters() if p.grad is not None]
        flat = torch._utils._flatten_dense_tensors(grads)
        distributed.all_reduce(flat)
        for grad, mean in zip(
            grads, torch._utils._unflatten_dense_tensors(flat / self.world, grads), strict=True
        ):
            grad.copy_(mean)

    @torch.no_grad()
    def _average(self) -> None:
        decay = min(self.recipe.ema, (1 + self.steps) / (10 + self.steps)) ** EVERY
        torch._foreach_lerp_(
            list(self.average.parameters()), list(self.nets.parameters()), 1 - decay
        )

    def _normal(self, shape) -> torch.Tensor:
        return torch.randn(shape, generator=self.generator, device=self.device)

    def run(
        self,
        data: Latents,
        path: Path,
        *,
        observe,
        seconds: float = float("inf"),
        save_every: float = 120.0,
        every: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Train until the recipe's images are seen or `seconds` of `clock` have passed;
        `observe(self)` before the first step in a new world, at each doubling of images seen, and
        each `every` images.
        """
        until = clock() + seconds
        started = saved = shown = time.time()
        already, spent = self.seen, self.seconds
        side = self.nets["unet"].config.sample_size
        self.history.append(
            {
                "from": self.seen,
                "batch": self.recipe.batch * self.world,
                "until": self.recipe.images,
                "latents": side,
                "rate": self.recipe.rate,
                "optimizer": self.recipe.optimizer,
                "pool": len(data),
                "world": observe.world,
            }
        )
        due = due_after(self.seen, every)
        if self.rank == 0 and self.record and self.record[-1].get("world") != observe.world:
            self.note(observe)  # the same weights as in the last line, seen by new pictures
        while self.seen < self.recipe.images and not self._over(clock() >= until):
            loss = self.step(data)
            self.seconds = spent + time.time() - started
            if self.steps % 10 == 0 or not self.curve:
                self.curve.append([self.seen, loss.item()])
            if self.seen >= due or self.seen >= self.recipe.images:
                due = due_after(self.seen, every)
                if self.rank == 0:
                    self.note(observe)
            if self.rank == 0 and time.time() - shown > 20:
                speed = (self.seen - already) / max(time.time() - started, 1)
                print(
                    f"{self.seen:>9} images  loss {loss.item():.4f}  rate {self.rate():.1e}  "
                    f"({speed:.0f}/s)",
                    flush=True,
                )
                shown = time.time()
            if time.time() - saved > save_every:
                self.save(path)
                saved = time.time()
        self.save(path)

    def _over(self, here: bool) -> bool:
        """Whether time is up for any of the processes: their clocks differ, and a step that one of
        them does not take is waited for by the others.
        """
        if self.world == 1:
            return here
        anywhere = torch.tensor(float(here), device=self.device)
        distributed.all_reduce(anywhere, op=distributed.ReduceOp.MAX)
        return bool(anywhere)

    def note(self, observe) -> None:
        """A line of the record: images seen, the mean of the last losses, and what is observed."""
        recent = [value for _, value in self.curve[-20:]]
        loss = sum(recent) / len(recent)
        self.record.append(
            {"images": self.seen, "loss": loss, "world": observe.world, **observe(self)}
        )
        print("record", self.record[-1], flush=True)


def due_after(seen: int, every: int | None = None) -> int:
    """How many images the record's next line waits for: doublings of 1,000, and multiples of
    `every`.
    """
    due = 1000
    while due <= seen:
        due *= 2
    return min(due, (seen // every + 1) * every) if every else due
