"""The presets of prompt optimisation, and settings that are refused."""

import dataclasses
from dataclasses import replace

import pytest

from corrlib import methods
from corrlib.methods.prompt_optimization import method as module
from corrlib.methods.prompt_optimization.settings import PromptSettings
from corrlib.metrics.protocol import Protocol


def test_the_papers_preset():
    paper = methods.settings("prompt_optimization", "paper")
    assert (paper.model, paper.size, paper.crop_side, paper.tokens, paper.token) == (
        "sd1-4",
        512,
        477,
        77,
        1,
    )
    assert (paper.layers, paper.heads, paper.noise, paper.timestep, paper.locate_timestep) == (
        (7, 8, 9, 10),
        None,
        "gaussian",
        140,
        140,
    )
    assert (
        (paper.steps, paper.embeddings, paper.crops) == (129, 5, 20)
        and not paper.pixel_softmax
        and paper.half_pixel
    )
    assert (paper.learning_rate, paper.sigma) == (
        pytest.approx(2.3756e-3, abs=1e-7),
        pytest.approx(27.97853, abs=1e-5),
    )


def test_the_official_preset_differs_in_what_is_documented_and_in_nothing_else():
    paper, official, retest = (
        methods.settings("prompt_optimization", name) for name in ("paper", "official", "retest")
    )
    differ = {
        f.name
        for f in dataclasses.fields(paper)
        if getattr(paper, f.name) != getattr(official, f.name)
    }
    assert differ == {
        "layers",
        "largest_map",
        "heads",
        "noise",
        "locate_timestep",
        "pixel_softmax",
        "half_pixel",
    }
    assert (official.layers, official.largest_map, official.heads) == (
        (5, 6, 7, 8),
        32,
        (4, 5, 6, 7),
    )
    assert (official.noise, official.timestep, official.locate_timestep) == ("uniform", 140, 40)
    assert official.pixel_softmax and not official.half_pixel
    assert retest == replace(official, pixel_softmax=False)
    assert module.PROTOCOLS["paper"].base == "box"
    assert (
        module.PROTOCOLS["official"]
        == Protocol("source_box", frame=(512, 512))
        == module.PROTOCOLS["retest"]
    )
    said = " ".join(module.__doc__.split())
    assert all(
        word in said
        for word in ("heads 4 to 7", "uniform", "t = 40", "soft-max", "half pixel", "77 tokens")
    )


def test_the_schedule_of_the_released_code(tiny_diffuser):
    """The sheet's shares of noise at the two timesteps come out of Stable Diffusion's betas."""
    assert tiny_diffuser.noise_level(140) == (
        pytest.approx(0.8418**0.5, abs=1e-4),
        pytest.approx(0.3978, abs=1e-4),
    )
    assert tiny_diffuser.noise_level(40) == (
        pytest.approx(0.9619**0.5, abs=1e-4),
        pytest.approx(0.1952, abs=1e-4),
    )


def small(env, **overrides):
    few = {"size": 32, "layers": (10, 13), "crops": 5, "tokens": 5}
    return methods.load("prompt_optimization", "toybox", env=env, **{**few, **overrides})


def test_bad_settings_fail_before_any_work(env):
    for bad, said in (
        ({"layers": (7, 16)}, "no layer 16"),
        ({"heads": (4, 5)}, "has 2 heads, numbered from 0, and no head 4"),
        ({"size": 34}, "multiples of 4"),
        ({"crops": 2}, "4 crops or more"),
    ):
        with pytest.raises(ValueError, match=said):
            small(env, **bad)
    assert isinstance(small(env).settings, PromptSettings)


def test_what_is_read_must_be_tapped():
    for read, said in (((7,), "some of the layers that are tapped"), ((), "wanted one or more")):
        with pytest.raises(ValueError, match=said):
            PromptSettings(layers=(10, 13), read=read)
