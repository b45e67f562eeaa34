"""SD4Match on tiny random networks: the same maps as DIFT under the same text, prompts of all
kinds, and a training that learns, stops and goes on.
"""

from dataclasses import replace
from functools import partial

import pytest
import torch
from conftest import picture, picture_view

from corrlib import methods
from corrlib.backbones.learned_text import first_vectors
from corrlib.backbones.vit import ViT
from corrlib.coords import Frame
from corrlib.heads import files
from corrlib.heads.bank import Item
from corrlib.heads.prompt_training import PromptFit, teach
from corrlib.heads.prompts import ConditionalPrompts, FixedPrompts, PromptSettings
from corrlib.matching.estimators import kernel_soft_argmax
from corrlib.methods.base import Env
from corrlib.methods.sd4match.images import Images
from corrlib.methods.sd4match.method import with_prompts
from corrlib.methods.sd4match.settings import Sd4MatchSettings
from corrlib.methods.sd4match.teaching import Lesson, new_prompts
from corrlib.types import FeatureMap, View

A = picture_view(53, 41, 0, "cat")
B = picture_view(61, 47, 1, "cat")
DOG = picture_view(40, 56, 2, "dog")
POINTS = torch.tensor([[10.0, 12.0], [30.5, 20.25], [41.0, 31.0]])
SMALL = {"size": (32, 32), "layer": "up_blocks.1", "ensemble": 2, "dino_short": 48}
SMALL |= {"dino_side": 32}
CPM = PromptSettings("conditional", 32, shared=3, conditional=4, feature_width=32, patches=64)


@pytest.fixture
def env(tiny_diffuser, tiny_vit_folder) -> Env:
    return Env(models={"toybox": tiny_diffuser, "toybox-dino": ViT.load(tiny_vit_folder)})


def settings(**changes) -> Sd4MatchSettings:
    return methods.settings("sd4match", **(SMALL | changes))


def class_prompts(env: Env) -> FixedPrompts:
    first = first_vectors(env.diffuser("toybox"), "ids", 2, 5)
    return FixedPrompts(PromptSettings("class", 32, tokens=5, categories=("cat", "dog")), first)


def test_under_a_text_its_maps_are_dift_s(env):
    same = SMALL | {"timestep": 51, "prompt": "a photo of a {category}"}
    ours = methods.load("sd4match", env=env, **same, answer="nearest")
    same = {k: v for k, v in same.items() if not k.startswith("dino")}
    theirs = methods.load("dift", env=env, **same)
    assert torch.equal(ours(A, B, POINTS).points, theirs(A, B, POINTS).points)
    assert torch.equal(ours.features(A, B)[1].values, theirs.features(B).values)


def test_an_image_finds_itself_under_any_prompt(env):
    for prompts in (None, class_prompts(env), ConditionalPrompts(CPM)):
        method = with_prompts(settings(answer="nearest"), prompts, env)
        found = method(A, A, POINTS.round())
        assert (found.points - POINTS.round()).norm(dim=1).max() <= 1.5
        assert found.score.min() > 0.999


def test_a_class_has_its_own_prompt(env):
    prompts = class_prompts(env)
    method = with_prompts(settings(), prompts, env)
    cat, dog = method.condition(A, DOG)
    assert not torch.equal(cat, dog)
    assert torch.equal(*method.condition(A, B))
    single = FixedPrompts(PromptSettings(width=32, tokens=5), prompts.vectors[:1].detach())
    alone = with_prompts(settings(), single, env)
    torch.testing.assert_close(alone.condition(A, DOG)[1], cat)
    with pytest.raises(ValueError, match="no prompt for category 'cow'"):
        method(A, picture_view(40, 40, 3, "cow"), POINTS)


