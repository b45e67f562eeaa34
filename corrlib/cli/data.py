"""`python -m corrlib data {list,info,check}`."""

import argparse
from pathlib import Path

from corrlib.cli.common import add_profile


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="names of the data sets that can be read")
    info = actions.add_parser("info", help="what a data set on disk holds")
    check = actions.add_parser("check", help="look at every file of a data set and list what is wrong")
    for sub in (info, check):
        sub.add_argument("name", nargs="?", help="a data set's name (default: the profile's)")
        sub.add_argument("root", nargs="?", type=Path, help="its folder (default: the profile's)")
        sub.add_argument("--split", help="trn, val or test (default: the profile's)")
        add_profile(sub)
    check.add_argument("--no-decode", action="store_true", help="do not decode the images")


def run(args: argparse.Namespace) -> int | None:
    """List, describe or check."""
    from corrlib import data

    if args.action == "list":
        for name, where in sorted(data.REGISTRY.items()):
            print(f"{name:10} {where}")
        return 0
    from corrlib.profiles import load_profile

    profile = load_profile(args.profile)
    name = args.name or profile["data"]["name"]
    if name not in data.REGISTRY:
        data.load(name, ".")  # raises with near misses
    root = args.root or profile.path(profile["data"]["root"])
    return _check(name, root, args) if args.action == "check" else _info(name, root, args.split or profile["split"])


def _info(name: str, root: Path, split: str) -> int:
    from corrlib import data

    pairs = data.load(name, root, split)
    print(repr(pairs))
    if hasattr(pairs, "counts"):
        for category, count in pairs.counts().items():
            print(f"{category:16} {count:6,} pairs")
    return 0


def _check(name: str, root: Path, args: argparse.Namespace) -> int:
    if name != "spair":
        from corrlib import data

        print(f"{data.load(name, root)!r}: reads without complaint")
        return 0
    from corrlib.data.spair_check import check

    problems = check(root, decode=not args.no_decode)
    for problem in problems:
        print(problem)
    print(f"{root}: {len(problems) or 'no'} problem{'' if len(problems) == 1 else 's'}")
    return 1 if problems else 0
