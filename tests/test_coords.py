"""The conventions, pinned: pixel centres at integers, the half-pixel resizing rule, sizes as
(width, height).
"""

import pytest
import torch
from PIL import Image
from torch.nn.functional import grid_sample, interpolate

from corrlib.coords import Frame, require_inside, resize_points, taps


def points(*rows):
    return torch.tensor(rows, dtype=torch.float64).reshape(-1, 2)


def test_cell_centres_of_a_whole_image():
    frame = Frame(image=(12, 8), grid=(3, 2))  # cells of 4 x 4 pixels: centres at 1.5, 5.5, 9.5
    assert torch.equal(frame.to_image(points((0, 0), (2, 1))), points((1.5, 1.5), (9.5, 5.5)))
    assert torch.equal(frame.to_grid(points((5.5, 1.5), (-0.5, 7.5))), points((1, 0), (-0.5, 1.5)))
    assert torch.equal(
        frame.to_unit(points((-0.5, -0.5), (11.5, 7.5), (5.5, 3.5))),
        points((-1, -1), (1, 1), (0, 0)),
    )


def test_box_outside_of_the_image():
    frame = Frame(
        image=(12, 8), grid=(6, 6), box=(-0.5, -2.5, 11.5, 9.5)
    )  # padded to a 12 x 12 square
    assert torch.allclose(frame.to_grid(points((0.5, -1.5), (0.5, 0.5))), points((0, 0), (0, 1)))


@pytest.mark.parametrize("box", [None, (-3.0, 1.25, 50.5, 41.0)])
def test_grid_and_image_are_inverse(box):
    frame = Frame((47, 31), (7, 5), box)
    p = torch.rand(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 30
    assert torch.allclose(frame.to_image(frame.to_grid(p)), p, atol=1e-12)


def test_resizing_is_that_of_pillow_and_torch():
    ramp = torch.arange(16, dtype=torch.float32)
    p = points((5, 0))
    ((x, _),) = resize_points(p, (16, 1), (8, 1)).tolist()
    assert x == 2.25
    down = interpolate(ramp[None, None], size=8, mode="linear", align_corners=False)[0, 0]
    assert down[2] == 4.5 and resize_points(points((4.5, 0)), (16, 1), (8, 1))[0, 0] == 2
    pillow = Image.fromarray(ramp.repeat(2, 1).numpy()).resize((8, 1), Image.Resampling.BOX)
    assert pillow.getpixel((2, 0)) == 4.5


def test_align_corners_keeps_the_outermost_centres():
    moved = resize_points(
        points((0, 0), (767, 767), (10, 10)), (768, 768), (48, 48), align_corners=True
    )
    assert torch.allclose(moved, points((0, 0), (47, 47), (10 * 47 / 767, 10 * 47 / 767)))


def test_taps_are_the_rule_of_interpolate():
    for n_in, n_out in ((5, 13), (7, 7), (48, 375), (1, 9), (16, 192)):
        line = torch.randn(n_in, dtype=torch.float64, generator=torch.Generator().manual_seed(n_in))
        low, high, weight = taps(
            Frame((n_out, 1), (n_in, 1)).to_grid(
                torch.stack([torch.arange(n_out).double()] * 2, 1)
            )[:, 0],
            n_in,
        )
        ours = (1 - weight) * line[low] + weight * line[high]
        assert torch.allclose(
            ours,
            interpolate(line[None, None], size=n_out, mode="linear", align_corners=False)[0, 0],
            atol=1e-12,
        )


def test_to_unit_is_what_grid_sample_wants():
    ramp = torch.arange(10, dtype=torch.float64).repeat(6, 1)[None, None]
    frame = Frame((10, 6), (10, 6))
    sampled = grid_sample(
        ramp, frame.to_unit(points((3, 2), (4.25, 1)))[None, None], align_corners=False
    )
    assert torch.allclose(sampled.flatten(), torch.tensor([3.0, 4.25], dtype=torch.float64))


def test_require_inside_names_the_first_bad_point():
    require_inside(points((-0.5, -0.5), (11.5, 7.5)), (12, 8))
    require_inside(torch.zeros(0, 2), (12, 8))
    with pytest.raises(
        ValueError, match=r"query 1 at \(12, 3\) lies outside of the image, which is 12 x 8"
    ):
        require_inside(points((1, 1), (12, 3), (99, 99)), (12, 8), "query")
    with pytest.raises(ValueError, match="point 0"):
        require_inside(points((float("nan"), 1)), (12, 8))
