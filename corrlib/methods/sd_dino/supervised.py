"""The supervised variant: one bottleneck on the joined features of a view, trained on keypoints.

*Source:* "A Tale of Two Features", section 4: "we add a bottleneck layer on top of the extracted
features", guided by a symmetric cross-entropy. No code of it was released; what it is taken among,
all positions or the pair's keypoints, is `Fit.among`.
"""

from collections.abc import Sequence
from pathlib import Path

from corrlib.heads.aggregation import AggregationHead, HeadSettings
from corrlib.heads.bank import fill, keypoints
from corrlib.heads.training import Fit, train
from corrlib.methods.sd_dino.views import Views
from corrlib.types import FeatureMap, Pair, views_of

CELL = ("joined", 0)  # the one map that the head reads


def make_head(
    channels: int, grid: int, *, width: int = 384, middle: int = 96, groups: int = 32, seed: int = 0
) -> AggregationHead:
    """An untrained bottleneck from `channels` to `width` on a grid of `grid` cells a side."""
    settings = HeadSettings(
        (CELL[0],), (channels,), (CELL[1],), (grid, grid), width, middle, groups, seed
    )
    return AggregationHead(settings)


def describe(head: AggregationHead, joined: FeatureMap) -> FeatureMap:
    """The head's descriptors of one view's joined features."""
    return head.describe({CELL: joined})


def fit_head(
    views: Views,
    pairs: Sequence[Pair],
    steps: int,
    fit: Fit | None = None,
    *,
    checkpoint: str | Path | None = None,
    seed: int = 0,
    progress: bool | None = None,
    **shape: int,
) -> tuple[AggregationHead, list[float]]:
    """A head trained on the pairs' keypoints, and every step's loss; `shape` goes to `make_head`.

    Every image's joined features are computed once and held in memory. Raises ValueError where no
    pair has a keypoint.
    """
    items = keypoints(pairs)
    bank = fill(views_of(pairs), lambda v: {CELL: views.joined(v, seed=seed)}, progress)
    if not items:
        raise ValueError(f"none of {len(pairs)} pairs has a keypoint; nothing to train on")
    fit, channels = fit or Fit(), len(bank[items[0].source][CELL].values)
    head = make_head(channels, views.settings.grid, seed=fit.seed, **shape)
    losses = train(head, bank, items, steps, fit, checkpoint=checkpoint, progress=progress)
    return head, losses
