"""DDIM both ways: the lists of levels, exact round trips, agreement with diffusers' schedulers, and
what is seen on the way.
"""

from types import SimpleNamespace

import pytest
import torch
from diffusers import DDIMInverseScheduler, DDIMScheduler
from torch import nn

from corrlib.backbones.ddim import CLEAN, generation, inversion, move, noised, shares, walk
from corrlib.backbones.diffusion import Diffuser

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
KINDS = ("epsilon", "v_prediction")
SAVED = (0, 4, 9, 14, 19, 24, 29, 34, 39, 44, 49)  # released: 49, 45, 40, .., 5, 0, from noise


class Net(nn.Module):
    """Plays the U-Net: `law(z, t)`, times what the text says."""

    def __init__(self, law):
        super().__init__()
        self.law, self.layer, self.told = law, nn.Identity(), []

    def forward(self, z, t, encoder_hidden_states):
        self.told.append(t)
        return SimpleNamespace(
            sample=self.layer(self.law(z, t) * encoder_hidden_states[:, :1, :1, None])
        )


def model(law, kind: str = "epsilon") -> Diffuser:
    """A Diffuser of which only the U-Net and the schedule are there."""
    made = object.__new__(Diffuser)
    made.unet, made.device, made.dtype = Net(law), torch.device("cpu"), torch.float32
    made.scheduler = DDIMScheduler(**BETAS, prediction_type=kind, clip_sample=False)
    return made


ONE = torch.ones(1, 1)


def latent(seed: int = 0) -> torch.Tensor:
    return torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(seed))


def test_the_levels_are_those_of_the_released_code_and_of_a_consistent_path():
    def at(path):
        found = {step.position: step.t for step in path}
        return [found[i] for i in SAVED]

    up = [-1, 60, 160, 260, 360, 460, 560, 660, 760, 860, 960]
    down = [0, 80, 180, 280, 380, 480, 580, 680, 780, 880, 980]
    assert at(inversion(50, "released")) == up
    assert at(generation(50, "released")) == at(generation(50)) == at(inversion(50)) == down
    assert [s.t for s in generation(50)] == list(range(980, -1, -20))
    assert [s.t for s in inversion(50, "released")] == [-1, *range(0, 961, 20)]
    assert [(s.t, s.to) for s in inversion(1, "released")] == [(CLEAN, 0)]
    assert [(s.t, s.to) for s in inversion(1)] == [(0, None)]
    assert [s.t for s in inversion(11)] == [90 * i for i in range(11)]  # 1000 // 11
    with pytest.raises(ValueError, match="1001 steps; wanted 1 to 1000"):
        inversion(1001)
    with pytest.raises(ValueError, match="rule is 'paper'; wanted one of consistent, released"):
        generation(50, "paper")


@pytest.mark.parametrize("rule", ["consistent", "released"])
@pytest.mark.parametrize("n", [2, 11, 50])
def test_up_and_down_again_gives_the_latent_where_the_noise_is_constant(rule, n):
    noise = latent(1)
    made, z = model(lambda x, t: noise), latent()
    up = list(walk(made, z, inversion(n, rule), ONE))
    down = list(walk(made, up[-1].latent, generation(n, rule), ONE))
    assert [v.t for v in down] == [v.t for v in up][::-1]
    torch.testing.assert_close(down[-1].latent, z, rtol=1e-4, atol=1e-5)
    a, s = shares(made, up[-1].t)  # and the noisiest is the image and that noise in their shares
    start = shares(made, up[0].t)
    wanted = a * (z - start[1] * noise) / start[0] + s * noise
    torch.testing.assert_close(up[-1].latent, wanted, rtol=1e-4, atol=1e-5)


