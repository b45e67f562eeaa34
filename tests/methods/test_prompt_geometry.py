"""Crops, the Gaussian, and its loss without enlarging."""

import math

import pytest
import torch
from torch.nn.functional import interpolate

from corrlib import methods
from corrlib.methods.prompt_optimization.crops import (
    corners,
    draw_offset,
    offset_range,
    to_crop,
    to_image,
    to_input,
)
from corrlib.methods.prompt_optimization.gaussian_loss import (
    Enlarged,
    gaussian,
    gaussian_axis,
    loss,
)
from corrlib.methods.prompt_optimization.settings import PromptSettings

PAPER = PromptSettings()


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_papers_crop_is_477_of_512():
    assert PAPER.crop_side == 477
    assert corners(512, 477) == [(0, 0), (0, 35), (35, 0), (35, 35)]


@pytest.mark.parametrize(
    "p",
    [
        0,
        0.5,
        71,
        71.99,
        72,
        73.5,
        105.9,
        106,
        107,
        256.25,
        406,
        406.99,
        407,
        440.9,
        441,
        511.5,
        512,
    ],
)
def test_the_range_of_offsets_is_the_written_rule(p):
    low, high = math.floor(min(max(p - 406, 0), 35)), math.floor(min(max(p - 71, 0), 35))
    assert offset_range(p, 512, 477) == (low, high)
    assert 0 <= low <= high <= 35


def test_where_every_offset_is_allowed_and_where_only_one():
    full = [p for p in range(513) if offset_range(p, 512, 477) == (0, 35)]
    assert full == list(range(106, 407))
    single = [p for p in range(513) if len(set(offset_range(p, 512, 477))) == 1]
    assert single == [p for p in range(513) if p < 72 or p >= 441]


def test_the_point_stays_inside_by_the_margin_unless_the_border_forbids_it():
    for p in (10.0, 90.5, 256.0, 420.25, 500.0):
        for offset in range(offset_range(p, 512, 477)[0], offset_range(p, 512, 477)[1] + 1):
            inside = p - offset
            assert inside >= min(71, p) and inside <= max(406 + 1, p - 35)


def test_offsets_are_uniform_over_the_range_and_replayed_by_the_generator():
    drawn = [draw_offset((256.0, 110.0), 512, 477, g) for g in [generator(3)] for _ in range(4000)]
    again = [draw_offset((256.0, 110.0), 512, 477, g) for g in [generator(3)] for _ in range(4000)]
    assert drawn == again
    xs, ys = (
        torch.bincount(torch.tensor(values), minlength=36) for values in zip(*drawn, strict=True)
    )
    assert len(xs) == 36 and xs.min() > 60 and xs.max() < 170  # 111 expected, standard deviation 10
    assert offset_range(110.0, 512, 477) == (0, 35) and len(ys) == 36
    one = generator(5)
    assert draw_offset((256.0, 110.0), 512, 477, generator(5)) == tuple(
        int(torch.randint(0, 36, (), generator=one)) for _ in "xy"
    )


def test_near_a_corner_only_one_crop_is_left():
    for point, wanted in zip(
        [(0.0, 0.0), (0.0, 512.0), (512.0, 0.0), (512.0, 512.0)], corners(512, 477), strict=True
    ):
        assert {draw_offset(point, 512, 477, generator(seed)) for seed in range(20)} == {wanted}


def test_a_stride_takes_multiples_only():
    drawn = {draw_offset((256.0, 90.0), 512, 477, generator(seed), stride=5) for seed in range(400)}
    assert {x for x, _ in drawn} == set(range(0, 36, 5)) and {y for _, y in drawn} == {0, 5, 10, 15}
    assert {
        draw_offset((409.5, 256.0), 512, 477, generator(seed), stride=40)[0] for seed in range(9)
    } == {3}  # none: the least


def test_the_point_in_the_crop_is_a_share_of_its_side():
    points, offsets = torch.tensor([[300.0, 100.0]]), torch.tensor([[20, 7]])
    torch.testing.assert_close(to_crop(points, offsets, 477), torch.tensor([[280 / 477, 93 / 477]]))


@pytest.mark.parametrize("half_pixel", [True, False])
def test_frames_go_there_and_back(half_pixel):
    points = torch.tensor([[0.0, 0.0], [499.0, 374.0], [12.25, 100.5]], dtype=torch.float64)
    there = to_input(points, (500, 375), 512, half_pixel=half_pixel)
    torch.testing.assert_close(to_image(there, (500, 375), 512, half_pixel=half_pixel), points)
    wanted = (12.25 + 0.5 * half_pixel) * 512 / 500
    assert there[2, 0].item() == pytest.approx(wanted)


