"""Short trials of how the toy diffusion model is trained on, at equal seconds of processor time.

    python data_scripts/pilot_training.py --seconds 180 --out build/pilots

Each trial begins with the same weights and sees the same scenes, as many as fit: what differs is in
TRIALS. `images` 0 are the weights as they are, looked at with pictures of another size. Processor
time and not the clock's is what is equal, so that a busy machine changes no trial. Writes
book/records/pilots/: table.parquet, a row a trial and layer, and run.json. A trial that is there
in --out is not run again; they are short, and say so: `images` is in every row.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
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
from data_scripts.toytrain.diffusion import Recipe

SHIPPED = ROOT / "corrlib/assets/toybox/diffusion"
TRIALS = {  # pixels a side, and whether it trains
    "as shipped, 96 px": (96, False),
    "as shipped, 128 px": (128, False),
    "as shipped, 160 px": (160, False),
    "on at 96 px": (96, True),
    "on at 128 px": (128, True),
}
BATCH, RATE = 16, 5e-4


def trial(out: Path, image: int, seconds: float) -> dict:
    """One trial in its folder; returns what it saw and the record's last line."""
    out.mkdir(parents=True, exist_ok=True)
    begin(SHIPPED, out)
    autoencoder = vae.load(out, image, "cpu")
    recipe = Recipe(images=10**9, batch=BATCH, rate=RATE, cooldown=0.01)
    trainer = run.trainer_of(out, recipe, image, "cpu")
    observer, before = run.observer_of(out, autoencoder, image, "cpu"), trainer.seen
    if seconds:
        pool.render_chunks(out, 1, image, device="cpu")
        latents.encode(autoencoder, out, 1, "cpu")
        data = latents.load(out, "cpu")
        until = time.process_time() + seconds
        while time.process_time() < until:
            trainer.step(data)
    pck = observer(trainer)["pck"]
    found = {"images": trainer.seen - before, "cpu_seconds": seconds}
    return found | {"pck": pck}


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
        row |= {"cpu_seconds": found["cpu_seconds"], "gflop": operations, "layer": layer}
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
            "rate": RATE,
            "trials": {k: list(v) for k, v in TRIALS.items()},
        },
        "commit": subprocess.run(git, capture_output=True, text=True).stdout.strip(),
        "weights": hashlib.sha256(weights.read_bytes()).hexdigest()[:12],
        "pairs": "ordered pairs of eight validation pictures a category, calibrated world",
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
    parser.add_argument("--seconds", type=float, default=180.0, help="of the processor, a trial")
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
        image, trains = TRIALS[name]
        kept = args.out / name.replace(" ", "-").replace(",", "") / "found.json"
        if not kept.exists():
            found = trial(kept.parent, image, args.seconds if trains else 0)
            with atomic_write(kept) as part:
                part.write_text(json.dumps(found))
        rows += rows_of(name, image, json.loads(kept.read_text()))
        print(pd.DataFrame(rows).query("trial == @name").to_string(index=False), flush=True)
    args.record.mkdir(parents=True, exist_ok=True)
    with atomic_write(args.record / "table.parquet") as part:
        pd.DataFrame(rows).to_parquet(part, index=False)
    with atomic_write(args.record / "run.json") as part:
        part.write_text(json.dumps(provenance(args, time.time() - started), indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
