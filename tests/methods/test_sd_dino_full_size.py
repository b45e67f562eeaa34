"""SD + DINO at its real size with random weights: taps, shapes and crop mosaics of Stable Diffusion
1.5 at 960 pixels, DINOv2-B at 840. Minutes and 8 GB.

./run python -m pytest -m slow -s tests/methods/test_sd_dino_full_size.py
"""

import time

import pytest
import torch
from conftest import picture_view
from full_size import diffuser, vit

from corrlib import methods
from corrlib.methods.base import Env

pytestmark = pytest.mark.slow

SHAPES = [(1280, 15, 15), (1280, 30, 30), (640, 60, 60)]
A = picture_view(500, 375, 1, "cat")
QUERIES = torch.tensor([[100.0, 80.0], [250.0, 187.0], [400.0, 300.0]])


@pytest.fixture(scope="module")
def env() -> Env:
    return Env(models={"sd1-5": diffuser("sd1-5", 768), "dinov2-base": vit()})


def test_dino_s_tokens_at_840(env):
    start = time.process_time()
    method = methods.load("sd_dino", "paper", env=env, alpha=0)
    fm = method.features(A)["dino"].maps["dino"]
    print(f"DINOv2-B at 840: {time.process_time() - start:.0f} s of the processor")
    assert fm.values.shape == (768, 60, 60) and fm.frame.grid == (60, 60)
    assert fm.values.isfinite().all()


@pytest.mark.parametrize("preset", ["paper", "official"])
def test_taps_and_the_whole_method(env, preset):
    start = time.process_time()
    quick = {"captioner": "", "at_once": 1} if preset == "official" else {}
    method = methods.load("sd_dino", preset, env=env, **quick)
    maps = method.features(A)["sd"].maps.values()
    assert [tuple(fm.values.shape) for fm in maps] == SHAPES
    assert all(fm.values.isfinite().all() for fm in maps)
    features = time.process_time()
    found = method(A, A, QUERIES)  # with itself, so that one image is enough
    pair = time.process_time() - features
    print(f"{preset}: {features - start:.0f} s the image, {pair:.1f} s the pair")
    assert ((found.points - QUERIES).abs() <= 500 / 60 / 2 + 1).all()
    torch.testing.assert_close(found.score, torch.ones(3), rtol=1e-3, atol=1e-3)
