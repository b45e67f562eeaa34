"""The supervised variant: one bottleneck on the joined features of a view, trained on keypoints.

*Source:* "A Tale of Two Features", section 4: "we add a bottleneck layer on top of the extracted
features", guided by a symmetric cross-entropy. No code of it was released; what it is taken among,
all positions or the pair's keypoints, is `Fit.among`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from corrlib.heads.aggregation import AggregationHead, Cell, HeadSettings
from corrlib.heads.bank import keypoints
from corrlib.heads.training import Fit, train
from corrlib.methods.sd_dino.views import Views
from corrlib.storage.lru_cache import LRUCache
from corrlib.types import FeatureMap, Pair, View, views_of

CELL = ("joined", 0)  # the one map that the head reads


class JoinedBank(Mapping):
    """Joined features of each image by its id, made when asked for; those used last are kept, up to
    `keep_bytes`.
    """

    def __init__(self, views: Views, images: Sequence[View], seed: int, keep_bytes: int):
        self._views, self._seed = views, seed
        self._images = {view.id: view for view in images}
        self._kept: LRUCache[FeatureMap] = LRUCache(
            keep_bytes, nbytes=lambda fm: fm.values.nbytes, at_least=2
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._images)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, id: str) -> dict[Cell, FeatureMap]:
        view = self._images[id]
        return {CELL: self._kept.of(id, lambda: self._views.joined(view, seed=self._seed))}


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
    every: int = 200,
    observe: Callable[[list[float], AggregationHead], None] | None = None,
    seed: int = 0,
    keep_bytes: int = 4 * 2**30,
    progress: bool | None = None,
    **shape: int,
) -> tuple[AggregationHead, list[float]]:
    """A head trained on the pairs' keypoints, and every step's loss; `shape` goes to `make_head`.

    Joined features of images are held in memory up to `keep_bytes`, the others are joined again
    from what `views` keeps. `checkpoint` and `every` are those of `heads.training.train`; `observe`
    is given the head, too. Raises ValueError where no pair has a keypoint.
    """
    items = keypoints(pairs)
    if not items:
        raise ValueError(f"none of {len(pairs)} pairs has a keypoint; nothing to train on")
    bank = JoinedBank(views, views_of(pairs), seed, keep_bytes)
    fit, channels = fit or Fit(), len(bank[items[0].source][CELL].values)
    head = make_head(channels, views.settings.grid, seed=fit.seed, **shape)
    head.to(bank[items[0].source][CELL].values.device)
    losses = train(
        head,
        bank,
        items,
        steps,
        fit,
        checkpoint=checkpoint,
        every=every,
        progress=progress,
        observe=partial(observe, head=head) if observe else None,
        about={"features": repr(views.settings), "weights": dict(views.weights), "seed": seed},
    )
    return head, losses
