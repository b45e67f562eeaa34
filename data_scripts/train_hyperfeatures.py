"""Train the head of Diffusion Hyperfeatures on clicked keypoints.

    T=data_scripts/train_hyperfeatures.py
    python $T --only-plan       what it costs, nothing is run
    python $T                   again after a kill: it goes on
    python $T --out build/one-step --set steps=1 --set 'positions=(0,)'
    python $T --preset official --device cuda --set load=64x64 --root SPair-71k --disk-gb 160
                                as the paper did

Every image is walked once and its maps are kept, as long as they fit into --disk-gb; those of the
others are computed again at each step that needs them. The run is kept every --every steps in
--out, with its curve, curve.csv. At the end there is --out/head.safetensors, which says what it is,
and a card. Use it with: python -m corrlib evaluate --method hyperfeatures --set head=FILE
"""

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from corrlib import data, methods
from corrlib.backbones.skeletons import skeleton
from corrlib.cli import add_debug, answer
from corrlib.cli.common import add_values
from corrlib.experiments.evaluate import evaluate, select
from corrlib.heads import files
from corrlib.heads.aggregation import AggregationHead
from corrlib.heads.bank import Item, StoredBank, keypoints
from corrlib.heads.training import Fit, train
from corrlib.methods.base import Env
from corrlib.methods.hyperfeatures import teaching
from corrlib.methods.hyperfeatures.cost import cost
from corrlib.methods.hyperfeatures.frozen import FrozenPath, network
from corrlib.methods.hyperfeatures.method import new_head
from corrlib.methods.hyperfeatures.settings import HyperfeatureSettings
from corrlib.metrics import pck
from corrlib.storage.outputs import claim_folder
from corrlib.storage.tensor_store import TensorStore
from corrlib.types import Pair, View, views_of
from data_scripts.toytrain.curve import Curve
from data_scripts.toytrain.head_card import write_card

DTYPES = {"float16": torch.float16, "float32": torch.float32}


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="spair", help="the data set's name (default: spair)")
    parser.add_argument("--root", type=Path, default=ROOT / "build/toybox/data/SPair-71k")
    parser.add_argument("--split", default="trn", help="whose pairs are learned (default: trn)")
    parser.add_argument("--preset", default="toybox", help="of the method hyperfeatures")
    add_values(parser, "--set", "settings", "replace a setting of the method")
    parser.add_argument("--steps", type=int, default=5000, help="the paper's by default")
    parser.add_argument("--pairs", type=int, default=1, help="pairs of images a step")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--released-cells", action="store_true", help="points half a cell off")
    parser.add_argument("--every", type=int, default=200, help="steps between two that are kept")
    parser.add_argument("--seed", type=int, default=0, help="of latents and of the pairs' order")
    parser.add_argument("--disk-gb", type=float, default=10.0, help="for the maps of images")
    parser.add_argument("--memory-gb", type=float, default=2.0, help="likewise")
    parser.add_argument("--dtype", choices=DTYPES, default="float16", help="maps are rounded to")
    parser.add_argument("--out", type=Path, default=ROOT / "build/hyperfeatures")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, mps")
    parser.add_argument(
        "--validate",
        type=int,
        default=0,
        help="pairs of split val to count at each row of the curve",
    )
    parser.add_argument("--half", action="store_true", help="keep the head in float16")
    parser.add_argument("--only-plan", action="store_true", help="only say what it costs")
    parser.add_argument(
        "--force", action="store_true", help="go on in an --out that this script did not begin"
    )
    add_debug(parser)
    return parser.parse_args(given)


def plan(
    settings: HyperfeatureSettings, env: Env, items: Sequence[Item], args: argparse.Namespace
) -> dict[str, Any]:
    """What a run costs, counted: images, calls of the network, multiply-adds, bytes."""
    diffuser = network(settings, env)
    one = cost(settings, skeleton(diffuser.unet), skeleton(diffuser.vae))
    images = len({id for item in items for id in (item.source, item.target)})
    return {
        "images": images,
        "pairs": len(items),
        "points": sum(len(item.source_points) for item in items),
        "steps": args.steps,
        "calls of the U-Net": images * one.calls,
        "multiply-adds of all images, T": images * one.frozen / 1e12,
        "multiply-adds of all steps, T": one.training(0, args.steps, args.pairs) / 1e12,
        "maps, GB": images * one.maps * DTYPES[args.dtype].itemsize / 1e9,
    }


