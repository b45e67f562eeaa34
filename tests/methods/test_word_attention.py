"""A word's attention: the token that is read, one answer a target, and the settings of prompt
optimisation.
"""

import dataclasses

import pytest
import torch
from conftest import picture_view

from corrlib import methods
from corrlib.methods.base import Env
from corrlib.methods.prompt_optimization.settings import PromptSettings

SMALL = {"size": 32, "layers": (10, 13), "crops": 5}
A, B = picture_view(40, 30, 1, "cat"), picture_view(30, 40, 2, "cat")
POINTS = torch.tensor([[3.0, 4.0], [20.0, 10.5], [35.25, 28.0]])


@pytest.fixture
def method(tiny_diffuser):
    return methods.load(
        "word_attention", "toybox", env=Env(models={"toybox": tiny_diffuser}), **SMALL
    )


def test_presets_ask_as_prompt_optimisation_does():
    finding = {
        "embeddings",
        "steps",
        "learning_rate",
        "sigma",
        "timestep",
        "token",
        "tokens",
        "at_once",
    }
    asking = {field.name for field in dataclasses.fields(PromptSettings)} - finding
    assert {"layers", "heads", "noise", "locate_timestep", "crops", "pixel_softmax"} < asking
    for preset in ("paper", "official", "toybox"):
        word, found = (
            methods.settings(name, preset) for name in ("word_attention", "prompt_optimization")
        )
        assert {name: getattr(word, name) for name in asking} == {
            name: getattr(found, name) for name in asking
        }


def test_the_token_read_is_the_last_of_the_word(method):
    diffuser = method.diffuser
    ids = diffuser.tokenizer("a photo of a cat").input_ids
    assert (
        diffuser.tokenizer.convert_ids_to_tokens(ids[method.token("cat")]) == "t</w>"
    )  # one token a letter here
    assert ids[method.token("cat") + 1] == diffuser.tokenizer.eos_token_id


def test_every_query_has_the_same_answer_and_it_is_the_maximum(method):
    found = method(A, B, POINTS, seed=3)
    assert found.points.shape == (3, 2) and found.score.shape == (3,)
    assert (found.points == found.points[0]).all() and (found.score == found.score[0]).all()
    mean = method.maps(B, seed=3).mean(1)[0]
    y, x = divmod(int(mean.argmax()), 32)
    torch.testing.assert_close(
        found.points[0], torch.tensor([(x + 0.5) * 30 / 32 - 0.5, (y + 0.5) * 40 / 32 - 0.5])
    )
    assert found.score[0] == pytest.approx(mean.max().item(), rel=1e-6)


def test_it_depends_on_word_and_seed_and_on_nothing_else(method, tiny_diffuser):
    first = method.maps(B, seed=3)
    other = methods.load(
        "word_attention", "toybox", env=Env(models={"toybox": tiny_diffuser}), **SMALL
    )
    other(B, A, POINTS[:1], seed=3)
    torch.manual_seed(8)
    assert torch.equal(other.maps(B, seed=3), first)
    assert not torch.equal(method.maps(dataclasses.replace(B, category="cow"), seed=3), first)
    assert not torch.equal(method.maps(B, seed=4), first)
    assert method(A, B, POINTS[:0]).points.shape == (0, 2)


def test_what_it_cannot_answer(method):
    with pytest.raises(ValueError, match="no category, so no word"):
        method(A, picture_view(30, 40, 2), POINTS)
    with pytest.raises(ValueError, match="lies outside"):
        method(A, B, torch.tensor([[60.0, 3.0]]))
    with pytest.raises(ValueError, match="wanted a sentence with"):
        methods.settings("word_attention", prompt="a cat")
