"""Joint PCA from cached moments: the plain singular value decomposition's similarities, whichever
side is decomposed.
"""

import pytest
import torch
from torch.nn.functional import normalize

from corrlib.matching.joint_pca import Cells, joint_axes


def cells(n: int, c: int, seed: int, dtype=torch.float64) -> torch.Tensor:
    """Cells with a falling spectrum and a mean of their own."""
    g = torch.Generator().manual_seed(seed)
    spectrum = torch.arange(1, c + 1, dtype=torch.float64) ** -0.5
    turn = torch.linalg.qr(torch.randn(c, c, generator=g, dtype=torch.float64))[0]
    x = torch.randn(n, c, generator=g, dtype=torch.float64) * spectrum @ turn
    return (x + torch.randn(c, generator=g, dtype=torch.float64)).to(dtype)


def plain(a: torch.Tensor, b: torch.Tensor, k: int) -> torch.Tensor:
    """Similarities of both sets' cells after a plain SVD of the stacked cells."""
    both = torch.cat([a, b]).double()
    both = both - both.mean(0)
    basis = torch.linalg.svd(both, full_matrices=False)[2][:k].T
    left, right = (normalize(x, dim=1) for x in (both @ basis).split([len(a), len(b)]))
    return left @ right.T


# covariance (all axes and few), Gram matrix, and as many cells as channels
@pytest.mark.parametrize(
    "n, m, c, k", [(40, 30, 20, 15), (60, 50, 40, 6), (9, 12, 50, 5), (8, 8, 16, 7)]
)
def test_similarities_are_those_of_a_plain_svd(n, m, c, k):
    a, b = cells(n, c, 1), cells(m, c, 2)
    found = joint_axes([Cells(a), Cells(b)], k)
    mine = normalize(found.project(a), dim=1) @ normalize(found.project(b), dim=1).T
    torch.testing.assert_close(mine, plain(a, b, k), rtol=1e-9, atol=1e-9)
    gram = found.axes.T @ found.axes
    torch.testing.assert_close(gram, torch.eye(k, dtype=gram.dtype), rtol=1e-9, atol=1e-9)


def test_single_precision_costs_no_more_than_its_own_rounding():
    a, b = cells(60, 24, 3, torch.float32), cells(50, 24, 4, torch.float32)
    found = joint_axes([Cells(a), Cells(b)], 10)
    mine = normalize(found.project(a), dim=1) @ normalize(found.project(b), dim=1).T
    assert mine.dtype == torch.float32
    torch.testing.assert_close(mine.double(), plain(a, b, 10), rtol=1e-5, atol=1e-5)


def test_moments_merge_in_any_order_and_for_any_number_of_parts():
    parts = [cells(n, 12, n) for n in (20, 30, 40)]
    whole = joint_axes([Cells(torch.cat(parts))], 4)
    merged = joint_axes([Cells(p) for p in reversed(parts)], 4)
    torch.testing.assert_close(
        whole.axes @ whole.axes.T, merged.axes @ merged.axes.T, rtol=1e-9, atol=1e-9
    )
    torch.testing.assert_close(whole.mean, merged.mean)


def test_axes_along_which_nothing_varies_are_zero():
    a, b = cells(3, 20, 5), cells(3, 20, 6)
    found = joint_axes([Cells(a), Cells(b)], 6)  # six cells about their mean span five axes
    assert (
        found.axes[:, 5].abs().max() == 0 and (found.axes[:, :5].norm(dim=0) - 1).abs().max() < 1e-9
    )
    five = joint_axes([Cells(a), Cells(b)], 5)
    torch.testing.assert_close(found.project(a)[:, :5], five.project(a))


def test_what_cannot_be_done_is_said():
    with pytest.raises(ValueError, match="equal channels"):
        joint_axes([Cells(cells(4, 3, 1)), Cells(cells(4, 5, 1))], 2)
    with pytest.raises(ValueError, match="cannot take 6 components of 8 cells with 5 channels"):
        joint_axes([Cells(cells(8, 5, 1))], 6)


def test_only_the_side_that_is_needed_is_ever_computed():
    few, many = Cells(cells(4, 30, 1)), Cells(cells(40, 30, 2))
    joint_axes([few, Cells(cells(5, 30, 3))], 2)
    assert "gram" in vars(few) and "scatter" not in vars(few)
    joint_axes([few, many], 2)
    assert "scatter" in vars(few) and "gram" not in vars(many)
    assert few.nbytes > few.values.nbytes
