"""Exact answers, and the fast matching against the straightforward one."""

import pytest
import torch
from torch.nn.functional import interpolate, normalize

from corrlib.bench.match import nearest_straightforward
from corrlib.coords import Frame
from corrlib.matching import feature_maps
from corrlib.matching.estimators import (
    kernel_soft_argmax,
    mutual_nearest,
    nearest,
    similarity,
    soft_argmax,
    window_soft_argmax,
)
from corrlib.matching.interpolation import Target, inverse_norm_map
from corrlib.types import FeatureMap


def random_map(image=(50, 37), grid=(7, 5), c=16, seed=0, box=None, dtype=torch.float32):
    values = torch.randn(
        c, grid[1], grid[0], generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    return FeatureMap(values.to(dtype), Frame(image, grid, box))


def pixels(*rows):
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 2)


def random_pixels(n, image, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randint(0, side, (n,), generator=g) for side in image], 1).float()


@pytest.mark.parametrize(
    "image, grid",
    [
        ((50, 37), (7, 5)),
        ((313, 471), (24, 24)),
        ((96, 96), (12, 12)),
        ((20, 31), (40, 33)),
        ((9, 9), (1, 1)),
    ],
)
def test_norm_map_is_the_norm_of_the_interpolated_map(image, grid):
    fm = random_map(image, grid, c=9, dtype=torch.float64)
    full = interpolate(fm.values[None], size=image[::-1], mode="bilinear", align_corners=False)[0]
    assert torch.allclose(
        1 / inverse_norm_map(fm), full.norm(dim=0), rtol=1e-5
    )  # interpolate's scale is float32
    assert torch.allclose(
        inverse_norm_map(FeatureMap(fm.values.float(), fm.frame)).double(),
        inverse_norm_map(fm),
        rtol=1e-5,
    )


def test_norm_map_of_a_box_is_the_norm_of_samples():
    for box in ((-10.0, -7.3, 60.0, 44.4), (5.0, 6.0, 30.2, 20.9)):
        fm = random_map(box=box, dtype=torch.float64)
        y, x = torch.meshgrid(torch.arange(37), torch.arange(50), indexing="ij")
        sampled = fm.at(torch.stack([x, y], -1).flatten(0, 1).double())
        assert torch.allclose(
            1 / inverse_norm_map(fm), sampled.norm(dim=1).unflatten(0, (37, 50)), rtol=1e-12
        )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "image, grid",
    [((50, 37), (7, 5)), ((97, 61), (9, 14)), ((192, 192), (16, 16)), ((33, 29), (40, 50))],
)
def test_same_answers_as_the_straightforward_way(image, grid, seed):
    a, b = random_map((41, 53), (8, 9), seed=seed), random_map(image, grid, seed=100 + seed)
    queries = random_pixels(40, (41, 53), seed)
    ours, theirs = nearest(a, b, queries), nearest_straightforward(a, b, queries)
    assert torch.equal(ours.points, theirs.points)
    assert torch.allclose(ours.score, theirs.score, atol=1e-6)


def test_identity_pair_gives_the_identical_points():
    fm = random_map(c=64, image=(131, 77), grid=(16, 11))
    inner = random_pixels(100, (131, 77))
    inner = inner[((inner > 8) & (inner < torch.tensor([122.0, 68.0]))).all(1)]
    matches = nearest(fm, fm, inner)
    assert torch.equal(matches.points, inner) and torch.allclose(
        matches.score, torch.ones(len(inner)), atol=1e-6
    )


def test_a_translation_comes_back():
    big = torch.randn(32, 20, 20, generator=torch.Generator().manual_seed(5))
    a = FeatureMap(big[:, 2:14, 3:15].clone(), Frame((96, 96), (12, 12)))
    b = FeatureMap(
        big[:, :12, :12].clone(), Frame((96, 96), (12, 12))
    )  # moved by (3, 2) cells of 8 pixels
    queries = pixels((20, 30), (41, 55), (12, 12))
    assert torch.equal(nearest(a, b, queries).points, queries + torch.tensor([24.0, 16.0]))


