"""Train the judge: a small classifier of toys, on pictures of the toybox with their categories. It
scores swapped pictures, and knows neither a diffusion model nor a vision transformer.

    python data_scripts/train_toy_judge.py --pool build/train --out build/judge

The pool of pictures is that of train_toy_diffusion.py and train_toy_dino.py (their --out or
--pool); chunks that are not there are rendered. The last chunk is held out. Minutes on one core.
"""

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from safetensors.torch import save_file

from corrlib.cli import add_debug, answer
from corrlib.heads.bottleneck import parameters
from corrlib.heads.judge import SIDE, Judge
from corrlib.storage.atomic_write import atomic_write
from corrlib.storage.outputs import claim_folder
from corrlib.toybox.things import CATEGORIES
from data_scripts.toytrain import pool


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--pool", type=Path, help="the folder whose pool/ holds the pictures (default: --out)")
    add("--chunks", type=int, default=12, help=f"chunks of {pool.CHUNK} pictures, 2 or more")
    add("--epochs", type=int, default=9)
    add("--batch", type=int, default=64)
    add("--rate", type=float, default=6e-3)
    add("--seed", type=int, default=0)
    add("--out", type=Path, default=ROOT / "build/judge")
    add("--force", action="store_true", help="write into an --out that this script did not begin")
    add_debug(parser)
    return parser.parse_args(given)


def labels(count: int) -> torch.Tensor:
    """The categories of so many chunks' pictures, by number."""
    return torch.arange(len(CATEGORIES)).repeat_interleave(pool.EACH).repeat(count)


def run(args: argparse.Namespace) -> Path:
    """All of it; returns the judge's file."""
    claim_folder(args.out, force=args.force)
    folder, begin = args.pool or args.out, time.perf_counter()
    pool.render_chunks(folder, args.chunks, SIDE, device="cpu")
    chunks = [pool.load_chunk(folder, i, "cpu")[0] for i in range(args.chunks)]
    images, held_out, known = torch.cat(chunks[:-1]), chunks[-1], labels(args.chunks - 1)
    torch.manual_seed(args.seed)
    judge = Judge(len(CATEGORIES))
    steps = args.epochs * (len(images) // args.batch)
    adam = torch.optim.AdamW(judge.parameters(), args.rate, weight_decay=0.05)
    falling = torch.optim.lr_scheduler.OneCycleLR(adam, args.rate, steps)
    for epoch in range(args.epochs):
        order = torch.randperm(len(images))
        for part in order[: steps // args.epochs * args.batch].split(args.batch):
            adam.zero_grad()
            loss = cross_entropy(judge(images[part].float() / 255), known[part])
            loss.backward()
            adam.step()
            falling.step()
        right = accuracy(judge, held_out)
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}, {right:.1f} % of new toys", flush=True)
    path = args.out / "judge.safetensors"
    with atomic_write(path) as part:
        save_file({k: v.half().contiguous() for k, v in judge.state_dict().items()}, part)
    command = shlex.join(["python", "data_scripts/train_toy_judge.py", *sys.argv[1:]])
    card = f"""# The toybox's judge

A classifier of whole pictures, {parameters(judge):,} parameters. Its 64 numbers before the last
layer embed a picture.

| | |
| --- | --- |
| pictures | {len(images):,} of {len(CATEGORIES)} categories, {args.epochs} times |
| categories of new toys that it names rightly | {right:.1f} % of {len(held_out):,} |
| time | {(time.perf_counter() - begin) / 60:.0f} minutes |
| train it again | `{command}` |
| licence | MIT |
"""
    with atomic_write(args.out / "README.md") as part:
        part.write_text(card)
    print(f"wrote {path}")
    return path


@torch.no_grad()
def accuracy(judge: Judge, held_out: torch.Tensor) -> float:
    """Percent of a chunk's pictures whose category is named."""
    judge.eval()
    named = torch.cat([judge(p.float() / 255).argmax(1) for p in held_out.split(128)])
    judge.train()
    return 100 * (named == labels(1)).float().mean().item()


def main(given: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    args = arguments(given)
    return answer(lambda: run(args), args)


if __name__ == "__main__":
    sys.exit(main())
