"""Fetch benchmarks and weights: downloads that go on where they broke off, are checked, and are put
in place only when whole.

    python data_scripts/fetch.py list
    python data_scripts/fetch.py spair pf_willow
    python data_scripts/fetch.py all --yes
    python data_scripts/fetch.py weights sd2-1
    python data_scripts/fetch.py weights --profile paper      all that this profile needs

Says first what will come, how large it is and how much disk is free, and asks. Typed again it finds
what is there and does nothing.
"""

import argparse
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from corrlib.backbones import vit_weights, weights
from corrlib.cli import add_debug, answer
from corrlib.data.sources import HOME, Benchmark, Part, human
from corrlib.data.sources.table import BENCHMARKS
from corrlib.heads import published_files
from corrlib.storage.outputs import require_folder
from data_scripts.fetching import FetchError, assemble


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = (
        f"list, all, weights MODEL ..., or benchmarks: {', '.join(BENCHMARKS)}. Models: "
        f"{', '.join(hub_models())}"
    )
    parser.add_argument("what", nargs="+", metavar="WHAT", help=what)
    where = (
        f"folder of all benchmarks (default {HOME}), or of weights (default: "
        f"${weights.VARIABLE}, else the hub's cache)"
    )
    parser.add_argument("--out", type=Path, help=where)
    parser.add_argument("--profile", help="of weights: all that this profile's steps load")
    parser.add_argument("--yes", action="store_true", help="do not ask before downloading")
    parser.add_argument(
        "--replace", action="store_true", help="put a whole copy in the place of an incomplete one"
    )
    parser.add_argument(
        "--no-extras", action="store_true", help="without masks, further lists and the like"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    add_debug(parser)
    args = parser.parse_args(argv)
    first, rest = args.what[0], args.what[1:]
    known = {"list": [], "all": [], "weights": hub_models()}.get(first, list(BENCHMARKS))
    names = rest if first in ("list", "all", "weights") else args.what
    for name in names:
        if name not in known:
            parser.error(
                f"there is no {name!r} to fetch; {first} takes {', '.join(known) or 'nothing more'}"
            )
    if args.profile and first != "weights":
        parser.error("--profile goes with weights; a profile's data are fetched by its own step")
    if first == "weights" and not rest and not args.profile:
        parser.error(f"weights of which model? {', '.join(hub_models())}")
    return args


def hub_models() -> list[str]:
    """What `weights` takes: the models that lie on the hub, and the heads."""
    known = {**weights.MODELS, **vit_weights.VITS}
    return [*(name for name, model in known.items() if model.sources), *published_files.PUBLISHED]


def wanted_by(profile: str) -> list[str]:
    """The models and heads on the hub that a profile's steps load. Raises as `load_profile`."""
    from corrlib.doctor.models import files_needed, needed
    from corrlib.experiments.profiles import load_profile

    asked = load_profile(profile)
    names = [*needed(asked), *(name for _, name in files_needed(asked))]
    return [name for name in names if name in hub_models()]


def room_of(name: str) -> ModuleType:
    """The module that knows where a model's weights are: of vision transformers, or of diffusion
    models.
    """
    return vit_weights if name in vit_weights.VITS else weights


def model_of(name: str) -> weights.Model:
    return vit_weights.VITS.get(name) or weights.MODELS[name]


def show(home: Path) -> None:
    """All that can be fetched, with sizes, what is known of them, and whether they are there."""
    print(f"Benchmarks, into {home}:")
    for benchmark in BENCHMARKS.values():
        missing = benchmark.missing(home)
        state = (
            "not there"
            if not (home / benchmark.folder).exists()
            else "incomplete"
            if missing
            else "there"
        )
        print(
            f"  {benchmark.name:<10} {benchmark.title:<20} {human(benchmark.size):>7} to "
            f"download, {state}"
        )
        for part in benchmark.parts:
            print(f"      {describe(part)}")
    print("Weights (python data_scripts/fetch.py weights MODEL):")
    for name in hub_models():
        head = name in published_files.PUBLISHED
        size = "a head of Hyperfeatures" if head else f"{model_of(name).gigabytes:g} GB"
        print(f"  {name:<12} {size}")
        for source in [published_files.REPO] if head else model_of(name).sources:
            print(f"      {source}")


def describe(part: Part) -> str:
    """One line: what, how large, where from, and whether a checksum is known."""
    hashes = [
        mirror.hash.split(":")[0] if mirror.hash else "no checksum published"
        for mirror in part.mirrors
    ]
    hosts = ", then ".join(
        f"{mirror.host} ({known})" for mirror, known in zip(part.mirrors, hashes, strict=True)
    )
    about = "" if part.mirrors[0].size else "about "
    extra = f" [{part.extra}]" if part.extra else ""
    return f"{part.place or part.mirrors[0].file}{extra}: {about}{human(part.size)} from {hosts}"


def agreed(yes: bool) -> bool:
    """Whether to go on. Raises FetchError where nobody can be asked."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise FetchError("nobody is there to be asked; add --yes to download")
    return input("Download? [y/N] ").strip().lower() in ("y", "yes")


@contextmanager
def alone(home: Path):
    """Only one fetching into a folder at a time, where the system has locks. Raises FetchError when
    another is at work.
    """
    work = home / assemble.WORK
    work.mkdir(parents=True, exist_ok=True)
    with open(work / "lock", "w") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FetchError(
                f"another fetching into {home} is at work; wait for it, or stop it"
            ) from None
        except (ImportError, OSError):
            pass  # no such lock here (Windows, some network disks)
        for path in work.glob("tmp*"):
            path.unlink()  # of a fetching that was killed
        yield


def fetch(
    names: list[str],
    home: Path,
    yes: bool = False,
    replace: bool = False,
    extras: bool = True,
    quiet: bool = False,
) -> int:
    """Bring these benchmarks below `home`; 1 if a part that is needed could not be had, else 0.
    Raises FetchError early.
    """
    wanted: list[tuple[Benchmark, Part]] = []
    for benchmark in (BENCHMARKS[name] for name in names):
        missing = list(benchmark.missing(home, extras))
        if not missing:
            print(f"{benchmark.name}: {home / benchmark.folder} is there, nothing to do")
        wanted += [(benchmark, part) for part in missing]
    if not wanted:
        return 0
    for benchmark, part in wanted:
        print(f"{benchmark.name}: {describe(part)}")
    for note in {benchmark.note: None for benchmark, _ in wanted if benchmark.note}:
        print(note)
    download, need = assemble.plan(wanted, home)
    print(
        f"To download: {human(download)}. Disk needed below {home}: {human(need)}; free: "
        f"{human(assemble.free_bytes(home))}."
    )
    print(f"Mind the terms of use: {', '.join({benchmark.page: None for benchmark, _ in wanted})}")
    if not agreed(yes):
        print("nothing was fetched")
        return 1
    failed = []
    with alone(home):
        for benchmark, part in wanted:
            try:
                assemble.fetch_part(benchmark, part, home, replace=replace, quiet=quiet)
                print(f"{benchmark.name}: {home / benchmark.folder / part.place} is there")
            except FetchError as error:
                print(
                    f"{benchmark.name}: {f'without {part.extra}: ' if part.extra else ''}{error}",
                    file=sys.stderr,
                )
                failed += [] if part.extra else [benchmark.name]
                continue
            for remark in part.remarks(home / benchmark.folder):
                print(f"{benchmark.name}: other than usually reported: {remark}")
    for benchmark in {
        benchmark.name: benchmark for benchmark, _ in wanted if benchmark.name not in failed
    }.values():
        print(
            f"Look through it whole: python -m corrlib data check {benchmark.name} "
            f"{home / benchmark.folder}"
        )
    return 1 if failed else 0


def fetch_weights(names: list[str], folder: Path | None, yes: bool = False) -> int:
    """Bring these models here, from the first address of each that has them; into `folder`/MODEL,
    or the hub's cache.
    """
    models = [model_of(n) for n in dict.fromkeys(names) if n not in published_files.PUBLISHED]
    heads = [name for name in dict.fromkeys(names) if name in published_files.PUBLISHED]
    here = {model.name: room_of(model.name).present(model, folder) for model in models}
    todo = [model for model in models if here[model.name] is None]
    for model in models:
        if model not in todo:
            print(f"{model.name}: {here[model.name]} is there, nothing to do")
        else:
            print(
                f"{model.name}: {model.gigabytes:g} GB from the first that has it of (commits "
                "as public projects quote them)"
            )
            print("\n".join(f"    {source}" for source in model.sources))
    lacking = [name for name in heads if not published_files.cached(name, folder)]
    for name in heads:
        state = f"from {published_files.REPO}" if name in lacking else "is there, nothing to do"
        print(f"{name}: a head, {state}")
    if not todo and not lacking:
        return 0
    place, need = folder or weights.hub_cache(), sum(model.gigabytes for model in todo) * 1e9
    print(
        f"To download: {human(need)}{' and heads' if lacking else ''}, into {place}; free on that "
        f"disk: {human(assemble.free_bytes(place))}."
    )
    if need > assemble.free_bytes(place):
        raise FetchError(
            f"{human(need)} are needed; make room, or choose another place with --out FOLDER"
        )
    if not agreed(yes):
        print("nothing was fetched")
        return 1
    for model in todo:
        found = room_of(model.name).fetch(model, folder and folder / model.name)
        print(f"{model.name}: {found}")
    for name in lacking:
        print(f"{name}: {published_files.locate(name, folder)}")
    if folder:
        print(f"To use them: export {weights.VARIABLE}={folder.absolute()}")
    return 0


def main(argv: list[str] | None = None) -> int:
    """The command; returns the exit code: 1 where a part that is needed could not be had."""
    args = parse(argv)
    return answer(lambda: run(args), args)


def run(args: argparse.Namespace) -> int:
    """List, or fetch."""
    first, home = args.what[0], args.out or Path(HOME)
    if first == "list":
        show(home)
        return 0
    require_folder(home)
    if first == "weights":
        folder = args.out or (
            Path(os.environ[weights.VARIABLE]) if os.environ.get(weights.VARIABLE) else None
        )
        names = args.what[1:] + (wanted_by(args.profile) if args.profile else [])
        return fetch_weights(names, folder, args.yes)
    names = list(BENCHMARKS) if first == "all" else list(dict.fromkeys(args.what))
    return fetch(names, home, args.yes, args.replace, not args.no_extras, args.quiet)


if __name__ == "__main__":
    sys.exit(main())