def test_a_conditional_prompt_is_the_pair_s(env):
    method = with_prompts(settings(), ConditionalPrompts(CPM), env)
    assert method.of_pair
    one, other = method.condition(A, B)
    assert torch.equal(one, other)
    assert not torch.equal(method.condition(A, DOG)[0], one)
    first = method.features(A, B)[0].values
    assert not torch.equal(method.features(A, DOG)[0].values, first)
    assert torch.equal(method.features(A, B)[0].values, first)  # whatever came between
    single = replace(CPM, seen="image", mixed=False)
    method = with_prompts(settings(), ConditionalPrompts(single), env)
    assert not method.of_pair
    assert torch.equal(method.features(A, B)[0].values, method.features(A, DOG)[0].values)


def test_states_go_straight_to_the_unet(env):
    prompts = FixedPrompts(PromptSettings(width=32, space="states", tokens=4))
    prompts.vectors.data.normal_()
    method = with_prompts(settings(), prompts, env)
    assert torch.equal(method.condition(A, B)[0], prompts.vectors[0])
    assert method(A, B, POINTS).points.isfinite().all()


def test_corners_meet_corners(env):
    """The released code: x of the image at x 768 / W of the input, cells 0 .. 47 at 0 .. 767."""
    images = Images(settings(size=(768, 768), points="corners"), env.diffuser("toybox"))
    view = View("wide", (500, 375))
    frame = images.frame(view, (48, 48))
    points = torch.tensor([[0.0, 0.0], [250.0, 100.0], [499.0, 374.0]], dtype=torch.float64)
    wanted = points * torch.tensor([768 / 500, 768 / 375], dtype=torch.float64) * 47 / 767
    torch.testing.assert_close(frame.to_grid(points), wanted)
    torch.testing.assert_close(frame.to_image(wanted), points)


def test_one_latent_may_serve_all_members(env):
    each, once = (Images(settings(latents=how), env.diffuser("toybox")) for how in ("each", "once"))
    a, b = (images.draw(A, 51, range(3), 0) for images in (each, once))
    assert torch.equal(a[0], b[0]) and not torch.equal(a[1], b[1])
    d, found = env.diffuser("toybox"), each.posterior(A)
    share, noise = d.noise_level(51)
    # member 1's latent less member 0's noise-free one is noise alone, where the latent is shared
    from corrlib.backbones.noise import noise_for

    shape = tuple(found.mean.shape)
    drawn = [noise_for(0, A.noise_id, m, 51, shape) for m in (0, 1)]
    torch.testing.assert_close(b[1] - b[0], noise * (drawn[1] - drawn[0]), atol=1e-5, rtol=1e-4)


def test_a_plain_resize_is_not_antialiased(env):
    fine = View("fine", (64, 64), "cat", pixels=picture(64, 64))
    plain, smooth = (
        Images(settings(resize=how), env.diffuser("toybox")).posterior(fine).mean
        for how in ("plain", "antialiased")
    )
    assert (plain - smooth).abs().max() > 1e-3


def test_far_cells_pull_at_a_low_peak():
    """The sheet's arithmetic: with a peak of 0.3 the far cells at 0 outweigh it."""
    values = torch.zeros(4, 48, 48)
    values[0], values[1] = 1.0, 0.0
    frame = Frame((768, 768), (48, 48))
    for peak, pulled in ((0.7, False), (0.2, True)):
        target = values.clone() * 0
        target[1] = 1.0  # at right angles to the query everywhere but at one cell
        target[:, 10, 5] = 0
        target[0, 10, 5], target[1, 10, 5] = peak, (1 - peak**2) ** 0.5
        query = torch.tensor([[300.0, 300.0]])
        near, fading = (
            kernel_soft_argmax(far=far)(
                FeatureMap(values, frame), FeatureMap(target, frame), query
            ).points
            for far in ("zero", "fading")
        )
        place = frame.to_image(torch.tensor([[5.0, 10.0]]))
        assert ((near - place).norm() > 100) == pulled
        assert (fading - place).norm() <= (near - place).norm() + 1e-3


