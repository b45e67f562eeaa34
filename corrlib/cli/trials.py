"""`python -m corrlib trials`: many settings of a method on the same few pairs, a study of the
profile; resumes, shards.
"""

import argparse
from pathlib import Path

from corrlib.cli.common import add_profile, add_shard


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    add_profile(parser)
    parser.add_argument(
        "study", help="the name of a study: an entry of the profile's section `studies`"
    )
    parser.add_argument(
        "--out", type=Path, help="folder of the matches (default: build/PROFILE/matches/STUDY)"
    )
    add_shard(parser)
    parser.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: the profile's)")


def run(args: argparse.Namespace) -> None:
    """Write matches; when all are there, print each trial's PCK."""
    from corrlib import metrics
    from corrlib.cli.common import open_profile
    from corrlib.experiments.evaluate import score
    from corrlib.experiments.strata import by_view
    from corrlib.experiments.studies import Study
    from corrlib.experiments.trials import run_trials

    profile = open_profile(args)
    studies = profile["studies"]
    if args.study not in studies:
        raise KeyError(
            f"profile {profile.name} has no study {args.study!r}; it has {', '.join(studies)}"
        )
    out = args.out or profile.build("matches", args.study)
    study = Study(profile, studies[args.study], out / ".store", args.device)
    few = dict(study.few)
    few |= {"shard": args.shard, "seed": study.seed, "profile": profile.name}
    parts = run_trials(study.load, study.names, study.pairs, out, run={"study": args.study}, **few)
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
