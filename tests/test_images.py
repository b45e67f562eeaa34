"""Every kind of picture file, as pixels that can be said in advance."""

import numpy as np
import pytest
import torch
from conftest import picture
from PIL import Image

from corrlib import images, methods
from corrlib.data import load
from corrlib.methods.base import Env
from corrlib.types import View


def read(image: Image.Image, path, **options) -> np.ndarray:
    image.save(path, **options)
    return np.asarray(images.read(path, upright=True))


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[274] = orientation
    return tags


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_own_pictures_are_turned_and_benchmarks_are_not(tmp_path, ending, orientation):
    stored = Image.new("RGB", (32, 16), "white")
    stored.paste((255, 0, 0), (0, 0, 16, 8))  # red in the corner of the stored frame
    path = tmp_path / f"a.{ending}"
    stored.save(path, exif=exif(orientation), **({"lossless": True} if ending == "webp" else {}))
    own, benchmark = View.open(path), View.open(path, own=False)
    red = {
        name: np.argwhere(np.asarray(view.image())[..., 1] < 128).mean(0)[::-1] + 0.5
        for name, view in (("own", own), ("benchmark", benchmark))
    }
    assert own.size == own.image().size == ((16, 32) if orientation >= 5 else (32, 16))
    x, y = red["own"] / own.size
    right, low = orientation in (2, 3, 6, 7), orientation in (3, 4, 7, 8)
    assert (x > 0.5, y > 0.5) == (right, low)
    if ending != "tif":  # Pillow turns these by itself
        assert benchmark.size == benchmark.image().size == (32, 16)
        assert tuple(red["benchmark"]) == pytest.approx((8, 4), abs=0.6)


