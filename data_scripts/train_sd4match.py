"""Teach a prompt of SD4Match on clicked keypoints.

    T=data_scripts/train_sd4match.py
    python $T                                     one prompt for everything; again after a kill: on
    python $T --kind class --out build/class      one a category
    python $T --kind conditional --out build/cpm  the conditional prompting module
    python $T --kind conditional --prompt seen=image --prompt mixed=false --out build/cpm-3
    python $T --preset official --device cuda --dtype float16 --root SPair-71k --steps 29600
                                                  as the paper did, on one GPU
    accelerate launch --num-processes 3 $T ...    the same steps, each shared by three GPUs

Each image goes through the VAE (and DINO) once. The run is kept every --every steps in --out, with
its curve, curve.csv, of loss and of the PCK of --validate pairs, whose best prompt is the result:
--out/prompts.safetensors, which says what it is, and a card. Use it with: python -m corrlib
evaluate --method sd4match --set prompts=FILE
"""

import argparse
import os
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from corrlib import data, methods
from corrlib.backbones.learned_text import Start, room
from corrlib.backbones.noised_pass import DTYPES
from corrlib.cli import add_debug, answer
from corrlib.cli.common import add_values
from corrlib.experiments.evaluate import evaluate, select
from corrlib.heads import files
from corrlib.heads.bank import keypoints
from corrlib.heads.bottleneck import parameters
from corrlib.heads.prompt_training import Progress, PromptFit, teach
from corrlib.heads.prompts import Prompts, PromptSettings, categories_of
from corrlib.methods.base import Env
from corrlib.methods.sd4match.method import with_prompts
from corrlib.methods.sd4match.settings import Sd4MatchSettings
from corrlib.methods.sd4match.teaching import Lesson, new_prompts
from corrlib.metrics import pck
from corrlib.storage.atomic_write import atomic_write
from corrlib.storage.outputs import claim_folder
from corrlib.types import Pair, views_of
from corrlib.validation.check import checked, checked_fields
from data_scripts.toytrain.head_card import draw


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add, fit = parser.add_argument, PromptFit()
    add("--kind", choices=("single", "class", "conditional"), default="single")
    add_values(parser, "--prompt", "of_prompt", "replace a setting of the prompt")
    add("--start", default="ids", help="ids, empty, object, uniform (single and class)")
    add("--data", default="spair", help="the data set's name (default: spair)")
    add("--root", type=Path, default=ROOT / "build/toybox/data/SPair-71k")
    add("--split", default="trn", help="whose pairs are learned (default: trn)")
    add("--limit", type=int, help="so many of its pairs at most, evenly spread")
    add("--preset", default="toybox", help="of the method sd4match")
    add_values(parser, "--set", "settings", "replace a setting of the method")
    add_values(parser, "--fit", "of_fit", "replace a setting of the training")
    add("--steps", type=int, default=1000, help=f"of {fit.pairs} pairs")
    add("--validate", type=int, default=60, help="pairs of split val to count at each row")
    add("--every", type=int, default=50, help="steps between two rows, and two that are kept")
    add("--dtype", choices=DTYPES, help="of the frozen networks (default: the preset's)")
    add("--out", type=Path, default=ROOT / "build/sd4match-single")
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu, cuda, mps")
    add("--force", action="store_true", help="go on in an --out that this script did not begin")
    add_debug(parser)
    return parser.parse_args(given)


def measure_of(
    settings: Sd4MatchSettings, prompts: Prompts, env: Env, pairs: Sequence[Pair], fit: PromptFit
) -> Callable[[], float] | None:
    """PCK@0.1 per point of `pairs` under the prompt as it is when asked, by the nearest neighbour
    at the training's timestep with one noise; None without a pair.
    """
    once = replace(settings, answer="nearest", ensemble=1, timestep=fit.timestep)

    def measure() -> float:
        prompts.eval()
        return pck(evaluate(with_prompts(once, prompts, env), pairs, progress=False))

    return measure if pairs else None


def curve_to(path: Path) -> Callable[[Progress], None]:
    """Writes the curve with the seconds of all starts so far."""
    begin = time.perf_counter()
    before = pd.read_csv(path)["seconds"].iloc[-1] if path.is_file() else 0.0
    rows = pd.read_csv(path).to_dict("records") if path.is_file() else []

    def write(progress: Progress) -> None:
        known = {int(row["step"]): row["seconds"] for row in rows}
        now = round(before + time.perf_counter() - begin, 1)
        for row in progress.rows:
            known.setdefault(int(row["step"]), now)
        rows[:] = [{**row, "seconds": known[int(row["step"])]} for row in progress.rows]
        with atomic_write(path) as part:
            pd.DataFrame(rows).to_csv(part, index=False)

    return write


