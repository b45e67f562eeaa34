"""`python -m corrlib bench NAME --json`."""

import argparse
import json

from corrlib.cli.common import add_values, by_name


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.add_argument("name", nargs="?", help="the benchmark; without it, the list of all")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object and nothing else"
    )
    add_values(parser, "--set", "options", "an option of the benchmark")


def run(args: argparse.Namespace) -> int:
    """Run it and print what it found."""
    from corrlib import bench

    if args.name is None:
        print("\n".join(bench.names()))
        return 0
    result = bench.run(args.name, **by_name(args.options))
    print(json.dumps(result, indent=None if args.json else 1))
    return 0