def test_a_linear_network_has_the_product_of_its_steps():
    """Noise that is c times the latent: every step multiplies by a known number."""
    c, made = 0.3, model(lambda x, t: 0.3 * x)
    z, factor = latent().double(), 1.0
    for step in inversion(50, "released"):
        (a, s), (to_a, to_s) = shares(made, step.t), shares(made, step.to)
        factor *= to_a * (1 - s * c) / a + to_s * c
    last = list(walk(made, z, inversion(50, "released"), ONE))[-1]
    assert (last.position, last.t) == (50, 980)
    torch.testing.assert_close(last.latent.double(), factor * z, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_generation_is_diffusers_ddim(kind):
    made = model(lambda x, t: torch.sin(x + t / 300), kind)
    plain = DDIMScheduler(
        **BETAS, prediction_type=kind, clip_sample=False, steps_offset=0, set_alpha_to_one=True
    )
    plain.set_timesteps(50)
    x, seen = latent(), []
    for t in plain.timesteps:
        seen.append(x)
        x = plain.step(torch.sin(x + t / 300), t, x, eta=0.0).prev_sample
    ours = list(walk(made, latent(), generation(50, "released"), ONE))
    assert made.unet.told == plain.timesteps.tolist() and (ours[-1].position, ours[-1].t) == (
        -1,
        -1,
    )
    for mine, theirs in zip(ours, [*seen, x], strict=True):
        torch.testing.assert_close(mine.latent, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_inversion_moves_as_diffusers_inverse_ddim(kind):
    """It tells the network the level that the latent goes to, we that of the latent: the moves are
    the same, so a network that does not listen cannot tell.
    """
    made = model(lambda x, t: torch.sin(3 * x), kind)
    plain = DDIMInverseScheduler(
        **BETAS, prediction_type=kind, clip_sample=False, steps_offset=0, set_alpha_to_one=True
    )
    plain.set_timesteps(50)
    x = latent()
    for t in plain.timesteps:
        x = plain.step(torch.sin(3 * x), t, x).prev_sample
    ours = list(walk(made, latent(), inversion(50, "released"), ONE))
    assert [v.t for v in ours[1:]] == plain.timesteps.tolist()
    torch.testing.assert_close(ours[-1].latent, x, rtol=1e-4, atol=1e-4)


def test_what_is_asked_for_is_seen_and_nothing_further_is_computed():
    made = model(lambda x, t: x / 2)
    seen = list(walk(made, latent(), inversion(10), ONE, layers=["layer"], at=(0, 3)))
    assert [(v.position, v.t, list(v.maps)) for v in seen] == [
        (0, 0, ["layer"]),
        (3, 300, ["layer"]),
    ]
    assert len(made.unet.told) == 4
    for v in seen:
        torch.testing.assert_close(v.maps["layer"], v.latent / 2)
    made.unet.told.clear()
    assert [v.position for v in walk(made, latent(), inversion(10), ONE, at=[3])] == [3]
    assert len(made.unet.told) == 3  # a latent alone needs no call
    with pytest.raises(ValueError, match="no position 10 on this path; it has 0 to 9"):
        list(walk(made, latent(), inversion(10), ONE, at=[10]))
    assert [v.position for v in walk(made, latent(), generation(3, "released"), ONE)] == [
        2,
        1,
        0,
        -1,
    ]
    assert [v.position for v in walk(made, latent(), generation(1, "released"), ONE)] == [0, -1]
    assert [v.position for v in walk(made, latent(), inversion(1, "released"), ONE)] == [0, 1]


def test_guidance_pushes_away_from_the_negative_and_layers_are_the_positive_s():
    made, z = model(lambda x, t: torch.ones_like(x)), latent()
    steps = generation(4)
    guided = list(walk(made, z, steps, 2 * ONE, layers=["layer"], negative=0.5 * ONE, guidance=7.5))
    assert all(torch.equal(v.maps["layer"], torch.full_like(z, 2.0)) for v in guided)
    wanted = move(made, z, torch.full_like(z, 0.5 + 7.5 * 1.5), steps[0].t, steps[0].to)
    torch.testing.assert_close(guided[1].latent, wanted)
    with pytest.raises(ValueError, match="negative prompt"):
        list(walk(made, z, steps, ONE, guidance=2.0))


def test_noised_visits_are_independent_of_one_another():
    made, z = model(lambda x, t: x + t), latent()
    seen = list(noised(made, z, inversion(10), ONE, latent, layers=["layer"], at=(0, 3)))
    for v, position in zip(seen, (0, 3), strict=True):
        a, s = shares(made, 100 * position)
        torch.testing.assert_close(v.latent, a * z + s * latent(100 * position))
        torch.testing.assert_close(v.maps["layer"], v.latent + v.t)
    (alone,) = noised(made, z, inversion(10), ONE, latent, layers=["layer"], at=[3])
    assert torch.equal(alone.latent, seen[1].latent) and len(made.unet.told) == 3


def test_another_kind_of_prediction_is_refused():
    with pytest.raises(ValueError, match="predicts 'sample'; wanted epsilon or v_prediction"):
        list(walk(model(lambda x, t: x, "sample"), latent(), inversion(2), ONE))


def test_a_real_network_draws_no_random_number_and_takes_the_released_timestep(tiny_diffuser):
    z, condition = torch.randn(1, 4, 16, 16), tiny_diffuser.condition("")
    layer = "up_blocks.3.resnets.2.conv2"
    before = torch.get_rng_state()
    first, second = (
        list(walk(tiny_diffuser, z, inversion(3, rule), condition, layers=[layer], at=[0]))[0]
        for rule in ("released", "consistent")
    )
    assert torch.equal(torch.get_rng_state(), before) and (first.t, second.t) == (-1, 0)
    assert first.maps[layer].shape == (1, 32, 16, 16) and first.maps[layer].isfinite().all()
    assert not torch.allclose(first.maps[layer], second.maps[layer], rtol=1e-3)