def join(device: str) -> str:
    """Join the other processes of this run, if there are any; returns this one's device."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return device
    gpu = device.startswith("cuda")
    if gpu:
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    torch.distributed.init_process_group("nccl" if gpu else "gloo")
    return device


def run(args: argparse.Namespace, env: Env | None = None) -> Path | None:
    """All of it; returns the prompts' file, or None of a process that is not the first."""
    first = int(os.environ.get("RANK", "0")) == 0
    env = env or Env(join(args.device))
    given = dict(args.settings) | ({"dtype": args.dtype} if args.dtype else {})
    settings = methods.settings("sd4match", args.preset, **given)
    fit = replace(PromptFit(), **checked_fields(PromptFit, dict(args.of_fit), "a fit has no"))
    pairs = data.load(args.data, args.root, args.split)
    pairs = [pairs[i] for i in select(len(pairs), args.limit)]
    items = keypoints(pairs)
    held_out: list[Pair] = []
    if args.validate:
        tests = data.load(args.data, args.root, "val")
        held_out = [tests[i] for i in select(len(tests), args.validate)]
    if first:
        claim_folder(args.out, force=args.force)
    lesson = Lesson(settings, fit, env, views_of(pairs), conditional=args.kind == "conditional")
    prompts = new_prompts(
        shape_of(args, lesson, pairs), lesson, checked("--start", args.start, Start)
    )
    progress = teach(
        prompts,
        items,
        args.steps,
        fit,
        partial(lesson.loss, prompts),
        checkpoint=args.out / "training.safetensors",
        every=args.every,
        validate=measure_of(settings, prompts, env, held_out, fit),
        observe=curve_to(args.out / "curve.csv"),
        about={**lesson.origin, "start": args.start},
    )
    return finish(args, settings, fit, prompts, progress, len(items)) if first else None


def shape_of(args: argparse.Namespace, lesson: Lesson, pairs: Sequence[Pair]) -> PromptSettings:
    """The prompt's settings: its kind, what was asked for, and what the networks decide."""
    width = lesson.diffuser.text_encoder.config.hidden_size
    decided = {"kind": args.kind, "width": width, "tokens": room(lesson.diffuser)}
    if args.kind == "class":
        decided["categories"] = categories_of([pair.category for pair in pairs])
    if lesson.vit is not None:
        seen = lesson.images.seen(pairs[0].source)
        decided |= {"feature_width": len(seen.whole), "patches": len(seen.patches)}
    asked = checked_fields(PromptSettings, dict(args.of_prompt), "a prompt has no")
    return PromptSettings(**decided | asked)


def finish(
    args: argparse.Namespace,
    settings: Sd4MatchSettings,
    fit: PromptFit,
    prompts: Prompts,
    progress: Progress,
    pairs: int,
) -> Path:
    """The prompts' file and its card."""
    best = max(progress.rows, key=lambda row: row.get("pck", row["step"]))
    seconds = pd.read_csv(args.out / "curve.csv")["seconds"].iloc[-1]
    command = shlex.join(["python", "data_scripts/train_sd4match.py", *sys.argv[1:]])
    facts = {
        "prompt": f"{prompts.settings!r}, {parameters(prompts):,} parameters, fingerprint "
        f"{files.fingerprint(prompts)}",
        "learned from": f"{pairs} pairs of {args.data}, {args.split}",
        "model": repr(settings),
        "steps": f"{len(progress.losses)}; the best by validation is of step {int(best['step'])}",
        "fit": repr(fit),
        "time": f"{seconds / 60:.0f} minutes of the clock on {args.device}, beside other work",
        "teach it again": f"`{command}`",
        "licence": "MIT",
    }
    path = files.save(prompts, args.out / "prompts.safetensors", **facts)
    lines = [f"# A prompt of SD4Match: {args.kind}", "", "| | |", "| --- | --- |"]
    lines += [f"| {name} | {text} |" for name, text in facts.items()]
    lines += ["", "![Loss and PCK while it was taught](training.png)", ""]
    with atomic_write(args.out / "README.md") as part:
        part.write_text("\n".join(lines))
    draw(progress.rows, args.out / "training.png")
    print(
        f"wrote {path}; count it with: python -m corrlib evaluate --method sd4match --preset "
        f"{args.preset} --set prompts={path}"
    )
    return path


def main(given: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    args = arguments(given)
    return answer(lambda: run(args), args)


if __name__ == "__main__":
    sys.exit(main())
