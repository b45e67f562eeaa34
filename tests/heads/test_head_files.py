"""A head on disk: what it is, and files that are none."""

import dataclasses

import pytest
import torch

from corrlib.heads import files, shipped
from corrlib.heads.aggregation import AggregationHead
from corrlib.heads.training import train
from tests.heads.test_heads import SMALL, bank_of, items, maps


def test_a_file_holds_the_head_and_what_it_is(tmp_path):
    head = AggregationHead(SMALL)
    train(head, bank_of("abc"), items(), 2, progress=False)
    again = files.load(files.save(head, tmp_path / "a" / "head.safetensors", labels="three"))
    assert again.settings == SMALL and files.fingerprint(again) == files.fingerprint(head)
    assert files.fingerprint(AggregationHead(SMALL)) != files.fingerprint(head)
    given = maps()
    assert torch.equal(again(given), head(given))


def test_a_file_may_hold_half_the_digits(tmp_path):
    head = AggregationHead(SMALL)
    whole = files.save(head, tmp_path / "whole.safetensors")
    half = files.save(head, tmp_path / "half.safetensors", dtype=torch.float16)
    assert half.stat().st_size < whole.stat().st_size
    again = files.load(half)
    for one, other in zip(again.parameters(), head.parameters(), strict=True):
        assert torch.equal(one, other.half().float())


def test_shipped_heads_are_there_with_their_cards(monkeypatch, tmp_path):
    for name in shipped.HEADS:
        path = shipped.locate(name)
        card = (path.parent / "README.md").read_text()
        assert files.fingerprint(files.load(path)) in card and "train it again" in card
    monkeypatch.setattr(shipped, "ASSETS", tmp_path)
    with pytest.raises(FileNotFoundError, match="train it anew"):
        shipped.locate("toybox")


def test_a_wrong_file_is_explained(tmp_path):
    from safetensors.torch import save_file

    with pytest.raises(FileNotFoundError, match="train one"):
        files.load(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("no")
    with pytest.raises(ValueError, match="no safetensors file"):
        files.load(tmp_path / "text.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="does not say what head"):
        files.load(tmp_path / "other.safetensors")
    head = AggregationHead(SMALL)
    path = files.save(head, tmp_path / "head.safetensors")
    head.settings = dataclasses.replace(SMALL, width=16)
    files.save(head, path)
    with pytest.raises(ValueError, match="do not fit its settings"):
        files.load(path)