def test_only_pixels_of_the_image_compete_when_a_box_covers_more():
    frame = Frame(
        (40, 20), (10, 10), (-0.5, -10.5, 39.5, 29.5)
    )  # padded to a square: rows 0-1 and 8-9 lie outside
    values = torch.zeros(2, 10, 10)
    values[0] = 1.0
    values[:, 0, 5] = torch.tensor([0.0, 1.0])  # the best cell of all, but in the padding
    values[:, 6, 2] = torch.tensor([0.5, 1.0])
    source = FeatureMap(
        torch.tensor([0.0, 1.0])[:, None, None].expand(2, 3, 3).clone(), Frame((9, 9), (3, 3))
    )
    # Cell (2, 6) has its centre at (9.5, 15.5): four pixels are equally near to it, the first of
    # them wins.
    assert nearest(source, FeatureMap(values, frame), pixels((4, 4))).points.tolist() == [
        [9.0, 15.0]
    ]


def test_pixels_outside_of_a_crop_see_its_border():
    frame = Frame((40, 40), (4, 4), (11.5, 11.5, 27.5, 27.5))
    fm = random_map((40, 40), (4, 4), c=8, box=frame.box)
    maps = similarity(fm, fm, pixels((13, 13)))
    assert torch.allclose(maps[0, :14, :14], maps[0, 13, 13].expand(14, 14), atol=1e-6)


def test_ties_go_to_the_first_pixel_in_row_major_order():
    constant = FeatureMap(torch.ones(4, 6, 6), Frame((48, 48), (6, 6)))
    assert nearest(constant, constant, pixels((30, 40), (3, 3))).points.tolist() == [[0, 0], [0, 0]]
    # the border plateau: a query within half a cell of the corner, whose answer is the whole corner
    # block
    fm = random_map((48, 48), (6, 6), c=32)
    assert nearest(fm, fm, pixels((2, 3), (47, 47), (47, 20))).points.tolist() == [
        [0, 0],
        [44, 44],
        [44, 20],
    ]


def test_zero_vectors_score_zero():
    values = torch.ones(3, 4, 4)
    values[:, :2] = 0
    fm = FeatureMap(values, Frame((16, 16), (4, 4)))
    matches = nearest(fm, fm, pixels((8, 1), (8, 14)))
    assert matches.score.tolist() == pytest.approx([0, 1], abs=1e-6)
    assert matches.points.tolist() == [
        [0, 0],
        [0, 6],
    ]  # from row 6 on the interpolated vector is not zero


def test_chunks_do_not_change_the_answer(monkeypatch):
    a, b, queries = random_map(seed=1), random_map(seed=2), random_pixels(23, (50, 37))
    whole = nearest(a, b, queries, heat=True)
    monkeypatch.setattr("corrlib.matching.estimators.CHUNK_BYTES", 1)
    single = nearest(a, b, queries, heat=True)
    assert torch.equal(whole.points, single.points) and torch.allclose(
        whole.heat, single.heat, atol=1e-6
    )
    assert whole.heat.shape == (23, 37, 50)
    one = torch.cat([nearest(a, b, q[None]).points for q in queries])
    assert torch.equal(one, whole.points)


def test_no_queries_no_matches():
    matches = nearest(random_map(), random_map(), torch.zeros(0, 2), heat=True)
    assert (
        matches.points.shape == (0, 2)
        and matches.score.shape == (0,)
        and matches.heat.shape == (0, 37, 50)
    )
    assert soft_argmax()(random_map(), random_map(), torch.zeros(0, 2)).points.shape == (0, 2)


