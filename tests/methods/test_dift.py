import dataclasses
import shutil
import subprocess
import sys

import pytest
import torch
from conftest import picture_view

from corrlib import methods
from corrlib.backbones.noised_pass import NoisedPass
from corrlib.coords import Frame
from corrlib.matching.interpolation import Target
from corrlib.methods.base import FeatureMethod
from corrlib.methods.dift import DiftSettings
from corrlib.storage.tensor_store import TensorStore
from corrlib.types import FeatureMap

POINTS = torch.tensor([[10.0, 12.0], [40.0, 30.0], [55.5, 20.25]])
SMALL = {"size": (32, 48), "ensemble": 2, "timestep": 101, "layer": "up_blocks.1"}


def _refuse(view, *, seed=0):
    raise AssertionError("the store was not asked")


def small(env, **overrides):
    return methods.load("dift", "toybox", env=env, **{**SMALL, **overrides})


def test_presets_are_the_published_values():
    paper = methods.settings("dift", "paper")
    assert (paper.model, paper.size, paper.timestep, paper.layer, paper.ensemble) == (
        "sd2-1",
        (768, 768),
        261,
        "up_blocks.1",
        8,
    )
    assert (paper.prompt, paper.posterior, paper.noise) == (
        "a photo of a {category}",
        "sample",
        "matched",
    )
    assert methods.settings("dift", "official") == paper
    toybox = methods.settings("dift", "toybox")
    assert (toybox.model, toybox.size) == ("toybox", (96, 96))


