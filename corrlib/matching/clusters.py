"""Parts without names: cells of each image in clusters, and which cluster of one image is which of
the other.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.cluster.vq import kmeans2
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn.functional import normalize

from corrlib.types import FeatureMap

OUTSIDE = -1  # the label of cells that the mask leaves out
STARTS = 5  # of k-means; the tightest one is kept


def cluster(
    fm: FeatureMap, k: int, mask: Bool[Tensor, "h w"] | None = None, *, seed: int = 0
) -> Int[Tensor, "h w"]:
    """Labels 0 to k - 1 of the cells within `mask` (default: all), -1 elsewhere, by k-means on
    their unit vectors.

    The tightest of five starts that a generator of `seed` draws. Raises ValueError where the mask
    has another shape or fewer cells than `k`.
    *Source:* "A Tale of Two Features", Figure 2: k = 5; its notebook takes 6, one of which takes
    up the background.
    """
    mask = torch.ones(fm.values.shape[1:], dtype=torch.bool) if mask is None else mask.cpu()
    if mask.shape != fm.values.shape[1:] or not 1 <= k <= int(mask.sum()):
        raise ValueError(
            f"cannot make {k} clusters of {int(mask.sum())} cells in a mask of "
            f"{tuple(mask.shape)}; the map has {tuple(fm.values.shape[1:])} cells"
        )
    cells = normalize(fm.values.cpu().double()[:, mask].T, dim=1).numpy()
    best, labels = np.inf, None
    for start in range(STARTS):
        rng = np.random.default_rng([seed, start])
        centres, found = kmeans2(cells, k, minit="++", rng=rng, iter=50, missing="warn")
        spread = ((cells - centres[found]) ** 2).sum()
        if spread < best:
            best, labels = spread, found
    result = torch.full(mask.shape, OUTSIDE, dtype=torch.long)
    result[mask] = torch.from_numpy(labels).long()
    return result


def matched_clusters(
    a: FeatureMap,
    b: FeatureMap,
    k: int,
    masks: tuple[Bool[Tensor, "_ _"] | None, Bool[Tensor, "_ _"] | None] = (None, None),
    *,
    seed: int = 0,
) -> tuple[Int[Tensor, "ha wa"], Int[Tensor, "hb wb"]]:
    """Labels of both images, clustered each by itself; b's are renamed so that equal numbers are
    the clusters whose means lie nearest, over all pairs of clusters together (Hungarian method).

    Means are those of the raw features, distances Euclidean. Raises as `cluster` does.
    *Source:* `cluster_and_match` of the released notebooks.
    """
    labels = [cluster(fm, k, mask, seed=seed) for fm, mask in zip((a, b), masks, strict=True)]
    means = [_means(fm, found, k) for fm, found in zip((a, b), labels, strict=True)]
    cost = torch.cdist(*means).nan_to_num(nan=1e12)  # a cluster may have stayed empty
    ours, theirs = linear_sum_assignment(cost.numpy())
    renamed = torch.empty(k + 1, dtype=torch.long)
    renamed[-1] = OUTSIDE
    renamed[torch.from_numpy(theirs)] = torch.from_numpy(ours)
    return labels[0], renamed[labels[1]]


def _means(fm: FeatureMap, labels: Int[Tensor, "h w"], k: int) -> Float[Tensor, "k c"]:
    values = fm.values.cpu().double()
    return torch.stack([values[:, labels == i].mean(1) for i in range(k)])
