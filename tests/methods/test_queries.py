"""What every method and estimator does with the points it is asked: none is cut to whole numbers,
none is rounded to half precision."""

import pytest
import torch
from conftest import picture
from small_sd_dino import LAYERS
from small_sd_dino import SMALL as SD_DINO

from corrlib import methods
from corrlib.coords import Frame
from corrlib.matching import estimators
from corrlib.methods.base import Env
from corrlib.types import FeatureMap, View

HYPER = {"size": (32, 32), "steps": 4, "positions": (0, 1, 3), "grid": (8, 8)}
HYPER |= {"width": 16, "middle": 8, "groups": 4}
SMALL = {
    "copy_position": {},
    "dift": {"size": (32, 32), "ensemble": 1},
    "distilled": {"size": (32, 32), "head": "concat", "layers": ("up_blocks.1",), "grid": (8, 8)},
    "hyperfeatures": {**HYPER, "head": "untrained"},
    "latents": {"size": (32, 32)},
    "pixels": {"size": (32, 32)},
    "prompt_optimization": {"size": 32, "steps": 1, "crops": 4, "layers": (7,), "sigma": 4.0},
    "random_unet": {"size": (32, 32), "ensemble": 1},
    "sd_dino": {**SD_DINO, "dino_layer": 2, "layers": LAYERS, "head": ""},
    "sd4match": {"size": (32, 32), "ensemble": 1},
    "word_attention": {"size": 32, "layers": (7,), "crops": 4},
}
KINDS = [torch.int64, torch.int32, torch.uint8, torch.float16, torch.bfloat16]
QUERIES = torch.tensor([[10.0, 12.0], [40.0, 31.0], [3.0, 7.0]])  # whole, so that all kinds hold it
VIEWS = [
    View(f"queries-{i}", size, "cat", pixels=picture(*size, seed=i))
    for i, size in enumerate([(50, 40), (61, 33)])
]


def test_every_method_is_asked_here():
    assert sorted(SMALL) == methods.list()


@pytest.mark.parametrize("name", SMALL)
def test_a_method_answers_whole_and_half_numbers_as_it_answers_float32(
    name, tiny_diffuser, tiny_vit_folder
):
    changes = SMALL[name] | ({"dino": str(tiny_vit_folder)} if name == "sd_dino" else {})
    method = methods.load(name, env=Env(models={"toybox": tiny_diffuser}), **changes)
    wanted = method(*VIEWS, QUERIES)
    assert wanted.points.dtype == wanted.score.dtype == torch.float32
    for kind in KINDS:
        found = method(*VIEWS, QUERIES.to(kind))
        assert torch.equal(found.points, wanted.points) and torch.equal(found.score, wanted.score)
        assert found.points.dtype == found.score.dtype == torch.float32
    assert method(*VIEWS, QUERIES.double()).points.dtype == torch.float64
    assert method(*VIEWS, QUERIES[:0].long()).points.dtype == torch.float32
    with pytest.raises(ValueError, match=r"query 0 at \(50, 3\) lies outside .* 50 x 40"):
        method(*VIEWS, torch.tensor([[50, 3]]))


@pytest.mark.parametrize(
    "estimate",
    [
        estimators.nearest,
        estimators.soft_argmax(),
        estimators.kernel_soft_argmax(),
        estimators.window_soft_argmax(),
        lambda a, b, queries: estimators.mutual_nearest(a, b, queries)[0],
    ],
    ids=["nearest", "soft", "kernel", "window", "mutual"],
)
def test_an_estimator_too_and_on_a_large_image(estimate):
    draw = torch.Generator().manual_seed(0)
    a = FeatureMap(torch.randn(8, 6, 9, generator=draw), Frame((50, 40), (9, 6)))
    large = Frame((4999, 31), (9, 6))  # float16 holds only even x beyond 2048, multiples of 4 later
    b = FeatureMap(torch.randn(8, 6, 9, generator=draw), large)
    wanted = estimate(a, b, QUERIES)
    assert (wanted.points[:, 0] > 2048).any()
    for kind in KINDS:
        found = estimate(a, b, QUERIES.to(kind))
        assert torch.equal(found.points, wanted.points) and torch.equal(found.score, wanted.score)
    assert torch.equal(
        estimators.similarity(a, b, QUERIES.long()), estimators.similarity(a, b, QUERIES)
    )
