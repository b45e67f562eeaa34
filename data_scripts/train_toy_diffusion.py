"""Train the toy diffusion model from scratch: pictures, autoencoder, latents, U-Net and text
encoder, export.

    python data_scripts/train_toy_diffusion.py --out build/train

runs on whatever device there is, keeps everything in --out, and goes on from there when it is
started again. The result is --out/diffusion, a folder for
`StableDiffusionPipeline.from_pretrained`, with training.json, the record of the run. On several
cores the pictures can be rendered side by side (--stage render --shard 0/2 and --shard 1/2), and
the U-Net trained by one process a core: torchrun --nproc-per-node 2
data_scripts/train_toy_diffusion.py --stage unet --batch 16. Half of the time is best spent on
smaller pictures: --image 64 --out build/train64 --images 130000 first, then --begin build/train64.
"""

import argparse
import json
import os
import platform
import sys
from pathlib import Path

import torch
from tqdm import tqdm
from transformers import CLIPTokenizer

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from corrlib.toybox.things import CATEGORIES  # noqa: E402
from data_scripts.toytrain import card, diffusion, export, latents, models, pool, vae  # noqa: E402
from data_scripts.toytrain.begin import begin  # noqa: E402
from data_scripts.toytrain.record import Observer  # noqa: E402


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, default=Path("build/train"), help="checkpoints and result"
    )
    parser.add_argument(
        "--stage", choices=("all", "render", "vae", "latents", "unet", "export"), default="all"
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
        "--images", type=int, default=120_000, help="pictures that the U-Net sees in all"
    )
    parser.add_argument(
        "--chunks", type=int, default=18, help=f"chunks of {pool.CHUNK} different pictures rendered"
    )
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1e-3)
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
    return parser.parse_args()


@torch.no_grad()
def make_latents(autoencoder, args: argparse.Namespace) -> None:
    """Encode the pool once: posterior means in half precision, scaled to unit deviation, with the
    captions' tokens.
    """
    target, means, spreads, lines = args.out / "latents.pt", [], [], []
    if target.exists():
        return
    for i in tqdm(range(args.chunks), desc="encode", mininterval=10):
        images, text = pool.load_chunk(args.out, i, args.device)
        posteriors = [
            autoencoder.encode(part.float() / 127.5 - 1).latent_dist for part in images.split(32)
        ]
        means += [p.mean.half() for p in posteriors]
        spreads += [p.std.mean((0, 2, 3)) for p in posteriors]
        lines += text
    mean, spread = torch.cat(means), torch.stack(spreads).mean(0)
    begun = args.out / "scale.json"  # weights that are taken over know latents of one scale
    scale = json.loads(begun.read_text()) if begun.exists() else 1 / mean.float().std().item()
    ids = models.tokens(tokenizer_of(args), lines).to(torch.int16)
    checkpoint.save(
        {
            "mean": mean * scale,
            "spread": (spread * scale)[:, None, None],
            "ids": ids,
            "scale": scale,
        },
        target,
    )


def tokenizer_of(args: argparse.Namespace):
    """That of the run it began with, or learned from the first chunk's captions, which hold every
    word of the grammar many times.
    """
    if (args.out / "tokenizer").is_dir():
        return CLIPTokenizer.from_pretrained(args.out / "tokenizer")
    return models.make_tokenizer(pool.load_chunk(args.out, 0, args.device)[1])


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


def train_unet(args: argparse.Namespace, autoencoder) -> diffusion.Trainer:
    data, tokenizer, device = (
        latents.load(args.out, args.device),
        latents.tokenizer_of(args.out),
        args.device,
    )
    recipe = diffusion.Recipe(
        images=args.images, batch=args.batch, rate=args.rate, cooldown=args.cooldown, ema=args.ema
    )
    torch.manual_seed(recipe.seed)
    unet, text = models.make_unet(args.image), models.make_text_encoder(tokenizer)
    alphas = models.make_scheduler().alphas_cumprod
    trainer = diffusion.Trainer(
        unet, text, alphas, models.tokens(tokenizer, [""])[0], recipe, device
    )
    if args.compile:
        trainer.nets["unet"].compile()
    if trainer.resume(args.out / "diffusion.pt"):
        print(f"going on from {trainer.seen} images", flush=True)
    if args.stage != "export":
        observer = Observer(
            autoencoder,
            lambda s: models.tokens(tokenizer, s),
            alphas,
            latents.scale_of(args.out),
            args.image,
            device,
        )
        trainer.run(
            data,
            args.out / "diffusion.pt",
            observe=observer,
            seconds=args.seconds,
            every=args.observe,
        )
    return trainer


def export_all(args: argparse.Namespace, autoencoder, trainer: diffusion.Trainer) -> None:
    autoencoder.register_to_config(scaling_factor=latents.scale_of(args.out))
    average = trainer.average
    export.write(
        args.out / "diffusion",
        autoencoder,
        average["unet"],
        average["text"],
        latents.tokenizer_of(args.out),
    )
    hardware = (
        torch.cuda.get_device_name()
        if args.device == "cuda"
        else f"{os.cpu_count()} cores of a {platform.machine()} CPU"
    )
    run = {
        "recipe": vars(trainer.recipe),
        "pool": trainer.history[-1]["pool"],
        "hardware": hardware,
        "torch": torch.__version__,
    }
    run |= {"images_seen": trainer.seen, "steps": trainer.steps, "seconds": round(trainer.seconds)}
    run |= {"autoencoder": json.loads((args.out / "autoencoder.json").read_text())}
    run |= {"history": trainer.history, "record": trainer.record, "curve": trainer.curve}
    export.write_record(args.out / "diffusion", run)
    sizes = {"autoencoder": autoencoder, "U-Net": average["unet"], "text encoder": average["text"]}
    card.write_card(
        args.out / "diffusion",
        {name: sum(p.numel() for p in net.parameters()) for name, net in sizes.items()},
    )
    print(f"wrote {args.out / 'diffusion'}: {trainer.seen} images seen", flush=True)


def main() -> None:
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
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
    if "vae" in stages and not (args.out / "autoencoder.json").exists():
        make_autoencoder(args)
    if not {"latents", "unet", "export"} & set(stages):
        return
    autoencoder = vae.load(args.out, args.image, args.device)
    if "latents" in stages:
        latents.encode(autoencoder, args.out, args.chunks, args.device, shard)
    if {"unet", "export"} & set(stages):
        trainer = train_unet(args, autoencoder)
        if trainer.rank == 0:
            export_all(args, autoencoder, trainer)


if __name__ == "__main__":
    main()
