"""`python -m corrlib evaluate`: match all pairs, then count. Typed again after a kill it goes on;
shards run side by side.
"""

import argparse
import hashlib
from pathlib import Path
from typing import Annotated

from corrlib.cli.common import add_data, add_method, add_profile, typed
from corrlib.validation import checked
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
    """Write matches; when all are there, print PCK."""
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
    from corrlib.storage.result_folder import ResultFolder

    profile = open_profile(args)
    require_method(args, profile)
    pairs = open_pairs(args, profile)
    require_points(pairs)
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
    if args.layers or args.timesteps:
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
    report(score(parts.read()))
    print(out)


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


def report(table) -> None:
    """Print PCK of a keypoint table in few lines: what was run, on what, counted how."""
    from corrlib import metrics
    from corrlib.experiments.evaluate import protocol_of

    first, rules = table.iloc[0], protocol_of(table)
    subset = f"; a subset: {first['subset']}" if first["subset"] else ""
    print(f"{first['method']} ({first['preset']}), profile {first['profile']}{subset}")
    points = len(table.drop_duplicates(["pair", "keypoint"]))
    print(f"{first.get('data', 'data')}: {table['pair'].nunique()} pairs, {points} keypoints")
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
