import math

import pytest
import torch
from conftest import picture, tiny_networks

from corrlib.backbones.diffusion import Diffuser, decoder_layers, pixels
from corrlib.backbones.noise import noise_for, noise_key

DRAW = (2, 3, 4, 8, 8)  # posterior and diffusion noise of three members, 32 x 32 pixels at factor 4


def test_noise_is_keyed_on_every_part_and_on_nothing_else():
    base = noise_for(0, "a", 1, 101, (4, 8, 8))
    torch.manual_seed(123)
    assert torch.equal(base, noise_for(0, "a", 1, 101, (4, 8, 8)))
    assert base.is_contiguous() and base.dtype == torch.float32
    others = [(1, "a", 1, 101), (0, "b", 1, 101), (0, "a", 2, 101), (0, "a", 1, 102)]
    assert all(not torch.equal(base, noise_for(*key, (4, 8, 8))) for key in others)
    assert not torch.equal(base, noise_for(0, "a", 1, 101, (4, 8, 8), kind="posterior"))
    assert abs(noise_for(0, "a", 0, 0, (100_000,)).std().item() - 1) < 0.01


def test_noise_key_is_the_same_on_every_machine_and_splits_parts():
    assert noise_key(0, "view", 3, 101, "diffusion") == 4698398810802391942
    assert noise_key("a", "bc") != noise_key("ab", "c")


def test_pixels_span_minus_one_to_one_and_do_not_keep_the_aspect():
    from PIL import Image

    image = Image.new("RGB", (30, 10), (0, 255, 0))
    result = pixels(image, (16, 8))
    assert result.shape == (3, 8, 16)
    assert result[0].unique().tolist() == [-1] and result[1].unique().tolist() == [1]


def test_noise_levels_are_those_of_stable_diffusion(tiny_diffuser):
    for t, share in (
        (0, 0.029),
        (51, 0.222),
        (101, 0.327),
        (201, 0.498),
        (261, 0.587),
        (500, 0.851),
    ):
        image, noise = tiny_diffuser.noise_level(t)
        assert noise == pytest.approx(share, abs=6e-4)
        assert math.hypot(image, noise) == pytest.approx(1)


def test_noised_is_the_textbook_formula(tiny_diffuser):
    z, noise = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8)
    image_share, noise_share = tiny_diffuser.noise_level(261)
    torch.testing.assert_close(
        tiny_diffuser.noised(z, 261, noise), image_share * z + noise_share * noise
    )


@pytest.mark.parametrize("levels", [2, 4])
def test_any_vae_factor_and_odd_latent_sizes(tiny_diffuser, levels):
    parts = tiny_networks(vae_levels=levels)
    model = Diffuser(**parts)
    assert model.factor == 2 ** (levels - 1)
    size = (13 * model.factor, 9 * model.factor)  # 13 x 9 latents: no multiple of 8 anywhere
    posterior = model.encode(picture(50, 70), size)
    assert posterior.mean.shape == (4, 9, 13) and (posterior.std > 0).all()
    found = model.features(
        posterior.mean[None], 101, model.condition("a cat"), [f"up_blocks.{i}" for i in range(4)]
    )
    assert [tuple(found[f"up_blocks.{i}"].shape[1:]) for i in range(4)] == [
        (64, 3, 4),
        (64, 5, 7),
        (32, 9, 13),
        (32, 9, 13),
    ]


def test_features_equal_the_whole_pass_and_stop_early(tiny_diffuser):
    unet, kept = tiny_diffuser.unet, {}
    layers = ["down_blocks.2.resnets.1", "mid_block", "up_blocks.1.attentions.0", "up_blocks.1"]

    def keep(name):
        def hook(module, args, output):
            kept[name] = output[0] if isinstance(output, tuple) else output

        return hook

    handles = [unet.get_submodule(name).register_forward_hook(keep(name)) for name in layers]
    z, condition = torch.randn(2, 4, 16, 16), tiny_diffuser.condition("a photo of a cat")
    with torch.no_grad():
        unet(z, 101, encoder_hidden_states=condition.expand(2, -1, -1))
    for handle in handles:
        handle.remove()

    reached = []
    handle = unet.up_blocks[2].register_forward_hook(lambda *_: reached.append("up_blocks.2"))
    found = tiny_diffuser.features(z, 101, condition, layers)
    handle.remove()
    assert not reached, "the pass went on after the last wanted layer"
    assert all(torch.equal(found[name], kept[name]) for name in layers)
    assert not unet.up_blocks[1]._forward_hooks


def test_decoder_layers_are_difts_fifteen(tiny_diffuser):
    layers = decoder_layers(tiny_diffuser.unet)
    assert len(layers) == 15
    assert [layers[i] for i in (3, 7, 11, 14)] == [f"up_blocks.{i}" for i in range(4)]
    assert layers[:3] == [
        f"up_blocks.0.resnets.{j}" for j in range(3)
    ]  # no attention in the deepest block
    found = tiny_diffuser.features(
        torch.randn(1, 4, 16, 16), 0, tiny_diffuser.condition(""), layers
    )
    assert list(found) == layers or set(found) == set(layers)
    ends = ["up_blocks.3", "up_blocks.3.attentions.2"]
    last = tiny_diffuser.features(torch.zeros(1, 4, 16, 16), 0, tiny_diffuser.condition(""), ends)
    assert torch.equal(last[ends[0]], last[ends[1]])


