"""The losses of SD4Match against loops that spell them out."""

import math

import pytest
import torch
from torch.nn.functional import interpolate, normalize

from corrlib.heads.smoothed_loss import LOSSES, cosines, released_loss, smoothed_loss


def maps(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(5, 9, 11, generator=g), torch.randn(5, 10, 12, generator=g)


def test_cosines_sample_before_they_normalise():
    a, b = maps()
    half = (a[:, 2, 3] + a[:, 2, 4]) / 2
    wanted = (normalize(half, dim=0) @ normalize(b.flatten(1), dim=0)).reshape(10, 12)
    torch.testing.assert_close(cosines(a, b, torch.tensor([[3.5, 2.0]]))[0], wanted)


def test_the_released_loss_is_its_loop():
    a, b = maps()
    answers = torch.tensor([[5.3, 4.6], [1.2, 8.4]])
    similarity = cosines(a, b, torch.tensor([[3.0, 2.0], [6.2, 1.1]]))
    total = 0.0
    for one, (x, y) in zip(similarity, answers.tolist(), strict=True):
        share = (one.flatten() / 0.04).softmax(0).reshape(10, 12)
        for dy in range(-3, 4):
            for dx in range(-3, 4):
                u, v = x + dx, y + dy
                if not (0 < u < 11 and 0 < v < 9):
                    continue
                i, j = int(v), int(u)
                p = sum(
                    share[i + k, j + m].item() * (1 - abs(v - i - k)) * (1 - abs(u - j - m))
                    for k in (0, 1)
                    for m in (0, 1)
                )
                weight = math.exp(-(dx * dx + dy * dy) / 4.5) / (2 * math.pi * 2.25)
                total -= weight * math.log(p)
    found = released_loss(similarity, answers)
    assert found.item() == pytest.approx(total / 2, rel=1e-4)


def test_the_papers_loss_is_a_cross_entropy_with_a_blurred_one():
    similarity = torch.zeros(1, 20, 20)  # all cells alike: whatever the target, log of their number
    assert smoothed_loss(similarity, torch.tensor([[10.2, 9.7]])).item() == pytest.approx(
        math.log(400), rel=1e-5
    )
    corner = smoothed_loss(similarity, torch.tensor([[0.0, 0.0]])).item()
    line = torch.exp(-(torch.arange(-3, 4.0) ** 2) / 4.5)
    inside = (line[3:].sum() / line.sum()).item() ** 2  # the rest of the kernel lies off the grid
    assert corner == pytest.approx(inside * math.log(400), rel=1e-5)


@pytest.mark.parametrize("kind", LOSSES)
def test_the_right_place_costs_less_than_a_wrong_one(kind):
    grid = interpolate(torch.randn(1, 6, 4, 4), (20, 20), mode="bicubic")[0].requires_grad_()
    found = cosines(grid, grid, torch.tensor([[7.0, 12.0]]))
    right = LOSSES[kind](found, torch.tensor([[7.0, 12.0]]))
    wrong = LOSSES[kind](found, torch.tensor([[14.0, 5.0]]))
    assert right < wrong
    right.backward()
    assert grid.grad.isfinite().all() and grid.grad.abs().max() > 0
