"""The judge: its shapes, and the command that trains it; where one ships, it knows toys."""

import pytest
import torch

from corrlib.heads import judge as judges
from corrlib.heads.judge import Judge
from corrlib.toybox.things import CATEGORIES
from data_scripts import train_toy_judge as command
from data_scripts.toytrain import checkpoint, pool


def test_an_embedding_is_what_the_classes_are_read_from():
    judge = Judge(3)
    images = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    vectors = judge.embed(images)
    assert vectors.shape == (2, 64) and (vectors >= 0).all()
    assert torch.equal(judge(images), judge.classify(vectors))


def test_it_learns_what_colours_can_tell(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "EACH", 4)
    shades = torch.linspace(0, 255, len(CATEGORIES)).repeat_interleave(4)
    for i in range(3):
        images = shades.view(-1, 1, 1, 1).expand(-1, 3, 96, 96).to(torch.uint8)
        checkpoint.save({"images": images.clone(), "captions": []}, pool.chunk_path(tmp_path, i))
    given = [f"--pool={tmp_path}", f"--out={tmp_path / 'out'}", "--chunks=3", "--epochs=12"]
    path = command.run(command.arguments([*given, "--batch=12"]))
    card = (path.parent / "README.md").read_text()
    assert "train it again" in card
    judges.shipped.cache_clear()
    (tmp_path / "assets").mkdir()
    path.parent.rename(tmp_path / "assets/judge")
    found = judges.shipped(tmp_path / "assets")
    right = command.accuracy(found, images)
    judges.shipped.cache_clear()
    assert right > 4 * 100 / len(CATEGORIES)


def test_a_missing_judge_says_what_to_type(tmp_path):
    with pytest.raises(FileNotFoundError, match="python data_scripts/train_toy_judge.py"):
        judges.shipped(tmp_path)
