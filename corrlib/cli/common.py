"""Arguments that several commands share, and what they become."""

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from corrlib.validation import Typed, checked
from corrlib.validation.kinds import Count


class Parser(argparse.ArgumentParser):
    """A parser that says a mistake in one line, and takes "-0.4,3" for a value, not for an
    option.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._negative_number_matcher = re.compile(r"-\.?\d")  # argparse's own stops at a comma

    def error(self, message: str):
        """Print the line and leave with exit code 2."""
        said = re.sub(r"^argument [^:]+: (?=--)", "", message)
        self.exit(2, f"error: {said}; see {self.prog} --help\n")


def typed(flag: str, kind: Any, example: Any = None) -> Callable[[str], Any]:
    """What turns the text of `--flag` into a value of type `kind`, for `add_argument(type=...)`."""

    def read(text: str) -> Any:
        try:
            return checked(f"--{flag}", Typed(text), kind, example)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def shard(text: str) -> tuple[int, int]:
    """ "2/8" to (2, 8)."""
    try:
        i, n = map(int, text.split("/"))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no shard; write i/n, the first of eight is 0/8"
        ) from None
    if not 0 <= i < n:
        raise argparse.ArgumentTypeError(
            f"shard {text} does not exist; shards of {n} are 0/{n} to {n - 1}/{n}"
        )
    return i, n


def setting(text: str) -> tuple[str, Typed]:
    """ "timestep=51" to ("timestep", "51"): text that the setting's own type will read."""
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise argparse.ArgumentTypeError(
            f"{text!r} is no setting; write name=value, for example timestep=51"
        )
    return key, Typed(value)


