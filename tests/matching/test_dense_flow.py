"""Flow of answers at a grid of points: exact where the motion is affine."""

import pytest
import torch

from corrlib.matching.dense_flow import flow_of_answers, grid_points


def test_the_grid_lies_on_the_cells_centres():
    assert grid_points((8, 4), (2, 1)).tolist() == [[1.5, 1.5], [5.5, 1.5]]
    assert grid_points((3, 2), (3, 2)).tolist() == [[x, y] for y in range(2) for x in range(3)]


def test_a_shift_is_exact_everywhere_and_a_scaling_between_the_points():
    points = grid_points((24, 16), (6, 4))
    flow = flow_of_answers(points + torch.tensor([3.0, -1.5]), (24, 16), (6, 4))
    assert torch.equal(flow, torch.tensor([3.0, -1.5]).expand(16, 24, 2))
    flow = flow_of_answers(points * 2, (24, 16), (6, 4))
    x = torch.arange(24.0)
    assert torch.allclose(flow[5, 2:22, 0], x[2:22])  # u = x between the outer points
    assert flow[5, 0, 0] == flow[5, 1, 0] == 1.5  # and as at the outer point beyond it


def test_one_answer_a_point():
    with pytest.raises(ValueError, match="3 answers; wanted one a point of 2 x 2"):
        flow_of_answers(torch.zeros(3, 2), (8, 8), (2, 2))
