import pytest
import torch
from torch.nn.functional import interpolate

from corrlib.coords import Frame
from corrlib.matching import feature_maps
from corrlib.types import FeatureMap


def random_map(c=5, w=7, h=4, seed=0, box=None, dtype=torch.float32):
    values = torch.randn(
        c, h, w, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    ).to(dtype)
    return FeatureMap(values, Frame((50, 33), (w, h), box))


def test_unit_lengths_are_one_and_zero_stays_zero():
    fm = random_map(dtype=torch.float16)
    fm.values[:, 0, 0] = 0
    lengths = feature_maps.unit(fm).values.norm(dim=0)
    assert lengths[0, 0] == 0 and torch.allclose(lengths.flatten()[1:], torch.ones(27), atol=1e-6)


@pytest.mark.parametrize("grid", [(14, 8), (3, 9), (7, 4)])
def test_resize_is_interpolate_and_keeps_the_region(grid):
    fm = random_map(dtype=torch.float64, box=(-3.0, 0.0, 40.0, 30.0))
    resized = feature_maps.resize(fm, grid)
    wanted = interpolate(fm.values[None], size=grid[::-1], mode="bilinear", align_corners=False)[0]
    assert torch.allclose(resized.values, wanted, atol=1e-6)
    assert resized.frame == Frame((50, 33), grid, (-3.0, 0.0, 40.0, 30.0))


def test_concat_weighs_and_refuses_other_frames():
    a, b = random_map(3, seed=1), random_map(2, seed=2)
    both = feature_maps.concat([a, b], weights=[0.5, 2.0])
    assert torch.equal(both.values, torch.cat([a.values * 0.5, b.values * 2]))
    with pytest.raises(ValueError, match="feature_maps.resize"):
        feature_maps.concat([a, random_map(3, w=8)])
    with pytest.raises(ValueError, match="1 weights for 2"):
        feature_maps.concat([a, b], weights=[1.0])
    with pytest.raises(ValueError, match="no feature map"):
        feature_maps.concat([])


def test_mean_of_raw_features():
    a, b = random_map(seed=1), random_map(seed=2)
    assert torch.allclose(feature_maps.mean([a, b]).values, (a.values + b.values) / 2)


@pytest.mark.parametrize("c", [6, 100])  # fewer and more channels than cells
def test_joint_pca_finds_a_planted_plane(c):
    g = torch.Generator().manual_seed(3)
    plane = torch.linalg.qr(torch.randn(c, 2, generator=g))[0]
    coordinates = torch.randn(2, 2, 4, 7, generator=g) * torch.tensor([5.0, 1.0])[:, None, None]
    maps = [
        FeatureMap(torch.einsum("ck,khw->chw", plane, x) + 3, Frame((50, 33), (7, 4)))
        for x in coordinates
    ]
    small = feature_maps.joint_pca(maps, 2)
    assert [m.values.shape for m in small] == [(2, 4, 7)] * 2

    # a rotation of the plane keeps all distances between cells, across maps too
    def cells(ms):
        return torch.cat([m.values.double().flatten(1).T for m in ms])

    assert torch.allclose(
        torch.cdist(cells(small), cells(small)), torch.cdist(cells(maps), cells(maps)), atol=1e-4
    )
    assert cells(small)[:, 0].var() > 5 * cells(small)[:, 1].var()
    assert all(
        torch.equal(m.values, n.values)
        for m, n in zip(small, feature_maps.joint_pca(maps, 2), strict=True)
    )


def test_joint_pca_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="wanted 1 to 5"):
        feature_maps.joint_pca([random_map()], 6)
    with pytest.raises(ValueError, match="equal channels"):
        feature_maps.joint_pca([random_map(3), random_map(4)], 2)
