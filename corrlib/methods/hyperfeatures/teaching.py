"""What a head is trained on: the frozen maps of every image, computed once each, and clicked
keypoints.

    frozen = FrozenPath(settings, network(settings, env))
    head = new_head(settings, frozen)
    train(head, bank(settings, env, views_of(pairs)), keypoints(pairs), steps=5000)
    method = with_head(settings, head, env)

*Source:* `train_hyperfeatures.py` of the released code, which computes both images of a pair again
at every step, 10,000 walks for 990 images.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from corrlib.heads.aggregation import AggregationHead
from corrlib.heads.bank import StoredBank
from corrlib.methods import source
from corrlib.methods.base import Env, FeatureMethod
from corrlib.methods.hyperfeatures.frozen import OF_HEAD, FrozenPath, network, without
from corrlib.methods.hyperfeatures.settings import HyperfeatureSettings
from corrlib.types import FeatureMap, View


def origin(settings: HyperfeatureSettings, env: Env, *, seed: int = 0) -> tuple[str, ...]:
    """All that decides the frozen maps of an image: the settings but for the head's, the weights,
    the method's code and the seed.
    """
    weights = network(settings, env).fingerprint
    return (repr(without(settings, OF_HEAD)), weights, source("hyperfeatures"), str(seed))


def on_bank(
    settings: HyperfeatureSettings, head: AggregationHead, frozen: Mapping[str, Mapping]
) -> FeatureMethod:
    """The method on the maps of a bank, with the head as it is now; make it anew when the head has
    learned.
    """

    def extract(view: View, *, seed: int = 0) -> FeatureMap:
        return head.describe(frozen[view.id])

    return FeatureMethod(settings, extract, name="hyperfeatures")


def bank(
    settings: HyperfeatureSettings,
    env: Env,
    views: Sequence[View],
    *,
    seed: int = 0,
    disk_bytes: float | int = 0,
    keep_bytes: int = 2**30,
    dtype: torch.dtype = torch.float16,
) -> StoredBank:
    """The frozen maps of `views` at every layer and position that the settings name, in the
    environment's store up to `disk_bytes`.
    """
    frozen = FrozenPath(settings, network(settings, env))

    def cells(view: View) -> dict[tuple[str, int], Any]:
        return frozen.cells(view, frozen.layers, frozen.levels, seed=seed)

    return StoredBank(
        views,
        cells,
        origin(settings, env, seed=seed),
        env.store,
        disk_bytes=disk_bytes,
        keep_bytes=keep_bytes,
        dtype=dtype,
    )
