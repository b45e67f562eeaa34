"""Carry an unfinished training of the toy diffusion model to another machine in this repository.

    python data_scripts/carry_training.py pack build/train
    python data_scripts/carry_training.py unpack build/train

`pack` writes the run's averaged weights, a number in eight bits (each row of a matrix with a scale
of its own), and the record so far to data_scripts/carried: half of an exported pipeline's size,
because every version stays in the history. `unpack` begins an --out of train_toy_diffusion.py with
them, on the autoencoder and tokenizer of the shipped model; the optimiser begins anew.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from corrlib.cli import add_debug, answer
from corrlib.storage.atomic_write import atomic_write
from corrlib.storage.outputs import claim_folder
from data_scripts.toytrain import checkpoint
from data_scripts.toytrain.begin import autoencoder_of

SHIPPED = ROOT / "corrlib/assets/toybox/diffusion"
CARRIED = ROOT / "data_scripts/carried"
RECORD = ("seen", "steps", "seconds", "record", "curve", "history")
LEVELS = 127


def pack(out: Path, carried: Path = CARRIED) -> None:
    """The run in `out` to `carried`. Raises SystemExit where there is none."""
    state = checkpoint.load(out / "diffusion.pt", "cpu")
    if state is None:
        raise SystemExit(f"{out} has no diffusion.pt; train first: --stage unet --out {out}")
    tensors = {}
    for name, weight in state["average"].items():
        if weight.ndim < 2:
            tensors[name] = weight
            continue
        scale = weight.flatten(1).abs().amax(1).clamp(min=1e-12) / LEVELS
        rows = scale.view(-1, *[1] * (weight.ndim - 1))
        tensors |= {name: (weight / rows).round().to(torch.int8), f"{name}:scale": scale}
    carried.mkdir(parents=True, exist_ok=True)
    with atomic_write(carried / "weights.safetensors") as part:
        save_file(tensors, part)
    with atomic_write(carried / "run.json") as part:
        part.write_text(json.dumps({key: state[key] for key in RECORD}) + "\n")
    print(f"wrote {carried}: {state['seen']} images seen")


def unpack(out: Path, carried: Path = CARRIED) -> None:
    """Begin `out` with what `carried` holds. Raises SystemExit where there is nothing, or where
    `out` has a run of its own.
    """
    if not (carried / "weights.safetensors").is_file():
        raise SystemExit(f"nothing is carried in {carried}; begin with --begin {SHIPPED}")
    if (out / "diffusion.pt").exists():
        raise SystemExit(f"{out} has a run of its own (diffusion.pt); name another folder")
    claim_folder(out)
    autoencoder_of(SHIPPED, out)
    tensors = load_file(carried / "weights.safetensors")
    nets = {}
    for name, weight in tensors.items():
        if name.endswith(":scale"):
            continue
        if (scale := tensors.get(f"{name}:scale")) is not None:
            weight = weight.float() * scale.view(-1, *[1] * (weight.ndim - 1))
        nets[name] = weight
    record = json.loads((carried / "run.json").read_text())
    checkpoint.save({"nets": nets, "average": nets, **record}, out / "diffusion.pt")
    print(f"began {out} with {record['seen']} images seen")


def main(given: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("pack", "unpack"))
    parser.add_argument("out", type=Path, help="--out of train_toy_diffusion.py")
    add_debug(parser)
    args = parser.parse_args(given)
    return answer(lambda: {"pack": pack, "unpack": unpack}[args.what](args.out), args)


if __name__ == "__main__":
    sys.exit(main())
