"""A head on disk: what it is, and files that are none."""

import dataclasses

import pytest
import torch

from corrlib.heads import files
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
