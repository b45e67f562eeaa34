import pytest
import torch
from conftest import picture, picture_view

from corrlib import methods
from corrlib.backbones.diffusion import pixels
from corrlib.types import View

POINTS = torch.tensor([[10.0, 12.0], [40.0, 30.0], [55.0, 20.0]])


def test_pixels_are_the_patches_of_the_resized_image():
    view = picture_view(50, 40)
    method = methods.load("pixels", size=(32, 16), stride=4, window=4)
    found = method.features(view)
    image = pixels(view.image(), (32, 16))
    assert found.frame.grid == (8, 4) and found.values.shape == (48, 4, 8)
    assert torch.equal(found.values[:, 2, 5], image[:, 8:12, 20:24].flatten())
    wide = methods.load("pixels", size=(32, 16), stride=4, window=8).features(view)
    assert wide.values.shape == (192, 4, 8)
    assert torch.equal(wide.values[:, 2, 5], image[:, 6:14, 18:26].flatten())


def test_pixels_find_a_shift_of_whole_cells():
    whole = picture(160, 128)
    source, target = (
        View(f"cut-{x}", (128, 128), pixels=whole.crop((x, 0, x + 128, 128))) for x in (0, 16)
    )
    found = methods.load("pixels")(source, target, torch.tensor([[50.0, 60.0], [90.0, 33.0]]))
    assert (found.points - torch.tensor([[34.0, 60.0], [74.0, 33.0]])).norm(dim=1).max() <= 1.5


@pytest.mark.parametrize(
    ("change", "said"),
    [({"size": (30, 32)}, "no multiple of stride 4"), ({"window": 7}, "plus an even number")],
)
def test_pixel_settings_are_checked(change, said):
    with pytest.raises(ValueError, match=said):
        methods.load("pixels", **change)


def test_latents_are_the_mean_of_the_posterior(env, tiny_diffuser):
    view = picture_view(50, 40)
    found = methods.load("latents", env=env, size=(32, 24)).features(view)
    assert torch.equal(found.values, tiny_diffuser.encode(view.image(), (32, 24)).mean)
    assert found.frame.grid == (8, 6)


def test_random_unet_is_dift_with_other_weights(env, tiny_diffuser):
    small = {"size": (32, 32), "ensemble": 2}
    view = picture_view(50, 40, category="cat")
    torch.manual_seed(4)
    state = torch.get_rng_state()
    one, same, other = (
        methods.load("random_unet", env=env, init_seed=seed, **small) for seed in (0, 0, 1)
    )
    assert torch.equal(torch.get_rng_state(), state), "the caller's random state was touched"
    assert torch.equal(one.features(view).values, same.features(view).values)
    assert not torch.equal(one.features(view).values, other.features(view).values)
    dift = methods.load("dift", env=env, **small)
    assert one.features(view).values.shape == dift.features(view).values.shape
    assert not torch.equal(one.features(view).values, dift.features(view).values)
    shapes = [
        {name: p.shape for name, p in m.extract.diffuser.unet.named_parameters()}
        for m in (one, dift)
    ]
    assert shapes[0] == shapes[1]


def test_copy_position_keeps_the_relative_place():
    source, target = picture_view(100, 50), picture_view(200, 200)
    found = methods.load("copy_position")(
        source, target, torch.tensor([[-0.5, -0.5], [49.5, 24.5], [99.5, 49.5]])
    )
    torch.testing.assert_close(
        found.points, torch.tensor([[-0.5, -0.5], [99.5, 99.5], [199.5, 199.5]])
    )
    with pytest.raises(ValueError, match="lies outside"):
        methods.load("copy_position")(source, target, torch.tensor([[120.0, 3.0]]))


@pytest.mark.parametrize(
    "name", ["pixels", "latents", "random_unet", "copy_position", "dift", "word_attention"]
)
def test_every_method_has_the_profiles_presets(name):
    assert {"toybox", "paper", "official"} <= set(methods.entry(name).presets)
