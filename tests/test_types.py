import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate

from corrlib.coords import Frame
from corrlib.types import FeatureMap, View


def test_view_reads_only_the_header_and_converts_to_rgb(tmp_path):
    Image.new("L", (13, 7), 200).save(tmp_path / "grey.png")
    view = View.open(tmp_path / "grey.png", category="cat")
    assert (view.id, view.size, view.category) == ("grey.png", (13, 7), "cat")
    assert view.image().mode == "RGB" and view.image().getpixel((0, 0)) == (200, 200, 200)


def test_view_errors_name_the_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing.jpg"):
        View.open(tmp_path / "missing.jpg")
    (tmp_path / "text.jpg").write_text("not an image")
    with pytest.raises(ValueError, match="text.jpg is not an image"):
        View.open(tmp_path / "text.jpg")
    Image.effect_noise((64, 64), 50).save(tmp_path / "cut.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:900])
    with pytest.raises(ValueError, match="cut.jpg.*truncated"):
        View.open(tmp_path / "cut.jpg").image()
    with pytest.raises(ValueError, match="neither path nor pixels"):
        View("x", (4, 4)).image()


def test_digest_follows_the_content(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (4, 4), "red").save(path)
    view = View.open(path)
    before = view.digest()
    assert view.digest() == before and len(before) == 16
    Image.new("RGB", (4, 4), "blue").save(path)
    assert view.digest() != before
    assert (
        View("m", (4, 4), pixels=Image.new("RGB", (4, 4), "red")).digest()
        != View("m", (4, 4), pixels=Image.new("RGB", (4, 4))).digest()
    )


def test_feature_map_must_fit_its_frame():
    with pytest.raises(ValueError, match="does not fit the grid"):
        FeatureMap(torch.zeros(3, 5, 4), Frame((10, 10), (5, 4)))


@pytest.mark.parametrize("size", [(313, 471), (17, 23), (7, 5), (3, 2)])
def test_at_equals_the_interpolated_map(size):
    w, h = 7, 5
    values = torch.randn(6, h, w, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    fm = FeatureMap(values, Frame(size, (w, h)))
    full = interpolate(values[None], size=size[::-1], mode="bilinear", align_corners=False)[0]
    y, x = torch.meshgrid(torch.arange(size[1]), torch.arange(size[0]), indexing="ij")
    sampled = fm.at(torch.stack([x, y], -1).flatten(0, 1).double())
    assert torch.allclose(
        sampled.T.unflatten(1, size[::-1]), full, atol=1e-9
    )  # interpolate's own scale is float32


def test_at_keeps_precise_coordinates_for_half_precision_maps():
    ramp = torch.arange(64.0).repeat(64, 1)[None]
    fm = FeatureMap(ramp.bfloat16(), Frame((1024, 1024), (64, 64)))
    x = torch.tensor([[1003.0, 500.0]])
    assert fm.at(x).dtype == torch.float32
    assert torch.allclose(fm.at(x), (x[:, :1] + 0.5) / 16 - 0.5, atol=1e-3)
