"""`python -m corrlib evaluate`: ask a method about all of a benchmark, then count as the benchmark
does. Typed again after a kill it goes on; shards run side by side.
"""

import argparse
import hashlib
from pathlib import Path
from typing import Annotated

from corrlib.cli.common import add_data, add_method, add_profile, add_values, by_name, typed
from corrlib.validation import checked
from corrlib.validation.check import checked_fields
from corrlib.validation.kinds import DIFFERENT, SOME, Timestep

Layers = Annotated[tuple[str, ...], SOME, DIFFERENT]
Timesteps = Annotated[tuple[Timestep, ...], SOME, DIFFERENT]


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    add_profile(parser)
    add_data(parser)
    add_method(parser)
    parser.add_argument(
        "--out",
        type=Path,
        help="folder of the matches (default: build/PROFILE/matches/SPLIT-METHOD, or, with "
        "other data or settings than the profile's, a folder of its own under build/PROFILE/other)",
    )
    add_values(
        parser,
        "--task",
        "task",
        "a setting of what TSS, HPatches, DAVIS and JHMDB ask for, for example --task "
        "context=7; may be repeated",
    )
    parser.add_argument(
        "--store",
        action="store_true",
        help="read features from the store that `features` fills, and fill it",
    )
    parser.add_argument(
        "--layers",
        type=typed("layers", Layers, "up_blocks.1,up_blocks.2"),
        help="sweep: layers, comma separated, or 'decoder' for all fifteen of the decoder",
    )
    parser.add_argument(
        "--timesteps",
        type=typed("timesteps", Timesteps, (51, 101, 261)),
        help="sweep: timesteps, comma separated; a shard is then every n-th timestep",
    )


def run(args: argparse.Namespace) -> None:
    """Write answers; when all are there, print what the benchmark publishes."""
    from corrlib.cli.common import (
        label,
        open_method,
        open_pairs,
        open_profile,
        require_method,
        require_points,
        seed_of,
    )
    from corrlib.experiments.evaluate import match_pairs, score
    from corrlib.experiments.sweep import sweep
    from corrlib.experiments.tasks import answer, report, task_of
    from corrlib.storage.result_folder import ResultFolder

    profile = open_profile(args)
    require_method(args, profile)
    pairs = open_pairs(args, profile)
    if (task := task_of(pairs)) is None:
        require_points(pairs)
    asked = _task_settings(args, task, pairs)
    store = None
    if args.store:
        from corrlib.storage.tensor_store import TensorStore

        store = TensorStore(profile.build("features"))
    method = open_method(args, profile, store)
    options = {
        "shard": args.shard,
        "limit": args.limit,
        "seed": seed_of(args, profile),
        "profile": label(args, profile, method, pairs),
    }
    out = args.out or _folder(args, profile, method)
    if task is not None:
        parts = answer(task, method, pairs, out, settings=asked, **options)
    elif args.layers or args.timesteps:
        layers, timesteps = _cells(args, method)
        sweep(method, pairs, layers, timesteps, out=out, **options)
        parts = ResultFolder.open(out)
    else:
        parts = match_pairs(method, pairs, out, **options)
    if missing := parts.todo((0, 1)):
        print(
            f"{out}: {parts.count - len(missing)} of {parts.count} parts are there; the other "
            "shards write the rest"
        )
        return
    if task is not None:
        print("\n".join(report(task, parts, pairs)))
    else:
        print_pck(score(parts.read()), parts.run.get("pairs"))
    print(out)


def _task_settings(args: argparse.Namespace, task, data):
    """The settings of the data set's task. Raises ValueError on one that it has not."""
    if task is None:
        if args.task:
            raise ValueError(
                f"{data.title} publishes PCK of points, which has no --task {args.task[0][0]}; its "
                "rules are --option"
            )
        return None
    if args.layers or args.timesteps:
        raise ValueError(
            f"--layers and --timesteps sweep PCK of points; {data.title} publishes something else: "
            "evaluate it once for each --set layer=... --set timestep=..."
        )
    what = f"the task of {data.title} has no setting"
    return task.settings(**checked_fields(task.settings, by_name(args.task), what))


def _folder(args: argparse.Namespace, profile, method) -> Path:
    """Where matches go by default: a profile's own run into its matches, any other into a folder of
    its own.
    """
    name = f"{args.split or profile['split']}-{method.name}"
    changes = (
        args.root,
        args.data,
        args.preset,
        args.settings,
        args.options,
        args.seed,
        args.limit,
        args.layers,
        args.timesteps,
        args.task,
    )
    if not any(change not in (None, []) for change in changes):
        return profile.build("matches", name)
    digest = hashlib.sha256(repr(changes).encode()).hexdigest()[:8]
    return profile.build("other", f"{name}-{digest}")


def _cells(args: argparse.Namespace, method) -> tuple[list[str], list[int]]:
    from corrlib.backbones.diffusion import decoder_layers
    from corrlib.backbones.noised_pass import Layer

    if not hasattr(getattr(method, "extract", None), "cells"):
        raise TypeError(
            f"method {method.name} has no layers and timesteps to sweep; leave out --layers and "
            "--timesteps"
        )
    diffuser = method.extract.diffuser
    layers = list(args.layers or [method.settings.layer])
    if layers == ["decoder"]:
        layers = decoder_layers(diffuser.unet)
    diffuser.require_layers(checked("--layers", layers, tuple[Layer, ...]))
    return layers, list(args.timesteps or [method.settings.timestep])


def print_pck(table, asked: int | None = None) -> None:
    """Print PCK of a keypoint table in few lines: what was run, on what, counted how; of `asked`
    pairs those without a common point are said.
    """
    from corrlib import metrics
    from corrlib.experiments.evaluate import protocol_of

    first, rules = table.iloc[0], protocol_of(table)
    subset = f"; a subset: {first['subset']}" if first["subset"] else ""
    print(f"{first['method']} ({first['preset']}), profile {first['profile']}{subset}")
    points = len(table.drop_duplicates(["pair", "keypoint"]))
    pairs = table["pair"].nunique()
    without = f"; {asked - pairs} more have no point" if asked and asked > pairs else ""
    print(f"{first.get('data', 'data')}: {pairs} pairs, {points} keypoints{without}")
    print(f"{rules}; in percent")
    if "layer" in table:
        from corrlib.experiments.sweep import grid

        print("PCK@0.1 by point")
        cells = grid(table, strict=rules.strict)
        print(
            cells.pivot_table(index="layer", columns="t", values="pck", sort=False)
            .round(1)
            .to_string()
        )
        return
    for alpha in rules.alphas:
        said = []
        for by in metrics.BY:
            value = metrics.pck(table, alpha=alpha, by=by, strict=rules.strict)
            said.append(f"by {by} {value:.1f}{' *' if by == rules.by else ''}")
        print(f"PCK@{alpha:g}: {', '.join(said)}")
    print("* the protocol's own average")
