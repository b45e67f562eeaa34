"""`python -m corrlib features`: each image's features, once, into the store under
build/PROFILE/features.
"""

import argparse

from corrlib.cli.common import add_data, add_method, add_profile


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    add_profile(parser)
    add_data(parser)
    add_method(parser)


def run(args: argparse.Namespace) -> None:
    """Compute what the store lacks."""
    from corrlib.cli.common import open_method, open_pairs, open_profile, require_method, seed_of
    from corrlib.experiments.evaluate import select, store_features
    from corrlib.storage.tensor_store import TensorStore
    from corrlib.types import views_of

    profile = open_profile(args)
    require_method(args, profile)
    pairs = open_pairs(args, profile)
    store = TensorStore(profile.build("features"))
    method = open_method(args, profile, store)
    views = views_of(pairs, select(len(pairs), args.limit))
    if getattr(method, "store", None) is None:
        print(f"{method.name} has no features of single images: nothing to store")
        return
    store_features(method, views, shard=args.shard, seed=seed_of(args, profile))
    i, n = args.shard
    print(
        f"{method.name} ({method.preset}): features of {len(views[i::n])} of {len(views)} "
        f"images are in {store.root}"
    )