def test_the_gaussian_is_the_formula_written_out():
    centre, sigma = (100.25, 400.5), PAPER.sigma
    ours = gaussian(torch.tensor([centre], dtype=torch.float64), 512, sigma)[0]
    for r, c in ((0, 0), (400, 100), (401, 100), (380, 131), (511, 511)):
        wanted = math.exp(-((c - centre[0]) ** 2 + (r - centre[1]) ** 2) / (2 * sigma**2))
        assert ours[r, c].item() == pytest.approx(wanted, abs=1e-6)
    assert (
        gaussian(torch.tensor([[100.0, 400.0]]), 512, sigma)[0, 400, 100] == 1
    )  # the peak is 1, not the sum


def test_the_targets_own_loss_is_that_of_the_sheet():
    g = gaussian(torch.tensor([[256.0, 256.0]]), 512, PAPER.sigma)
    assert (g**2).mean().item() == pytest.approx(0.00938, abs=5e-6)


@pytest.mark.parametrize("cells", [16, 32])
def test_enlarging_is_torchs_bilinear(cells):
    maps = torch.rand(2, 3, cells, cells, generator=generator())
    wanted = interpolate(maps, (477, 477), mode="bilinear", align_corners=False)
    torch.testing.assert_close(
        Enlarged(cells, 477)(maps), wanted, atol=5e-6, rtol=0
    )  # torch rounds its weights to float32


@pytest.mark.parametrize("cells", [6, 16, 32])
def test_the_quadratic_form_is_the_squared_distance_of_enlarged_maps(cells):
    maps = torch.rand(3, cells, cells, generator=generator(), dtype=torch.float64)
    centres = torch.tensor([[20.0, 30.5], [255.3, 1.0], [511.0, 477.25]], dtype=torch.float64)
    x, y = (gaussian_axis(centres[:, k], 512, 28.0) for k in (0, 1))
    enlarged = interpolate(maps[None], (512, 512), mode="bilinear", align_corners=False)[0]
    wanted = ((enlarged - gaussian(centres, 512, 28.0)) ** 2).sum((1, 2))

    class Exact(Enlarged):  # the same matrices, kept in float64
        matrix = property(lambda self: self._exact)
        overlap = property(lambda self: self._exact.T @ self._exact)

    torch.testing.assert_close(
        Exact(cells, 512).squared_distance(maps, x, y), wanted, rtol=1e-12, atol=1e-12
    )
    ours = Enlarged(cells, 512).squared_distance(maps.float(), x.float(), y.float())
    torch.testing.assert_close(ours.double(), wanted, rtol=1e-5, atol=1e-3)


def test_the_loss_and_its_gradient_are_those_of_enlarged_maps():
    sides, centres = (8, 16), torch.tensor([[30.0, 40.0], [90.5, 10.25]])
    small = {
        str(side): torch.rand(2, side, side, generator=generator(side)).requires_grad_()
        for side in sides
    }
    ours = loss(small, centres, 9.0, {side: Enlarged(side, 128) for side in sides})
    ours.sum().backward()
    grads = {name: values.grad.clone() for name, values in small.items()}
    large = torch.stack(
        [interpolate(values[None], (128, 128), mode="bilinear")[0] for values in small.values()], 1
    )
    plain = ((large - gaussian(centres, 128, 9.0)[:, None]) ** 2).mean((1, 2, 3))
    torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-7)
    for (name, values), wanted in zip(
        small.items(), torch.autograd.grad(plain.sum(), list(small.values())), strict=True
    ):
        torch.testing.assert_close(grads[name], wanted, rtol=1e-4, atol=1e-8, msg=name)
        assert values.shape[-1] == int(name)


def test_settings_are_checked():
    for bad, said in (
        ({"crops": 3}, "4 crops or more"),
        ({"crop": 0.4}, "0.5 to 1"),
        ({"noise": "poisson"}, "wanted one of gaussian, uniform"),
        ({"layers": (7, 7)}, "wanted all different"),
        ({"token": 77}, "0 to 76"),
        ({"timestep": 1000}, "0 .* to 999"),
        ({"steps": 0}, "1 or more"),
        ({"sigma": 0.0}, "sigma"),
        ({"heads": ()}, "heads"),
    ):
        with pytest.raises(ValueError, match=said):
            methods.settings("prompt_optimization", "paper", **bad)
    assert hash(PAPER) == hash(PromptSettings())
