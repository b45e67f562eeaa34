"""SD4Match at its real size with random weights: Stable Diffusion 2.1 at 768 and DINOv2-B on the
crop of 224, one step of the conditional prompt's training and one pair. Minutes and about 12 GB.

./run python -m pytest -m slow -s tests/methods/test_sd4match_full_size.py
"""

import resource
import time
from functools import partial

import pytest
import torch
from conftest import picture_view
from full_size import diffuser, vit

from corrlib import methods
from corrlib.heads.bank import Item
from corrlib.heads.bottleneck import parameters
from corrlib.heads.prompt_training import PromptFit, teach
from corrlib.heads.prompts import PromptSettings
from corrlib.methods.base import Env
from corrlib.methods.sd4match.method import with_prompts
from corrlib.methods.sd4match.teaching import Lesson, new_prompts

pytestmark = pytest.mark.slow

A, B = picture_view(500, 375, 1, "cat"), picture_view(333, 500, 2, "cat")
LIMIT_GIB = 24


def test_a_step_and_a_pair_of_the_conditional_prompt():
    text = {"layers": 23, "inner": 4096, "heads": 16}
    env = Env(models={"sd2-1": diffuser("sd2-1", 1024, **text), "dinov2-base": vit()})
    settings = methods.settings("sd4match", "official", ensemble=1, answer="nearest")
    points = torch.tensor([[100.0, 80.0], [250.0, 187.0]])
    items = [Item(A.id, B.id, points, torch.tensor([[90.0, 120.0], [160.0, 250.0]]))]
    fit = PromptFit(pairs=1, at_once=1, recompute=True)
    lesson = Lesson(settings, fit, env, [A, B], conditional=True)
    prompts = new_prompts(PromptSettings("conditional"), lesson)
    assert parameters(prompts) == 1_767_680
    assert lesson.images.seen(A).patches.shape == (256, 768)
    start = time.perf_counter()
    before = prompts.omega.detach().clone()
    teach(prompts, items, 1, fit, partial(lesson.loss, prompts), progress=False)
    assert not torch.equal(before, prompts.omega)
    print(f"a step: {time.perf_counter() - start:.0f} s")
    start = time.perf_counter()
    method = with_prompts(settings, prompts, env)
    with torch.no_grad():
        one, _ = method.features(A, B)
    print(f"a pair, one noise: {time.perf_counter() - start:.0f} s")
    assert one.values.shape == (1280, 48, 48) and one.values.isfinite().all()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak {peak:.1f} GiB")
    assert peak < LIMIT_GIB
