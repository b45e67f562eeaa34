"""`python -m corrlib record {make,check,list}`: results that are computed once, kept in
book/records, and computed again in part by every build.
"""

import argparse
import json
from functools import partial
from pathlib import Path

from corrlib.cli.common import add_profile, typed
from corrlib.validation.kinds import Count


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    add_profile(parser)
    parser.add_argument("what", choices=("make", "check", "list"), help="what to do")
    parser.add_argument("name", nargs="?", help="an entry of the profile's section `records`")
    parser.add_argument(
        "--blocks",
        type=typed("blocks", Count, 1),
        help="how many blocks to check (default: the entry's `sample`)",
    )
    parser.add_argument("--out", type=Path, help="file for what a check found, JSON")
    parser.add_argument("--force", action="store_true", help="replace --out if it is there")
    parser.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: the profile's)")


def run(args: argparse.Namespace) -> None:
    """Make a record, check a sample of one, or list them."""
    from corrlib.cli.common import open_profile
    from corrlib.experiments import record_recipes, records
    from corrlib.experiments.records import Record
    from corrlib.storage.atomic_write import atomic_write
    from corrlib.storage.outputs import require_new

    profile = open_profile(args)
    root = profile.path("book", "records")
    if args.what == "list":
        for name in profile.get("records", {}) or {}:
            there = (root / name / "run.json").is_file()
            print(Record.open(root / name).line() if there else f"{name}: not made yet")
        return
    if args.name is None:
        raise ValueError(f"record {args.what} wants the name of a record; see: record list")
    entry, folder = record_recipes.entry(profile, args.name), root / args.name
    if args.out is not None:
        require_new(args.out, force=args.force)
    if args.what == "check":
        Record.open(folder)  # says what to type before anything is loaded
    work = profile.build("records", args.name)
    counts = {"prompt_cost": _prompt_cost, "method_costs": partial(_method_costs, profile)}
    how = {"device": args.device, "counts": counts}
    if args.what == "make":
        recipe = record_recipes.recipe(profile, args.name, store=work / ".store", **how)
        typed = f"{records.COMMAND} {args.name}"
        typed += "" if profile.name == "toybox" else f" --profile {profile.name}"
        print(records.make(recipe, folder, work / "parts", typed).line())
        return
    recipe = record_recipes.recipe(profile, args.name, **how)
    size = args.blocks if args.blocks is not None else int(entry.get("sample", 1))
    found = records.check(recipe, folder, size)
    out = args.out or work.with_suffix(".json")
    with atomic_write(out) as part:
        part.write_text(json.dumps(found, indent=1) + "\n")
    print(Record.open(folder, out).line())


def _prompt_cost(name, elsewhere):
    from corrlib.bench import _prompt_cost_record

    return _prompt_cost_record.recipe(name, elsewhere)


def _method_costs(profile, name, elsewhere):
    from corrlib.bench import _method_costs_record
    from corrlib.experiments.record_recipes import entry

    return _method_costs_record.recipe(profile, entry(profile, name)["study"], name, elsewhere)
