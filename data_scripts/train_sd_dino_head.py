"""Train the supervised head of SD + DINO, one bottleneck on the joined features, on clicked
keypoints.

    T=data_scripts/train_sd_dino_head.py
    python $T                                    again after a kill: it goes on
    python $T --set alpha=1 --out build/sd-head  of SD alone (alpha=0: of DINO alone)
    python $T --among keypoints                  the other reading of the loss

Features of each image are computed once and kept in --out/features. The run is kept every --every
steps in --out, with its curve, curve.csv, and, with --validate, PCK on pairs of split val. At the
end there is --out/head.safetensors with its card. Use it with: python -m corrlib evaluate --method
sd_dino --set head=FILE, and the same --set options.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from corrlib import data, methods
from corrlib.cli import add_debug, answer
from corrlib.cli.common import add_values
from corrlib.experiments.evaluate import evaluate, select
from corrlib.heads import files
from corrlib.heads.aggregation import AggregationHead
from corrlib.heads.training import LOSSES, Fit
from corrlib.methods.base import Env
from corrlib.methods.sd_dino.method import SdDino
from corrlib.methods.sd_dino.supervised import fit_head
from corrlib.metrics import pck
from corrlib.storage.outputs import claim_folder
from corrlib.storage.tensor_store import TensorStore
from corrlib.types import Pair
from data_scripts.toytrain.curve import Curve
from data_scripts.toytrain.head_card import write_card


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", default="spair", help="the data set's name (default: spair)")
    add("--root", type=Path, default=ROOT / "build/toybox/data/SPair-71k")
    add("--split", default="trn", help="whose pairs are learned (default: trn)")
    add("--limit", type=int, help="so many pairs at most, evenly spread")
    add("--preset", default="toybox", help="of the method sd_dino")
    add_values(parser, "--set", "settings", "replace a setting of the method")
    add("--among", choices=LOSSES, default="cells", help="what a point has to be found among")
    add("--steps", type=int, default=5000)
    add("--pairs", type=int, default=1, help="pairs of images a step")
    add("--rate", type=float, default=1e-3)
    add("--width", type=int, default=384, help="channels of the head's descriptors")
    add("--middle", type=int, default=96, help="channels inside of its bottleneck")
    add("--groups", type=int, default=32, help="of GroupNorm; divides both")
    add("--every", type=int, default=200, help="steps between two that are kept")
    add("--validate", type=int, default=0, help="pairs of split val to count at each row")
    add("--half", action="store_true", help="keep the head in float16")
    add("--seed", type=int, default=0, help="of noise, of the head and of the pairs' order")
    add("--out", type=Path, default=ROOT / "build/sd-dino-head")
    add("--device", default="cpu", help="cpu, cuda, mps")
    add("--force", action="store_true", help="go on in an --out that this script did not begin")
    add_debug(parser)
    return parser.parse_args(given)


class Watch:
    """The curve, with PCK of the held-out pairs by the head as it is."""

    def __init__(self, path: Path, method: SdDino, pairs: Sequence[Pair]):
        self.method, self.pairs = method, pairs
        self.curve = Curve(path, self.measure if pairs else None)
        self.head: AggregationHead | None = None

    def __call__(self, losses: list[float], head: AggregationHead) -> None:
        self.head = head
        self.curve(losses)

    def measure(self) -> float:
        """PCK@0.1 per point, in percent."""
        self.head.eval()
        found = pck(evaluate(replace(self.method, head=self.head), self.pairs, progress=False))
        self.head.train()
        return found


def run(args: argparse.Namespace, env: Env | None = None) -> Path:
    """All of it; returns the head's file."""
    env = env or Env(args.device)
    claim_folder(args.out, force=args.force)
    env.store = TensorStore(args.out / "features")
    method = methods.load("sd_dino", args.preset, env=env, **dict(args.settings))
    pairs = data.load(args.data, args.root, args.split)
    chosen = [pairs[i] for i in select(len(pairs), args.limit)]
    val = data.load(args.data, args.root, "val") if args.validate else []
    held_out = [val[i] for i in select(len(val), args.validate or None)]
    watch = Watch(args.out / "curve.csv", method, held_out)
    fit = Fit(args.rate, pairs=args.pairs, seed=args.seed, among=args.among)
    head, losses = fit_head(
        method.views,
        chosen,
        args.steps,
        fit,
        checkpoint=args.out / "training.safetensors",
        every=args.every,
        observe=watch,
        seed=args.seed,
        width=args.width,
        middle=args.middle,
        groups=args.groups,
    )
    learned = (
        f"{len(chosen)} of {len(pairs)} pairs of {args.data}, {args.split}; {len(losses)} steps"
    )
    hours = watch.curve.rows[-1]["seconds"] / 3600
    command = shlex.join(["python", "data_scripts/train_sd_dino_head.py", *sys.argv[1:]])
    facts = {
        "learned": learned,
        "features": repr(method.settings),
        "weights": method.weights,
        "fit": repr(fit),
        "time": f"{hours:.2f} hours on {args.device}, of the clock",
        "train it again": f"`{command}`",
    }
    dtype = torch.float16 if args.half else torch.float32
    path = files.save(head, args.out / "head.safetensors", dtype=dtype, **facts)
    title = "A head on SD and DINO features"
    write_card(args.out, files.load(path), watch.curve.rows, facts, title)
    print(f"{learned}; wrote {path}; evaluate it with --method sd_dino --set head={path}")
    return path


def main(given: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    args = arguments(given)
    return answer(lambda: run(args), args)


if __name__ == "__main__":
    sys.exit(main())
