"""Injection: the picture comes back where all is injected, another prompt changes it where nothing
is, and the network is as before.
"""

import pytest
import torch

from corrlib.backbones.capture import capture
from corrlib.backbones.plug_and_play import (
    RESIDUAL,
    Injection,
    attention_layers,
    injected,
    translate,
)

Z = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))


def call(diffuser, x):
    text = diffuser.condition("")[None].expand(len(x), -1, -1)
    return diffuser.unet(x, 100, encoder_hidden_states=text).sample


def test_what_is_injected_is_what_the_network_goes_on_with(tiny_diffuser):
    unet = tiny_diffuser.unet
    names = [RESIDUAL, *attention_layers(unet)]
    with torch.no_grad(), capture(unet, names, stop=False) as kept:
        plain = call(tiny_diffuser, Z)
    with torch.no_grad(), injected(unet, kept):
        same, other = call(tiny_diffuser, torch.cat([Z, Z.flip(2)])).chunk(2)
    torch.testing.assert_close(same, plain, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        free = call(tiny_diffuser, torch.cat([Z, Z.flip(2)]))[1:]
    assert (other - free).abs().max() > 1e-3
    with torch.no_grad():
        torch.testing.assert_close(call(tiny_diffuser, Z), plain)  # no hook is left


def test_the_layers_are_those_from_block_four_to_the_last(tiny_diffuser):
    found = attention_layers(tiny_diffuser.unet)
    blocks = {name.split(".transformer_blocks")[0] for name in found}
    wanted = {f"up_blocks.1.attentions.{j}" for j in (1, 2)}
    wanted |= {f"up_blocks.{i}.attentions.{j}" for i in (2, 3) for j in range(3)}
    assert blocks == wanted and len(found) == 2 * len(wanted)


def test_the_same_prompt_without_guidance_is_the_way_back(tiny_diffuser):
    null, word = (tiny_diffuser.condition(text) for text in ("", "a cat"))
    still = {"steps": 8, "guidance": 1.0}
    back = translate(tiny_diffuser, Z, null, null, Injection(**still, features=0, attention=0))
    whole = translate(tiny_diffuser, Z, null, null, Injection(**still, features=1, attention=1))
    far = translate(tiny_diffuser, Z, word, null, Injection(steps=8, features=0, attention=0))
    assert (whole - Z).norm() <= (back - Z).norm() * 1.05
    assert (far - back).norm() > 1e-2
    again = translate(tiny_diffuser, Z, word, null, Injection(steps=8, features=0, attention=0))
    assert torch.equal(far, again)


def test_wrong_shares_are_refused():
    with pytest.raises(ValueError, match="features"):
        Injection(features=1.5)
