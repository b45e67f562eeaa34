"""The command line: `python -m corrlib {data,features,match,evaluate,trials,record,...}`.

Each command is a module with `add(parser)` and `run(args) -> exit code or None`; heavy imports
happen inside of `run`, so that help is instant. What a user can get wrong ends in one line on
stderr and exit code 2; `--traceback` shows where it came from.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

COMMANDS = {
    "data": "list the data sets, check one on disk, say what it holds",
    "features": "compute and store the features of a data set's images",
    "match": "match points between any two images and draw the answer",
    "evaluate": "match a data set's pairs and count (PCK); resumes, shards",
    "trials": "many settings of a method on the same few pairs: a study of the profile",
    "record": "slow results that are kept with the book: make one, check a sample of one",
    "table": "tables of finished evaluations, beside the papers' numbers",
    "doctor": "say what is present or missing; check a method on synthetic images",
    "bench": "measure: time, memory, accuracy",
}


def parser() -> argparse.ArgumentParser:
    """The whole command line's parser."""
    from corrlib.cli.common import Parser

    top = Parser(
        prog="python -m corrlib", description="Semantic correspondence with diffusion features."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, about in COMMANDS.items():
        sub = commands.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")
        importlib.import_module(f"corrlib.cli.{name}").add(sub)
        sub.add_argument("--traceback", action="store_true", help="show where an error came from")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 a check failed, 2 wrong use."""
    args = parser().parse_args(argv)
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        return importlib.import_module(f"corrlib.cli.{args.command}").run(args) or 0
    except (
        BrokenPipeError
    ):  # what reads our lines has enough of them; an OSError too, so it comes first
        return 0
    except (OSError, ValueError, KeyError, TypeError) as error:
        if args.traceback:
            raise
        said = error.args[0] if isinstance(error, KeyError) and error.args else error
        print(f"error: {said}", file=sys.stderr)
        return 2
