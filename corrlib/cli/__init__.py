"""The command line: `python -m corrlib {data,features,match,evaluate,trials,record,...}`.

Each command is a module with `add(parser)` and `run(args) -> exit code or None`; heavy imports
happen inside of `run`, so that help is instant. Whatever goes wrong ends in one line on stderr and
exit code 2; `--debug` shows where it came from. The scripts of `data_scripts/` end the same way.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

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
        add_debug(sub)
    return top


def add_debug(parser: argparse.ArgumentParser) -> None:
    """--debug."""
    parser.add_argument("--debug", action="store_true", help="show where an error came from")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 a check failed, 2 wrong use or an error,
    130 stopped.
    """
    args = parser().parse_args(argv)
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    return answer(lambda: importlib.import_module(f"corrlib.cli.{args.command}").run(args), args)


def answer(work: Callable[[], Any], args: argparse.Namespace) -> int:
    """The exit code of `work()`, 0 where it returns another thing; what goes wrong in it becomes
    one line on stderr, or with `args.debug` is raised.
    """
    try:
        done = work()
        return done if isinstance(done, int) else 0
    except BrokenPipeError:  # what reads our lines has enough of them
        return 0
    except KeyboardInterrupt:
        said = "stopped; what is finished is kept, type the same again to go on"
        print(f"\n{said}", file=sys.stderr)
        return 130
    except Exception as error:
        if args.debug:
            raise
        print(f"error: {told(error)}", file=sys.stderr)
        return 2


def told(error: Exception) -> str:
    """An error as one line. Of one that nobody foresaw it says the kind, and how to see more."""
    said = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    if isinstance(error, OSError) and error.strerror:
        names = [str(name) for name in (error.filename, error.filename2) if name is not None]
        said = ": ".join([*names, error.strerror])
    said = " ".join([*said.split(), *getattr(error, "__notes__", ())])
    if isinstance(error, (OSError, ValueError, KeyError, TypeError)):
        return said
    return f"{type(error).__name__}: {said}; add --debug to see where"
