"""Dense warping: every pixel of the mask and no other, exact where the answer is known."""

import pytest
import torch

from corrlib.coords import Frame
from corrlib.matching.estimators import nearest
from corrlib.matching.warping import dense_places, pulled
from corrlib.types import FeatureMap

G = torch.Generator().manual_seed(0)
ONE = FeatureMap(torch.randn(16, 6, 8, generator=G), Frame((8, 6), (8, 6)))


def test_a_picture_on_itself_stays():
    mask = torch.rand(6, 8, generator=G) > 0.5
    places = dense_places(ONE, ONE, mask)
    y, x = torch.meshgrid(torch.arange(6.0), torch.arange(8.0), indexing="ij")
    assert torch.equal(places.isnan().any(-1), ~mask)
    assert torch.equal(places[mask], torch.stack([x, y], -1)[mask])
    picture = torch.rand(3, 6, 8, generator=G)
    found = pulled(picture, places)
    torch.testing.assert_close(found[:, mask], picture[:, mask])
    assert found[:, ~mask].isnan().all()


def test_a_flipped_picture_is_flipped_back():
    other = FeatureMap(ONE.values.flip(2), ONE.frame)
    places = dense_places(ONE, other, torch.ones(6, 8, dtype=torch.bool))
    picture = torch.rand(3, 6, 8, generator=G)
    torch.testing.assert_close(pulled(picture.flip(2), places), picture)


def test_sizes_may_differ_and_places_lie_between_pixels():
    a = FeatureMap(ONE.values, Frame((16, 12), (8, 6)))
    mask = torch.zeros(12, 16, dtype=torch.bool)
    mask[3, 5] = mask[11, 15] = True
    places = dense_places(a, ONE, mask)
    wanted = nearest(a, ONE, torch.tensor([[5.0, 3.0], [15.0, 11.0]])).points
    assert torch.equal(places[mask], wanted) and places.isnan().sum() == 2 * (12 * 16 - 2)
    ramp = torch.arange(8.0).expand(1, 6, 8)
    between = torch.tensor([[[2.5, 1.0], [-3.0, 0.0], [7.25, 0.0]]])
    assert pulled(ramp, between)[0, 0].tolist() == pytest.approx([2.5, 0.0, 7.0])


def test_an_empty_mask_and_a_wrong_one():
    assert dense_places(ONE, ONE, torch.zeros(6, 8, dtype=torch.bool)).isnan().all()
    with pytest.raises(ValueError, match="the mask is 6 x 8, its image 8 x 6 pixels"):
        dense_places(ONE, ONE, torch.zeros(8, 6, dtype=torch.bool))