def test_describe_is_the_mean_over_members_with_noises_handed_in(tiny_diffuser):
    posterior = tiny_diffuser.encode(picture(32, 32), (32, 32))
    condition, noises = tiny_diffuser.condition("a cat"), torch.randn(DRAW)
    ours = tiny_diffuser.describe(
        posterior,
        "v",
        condition,
        layers=["up_blocks.1"],
        timesteps=[261],
        ensemble=3,
        noises=noises,
    )
    z = posterior.mean + posterior.std * noises[0]
    image_share, noise_share = tiny_diffuser.noise_level(261)
    noisy = image_share * z + noise_share * noises[1]
    singly = [
        tiny_diffuser.features(one[None], 261, condition, ["up_blocks.1"])["up_blocks.1"]
        for one in noisy
    ]
    torch.testing.assert_close(
        ours["up_blocks.1", 261], torch.cat(singly).mean(0), atol=1e-5, rtol=1e-5
    )
    options = {"layers": ["up_blocks.1"], "timesteps": [261], "ensemble": 3, "noises": noises}
    apart = tiny_diffuser.describe(posterior, "v", condition, **options, at_once=2)
    torch.testing.assert_close(
        apart["up_blocks.1", 261], ours["up_blocks.1", 261], atol=1e-5, rtol=1e-5
    )


def test_a_cell_of_a_sweep_is_bitwise_the_cell_alone(tiny_diffuser):
    posterior, condition = (
        tiny_diffuser.encode(picture(40, 32), (32, 32)),
        tiny_diffuser.condition("a cat"),
    )
    layers = decoder_layers(tiny_diffuser.unet)
    swept = tiny_diffuser.describe(
        posterior, "v", condition, layers=layers, timesteps=[0, 101, 500], ensemble=2, seed=3
    )
    assert set(swept) == {(layer, t) for layer in layers for t in (0, 101, 500)}
    alone = tiny_diffuser.describe(
        posterior, "v", condition, layers=["up_blocks.1"], timesteps=[101], ensemble=2, seed=3
    )
    assert torch.equal(swept["up_blocks.1", 101], alone["up_blocks.1", 101])


def test_posterior_mode_and_clean_input(tiny_diffuser):
    posterior, condition = (
        tiny_diffuser.encode(picture(32, 32), (32, 32)),
        tiny_diffuser.condition(""),
    )
    clean = tiny_diffuser.describe(
        posterior,
        "v",
        condition,
        layers=["mid_block"],
        timesteps=[261],
        ensemble=4,
        sample=False,
        noise=False,
    )
    direct = tiny_diffuser.features(posterior.mean[None], 261, condition, ["mid_block"])[
        "mid_block"
    ][0]
    assert torch.equal(clean["mid_block", 261], direct)


def test_prompts_differ_are_cached_and_long_ones_are_cut(tiny_diffuser):
    cat, dog = (
        tiny_diffuser.condition("a photo of a cat"),
        tiny_diffuser.condition("a photo of a dog"),
    )
    assert cat.shape == (77, 32) and not torch.equal(cat, dog)
    assert tiny_diffuser.condition("a photo of a cat") is cat
    assert tiny_diffuser.condition("cat " * 100).shape == (77, 32)


def test_scale_is_the_vaes_and_decode_undoes_it(tiny_diffuser):
    image = picture(32, 32)
    direct = (
        tiny_diffuser.vae.encode(pixels(image, (32, 32))[None]).latent_dist.mean
        * tiny_diffuser.vae.config.scaling_factor
    )
    z = tiny_diffuser.encode(image, (32, 32)).mean[None]
    torch.testing.assert_close(z, direct)
    decoded = tiny_diffuser.vae.decode(z / tiny_diffuser.vae.config.scaling_factor).sample.clamp(
        -1, 1
    )
    torch.testing.assert_close(tiny_diffuser.decode(z), decoded)


def test_the_components_sample_images(tiny_diffuser):
    pipe = tiny_diffuser.pipeline()
    made = pipe(
        "a cat",
        height=32,
        width=32,
        num_inference_steps=2,
        generator=torch.Generator().manual_seed(0),
    ).images[0]
    assert made.size == (32, 32)
    assert pipe.unet is tiny_diffuser.unet and pipe.scheduler is not tiny_diffuser.scheduler


def test_sizes_timesteps_and_layers_are_checked_with_advice(tiny_diffuser):
    with pytest.raises(
        ValueError, match=r"130 x 64; this model wants multiples of 4, for example 128 x 64"
    ):
        tiny_diffuser.encode(picture(32, 32), (130, 64))
    with pytest.raises(ValueError, match="timestep is 1000; wanted an integer from 0"):
        tiny_diffuser.noised(torch.zeros(1, 4, 8, 8), 1000, torch.zeros(1, 4, 8, 8))
    with pytest.raises(KeyError, match="up_blocks.1"):
        tiny_diffuser.features(
            torch.zeros(1, 4, 8, 8), 0, tiny_diffuser.condition(""), ["up_block.1"]
        )
