"""The prompts that ship, on toys that no training saw."""

import pytest
import torch

from corrlib import methods
from corrlib.bench.sd_dino import pairs_of, toys
from corrlib.heads import files
from corrlib.heads.bank import Item
from corrlib.heads.prompt_training import PromptFit
from corrlib.heads.prompts import PromptSettings, make_prompts
from corrlib.heads.shipped import PROMPTS, locate
from corrlib.methods.base import Env
from corrlib.methods.sd4match.teaching import Lesson, new_prompts
from corrlib.toybox.things import CATEGORIES

STORED = [5.034, 5.100]  # of the shipped prompts, as this test computes them


def load(name: str):
    return files.load(locate(name), make_prompts, PromptSettings)


KINDS = {"cpm": "conditional", "start": "single"}  # of those that are called after what they try


@pytest.mark.parametrize("name", PROMPTS)
def test_a_shipped_prompt_says_what_it_is(name):
    prompts, folder = load(name), PROMPTS[name].split("/")[1]
    assert prompts.settings.kind == KINDS.get(folder.split("-")[0], folder)
    assert prompts.settings.length == (50 if name == "toybox-cpm-5" else 75)  # nothing is shared
    assert prompts.settings.categories in ((), tuple(sorted(CATEGORIES)))
    card = (locate(name).parent / "README.md").read_text()
    assert files.fingerprint(prompts) in card and "data_scripts/train_sd4match.py" in card


def test_they_learned():
    """The loss of both on eight pairs of new dogs: below that of random words, and what it was."""
    settings = methods.settings("sd4match", "toybox")
    made = toys(4)
    views = [toy.view for toy in made]
    items = [
        Item(views[p.source].id, views[p.target].id, p.queries, p.wanted) for p in pairs_of(made)
    ][:8]
    lesson = Lesson(settings, PromptFit(), Env(), views)
    untaught = new_prompts(PromptSettings(width=128), lesson)
    with torch.no_grad():
        start, single, each = (
            lesson.loss(prompts, items, 0).item() / len(items)
            for prompts in (untaught, *map(load, ("toybox-single", "toybox-class")))
        )
    assert single < 0.8 * start and each < 0.8 * start
    assert [single, each] == pytest.approx(STORED, abs=0.05)


def test_what_is_not_there_says_how_to_make_it(monkeypatch, tmp_path):
    with pytest.raises(FileNotFoundError, match="no head at mine.safetensors"):
        methods.load("sd4match", prompts="mine.safetensors")  # any other name is a path
    monkeypatch.setattr("corrlib.heads.shipped.ASSETS", tmp_path)
    with pytest.raises(FileNotFoundError, match="train it anew"):
        methods.load("sd4match", prompts="toybox-single")
