"""What prompt optimisation reads off attention maps."""

import torch
from PIL import Image

from corrlib import methods
from corrlib.methods.base import Env
from corrlib.methods.prompt_optimization import method as module
from corrlib.types import View
from tests.methods.test_prompt_optimization import POINTS, SMALL, A, B, small


def test_a_words_attention_is_read_the_same_way(env, tiny_diffuser):
    method = small(env)
    found = method.attend(B, tiny_diffuser.condition("cat")[None])
    assert found.shape == (1, 2, 32, 32) and found.isfinite().all()
    points, score = method.answer(found[:, None], B)
    assert points.shape == (1, 2) and score.shape == (1,)
    five = method.attend(
        B, tiny_diffuser.condition("cat").expand(5, -1, -1)
    )  # more than a batch holds
    assert five.shape == (5, 2, 32, 32) and torch.equal(five[:1], found)


def test_parts_of_the_maps_can_be_read_alone(env):
    method = small(env)
    maps = method.maps(A, B, POINTS)
    assert maps.shape == (3, 2, 2, 32, 32)
    whole = method(A, B, POINTS)
    points, score = method.answer(maps, B)
    assert torch.equal(points.float(), whole.points) and torch.equal(score, whole.score)
    for part in (maps[:, :1], maps[:, :, 1:]):
        assert method.answer(part, B)[0].shape == (3, 2)


def test_on_the_source_image_the_attention_peaks_at_the_point():
    """The toy model, a picture of its world, few steps: what was searched for is found, and without
    a search it is not.
    """
    from corrlib.toybox.items import item
    from corrlib.toybox.render import picture
    from corrlib.toybox.truth import keypoint_truth

    scene, size = item("tests", "cat", 1)
    truth = keypoint_truth(scene, size)
    points = truth.points[truth.visible][:4].double()
    rgb = (picture(scene, size)[0] * 255).round().byte().permute(1, 2, 0).numpy()
    view = View("toy", size, "cat", pixels=Image.fromarray(rgb))
    distances = {}
    for steps, rate in ((1, 1e-9), (30, 0.1)):
        method = methods.load(
            "prompt_optimization",
            "toybox",
            embeddings=1,
            steps=steps,
            learning_rate=rate,
            crops=4,
            at_once=4,
        )
        found = method(view, view, points)
        distances[steps] = (found.points - points).norm(dim=1)
    assert (
        len(points) == 4
        and distances[30].median() <= 16
        and distances[30].median() < 0.5 * distances[1].median()
    )


def test_methods_that_read_the_same_maps_otherwise_share_them(env, monkeypatch):
    asked, original = [], module.attend
    monkeypatch.setattr(
        module,
        "attend",
        lambda *args, **options: asked.append(args[4]) or original(*args, **options),
    )
    small(env)(A, B, POINTS)
    before = len(asked)
    one_layer = small(env, read=(13,))
    shared = one_layer(A, B, POINTS)
    assert before and len(asked) == before
    small(env, crops=6)(A, B, POINTS)
    assert len(asked) > before, "other crops, other maps"
    alone = methods.load(
        "prompt_optimization", "toybox", env=Env(models=env.models), **SMALL, read=(13,)
    )
    assert torch.equal(alone(A, B, POINTS).points, shared.points)
