"""Short trials of how the toy diffusion model is trained on, at equal seconds of processor time.

    python data_scripts/pilot_training.py --seconds 420 --out build/pilots

Each trial begins with the weights that the repository ships, warms up, and lets its rate fall over
the last 40 %; all see the same scenes, as many as fit. What differs is in TRIALS. A trial without a
stage are the weights as they are, looked at with pictures of another size. Processor time and not
the clock's is what is equal, so that a busy machine changes no trial. Writes book/records/pilots/:
table.parquet, a row a trial and layer with its PCK and the loss on pictures that no trial saw, and
run.json. A trial that is there in --out is not run again; they are short, and say so: `images` is
in every row.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from corrlib.cli import add_debug, answer
from corrlib.storage.atomic_write import atomic_write
from corrlib.storage.outputs import claim_folder
from data_scripts.toytrain import latents, models, pool, run, vae
from data_scripts.toytrain.begin import begin
from data_scripts.toytrain.diffusion import Latents, Recipe

SHIPPED = ROOT / "corrlib/assets/toybox/diffusion"


@dataclass(frozen=True)
class Trial:
    """Looked at with pictures of `image` pixels after `stages`, each the pixels of the pictures it
    trains on and its share of the seconds.
    """

    image: int = 96
    stages: tuple[tuple[int, float], ...] = ()
    optimizer: str = "adamw"
    rate: float = 7e-4


TRIALS = {
    "as shipped, 96 px": Trial(96),
    "as shipped, 128 px": Trial(128),
    "on at 96 px": Trial(96, ((96, 1.0),)),
    "on at 128 px": Trial(128, ((128, 1.0),)),
    "on at 96 px, Muon": Trial(96, ((96, 1.0),), "muon"),
    "on at 96 px, Muon at 2e-3": Trial(96, ((96, 1.0),), "muon", 2e-3),
    "on at 64 px, then 96 px, Muon": Trial(96, ((64, 0.6), (96, 0.4)), "muon"),
}
BATCH, WARMUP, FALL, EMA = 16, 50, 0.4, 0.99
CHUNKS = 8  # of every size; another is held out


def data_of(out: Path, image: int) -> tuple[Latents, Latents]:
    """Pictures of `image` pixels to train on, and those that are held out."""
    folder = out / f"pool-{image}"
    folder.mkdir(parents=True, exist_ok=True)
    begin(SHIPPED, folder)
    pool.render_chunks(folder, CHUNKS + 1, image, device="cpu")
    latents.encode(vae.load(folder, image, "cpu"), folder, CHUNKS + 1, "cpu")
    data = latents.load(folder, "cpu")
    seen = CHUNKS * pool.CHUNK
    return (
        Latents(data.mean[:seen], data.spread, data.ids[:seen]),
        Latents(data.mean[seen:], data.spread, data.ids[seen:]),
    )


def run_trial(out: Path, folder: Path, trial: Trial, seconds: float) -> dict:
    """One trial in its `folder`, with the pictures in `out`; what it saw, its loss and PCK."""
    folder.mkdir(parents=True, exist_ok=True)
    begin(SHIPPED, folder)
    recipe = Recipe(images=10**9, batch=BATCH, rate=trial.rate, ema=EMA, optimizer=trial.optimizer)
    trainer = run.trainer_of(folder, recipe, trial.image, "cpu")
    before, begun = trainer.seen, trainer.steps
    held_out = data_of(out, trial.image)[1]
    pools = {image: data_of(out, image)[0] for image, _ in trial.stages}
    start = time.process_time()

    def spent() -> float:
        return (time.process_time() - start) / seconds

    trainer.rate = lambda: (
        trial.rate
        * min(1.0, (trainer.steps + 1 - begun) / WARMUP)
        * max(0.01, min(1.0, (1 - spent()) / FALL))
    )
    end = 0.0
    for image, share in trial.stages:
        end += share
        while spent() < end:
            trainer.step(pools[image])
    observer = run.observer_of(folder, vae.load(folder, trial.image, "cpu"), trial.image, "cpu")
    found = {"images": trainer.seen - before, "cpu_seconds": seconds if trial.stages else 0}
    return found | {"loss": trainer.loss(held_out), "pck": observer(trainer)["pck"]}


def gflop(unet, image: int) -> float:
    """Billions of operations that the U-Net takes for one picture, forward; training takes about
    three times as many.
    """
    side = image // models.FACTOR
    z, text = torch.zeros(1, models.CHANNELS, side, side), torch.zeros(1, 77, 128)
    with torch.no_grad(), FlopCounterMode(display=False) as count:
        unet(z, 1, text)
    return round(count.get_total_flops() / 1e9, 3)


def rows_of(name: str, image: int, found: dict) -> list[dict]:
    """A row a layer: its best timestep."""
    operations = gflop(models.make_unet(image), image)
    layers = dict.fromkeys(cell.split("@")[0] for cell in found["pck"])
    rows = []
    for layer in layers:
        of = {cell: v for cell, v in found["pck"].items() if cell.split("@")[0] == layer}
        best = max(of, key=of.get)
        row = {"trial": name, "image": image, "images": found["images"]}
        row |= {key: found[key] for key in ("cpu_seconds", "loss")}
        row |= {"gflop": operations, "layer": layer}
        rows.append(row | {"t": int(best.split("@")[1]), "pck": of[best]})
    return rows


def provenance(args: argparse.Namespace, seconds: float) -> dict:
    """Command, settings, digests and machine of the record."""
    git = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    weights = SHIPPED / "unet/diffusion_pytorch_model.safetensors"
    return {
        "command": f"python data_scripts/pilot_training.py --seconds {args.seconds:g} --trials "
        + " ".join(repr(name) for name in args.trials),
        "not_run": [name for name in TRIALS if name not in args.trials],
        "settings": {
            "batch": BATCH,
            "warmup": WARMUP,
            "fall": FALL,
            "ema": EMA,
            "pool": CHUNKS * pool.CHUNK,
            "trials": {name: asdict(trial) for name, trial in TRIALS.items()},
        },
        "commit": subprocess.run(git, capture_output=True, text=True).stdout.strip(),
        "weights": hashlib.sha256(weights.read_bytes()).hexdigest()[:12],
        "pairs": "ordered pairs of eight validation pictures a category, calibrated world",
        "loss": "weighted, held-out pictures of the same size, one noise each; averaged weights",
        "measure": "PCK@0.1 of the target box, percent, per point; one noise; averaged weights",
        "machine": f"{os.cpu_count()} cores of a {platform.machine()} CPU",
        "torch": torch.__version__,
        "date": date.today().isoformat(),
        "seconds_of_last_call": round(seconds),  # trials that were there are not run again
    }


def main(given: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build/pilots", help="its own files")
    parser.add_argument("--record", type=Path, default=ROOT / "book/records/pilots")
    parser.add_argument("--seconds", type=float, default=420.0, help="of the processor, a trial")
    parser.add_argument(
        "--trials", nargs="+", choices=list(TRIALS), default=list(TRIALS), help="only these"
    )
    parser.add_argument(
        "--force", action="store_true", help="go on in an --out that this script did not begin"
    )
    add_debug(parser)
    args = parser.parse_args(given)
    return answer(lambda: work(args), args)


def work(args: argparse.Namespace) -> None:
    """The trials that are not done yet, and the record of all of them."""
    claim_folder(args.out, force=args.force)
    torch.set_num_threads(1)
    started, rows = time.time(), []
    for name in args.trials:
        trial = TRIALS[name]
        kept = args.out / re.sub(r"[^a-z0-9]+", "-", name.lower()) / "found.json"
        if not kept.exists():
            found = run_trial(args.out, kept.parent, trial, args.seconds)
            with atomic_write(kept) as part:
                part.write_text(json.dumps(found))
        rows += rows_of(name, trial.image, json.loads(kept.read_text()))
        print(pd.DataFrame(rows).query("trial == @name").to_string(index=False), flush=True)
    args.record.mkdir(parents=True, exist_ok=True)
    with atomic_write(args.record / "table.parquet") as part:
        pd.DataFrame(rows).to_parquet(part, index=False)
    with atomic_write(args.record / "run.json") as part:
        part.write_text(json.dumps(provenance(args, time.time() - started), indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
