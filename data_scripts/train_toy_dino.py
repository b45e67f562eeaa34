"""Train the toy DINO from scratch by self-distillation on pictures of the toybox, without labels:
pictures, training, export.

    python data_scripts/train_toy_dino.py --out build/train-dino

runs on whatever device there is, keeps everything in --out (a checkpoint every two minutes), and
goes on from there when it is started again. The result is --out/dino, a folder for
`Dinov2Model.from_pretrained`, with training.json, the record of the run. The pool of pictures is
that of train_toy_diffusion.py: --pool takes its --out.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from corrlib.cli import add_debug, answer
from corrlib.storage.outputs import claim_folder
from data_scripts.toydino import card
from data_scripts.toydino.model import Head, make_vit
from data_scripts.toydino.observe import Observer
from data_scripts.toydino.training import Recipe, Trainer
from data_scripts.toytrain import pool


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    recipe = Recipe()
    add = parser.add_argument
    add("--out", type=Path, default=Path("build/train-dino"), help="checkpoint and result")
    add("--pool", type=Path, help="the folder whose pool/ holds the pictures (default: --out)")
    add("--chunks", type=int, default=12, help=f"chunks of {pool.CHUNK} different pictures")
    add("--stage", choices=("all", "render", "train", "export"), default="all")
    add("--shard", default="0/1", help="with --stage render: i/n renders every n-th chunk")
    add("--image", type=int, default=96, help="pixels a side of the pictures")
    add("--patch", type=int, default=6, help="pixels a side of a patch")
    add("--width", type=int, default=96, help="channels, a multiple of 32")
    add("--depth", type=int, default=4, help="layers")
    add("--prototypes", type=int, default=256, help="of the projection head")
    for name in ("images", "batch", "wide", "narrow", "narrows", "points", "warmup", "seed"):
        add(f"--{name}", type=int, default=getattr(recipe, name))
    for name in ("rate", "keep", "sharp", "patches", "places", "cooldown"):
        add(f"--{name}", type=float, default=getattr(recipe, name))
    add("--seconds", type=float, default=float("inf"), help="stop after so long (start to go on)")
    add("--threads", type=int, default=0, help="CPU threads; 0 leaves torch's choice")
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    add("--force", action="store_true", help="go on in an --out that this script did not begin")
    add_debug(parser)
    return parser.parse_args(given)


def make_trainer(args: argparse.Namespace) -> Trainer:
    recipe = Recipe(**{k: v for k, v in vars(args).items() if k in Recipe.__dataclass_fields__})
    torch.manual_seed(recipe.seed)
    vit = make_vit(args.image, args.patch, args.width, args.depth)
    head = Head(args.width, args.prototypes, 256, 64)
    return Trainer(vit, head, recipe, args.device)


def export(args: argparse.Namespace, trainer: Trainer) -> None:
    """The teacher's transformer in half precision, the record, and the card."""
    folder, vit = args.out / "dino", trainer.teacher.vit
    vit.half().save_pretrained(folder)
    hardware = (
        torch.cuda.get_device_name()
        if args.device == "cuda"
        else f"{os.cpu_count()} cores of a {platform.machine()} CPU"
    )
    record = {
        "recipe": asdict(trainer.recipe),
        "parameters": sum(p.numel() for p in vit.parameters()),
        "hardware": hardware,
        "torch": torch.__version__,
        "images_seen": trainer.seen,
        "steps": trainer.steps,
        "seconds": round(trainer.seconds),
        "history": trainer.history,
        "record": trainer.record,
        "curve": trainer.curve,
    }
    (folder / "training.json").write_text(json.dumps(record, indent=1) + "\n")
    card.write_card(folder)
    print(f"wrote {folder}: {trainer.seen} images seen", flush=True)


def main(given: Sequence[str] | None = None) -> int:
    args = arguments(given)
    return answer(lambda: run(args), args)


def run(args: argparse.Namespace) -> None:
    """Render, train and export, or the stage that is asked for, each from where it stopped."""
    claim_folder(args.out, force=args.force)
    folder = args.pool or args.out
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.device == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        pool.fuse_intersections()
    if args.stage in ("all", "render"):
        i, n = (int(v) for v in args.shard.split("/"))
        pool.render_chunks(folder, args.chunks, args.image, device=args.device, shard=(i, n))
    if args.stage == "render":
        return
    trainer, path = make_trainer(args), args.out / "dino.pt"
    if trainer.resume(path):
        print(f"going on from {trainer.seen} images", flush=True)
    if args.stage != "export":
        images = torch.cat([pool.load_chunk(folder, i, "cpu")[0] for i in range(args.chunks)])
        observer = Observer(args.image, args.device)
        trainer.run(images.to(args.device), path, observe=observer, seconds=args.seconds)
    export(args, trainer)


if __name__ == "__main__":
    sys.exit(main())
