"""`match` on pictures as they come out of cameras and other programs."""

import re

import numpy as np
import pytest
from conftest import picture
from PIL import Image

from corrlib.cli import main


def answer(capsys, *words: str) -> tuple[float, float]:
    assert main(["match", *map(str, words), "--method", "pixels"]) == 0
    found = re.search(r"-> \((-?[\d.]+), (-?[\d.]+)\)", capsys.readouterr().out)
    return float(found[1]), float(found[2])


def test_a_picture_held_sideways_is_matched_as_a_viewer_shows_it(capsys, tmp_path):
    upright, exif = picture(60, 90, seed=3), Image.Exif()
    exif[274] = 6
    upright.save(tmp_path / "upright.png")
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "held.png", exif=exif)
    for source in ("upright", "held"):
        found = answer(
            capsys, tmp_path / f"{source}.png", tmp_path / "held.png", "--points", "40,80"
        )
        assert found == pytest.approx((40, 80), abs=2)


def test_sixteen_bits_match_their_eight_bit_copy(capsys, tmp_path):
    grey = np.asarray(picture(64, 64, seed=4).convert("L")).astype(np.uint16)
    Image.fromarray(grey * 257).save(tmp_path / "deep.png")
    Image.fromarray(grey.astype(np.uint8)).save(tmp_path / "flat.png")
    found = answer(capsys, tmp_path / "deep.png", tmp_path / "flat.png", "--points", "30,20")
    assert found == pytest.approx((30, 20), abs=2)


def test_a_slim_panorama_gives_a_figure_that_can_be_read(capsys, tmp_path):
    picture(20_000, 10).save(tmp_path / "slim.png")
    picture(80, 60).save(tmp_path / "b.png")
    out = tmp_path / "figure.png"
    answer(capsys, tmp_path / "slim.png", tmp_path / "b.png", "--points", "9999,5", "--out", out)
    drawn = np.asarray(Image.open(out).convert("RGB")).astype(int)
    inked = (drawn.min(2) < 250).any(1).sum()  # rows that are not all white
    assert inked > drawn.shape[0] / 5


def test_what_cannot_be_read_is_one_line_with_the_name(capsys, tmp_path, monkeypatch):
    picture(80, 60).save(tmp_path / "b.png")
    whole = (tmp_path / "b.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    words = ["--points", "1,1", "--method", "pixels"]
    assert main(["match", str(tmp_path / "b.png"), str(tmp_path / "cut.png"), *words]) == 2
    said = capsys.readouterr().err
    assert "cut.png" in said and said.count("\n") == 1 and "Traceback" not in said
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert main(["match", str(tmp_path / "b.png"), str(tmp_path / "b.png"), *words]) == 2
    said = capsys.readouterr().err
    assert "b.png is too large" in said and said.count("\n") == 1