def by_name(given: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """The values of --set or --option by name. Raises ValueError where two disagree."""
    found: dict[str, Any] = {}
    for name, value in given:
        if found.setdefault(name, value) != value:
            raise ValueError(f"{name} is given twice, {found[name]} and {value}; leave one out")
    return found


def add_profile(parser: argparse.ArgumentParser) -> None:
    """--profile."""
    parser.add_argument(
        "--profile",
        default="toybox",
        help="a file of profiles/, without its ending (default: toybox)",
    )


def add_method(parser: argparse.ArgumentParser) -> None:
    """--method, --preset, --set, --device, --seed."""
    parser.add_argument(
        "--method",
        default="dift",
        help="a method's name, or the path of a file of yours (default: dift)",
    )
    parser.add_argument(
        "--preset", help="named settings: toybox, paper, official, ... (default: the profile's)"
    )
    add_values(
        parser,
        "--set",
        "settings",
        "replace one setting, for example --set timestep=51 --set size=256x256; may be repeated",
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: the profile's)")
    parser.add_argument(
        "--seed",
        type=typed("seed", int, 0),
        help="seed of all noise (default: the profile's, else 0)",
    )


def add_values(parser: argparse.ArgumentParser, flag: str, dest: str, help: str) -> None:
    """A flag that takes NAME=VALUE and may be repeated: a list of pairs, read by `setting`."""
    parser.add_argument(
        flag, dest=dest, type=setting, action="append", default=[], metavar="NAME=VALUE", help=help
    )


def add_shard(parser: argparse.ArgumentParser) -> None:
    """--shard."""
    parser.add_argument(
        "--shard",
        type=shard,
        default=(0, 1),
        metavar="i/n",
        help="do the i-th of n parts, counted from 0",
    )


def add_option(parser: argparse.ArgumentParser) -> None:
    """--option."""
    add_values(
        parser,
        "--option",
        "options",
        "an option of the data set, or a rule of counting that replaces the published one: "
        "base, by, strict, "
        "origin, frame, for example --option base=image --option frame=224x224; may be repeated",
    )


def add_data(parser: argparse.ArgumentParser) -> None:
    """--root, --data, --split, --option, --shard, --limit."""
    parser.add_argument("--root", type=Path, help="a data set's folder (default: the profile's)")
    parser.add_argument(
        "--data", help="the data set's name, of `data list` (default: the profile's)"
    )
    parser.add_argument("--split", help="trn, val or test (default: the profile's)")
    add_option(parser)
    add_shard(parser)
    parser.add_argument(
        "--limit",
        type=typed("limit", Count, 200),
        help="look at that many pairs only, evenly spread; tables label it as a subset",
    )


def open_profile(args: argparse.Namespace) -> Any:
    """The profile, its threads set."""
    import torch

    from corrlib.experiments.profiles import load_profile

    profile = load_profile(args.profile)
    torch.set_num_threads(int(profile.settings.get("threads", torch.get_num_threads())))
    return profile


def open_pairs(args: argparse.Namespace, profile: Any) -> Any:
    """The pairs that the arguments name, else the profile's."""
    from corrlib import data

    own = profile["data"]
    name = own["name"] if args.data is None else args.data
    root = root_of(name, args.root, profile)
    if args.root is None and name == own["name"] and not root.exists() and "make" in own:
        raise FileNotFoundError(f"no data at {root}; make it with: {own['make']}")
    options = {"size": own["size"]} if name == own["name"] and "size" in own else {}
    options |= by_name(args.options)
    return data.load(name, root, args.split or profile["split"], **options)


def root_of(name: str, root: Path | None, profile: Any) -> Path:
    """The folder of the data set `name`: `root` where it is given, else where the profile has it.

    Raises KeyError on an unknown name, and ValueError where the profile has no such data set.
    """
    from corrlib import data

    if name not in data.REGISTRY:
        data.load(name, ".")  # raises with near misses
    places = {**profile.get("benchmarks", {}), profile["data"]["name"]: profile["data"]["root"]}
    if root is None and name not in places:
        raise ValueError(
            f"profile {profile.name} does not say where {name} lies (it knows "
            f"{', '.join(sorted(places))}); name its folder"
        )
    return profile.path(places[name]) if root is None else root


def require_points(pairs: Any) -> None:
    """Raise, before any work, on a data set whose items have no points: PCK cannot be counted
    there.
    """
    from corrlib.experiments.evaluate import protocol_for

    protocol_for(pairs)  # says what is published instead of a data set that is not counted by PCK
    if not any(len(pair.source_points) for pair in pairs):  # which stops at the first that has some
        have = "has no keypoints to ask for" if len(pairs) else "is empty"
        raise ValueError(f"{pairs!r} {have}: there is no PCK to evaluate")


def require_method(args: argparse.Namespace, profile: Any) -> None:
    """Raise on a wrong method, preset or setting before any data or weights are touched."""
    from corrlib import methods

    methods.settings(
        args.method,
        args.preset or profile.settings.get("preset", "toybox"),
        **by_name(args.settings),
    )


def open_method(args: argparse.Namespace, profile: Any, store: Any = None) -> Any:
    """The method that the arguments name, on the profile's device."""
    from corrlib import methods

    return methods.load(
        args.method,
        args.preset or profile.settings.get("preset", "toybox"),
        env=profile.env(args.device, store),
        **by_name(args.settings),
    )


def seed_of(args: argparse.Namespace, profile: Any) -> int:
    """--seed, else the profile's."""
    return args.seed if args.seed is not None else int(profile.settings.get("seed", 0))


def label(args: argparse.Namespace, profile: Any, method: Any, pairs: Any) -> str:
    """The profile column of a result: the profile's name, and what the data were if not the
    profile's own.

    A toy model that is shown anything but the toybox works outside of its world, and its numbers
    must say so.
    """
    own = profile.path(profile["data"]["root"]).resolve()
    if args.root is None or args.root.resolve() == own:
        return profile.name
    where = getattr(pairs, "root", args.root).resolve()
    made = any(
        (folder / "toybox.json").is_file() for folder in (where, where.parent)
    )  # make_toybox.py writes it beside its sets
    rendered = (
        made
        or hasattr(pairs, "annotation")
        and pairs.annotation(pairs[0].source).get("src_database") == "toybox"
    )
    world = "toybox" if rendered else args.root.resolve().name
    outside = (
        ", outside of the toy model's world"
        if getattr(method.settings, "model", "").startswith("toybox") and not rendered
        else ""
    )
    return profile.name if world == profile.name else f"{profile.name} on {world}{outside}"
