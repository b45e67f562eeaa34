"""`python -m corrlib doctor [METHOD]`."""

import argparse
from pathlib import Path

from corrlib.cli.common import add_method, add_profile, by_name


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.add_argument(
        "name",
        nargs="?",
        metavar="METHOD",
        help="a method's name or file: runs the synthetic checks on it",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="the folder of the benchmarks (default build/paper/data)",
    )
    add_profile(parser)
    add_method(parser)
    parser.set_defaults(method=None)  # without a method, what is here


def run(args: argparse.Namespace) -> int:
    """Print the findings; 1 when one of them is a failure."""
    from corrlib import doctor
    from corrlib.cli.common import open_profile

    profile = open_profile(args)
    home = args.data and args.data.absolute()
    args.name = args.name or args.method
    here = args.name is None
    findings = (
        doctor.present(profile, home, args.device)
        if here
        else doctor.check_method(_maker(args, profile))
    )
    failed = 0
    for finding in findings:
        print(finding, flush=True)
        failed += finding.ok is False
    return 1 if failed else 0


def _maker(args: argparse.Namespace, profile):
    from corrlib import methods

    env = profile.env(args.device)
    preset = args.preset or profile.settings.get("preset", "toybox")
    overrides = by_name(args.settings)
    methods.load(
        args.name, preset, env=env, **overrides
    )  # wrong names and absent weights end here, not in five failed checks
    return lambda: methods.load(args.name, preset, env=env, **overrides)