def test_settings_are_hashable_frozen_and_checked():
    settings = methods.settings("dift", "toybox")
    assert hash(settings) == hash(methods.settings("dift", "toybox"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.timestep = 5
    for bad, said in (
        ({"posterior": "mean"}, "sample, mode"),
        ({"noise": "some"}, "matched, none"),
        ({"dtype": "int8"}, "bfloat16"),
        ({"ensemble": 0}, "1 or more"),
        ({"timestep": 1000}, "0 .* to 999"),
    ):
        with pytest.raises(ValueError, match=said):
            methods.settings("dift", "toybox", **bad)


def test_prompts():
    cat, unknown = picture_view(20, 20, category="cat"), picture_view(20, 20)
    assert DiftSettings().prompt_for(cat) == "a photo of a cat"
    assert DiftSettings().prompt_for(unknown) == ""
    assert DiftSettings(prompt="").prompt_for(cat) == ""
    for slip in ("a photo of a {categry}", "a photo of a {category", "a toy {on a} shelf"):
        with pytest.raises(ValueError, match="wanted no braces but {category}"):
            DiftSettings(prompt=slip)


def test_the_feature_is_the_formula_written_out(env, tiny_diffuser):
    """Posterior sample, noise at t, one pass, mean over members, at the frame of the original
    image.
    """
    from corrlib.backbones.diffusion import pixels
    from corrlib.backbones.noise import noise_for

    view = picture_view(70, 50, category="cat")
    ours = small(env).extract(view, seed=5)
    latent = tiny_diffuser.vae.encode(pixels(view.image(), (32, 48))[None]).latent_dist
    abar = tiny_diffuser.scheduler.alphas_cumprod[101]
    outputs = []
    handle = tiny_diffuser.unet.up_blocks[1].register_forward_hook(
        lambda m, i, o: outputs.append(o)
    )
    for member in range(2):
        draw = [
            noise_for(5, view.id, member, 101, (4, 12, 8), kind=kind)[None]
            for kind in ("posterior", "diffusion")
        ]
        z = (latent.mean + latent.std * draw[0]) * tiny_diffuser.vae.config.scaling_factor
        with torch.no_grad():
            condition = tiny_diffuser.condition("a photo of a cat")[None]
            tiny_diffuser.unet(
                abar.sqrt() * z + (1 - abar).sqrt() * draw[1], 101, encoder_hidden_states=condition
            )
    handle.remove()
    assert ours.values.shape == (64, 6, 4) and ours.frame == Frame((70, 50), (4, 6))
    torch.testing.assert_close(ours.values, torch.cat(outputs).mean(0), atol=1e-5, rtol=1e-5)


def test_an_image_matched_with_itself_answers_with_the_question(env):
    view = picture_view(64, 64)
    found = small(env, size=(64, 64))(view, view, POINTS.round())
    assert torch.equal(found.points, POINTS.round())
    torch.testing.assert_close(found.score, torch.ones(3))


def test_results_do_not_depend_on_order_or_on_the_global_state(env):
    a, b, c = (picture_view(64, 48, seed) for seed in range(3))
    torch.manual_seed(0)
    alone = small(env)(a, b, POINTS)
    torch.manual_seed(99)
    method = small(env)
    method(c, b, POINTS), method(b, a, POINTS)
    after = method(a, b, POINTS)
    assert torch.equal(alone.points, after.points) and torch.equal(alone.score, after.score)
    assert not torch.equal(
        small(env).features(a, seed=0).values, small(env).features(a, seed=1).values
    )


def test_every_setting_reaches_the_features(env):
    view = picture_view(64, 48, category="cat")
    base = small(env).features(view).values
    for change in (
        {"prompt": "a dog"},
        {"prompt": ""},
        {"posterior": "mode"},
        {"noise": "none"},
        {"layer": "up_blocks.1.resnets.2"},
        {"timestep": 51},
        {"ensemble": 3},
        {"size": (48, 32)},
    ):
        other = small(env, **change).features(view).values
        assert other.shape != base.shape or not torch.equal(other, base), change


def test_cells_equal_single_runs_and_encode_once(env, tiny_diffuser, monkeypatch):
    view, encoded = picture_view(64, 48, category="cat"), []
    original = tiny_diffuser.encode
    monkeypatch.setattr(tiny_diffuser, "encode", lambda *args: encoded.append(1) or original(*args))
    method = small(env)
    cells = method.cells(view, ["up_blocks.0", "up_blocks.1"], [51, 101], seed=2)
    method.cells(view, ["up_blocks.2"], [301], seed=2)
    assert len(encoded) == 1
    assert torch.equal(cells["up_blocks.1", 101].values, small(env).extract(view, seed=2).values)
    assert len(cells) == 4


def test_the_store_serves_equal_features_and_knows_what_changed(env, tmp_path):
    view = picture_view(64, 48, category="cat")
    env.store = TensorStore(tmp_path)
    first = small(env).features(view, seed=1)
    assert len(env.store.keys()) == 1

    again = small(env)
    again.extract = _refuse
    assert torch.equal(again.features(view, seed=1).values, first.values)
    assert again.features(view, seed=1).frame == first.frame
    for other in (small(env, timestep=51), small(env)):
        other.weights = other.weights if other.settings.timestep == 51 else "other weights"
        other.features(view, seed=1)
    small(env).features(view, seed=2)
    small(env).features(dataclasses.replace(view, category="dog"), seed=1)
    assert len(env.store.keys()) == 5


def test_a_frame_with_a_box_survives_the_store(tmp_path):
    frame = Frame((20, 10), (4, 4), (-0.5, -5.5, 19.5, 14.5))
    method = FeatureMethod(
        "settings",
        lambda view, *, seed=0: FeatureMap(torch.ones(2, 4, 4), frame),
        store=TensorStore(tmp_path),
    )
    view = picture_view(20, 10)
    assert method.features(view).frame == frame
    fresh = FeatureMethod("settings", _refuse, store=TensorStore(tmp_path))
    assert fresh.features(view).frame == frame and isinstance(fresh.features(view), Target)


def test_memory_is_bounded_and_tells_views_apart():
    calls = []

    def extract(view, *, seed=0):
        calls.append(view.id)
        return FeatureMap(
            torch.full((1, 8, 8), float(view.pixels.getpixel((0, 0))[0])), Frame(view.size, (8, 8))
        )

    method = FeatureMethod("s", extract, keep_bytes=3 * 8 * 8 * 4)
    views = [picture_view(16, 16, seed) for seed in range(5)]
    for view in views:
        method.features(view)
    assert len(method._kept) == 3
    method.features(views[4])
    assert len(calls) == 5
    method.features(views[0])
    assert len(calls) == 6
    twin = dataclasses.replace(
        views[0], pixels=picture_view(16, 16, 9).pixels
    )  # same id, other pixels
    assert not torch.equal(method.features(twin).values, method.features(views[0]).values)


def test_queries_outside_are_refused_before_any_work(env):
    method = small(env)
    method.extract = None
    with pytest.raises(
        ValueError, match=r"query 0 at \(64, 5\) lies outside of the image, which is 64 x 48"
    ):
        method(picture_view(64, 48), picture_view(64, 48), torch.tensor([[64.0, 5.0]]))


def test_sizes_that_do_not_fit_the_model_are_refused_at_once(env):
    with pytest.raises(ValueError, match="multiples of 4, for example 128 x 128"):
        methods.load("dift", "toybox", env=env, size=(130, 129))


def test_registry_lists_without_importing_and_suggests():
    code = (
        "import sys; from corrlib import methods; print(methods.list()); assert 'torch' not "
        "in sys.modules"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    known = [
        "copy_position",
        "dift",
        "distilled",
        "hyperfeatures",
        "latents",
        "pixels",
        "prompt_optimization",
        "random_unet",
        "sd4match",
        "sd_dino",
        "word_attention",
    ]
    assert out.strip() == str(known)
    assert methods.list("*_*") == [
        "copy_position",
        "prompt_optimization",
        "random_unet",
        "sd_dino",
        "word_attention",
    ]
    with pytest.raises(KeyError, match="no method 'dit'; did you mean dift"):
        methods.load("dit")
    with pytest.raises(KeyError, match="has no preset 'papers'; it has paper, official"):
        methods.load("dift", "papers")
    with pytest.raises(TypeError, match="has no setting 'timesteps'; did you mean timestep"):
        methods.load("dift", timesteps=5)


def test_labels_name_what_was_overridden(env):
    assert small(env).preset == "toybox, ensemble=2, layer=up_blocks.1, size=(32, 48), timestep=101"
    assert small(env).name == "dift"


def test_a_new_method_is_one_file(tmp_path, env):
    template = methods._FOLDER / "_template.py"
    copy = tmp_path / "mine.py"
    shutil.copy(template, copy)
    copy.write_text(copy.read_text().replace('"template"', '"mine"'))
    method = methods.load(str(copy), "toybox", env=env)
    view = picture_view(64, 48)
    assert method.name == "mine"
    assert (method(view, view, POINTS.round()).points - POINTS.round()).norm(dim=1).max() <= 8
    with pytest.raises(KeyError, match="no file .*absent.py; a method of your own is one file"):
        methods.load(str(tmp_path / "absent.py"))
    assert isinstance(methods.load("dift", env=env, **SMALL).extract, NoisedPass)
    methods._entries.pop("mine")