def test_points_of_an_own_folder_are_in_the_turned_frame(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        picture(32, 16).save(tmp_path / name, exif=exif(6))
    head = "source,target,source_x,source_y,target_x,target_y\n"
    (tmp_path / "pairs.csv").write_text(head + "a.jpg,b.jpg,10,30,10,30\n")
    pair = load("folder", tmp_path)[0]
    assert pair.source.size == (16, 32) == pair.source.image().size
    (tmp_path / "pairs.csv").write_text(head + "a.jpg,b.jpg,30,10,30,10\n")
    with pytest.raises(ValueError, match=r"a.jpg -> b.jpg: source point 0 at \(30, 10\).*16 x 32"):
        load("folder", tmp_path)


def test_sixteen_bits_are_scaled_by_their_type(tmp_path):
    values = np.array([[0, 257, 32768, 65535]], np.uint16)
    want = [0, 1, 128, 255]
    for ending in ("png", "tif"):
        assert read(Image.fromarray(values), tmp_path / f"a.{ending}")[0, :, 0].tolist() == want
    dark = Image.fromarray(np.array([[0, 2570]], np.uint16))
    assert read(dark, tmp_path / "dark.png")[0].tolist() == [[0] * 3, [10] * 3]
    (tmp_path / "a.pgm").write_bytes(b"P5 4 1 65535\n" + values.astype(">u2").tobytes())
    assert np.asarray(images.read(tmp_path / "a.pgm", upright=True))[0, :, 1].tolist() == want


@pytest.mark.parametrize(
    ("values", "want"),
    [
        (np.array([[0.0, 0.2, 0.5, 1.0]], np.float32), [0, 51, 128, 255]),
        (np.array([[0.2, 0.4]], np.float32), [51, 102]),
        (np.array([[-2.0, 0.0, 2.0]], np.float32), [0, 128, 255]),
        (np.array([[100.0, 160.0, 200.0]], np.float32), [0, 153, 255]),
        (np.array([[7.0, 7.0]], np.float32), [0, 0]),
        (np.array([[0, 257, 65535]], np.int32), [0, 1, 255]),
        (np.array([[-100_000, 0, 100_000]], np.int32), [0, 128, 255]),
    ],
)
def test_float_and_32_bit_pictures_are_scaled_not_cut(tmp_path, values, want):
    assert read(Image.fromarray(values), tmp_path / "a.tif")[0, :, 2].tolist() == want


def test_values_that_are_not_finite_name_the_file(tmp_path):
    Image.fromarray(np.array([[0.0, np.nan]], np.float32)).save(tmp_path / "nan.tif")
    with pytest.raises(ValueError, match="nan.tif: it holds values that are not finite"):
        View.open(tmp_path / "nan.tif").image()


def test_what_is_hidden_under_alpha_stays_hidden(tmp_path):
    rgba = np.array([[[255, 0, 0, 0], [255, 0, 0, 255], [0, 0, 0, 51]]], np.uint8)
    white, red, light = [255, 255, 255], [255, 0, 0], [204, 204, 204]
    assert read(Image.fromarray(rgba), tmp_path / "a.png")[0].tolist() == [white, red, light]
    grey = Image.fromarray(np.array([[[0, 0], [0, 255]]], np.uint8), "LA")
    assert read(grey, tmp_path / "grey.png")[0].tolist() == [white, [0, 0, 0]]
    palette = Image.new("P", (2, 1), 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    palette.putpixel((0, 0), 0)
    assert read(palette, tmp_path / "p.png")[0].tolist() == [[0, 0, 0], red]
    assert read(palette, tmp_path / "clear.png", transparency=0)[0].tolist() == [white, red]
    one = Image.new("RGB", (2, 1), (9, 9, 9))
    one.putpixel((1, 0), (255, 0, 0))
    found = read(one, tmp_path / "colour.png", transparency=(9, 9, 9))
    assert found[0].tolist() == [white, red]
    for mode in ("La", "RGBa"):
        held = Image.fromarray(rgba).convert("RGBA" if mode == "RGBa" else "LA").convert(mode)
        assert np.asarray(images.to_rgb(held))[0, 0].tolist() == white


def test_cmyk_and_one_bit(tmp_path):
    ink = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    assert read(ink, tmp_path / "ink.tif")[0, 0].tolist() == [255, 0, 0]
    r, g, b = read(ink, tmp_path / "ink.jpg", quality=100)[4, 4].tolist()
    assert r > 250 and g < 5 and b < 5
    assert read(Image.new("1", (2, 2), 1), tmp_path / "bit.png")[0, 0].tolist() == [255] * 3


def test_a_bomb_a_cut_file_and_a_mode_are_one_line_with_the_name(tmp_path, monkeypatch):
    picture(64, 64).save(tmp_path / "big.png")
    whole = (tmp_path / "big.png").read_bytes()
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    with pytest.raises(ValueError, match=r"big.png is too large .* make it smaller first") as said:
        View.open(tmp_path / "big.png")
    assert "\n" not in str(said.value)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4000)  # Pillow would warn, as of a large photo
    assert View.open(tmp_path / "big.png").image().size == (64, 64)
    for length in (20, 40, len(whole) // 2):
        (tmp_path / "cut.png").write_bytes(whole[:length])
        with pytest.raises(ValueError, match="cut.png") as said:
            View.open(tmp_path / "cut.png").image()
        assert "\n" not in str(said.value)
    (tmp_path / "note.jpg").write_text("words")
    with pytest.raises(ValueError, match="note.jpg is not an image .* convert it to PNG or JPEG"):
        View.open(tmp_path / "note.jpg")


def test_a_wrong_size_of_a_view_is_named(tmp_path):
    picture(40, 30).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"a.png is 40 x 30 pixels, its view says 30 x 40"):
        View("a", (30, 40), path=tmp_path / "a.png").image()
    with pytest.raises(ValueError, match="view 'm' is 40 x 30 pixels, its view says 41 x 30"):
        View("m", (41, 30), pixels=picture(40, 30)).image()


def test_a_renamed_copy_of_an_own_picture_gets_the_same_answer(tmp_path, tiny_diffuser):
    for name in ("a.png", "renamed copy.png"):
        picture(48, 32, seed=1).save(tmp_path / name)
    picture(48, 32, seed=2).save(tmp_path / "b.png")
    first, copy, other = (View.open(tmp_path / n) for n in ("a.png", "renamed copy.png", "b.png"))
    assert first.noise_id == copy.noise_id != other.noise_id
    stored = View.open(tmp_path / "a.png", id="cat/a", own=False)
    assert stored.noise_id == "cat/a" and stored.digest() != first.digest()
    env = Env(models={"toybox": tiny_diffuser})
    dift = methods.load("dift", env=env, size=(32, 32), ensemble=2)
    maps = [dift.features(view).values for view in (first, copy)]
    assert torch.equal(*maps)
    prompt = methods.load(
        "prompt_optimization", env=env, size=32, steps=1, crops=4, layers=(7,), sigma=4.0
    )
    asked = torch.tensor([[10.0, 12.0]])
    assert torch.equal(prompt(first, other, asked).points, prompt(copy, other, asked).points)
