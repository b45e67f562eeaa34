"""Train the toy diffusion model from scratch: pictures, autoencoder, latents, U-Net and text
encoder, export.

    python data_scripts/train_toy_diffusion.py --out build/train

runs on whatever device there is, keeps everything in --out, and goes on from there when it is
started again. The result is --out/diffusion, a folder for
`StableDiffusionPipeline.from_pretrained`, with training.json, the record of the run. On several
cores the pictures can be rendered side by side (--stage render --shard 0/2 and --shard 1/2), and
the U-Net trained by one process a core: torchrun --nproc-per-node 2
data_scripts/train_toy_diffusion.py --stage unet --batch 16 --optimizer muon. Most of the time is
best spent on smaller pictures: --image 64 --out build/train64 first, then --begin build/train64.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from corrlib.cli import add_debug, answer
from corrlib.storage.outputs import claim_folder
from corrlib.toybox.things import CATEGORIES
from data_scripts.toytrain import latents, optimizer, pool, run, vae
from data_scripts.toytrain.begin import autoencoder_of, begin
from data_scripts.toytrain.diffusion import Recipe


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, default=Path("build/train"), help="checkpoints and result"
    )
    parser.add_argument(
        "--stage",
        choices=("all", "render", "vae", "latents", "unet", "export", "record"),
        default="all",
    )
    parser.add_argument(
        "--shard", default="0/1", help="with --stage render or latents: i/n does every n-th chunk"
    )
    parser.add_argument("--image", type=int, default=96, help="pixels a side of the pictures")
    parser.add_argument(
        "--begin",
        type=Path,
        help="begin with the weights of another run's --out (of smaller pictures, say), or of an "
        "exported pipeline",
    )
    parser.add_argument(
        "--autoencoder",
        type=Path,
        help="take the autoencoder and the tokenizer of an exported pipeline, and train the rest",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the U-Net's first weights, order and noise"
    )
    parser.add_argument(
        "--images", type=int, default=120_000, help="pictures that the U-Net sees in all"
    )
    parser.add_argument(
        "--chunks", type=int, default=18, help=f"chunks of {pool.CHUNK} different pictures rendered"
    )
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument(
        "--optimizer",
        choices=optimizer.NAMES,
        default="adamw",
        help="of all weights, or muon for those that are matrices",
    )
    parser.add_argument(
        "--cooldown", type=float, default=0.35, help="share of --images over which the rate falls"
    )
    parser.add_argument("--ema", type=float, default=0.999, help="decay of the averaged weights")
    parser.add_argument(
        "--observe", type=int, help="also record the validation PCK each so many pictures"
    )
    parser.add_argument("--vae-steps", type=int, default=6000)
    parser.add_argument("--vae-batch", type=int, default=12)
    parser.add_argument(
        "--seconds",
        type=float,
        default=float("inf"),
        help="stop the U-Net after so long (start again to go on)",
    )
    parser.add_argument(
        "--threads", type=int, default=0, help="CPU threads; 0 leaves torch's choice"
    )
    parser.add_argument(
        "--compile",
        action="store_true",
        help="compile the nets (a GPU's first minute, then faster)",
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--force", action="store_true", help="go on in an --out that this script did not begin"
    )
    add_debug(parser)
    return parser.parse_args(given)


def make_autoencoder(args: argparse.Namespace):
    ready = [i for i in range(args.chunks) if pool.chunk_path(args.out, i).exists()]
    images = torch.cat([pool.load_chunk(args.out, i, args.device)[0] for i in ready])
    autoencoder, record = vae.train(
        images, steps=args.vae_steps, batch=args.vae_batch, folder=args.out, device=args.device
    )
    held_out = torch.cat(
        [pool.pictures(c, 12, args.image, "held out", device=args.device)[0] for c in CATEGORIES]
    )
    report = {**record, "kept_percent": vae.quality(autoencoder, held_out)}
    (args.out / "autoencoder.json").write_text(json.dumps(report))
    print("autoencoder keeps", report["kept_percent"], flush=True)


def main(given: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    args = arguments(given)
    return answer(lambda: work(args), args)


def work(args: argparse.Namespace) -> None:
    """The stages that are asked for, each gone on with where it stopped."""
    claim_folder(args.out, force=args.force)
    if "RANK" in os.environ:  # started by torchrun
        torch.distributed.init_process_group("nccl" if args.device == "cuda" else "gloo")
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.device == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        pool.fuse_intersections()
    stages = (
        ("render", "vae", "latents", "unet", "export") if args.stage == "all" else (args.stage,)
    )
    i, n = (int(v) for v in args.shard.split("/"))
    shard = (i, n)
    if "render" in stages:
        pool.render_chunks(args.out, args.chunks, args.image, device=args.device, shard=shard)
    if args.begin:
        begin(args.begin, args.out)
    if args.autoencoder and not (args.out / "vae.pt").exists():
        autoencoder_of(args.autoencoder, args.out)
    recipe = Recipe(
        images=args.images,
        batch=args.batch,
        rate=args.rate,
        cooldown=args.cooldown,
        ema=args.ema,
        seed=args.seed,
        optimizer=args.optimizer,
    )
    if args.stage == "record":
        trainer = run.trainer_of(args.out, recipe, args.image, args.device)
        return run.write_rows(trainer, ROOT / "book/records/training")
    if "vae" in stages and not (args.out / "autoencoder.json").exists():
        make_autoencoder(args)
    if not {"latents", "unet", "export"} & set(stages):
        return
    autoencoder = vae.load(args.out, args.image, args.device)
    if "latents" in stages:
        latents.encode(autoencoder, args.out, args.chunks, args.device, shard)
    if not {"unet", "export"} & set(stages):
        return
    trainer = run.trainer_of(args.out, recipe, args.image, args.device, compiled=args.compile)
    if "unet" in stages:
        data = latents.load(args.out, args.device)
        observer = run.observer_of(args.out, autoencoder, args.image, args.device)
        path = args.out / "diffusion.pt"
        trainer.run(data, path, observe=observer, seconds=args.seconds, every=args.observe)
    if trainer.rank == 0:
        run.export_run(args.out, autoencoder, trainer)


if __name__ == "__main__":
    sys.exit(main())
