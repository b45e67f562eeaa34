"""Label pairs of training pictures by prompt optimisation, without a keypoint, a box or a mask.

    python data_scripts/label_by_prompts.py                      all of it, in one process
    python data_scripts/label_by_prompts.py --shard 0/2 &        two processes side by side; each
            again after a kill
    python data_scripts/label_by_prompts.py --only-plan          only say how much there is to do

What is done is kept in --work (embeddings one by one), and a run typed again goes on there. The
process that finds all parts written looks up the toy world's answers, for judging the labels only,
and writes the table and its card to --out.
"""

import argparse
import hashlib
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from corrlib import methods
from corrlib.cli import add_debug, answer
from corrlib.cli.common import shard
from corrlib.data.spair import SPair
from corrlib.experiments.evaluate import described
from corrlib.methods.base import Env
from corrlib.methods.prompt_optimization.labels.card import card
from corrlib.methods.prompt_optimization.labels.plan import Plan, Task, query_points, rounds
from corrlib.methods.prompt_optimization.labels.saliency import LEVEL, NEAREST, foreground
from corrlib.methods.prompt_optimization.labels.table import SHIPPED, pair_name
from corrlib.methods.prompt_optimization.labels.teacher import Teacher
from corrlib.methods.prompt_optimization.labels.truth import World
from corrlib.storage.atomic_write import atomic_write
from corrlib.storage.outputs import require_new
from corrlib.storage.result_folder import ResultFolder
from corrlib.storage.tensor_store import TensorStore

CARD = "README.md"


def label(task: Task, teacher: Teacher, points: torch.Tensor, seed: int) -> pd.DataFrame:
    """The labels of one source picture on all its targets, and how long each took."""
    found = []
    for target in task.targets:
        start = time.perf_counter()
        rows = teacher(task.source, target, points, seed=seed)
        rows.insert(0, "pair", pair_name(task.source.id, target.id))
        rows.insert(1, "category", task.source.category)
        rows.insert(2, "source_image", task.source.id)
        rows.insert(3, "target_image", target.id)
        found.append(rows.assign(seconds=(time.perf_counter() - start) / len(rows)))
    return pd.concat(found, ignore_index=True)


def start(folder: Path, todo: Sequence[Task], run: Mapping[str, Any]) -> ResultFolder:
    """A round's results, one part a source picture."""
    names = [[task.source.id, *(target.id for target in task.targets)] for task in todo]
    digest = hashlib.sha256(repr(names).encode()).hexdigest()[:16]
    views = [view for task in todo for view in (task.source, *task.targets)]
    content = {f"image {view.id}": view.digest() for view in views}
    return ResultFolder.start(folder, {**run, "pictures": digest}, len(todo), content)


def finish(
    parts: Sequence[ResultFolder], pairs: SPair, out: Path, plan: Plan, command: str
) -> None:
    """The table with the toy world's answers, and its card."""
    table = pd.concat([done.read() for done in parts], ignore_index=True)
    judged = World(pairs).judge(table.drop(columns="seconds"))
    run = {**parts[0].run, "plan": repr(plan)}
    with atomic_write(out / SHIPPED.name) as part:
        judged.to_parquet(part, index=False)
    with atomic_write(out / CARD) as part:
        part.write_text(card(judged, run, table["seconds"].sum() / 3600, command))
    print(f"{len(judged)} labels in {out / SHIPPED.name}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--root",
        type=Path,
        default=ROOT / "build/toybox/data/SPair-71k",
        help="the data set's folder",
    )
    parser.add_argument("--split", default="trn", help="whose pictures are labelled")
    parser.add_argument(
        "--preset", default="toybox", help="of prompt_optimization, and of dift for the mask"
    )
    for name, default in vars(Plan()).items():
        parser.add_argument(
            f"--{name}",
            type=type(default),
            default=default,
            help=f"see corrlib.methods.prompt_optimization.labels.plan (default: {default})",
        )
    parser.add_argument("--seed", type=int, default=0, help="another number, other embeddings")
    parser.add_argument(
        "--shard", type=shard, default=(0, 1), help="i/n: every n-th source picture from the i-th"
    )
    parser.add_argument(
        "--work", type=Path, default=ROOT / "build/labels", help="folder of what is done so far"
    )
    parser.add_argument(
        "--out", type=Path, default=SHIPPED.parent, help="folder of the table and its card"
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, mps")
    parser.add_argument("--only-plan", action="store_true", help="only say how much there is to do")
    parser.add_argument(
        "--force", action="store_true", help="replace the table and the card that are in --out"
    )
    add_debug(parser)
    args = parser.parse_args(argv)
    return answer(lambda: run(args), args)


def run(args: argparse.Namespace) -> None:
    """Label what is not labelled yet; when all is, judge it and write the table."""
    for name in (SHIPPED.name, CARD) if not args.only_plan else ():  # before hours of work
        require_new(args.out / name, force=args.force)
    torch.set_num_threads(
        1
    )  # one thread gives the same sums everywhere; run shards side by side instead
    plan = Plan(**{name: getattr(args, name) for name in vars(Plan())})
    pairs = SPair(args.root, args.split)
    work = rounds(pairs.views(), plan)
    print(
        f"{args.root.name}, {args.split}: {sum(map(len, work))} source pictures, {plan}", flush=True
    )
    if args.only_plan:
        return
    env = Env(args.device, TensorStore(args.work / "embeddings"))
    method = methods.load("prompt_optimization", args.preset, env=env, embeddings=plan.embeddings)
    back = methods.load("prompt_optimization", args.preset, env=env, embeddings=plan.cycle)
    dift = methods.load("dift", args.preset, env=replace(env, store=None))
    teacher = Teacher(method, back)
    masks = {
        "features": lambda view: foreground(dift.features(view, seed=args.seed)),
        "oracle": pairs.mask,
    }
    about = {**described(method, args.seed), "split": args.split}
    about |= {"plan": repr(replace(plan, sources=0)), "mask": repr((dift.settings, LEVEL, NEAREST))}
    parts = [start(args.work / f"round-{i}", todo, about) for i, todo in enumerate(work)]
    todo = [
        (done, part, todo[part])
        for done, todo in zip(parts, work, strict=True)
        for part in done.todo(args.shard)
    ]
    for done, part, task in tqdm(todo, desc="label", mininterval=10):
        points = query_points(task.source, plan, masks[plan.mask])
        done.write(part, label(task, teacher, points, args.seed))
    if not any(done.todo((0, 1)) for done in parts):
        finish(
            parts,
            pairs,
            args.out,
            plan,
            shlex.join(["python", "data_scripts/label_by_prompts.py", *sys.argv[1:]]),
        )


if __name__ == "__main__":
    sys.exit(main())
