"""Render the toybox and write it to disk in the layouts of eight benchmarks.

    python data_scripts/make_toybox.py --out build/toybox/data
    python data_scripts/make_toybox.py --only tss,davis      some of them
    python data_scripts/make_toybox.py --plan                what would be written, how large

The same --seed gives the same bytes, whatever the number of workers. A set appears under its name
when it is whole; until then the one that stood there stays. A folder that is not as this script
wrote it is never replaced, unless --force is given.
"""

import argparse
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import torch
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from corrlib.cli import add_debug, answer
from corrlib.storage.outputs import make_folder
from corrlib.toybox.sets import SETS
from corrlib.toybox.sets.base import Load
from corrlib.toybox.sets.place import publish, require_ours, workplace


def choose(words: str) -> list[str]:
    """Names of sets, from a list with commas. Raises ArgumentTypeError naming an unknown one and
    those there are.
    """
    names = [word.strip() for word in words.split(",")]
    if unknown := [name for name in names if name not in SETS]:
        raise argparse.ArgumentTypeError(f"no toy set {unknown[0]!r}; there are {', '.join(SETS)}")
    return [name for name in SETS if name in names]


def plan(names: Sequence[str], limit: int | None = None) -> str:
    """A table of what will be written: images, files and megabytes, before anything is rendered."""
    total = sum((SETS[name].total(limit) for name in names), Load())
    rows = [
        (name, f"{SETS[name].folder}/", SETS[name].total(limit), SETS[name].about) for name in names
    ]
    lines = [
        (
            f"  {name:<10} {folder:<29} {load.images:>5,} images {load.files:>6,} files "
            f"{load.megabytes:>6.1f} MB  {about}"
        ).rstrip()
        for name, folder, load, about in [*rows, ("in all", "", total, "")]
    ]
    return "\n".join(lines)


def make(
    out: Path,
    names: Sequence[str],
    *,
    seed: int = 0,
    workers: int = 1,
    limit: int | None = None,
    force: bool = False,
) -> None:
    """Write the sets to `out`; `limit` takes that many jobs of each, spread evenly. Raises OSError
    where the disk is too full, and, unless `force`, where a set's folder is not as it was written.
    """
    make_folder(out)
    for name in names if not force else ():
        require_ours(out, name, out / SETS[name].folder)
    needed = 1.2 * sum(SETS[name].total(limit).megabytes for name in names)
    if (free := shutil.disk_usage(out).free / 1e6) < needed:
        raise OSError(
            f"{out} has {free:,.0f} MB free and needs {needed:,.0f}; make room, or name another "
            "--out, or fewer sets by --only"
        )
    with workplace(out) as place, pool(workers) as submit:
        jobs = {name: SETS[name].some(limit) for name in names}
        tasks = {
            (name, job): submit(work, place / SETS[name].folder, name, job, seed)
            for name in names
            for job in jobs[name]
        }
        with tqdm(total=len(tasks), desc="render", mininterval=2) as bar:
            for name in names:
                results = []
                for job in jobs[name]:
                    results.append((job, tasks.pop((name, job))()))
                    bar.update()
                made = place / SETS[name].folder
                counts = SETS[name].finish(made, results, seed)
                about = {"folder": SETS[name].folder, "seed": seed, **counts}
                publish(made, out / SETS[name].folder, place, name, about, force)


def work(root: Path, name: str, job: tuple, seed: int) -> object:
    """One job, in a worker: one thread, so that sums come out the same everywhere."""
    torch.set_num_threads(1)
    return SETS[name].work(root, job, seed)


@contextmanager
def pool(workers: int) -> Iterator:
    """A function that takes a call and gives a function that waits for its result; one worker calls
    in this process.
    """
    if workers <= 1:
        yield lambda function, *given: lambda: function(*given)
        return
    with ProcessPoolExecutor(workers, initializer=follow) as executor:
        try:
            yield lambda function, *given: executor.submit(function, *given).result
        except BaseException:
            executor.shutdown(
                wait=True, cancel_futures=True
            )  # what runs ends before its folder is removed
            raise


def follow() -> None:
    """In a worker: end when the run that it belongs to was killed, rather than wait for its next
    job for ever.
    """

    def watch(parent: int) -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, args=(os.getppid(),), daemon=True).start()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, default=ROOT / "build/toybox/data", help="folder of the data sets"
    )
    parser.add_argument(
        "--only", type=choose, default=list(SETS), metavar="SETS", help=f"some of {','.join(SETS)}"
    )
    parser.add_argument("--seed", type=int, default=0, help="another number, other toys")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--limit", type=int, help="at most this many jobs of each set, for a look")
    parser.add_argument("--plan", action="store_true", help="only say what would be written")
    parser.add_argument(
        "--force", action="store_true", help="replace folders that this script did not write"
    )
    add_debug(parser)
    args = parser.parse_args(argv)
    if args.limit is not None and args.limit < 1:
        parser.error(f"--limit {args.limit}; wanted 1 or more")
    return answer(lambda: run(args), args)


def run(args: argparse.Namespace) -> None:
    """Say what will be written, and write it."""
    print(
        f"toybox, seed {args.seed}, to {args.out}, about:\n{plan(args.only, args.limit)}",
        flush=True,
    )
    if not args.plan:
        options = {"seed": args.seed, "workers": args.workers, "limit": args.limit}
        make(args.out, args.only, **options, force=args.force)


if __name__ == "__main__":
    sys.exit(main())