def test_normalise_then_interpolate_is_available():
    a, b, queries = random_map(seed=1), random_map(seed=2), random_pixels(5, (50, 37))
    unit = feature_maps.unit(b)
    full = interpolate(unit.values[None], size=(37, 50), mode="bilinear", align_corners=False)[0]
    wanted = torch.einsum("nc,chw->nhw", normalize(a.at(queries), dim=1), full)
    assert torch.allclose(similarity(a, unit, queries, divide=False), wanted, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions(dtype):
    fm = random_map(c=64, dtype=dtype)
    assert torch.equal(nearest(fm, fm, pixels((20, 20))).points, pixels((20, 20)))


def test_errors_say_what_to_do():
    a = random_map()
    with pytest.raises(ValueError, match="query 0 at"):
        nearest(a, a, pixels((50, 3)))
    with pytest.raises(ValueError, match="16 channels, the target map 8"):
        nearest(a, random_map(c=8), pixels((5, 3)))
    bad = random_map()
    bad.values[0, 0, 0] = float("nan")
    with pytest.raises(ValueError, match="bfloat16"):
        nearest(a, bad, pixels((5, 3)))
    with pytest.raises(ValueError, match="temperature is 0"):
        soft_argmax(temperature=0)


def test_a_target_is_prepared_once():
    target = Target.of(random_map())
    assert Target.of(target) is target
    nearest(random_map(seed=1), target, pixels((5, 3)))
    assert target.inverse_norm is target.inverse_norm


def test_mutual_nearest_keeps_what_comes_back():
    fm = random_map(c=64)
    matches, mask = mutual_nearest(fm, fm, pixels((20, 20), (31, 12)))
    assert mask.tolist() == [True, True] and torch.equal(matches.points, pixels((20, 20), (31, 12)))
    other = random_map(c=64, seed=9)
    assert not mutual_nearest(fm, other, random_pixels(30, (50, 37)), tolerance_px=0.5)[1].all()


def delta(cells, grid=(8, 6), image=(64, 48)):
    """A target whose cosine with the source is 1 at `cells` (x, y), 0 elsewhere, and the constant
    source.
    """
    values = torch.zeros(2, grid[1], grid[0])
    values[1] = 1.0
    for x, y in cells:
        values[:, y, x] = torch.tensor([1.0, 0.0])
    source = FeatureMap(
        torch.tensor([1.0, 0.0])[:, None, None].expand(2, 2, 2).clone(), Frame((4, 4), (2, 2))
    )
    return source, FeatureMap(values, Frame(image, grid))


def test_soft_argmax_lies_between_two_equal_cells():
    a, b = delta([(2, 3), (4, 3)])
    cold = soft_argmax(temperature=1e-3)(a, b, pixels((1, 1)))
    assert (
        torch.allclose(cold.points, pixels((27.5, 27.5))) and cold.score.item() == 1
    )  # cells 2 and 4: centres 19.5 and 35.5
    hot = soft_argmax(temperature=1e6)(a, b, pixels((1, 1)))
    assert torch.allclose(hot.points, pixels((31.5, 23.5)), atol=1e-3)  # the centre of the image


def test_windows_and_kernels_suppress_the_far_peak():
    a, b = delta([(1, 1), (7, 5)])
    windowed = window_soft_argmax(window=2, temperature=1e-3)(a, b, pixels((1, 1)))
    assert torch.allclose(windowed.points, pixels((11.5, 11.5)))
    kernel = kernel_soft_argmax(sigma=1.0, temperature=1e-2)(a, b, pixels((1, 1)))
    assert torch.allclose(kernel.points, pixels((11.5, 11.5)), atol=1e-3)
    released = window_soft_argmax(window=2, temperature=0.02, outside=0.0)(
        a, b, pixels((1, 1)), heat=True
    )
    assert released.heat.shape == (1, 48, 64) and torch.allclose(
        released.points, pixels((11.5, 11.5)), atol=1e-3
    )


def test_soft_argmax_has_a_gradient():
    a, b = random_map(), random_map(seed=1)
    b.values.requires_grad_()
    soft_argmax()(a, b, pixels((5, 5))).points.sum().backward()
    assert b.values.grad.abs().sum() > 0