def views_learned(pairs: Any, items: Sequence[Item]) -> list[View]:
    """The images of the items."""
    wanted = {id for item in items for id in (item.source, item.target)}
    return [view for view in pairs.views() if view.id in wanted]


def measure_of(
    settings: HyperfeatureSettings, head: AggregationHead, bank: StoredBank, pairs: Sequence[Pair]
) -> Callable[[], float] | None:
    """PCK@0.1 per point of `pairs` by the head as it is when asked, or None without a pair."""

    def measure() -> float:
        method = teaching.on_bank(settings, head, bank)
        return pck(evaluate(method, pairs, progress=False))

    return measure if pairs else None


def run(args: argparse.Namespace, env: Env | None = None) -> Path | None:
    """All of it; returns the head's file, or None of a plan."""
    env = env or Env(args.device)
    settings = methods.settings("hyperfeatures", args.preset, **dict(args.settings))
    pairs = data.load(args.data, args.root, args.split)
    items = keypoints(pairs)
    counted = plan(settings, env, items, args)
    print("; ".join(f"{name} {value:,.6g}" for name, value in counted.items()), flush=True)
    if args.only_plan:
        return None
    claim_folder(args.out, force=args.force)
    env.store = TensorStore(args.out / "maps")
    env.store.require_space(int(min(args.disk_gb, counted["maps, GB"]) * 1e9))
    held_out: list[Pair] = []
    if args.validate:
        tests = data.load(args.data, args.root, "val")
        held_out = [tests[i] for i in select(len(tests), args.validate)]
    views = {view.id: view for view in (*views_learned(pairs, items), *views_of(held_out))}
    bank = teaching.bank(
        settings,
        env,
        list(views.values()),
        seed=args.seed,
        disk_bytes=args.disk_gb * 1e9,
        keep_bytes=int(args.memory_gb * 1e9),
        dtype=DTYPES[args.dtype],
    )
    diffuser = network(settings, env)
    head = new_head(settings, FrozenPath(settings, diffuser)).to(env.device)
    fit = Fit(args.rate, pairs=args.pairs, seed=args.seed, released_cells=args.released_cells)
    origin = teaching.origin(settings, env, seed=args.seed)
    curve = Curve(args.out / "curve.csv", measure_of(settings, head, bank, held_out))
    losses = train(
        head,
        bank,
        items,
        args.steps,
        fit,
        checkpoint=args.out / "training.safetensors",
        every=args.every,
        observe=curve,
        about={"features": list(origin), "dtype": args.dtype},
    )
    command = shlex.join(["python", "data_scripts/train_hyperfeatures.py", *sys.argv[1:]])
    facts = {
        "what": f"a head on {counted['pairs']} pairs of {counted['images']} images with "
        f"{counted['points']} points: {args.data}, {args.split}",
        "frozen maps": origin[0],
        "model": f"{settings.model}, fingerprint {diffuser.fingerprint}; U-Net {settings.unet}",
        "steps": f"{len(losses)}, the last one kept too; AdamW at {fit.learning_rate:g}, "
        f"{fit.pairs} pairs a step, temperature {fit.temperature}",
        "seed": str(args.seed),
        "time": f"{curve.rows[-1]['seconds'] / 3600:.2f} hours on {args.device}, of the clock",
        "train it again": f"`{command}`",
    }
    dtype = torch.float16 if args.half else torch.float32
    path = files.save(head, args.out / "head.safetensors", dtype=dtype, **facts)
    head = files.load(path)
    write_card(args.out, head, curve.rows, facts)
    given = [f"{name}={value}" for name, value in args.settings if name != "head"]
    words = [word for text in (*given, f"head={path}") for word in ("--set", text)]
    print(
        f"wrote {path}; count it with: python -m corrlib evaluate --method hyperfeatures --preset "
        f"{args.preset} {shlex.join(words)}"
    )
    return path


def main(given: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    args = arguments(given)
    return answer(lambda: run(args), args)


if __name__ == "__main__":
    sys.exit(main())
