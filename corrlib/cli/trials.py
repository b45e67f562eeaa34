"""`python -m corrlib trials`: many settings of a method on the same few pairs, a study of the
profile; resumes, shards.
"""

import argparse
from pathlib import Path

from corrlib.cli.common import add_profile, shard


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    add_profile(parser)
    parser.add_argument(
        "study", help="the name of a study: an entry of the profile's section `studies`"
    )
    parser.add_argument(
        "--out", type=Path, help="folder of the matches (default: build/PROFILE/matches/STUDY)"
    )
    parser.add_argument(
        "--shard",
        type=shard,
        default=(0, 1),
        metavar="i/n",
        help="do the i-th of n parts, counted from 0",
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: the profile's)")


def run(args: argparse.Namespace) -> None:
    """Write matches; when all are there, print each trial's PCK."""
    from corrlib import data, methods, metrics
    from corrlib.cli.common import open_profile
    from corrlib.experiments.evaluate import score
    from corrlib.experiments.strata import by_view
    from corrlib.experiments.trials import run_trials, variants
    from corrlib.methods.base import Env
    from corrlib.storage.tensor_store import TensorStore

    profile = open_profile(args)
    studies = profile["studies"]
    if args.study not in studies:
        raise KeyError(
            f"profile {profile.name} has no study {args.study!r}; it has {', '.join(studies)}"
        )
    study, seed = studies[args.study], int(profile.settings.get("seed", 0))
    trials = variants(study, seed)
    where = profile["data"]
    root, split = profile.path(where["root"]), study.get("split", profile["split"])
    if "across" in study:
        from corrlib.data.across_categories import Across

        pairs = Across(root, split, **study["across"])
    else:
        pairs = data.load(
            where["name"], root, split, **({"size": where["size"]} if "size" in where else {})
        )
    out = args.out or profile.build("matches", args.study)
    env = Env(
        device=args.device or profile.settings.get("device", "cpu"),
        store=TensorStore(out / ".store"),
    )

    def load(name: str):
        values = dict(trials[name])
        method = values.pop("method", study["method"])
        return methods.load(
            method, values.pop("preset", study.get("preset", profile["preset"])), env=env, **values
        )

    few = {key: study[key] for key in ("limit", "block", "points") if key in study}
    few |= {"shard": args.shard, "seed": seed, "profile": profile.name}
    parts = run_trials(load, list(trials), pairs, out, run={"study": args.study}, **few)
    if missing := parts.todo((0, 1)):
        print(
            f"{out}: {parts.count - len(missing)} of {parts.count} parts are there; the other "
            "shards write the rest"
        )
        return
    found = score(parts.read())
    table = metrics.interval_table(found, group=("trial",))
    print(table.drop(columns="by").round(1).to_string(index=False))
    if subset := found["subset"].iloc[0]:
        print(f"a subset: {subset}")
    if "viewpoint" in found:
        print(by_view(dict(list(found.groupby("trial", sort=False)))).round(1).to_string())
    print(out)
