"""`python -m corrlib data {list,info,check}`."""

import argparse
from pathlib import Path

from corrlib.cli.common import add_option, add_profile, by_name, root_of


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="names of the data sets that can be read")
    info = actions.add_parser(
        "info", help="what a data set on disk holds, and how its papers count"
    )
    check = actions.add_parser(
        "check", help="look at every file of a data set and list what is wrong"
    )
    for sub in (info, check):
        sub.add_argument("name", nargs="?", help="a data set's name (default: the profile's)")
        sub.add_argument("root", nargs="?", type=Path, help="its folder (default: the profile's)")
        add_profile(sub)
        add_option(sub)
    info.add_argument("--split", help="trn, val or test (default: the profile's)")
    check.add_argument("--no-decode", action="store_true", help="do not decode the images")


def run(args: argparse.Namespace) -> int | None:
    """List, describe or check."""
    from corrlib import data

    if args.action == "list":
        for name in sorted(data.REGISTRY):
            print(f"{name:10} {data.about(name)}")
        return 0
    from corrlib.experiments.profiles import load_profile

    profile = load_profile(args.profile)
    name = args.name or profile["data"]["name"]
    root = root_of(name, args.root, profile)
    if args.action == "check":
        return _check(name, root, not args.no_decode, by_name(args.options))
    return _info(name, root, args.split or profile["split"], by_name(args.options))


def _info(name: str, root: Path, split: str, options: dict) -> int:
    from corrlib import data

    items = data.load(name, root, split, **options)
    print(repr(items))
    for category, count in items.counts().items():
        print(f"{category:28} {count:6,} {items.unit}")
    return 0


def _check(name: str, root: Path, decode: bool, options: dict) -> int:
    """Print every finding; 1 if any of them is a problem, 0 where there are only notices."""
    from corrlib import data
    from corrlib.data.checks.findings import Notice

    count = {"problem": 0, "notice": 0}
    for finding in data.check_tree(name, root, decode=decode, **options):
        kind = "notice" if isinstance(finding, Notice) else "problem"
        count[kind] += 1
        print(f"{kind}: {finding}")
    said = [
        f"{n or 'no'} {kind}{'' if n == 1 else 's'}"
        for kind, n in count.items()
        if n or kind == "problem"
    ]
    print(f"{root}: {', '.join(said)}")
    return 1 if count["problem"] else 0
