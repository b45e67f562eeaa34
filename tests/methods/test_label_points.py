"""Where labels are asked for: the object without a mask, and points spread over it."""

import numpy as np
import pytest
import torch
from conftest import picture_view

from corrlib.coords import Frame
from corrlib.methods.prompt_optimization.labels.plan import Plan, query_points
from corrlib.methods.prompt_optimization.labels.points import farthest
from corrlib.methods.prompt_optimization.labels.saliency import border_contrast, foreground, shrink
from corrlib.types import FeatureMap


def square(height: int, width: int, top: int, left: int, side: int) -> torch.Tensor:
    mask = torch.zeros(height, width, dtype=torch.bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_farthest_points_of_a_square_are_its_middle_and_its_corners():
    points = farthest(square(20, 30, 5, 10, 9), 5)
    assert points.tolist() == [[14, 9], [10, 5], [18, 5], [10, 13], [18, 13]]
    assert farthest(square(20, 30, 5, 10, 9), 3, (18, 13)).tolist()[:2] == [[18, 13], [10, 5]]


def test_farthest_points_end_with_the_mask_and_explain_an_empty_one():
    assert len(farthest(square(5, 5, 0, 0, 2), 9)) == 4
    with pytest.raises(ValueError, match="mask is empty"):
        farthest(torch.zeros(4, 4, dtype=torch.bool), 1)
    with pytest.raises(ValueError, match="outside of the mask"):
        farthest(square(5, 5, 0, 0, 2), 1, (3, 3))


def object_on_background(side: int = 8, top: int = 3, left: int = 2, size: int = 3) -> FeatureMap:
    values = torch.zeros(2, side, side)
    values[0] = 1.0
    values[:, top : top + size, left : left + size] = torch.tensor([0.0, 1.0])[:, None, None]
    return FeatureMap(values, Frame((80, 80), (side, side)))


def test_what_does_not_look_like_the_border_is_salient():
    fm = object_on_background()
    contrast = border_contrast(fm)
    assert torch.equal(contrast, square(8, 8, 3, 2, 3).float())
    mask = foreground(fm)
    rows, columns = mask.nonzero().T
    assert (
        rows.min() >= 30 and rows.max() < 60 and columns.min() >= 20 and columns.max() < 50
    )  # inside of the object's pixels
    assert foreground(fm, level=0.0).all() or foreground(fm, level=0.0).sum() > mask.sum()
    with pytest.raises(ValueError, match="level is 1"):
        foreground(fm, level=1)


def test_a_border_cell_is_not_compared_with_itself():
    fm = object_on_background(top=0, left=2, size=1)  # the object touches the border in one cell
    assert border_contrast(fm)[0, 2].item() == pytest.approx(1.0)


def test_shrinking_takes_the_rim_and_the_picture_s_border():
    assert torch.equal(shrink(square(12, 12, 3, 3, 6), 2), square(12, 12, 5, 5, 2))
    assert torch.equal(shrink(torch.ones(6, 6, dtype=torch.bool), 1), square(6, 6, 1, 1, 4))


def test_query_points_come_from_the_mask_that_is_given():
    points = query_points(picture_view(30, 30), Plan(points=2), lambda view: np.eye(10, dtype=bool))
    assert points.tolist() in ([[4, 4], [9, 9]], [[4, 4], [0, 0]])
