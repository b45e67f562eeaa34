"""Clusters: planted parts are found, named alike in both images, and repeat bit for bit."""

import pytest
import torch

from corrlib.coords import Frame
from corrlib.matching.clusters import OUTSIDE, cluster, matched_clusters
from corrlib.types import FeatureMap


def planted(parts: torch.Tensor, seed: int) -> FeatureMap:
    """A map whose cells are one of three directions, by `parts`, with a little noise."""
    g = torch.Generator().manual_seed(seed)
    directions = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(0)))[0]
    values = 3 * directions[parts].permute(2, 0, 1)
    h, w = parts.shape
    noise = 0.05 * torch.randn(8, h, w, generator=g)
    return FeatureMap((values + noise).contiguous(), Frame((w * 4, h * 4), (w, h)))


A = torch.tensor([[0, 0, 1, 1], [0, 2, 2, 1], [2, 2, 2, 1]])
B = torch.tensor([[2, 2, 0], [2, 1, 0], [1, 1, 0], [1, 1, 0]])


def test_planted_parts_are_found():
    found = cluster(planted(A, 1), 3)
    for part in range(3):
        assert len(found[part == A].unique()) == 1
    assert len(found.unique()) == 3
    assert torch.equal(found, cluster(planted(A, 1), 3)), "a seed decides"


def test_equal_numbers_are_equal_parts_in_both_images():
    a, b = matched_clusters(planted(A, 1), planted(B, 2), 3)
    name = {part: a[part == A][0] for part in range(3)}
    assert all((b[part == B] == name[part]).all() for part in range(3))


def test_cells_outside_of_a_mask_have_no_cluster_and_no_say():
    mask = A != 1
    fm = planted(A, 1)
    found = cluster(fm, 2, mask)
    assert (found[~mask] == OUTSIDE).all() and set(found[mask].tolist()) == {0, 1}
    other = FeatureMap(torch.where(mask, fm.values, 100.0), fm.frame)
    assert torch.equal(cluster(other, 2, mask), found)
    a, b = matched_clusters(fm, planted(B, 2), 2, (mask, B != 1))
    assert (b[B == 1] == OUTSIDE).all() and (a[A == 0][0] == b[B == 0]).all()


def test_what_cannot_be_clustered_is_said():
    with pytest.raises(ValueError, match="cannot make 3 clusters of 2 cells"):
        cluster(planted(A, 1), 3, (A == 0) & (torch.arange(4) == 0))
    with pytest.raises(ValueError, match=r"mask of \(4, 3\); the map has \(3, 4\) cells"):
        cluster(planted(A, 1), 3, B >= 0)
