"""Studies of swaps: the exact swap has no error, others have, and the rows make a record."""

import pandas as pd
import pytest
import torch
from conftest import toy_dogs

from corrlib import methods
from corrlib.experiments import swap_study
from corrlib.experiments.swap_study import KEYS, NUMBERS, TRUTH, Swap, swap_rows
from corrlib.heads.judge import Judge
from corrlib.methods.base import Env


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return toy_dogs(tmp_path_factory.mktemp("toys"))


@pytest.fixture
def rows(pairs, tiny_folder, tiny_vit_folder, monkeypatch):
    torch.manual_seed(0)
    judge = Judge().eval()
    monkeypatch.setattr(swap_study, "shipped", lambda: judge)
    small = {"model": str(tiny_folder), "dino": str(tiny_vit_folder), "dino_layer": 2}
    small |= {"sd_side": 64, "dino_side": 48, "grid": 12, "layers": ("up_blocks.1.attentions.1",)}
    method = methods.load("sd_dino", "toybox", env=Env(), pca=(16,), **small)
    labels = {"base": {"trial": "base", "method": "sd_dino"}}
    return swap_rows({"base": method}, [pairs[0], pairs[1]], labels, Swap(8, pairs), 0)


def test_the_exact_swap_has_no_error_and_others_have(rows, pairs):
    assert list(rows["trial"]) == ["base", TRUTH] * 2 and set(NUMBERS) <= set(rows)
    assert not rows.duplicated(list(KEYS)).any()
    true, made = (rows[rows["trial"] == n] for n in (TRUTH, "base"))
    assert (true["color_error"] == 0).all() and (made["color_error"] > 0.01).all()
    assert rows["similarity"].between(-100, 100.001).all()
    assert isinstance(rows, pd.DataFrame) and rows["e00"].notna().all()


def test_where_nobody_knows_there_is_no_exact_swap(pairs, monkeypatch):
    monkeypatch.setattr(type(pairs), "annotation", lambda self, id: {"src_database": "VOC"})
    assert swap_study.exact(pairs, pairs[0], torch.ones(1, 1, dtype=torch.bool)) is None


def test_the_data_are_no_part_of_what_describes_a_study(pairs):
    assert repr(Swap(2, pairs)) == "Swap(step=2)" and Swap(2, pairs) == Swap(2)