def test_what_does_not_fit_is_said(env, tmp_path):
    with pytest.raises(ValueError, match="vectors of 16 numbers, the model's text encoder 32"):
        with_prompts(settings(), FixedPrompts(PromptSettings(width=16)), env)
    with pytest.raises(FileNotFoundError):
        methods.load("sd4match", env=env, **SMALL, prompts=str(tmp_path / "none.safetensors"))
    path = files.save(class_prompts(env), tmp_path / "prompts.safetensors")
    found = methods.load("sd4match", env=env, **SMALL, prompts=str(path))
    assert found(A, DOG, POINTS).points.shape == (3, 2)
    assert found.weights != methods.load("sd4match", env=env, **SMALL).weights


ITEMS = [
    Item(one.id, other.id, torch.tensor([[8.0, 9.0], [30.0, 22.0]]), points)
    for one, other, points in (
        (A, B, torch.tensor([[10.0, 9.0], [33.0, 25.0]])),
        (B, DOG, torch.tensor([[9.0, 9.0], [20.0, 30.0]])),
        (DOG, A, torch.tensor([[12.0, 9.0], [31.0, 25.0]])),
    )
]
FIT = PromptFit(pairs=2, at_once=2)


def taught(env, steps=4, kind="single", fit=FIT, **options):
    lesson = Lesson(settings(), fit, env, [A, B, DOG], conditional=kind == "conditional")
    shape = CPM if kind == "conditional" else PromptSettings(width=32, tokens=5)
    prompts = new_prompts(shape, lesson)
    loss = partial(lesson.loss, prompts)
    done = teach(prompts, ITEMS, steps, fit, loss, every=2, progress=False, **options)
    return prompts, done


@pytest.mark.parametrize("kind", ["single", "conditional"])
def test_a_prompt_learns(env, kind):
    fit = replace(FIT, pairs=3, at_once=3)
    _, done = taught(env, 24, kind, fit)
    assert sum(done.losses[-3:]) < sum(done.losses[:3])


def test_a_stopped_training_goes_on_to_the_same_bits(env, tmp_path):
    whole, done = taught(env, 4)
    file = tmp_path / "training.safetensors"
    taught(env, 2, checkpoint=file)
    again, after = taught(env, 4, checkpoint=file)
    assert after.losses == done.losses and after.rows == done.rows
    assert files.fingerprint(again) == files.fingerprint(whole)
    with pytest.raises(ValueError, match="another training: fit differ"):
        taught(env, 4, fit=replace(FIT, timestep=50), checkpoint=file)


def test_passes_of_fewer_pairs_give_the_same_gradient(env):
    gradients = []
    for at_once in (2, 1):
        fit = replace(FIT, at_once=at_once)
        lesson = Lesson(settings(), fit, env, [A, B, DOG])
        prompts = new_prompts(PromptSettings(width=32, tokens=5), lesson)
        for start in range(0, 2, at_once):
            lesson.loss(prompts, ITEMS[start : start + at_once], 7).backward()
        gradients.append(prompts.vectors.grad)
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-5)


def test_the_best_prompt_by_validation_is_kept(env, tmp_path):
    given = iter([10.0, 30.0, 20.0])
    fingerprints, file = [], tmp_path / "run.safetensors"
    lesson = Lesson(settings(), FIT, env, [A, B, DOG])
    prompts = new_prompts(PromptSettings(width=32, tokens=5), lesson)

    def validate() -> float:
        fingerprints.append(files.fingerprint(prompts))
        return next(given)

    loss = partial(lesson.loss, prompts)
    options = {"every": 2, "progress": False, "validate": validate, "checkpoint": file}
    done = teach(prompts, ITEMS, 4, FIT, loss, **options)
    done = teach(prompts, ITEMS, 6, FIT, loss, **options)  # taken up: the best is remembered
    assert [row["pck"] for row in done.rows] == [10, 30, 20]
    assert files.fingerprint(prompts) == fingerprints[1] != fingerprints[2]
