"""Render, train and export the toy diffusion model within a few minutes of a large GPU.

    python data_scripts/train_on_accelerator.py --minutes 9 --out build/train-gpu

goes on from the shipped weights on new pictures of the calibrated world, all on the device: the
renderer fills a pool for a share of the time and each chunk is encoded at once, the nets train in
bfloat16 and compiled, their speed is measured, and the rate falls to its end when the time is
spent. The result is --out/diffusion, as from train_toy_diffusion.py, which goes on from --out too.
Stopped at any time it leaves a checkpoint. --device cpu with small numbers is the rehearsal.
"""

import argparse
import math
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from corrlib.cli import add_debug, answer
from corrlib.storage.outputs import claim_folder
from data_scripts.toytrain import latents, pool, run, vae
from data_scripts.toytrain.begin import begin
from data_scripts.toytrain.diffusion import Latents, Recipe, Trainer

SHIPPED = ROOT / "corrlib/assets/toybox/diffusion"
POOL, END = 0.25, 0.06  # shares of the time: for the pool at most, and kept for the export
PROBE = 20  # steps by which the speed is measured, after as many that compile and warm up


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("build/train-gpu"))
    parser.add_argument("--minutes", type=float, default=9.0, help="from start to export")
    parser.add_argument("--begin", type=Path, default=SHIPPED, help="weights to go on from")
    parser.add_argument("--image", type=int, default=96, help="pixels a side of the pictures")
    parser.add_argument("--chunks", type=int, default=400, help="chunks of pictures at most")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--cooldown", type=float, default=0.35, help="of the pictures of this run")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--device", default="cuda")
    parser.add_argument(
        "--force", action="store_true", help="go on in an --out that this script did not begin"
    )
    add_debug(parser)
    args = parser.parse_args(given)
    if args.device.startswith("cuda") and not torch.cuda.is_available():
        parser.error("no GPU is here; to rehearse: --device cpu --batch 4 --chunks 1 --no-compile")
    return args


@torch.no_grad()
def fill(autoencoder, out: Path, args: argparse.Namespace, until: float) -> Latents:
    """Render and encode chunk after chunk until then, nothing of it on the disk; one at least."""
    tokenizer, means, spreads, lines = latents.tokenizer_of(out), [], [], []
    for index in range(args.chunks):
        images, text = pool.chunk(index, args.image, args.device)
        mean, spread = latents.posteriors(autoencoder, images)
        means, spreads, lines = [*means, mean], [*spreads, spread], lines + text
        if time.time() > until:
            break
    print(f"{len(lines)} pictures rendered and encoded", flush=True)
    return latents.scaled(means, spreads, latents.ids_of(tokenizer, lines, args.device), out)


def fitting(
    trainer: Trainer, data: Latents, args: argparse.Namespace, until: float, watch: float
) -> Recipe:
    """The recipe whose pictures last until then at the speed that some steps have, with a look of
    `watch` seconds at each doubling.
    """
    for _ in range(PROBE):
        trainer.step(data).item()
    started, seen = time.time(), trainer.seen
    for _ in range(PROBE):
        trainer.step(data).item()
    speed, left = (trainer.seen - seen) / (time.time() - started), until - time.time()
    looks = math.ceil(math.log2(1 + speed * max(left, 0) / trainer.seen)) + 1
    fresh = int(speed * max(left - looks * watch, 0))
    print(f"{speed:,.0f} pictures a second, {fresh:,} until the end", flush=True)
    images = trainer.seen + max(fresh, 1)
    return replace(trainer.recipe, images=images, cooldown=args.cooldown * fresh / images)


def main(given: list[str] | None = None) -> int:
    """The command; returns the exit code."""
    started, args = time.time(), arguments(given)
    return answer(lambda: work(args, started), args)


def work(args: argparse.Namespace, started: float) -> None:
    """All of it, in `args.minutes` since `started` (seconds, as `time.time` has them)."""
    whole = 60 * args.minutes
    claim_folder(args.out, force=args.force)
    if args.device.startswith("cuda"):
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        if not args.no_compile:
            pool.fuse_intersections()
    begin(args.begin, args.out)
    autoencoder = vae.load(args.out, args.image, args.device)
    observer = run.observer_of(args.out, autoencoder, args.image, args.device)
    data = fill(autoencoder, args.out, args, started + POOL * whole)
    # while the speed is measured, the rate is held
    recipe = Recipe(images=10**12, batch=args.batch, rate=args.rate)
    compiled = not args.no_compile
    trainer = run.trainer_of(args.out, recipe, args.image, args.device, compiled=compiled)
    looked = time.time()
    trainer.note(observer)  # the weights it begins with, on the pairs of this world
    watch, end = time.time() - looked, started + (1 - END) * whole
    trainer.recipe = fitting(trainer, data, args, end, watch)
    path = args.out / "diffusion.pt"
    trainer.run(data, path, observe=observer, seconds=end - time.time(), save_every=60)
    run.export_run(args.out, autoencoder, trainer)
    print(f"{time.time() - started:.0f} s in all", flush=True)


if __name__ == "__main__":
    sys.exit(main())
