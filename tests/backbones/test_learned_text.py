"""Learned vectors through the text encoder, and gradient through a pass that ends early."""

import pytest
import torch

from corrlib.backbones.capture import capture
from corrlib.backbones.gradient_pass import features_with_gradient
from corrlib.backbones.learned_text import encode, first_vectors, room
from corrlib.backbones.shared_context import shared_context


def test_vectors_of_a_text_give_the_texts_condition(tiny_diffuser):
    d = tiny_diffuser
    words = "a photo of an object"
    vectors = first_vectors(d, "object", 1, room(d))
    found = encode(d, vectors)
    # the tiny tokenizer pads with EOS, so all 77 places are SOS, text, EOS ..., as in the text
    tokens = d.tokenizer(words, padding="max_length", max_length=77, return_tensors="pt").input_ids
    assert tokens[0, -1] == d.tokenizer.eos_token_id
    torch.testing.assert_close(found[0], d.condition(words))


def test_eos_stands_behind_the_vectors_and_token_0_behind_it(tiny_diffuser):
    d, seen = tiny_diffuser, []
    vectors = torch.randn(2, 5, 32)
    handle = d.text_encoder.encoder.register_forward_pre_hook(
        lambda m, args, kwargs: seen.append(kwargs["inputs_embeds"]), with_kwargs=True
    )
    encode(d, vectors)
    handle.remove()
    embeddings = d.text_encoder.embeddings
    token, place = embeddings.token_embedding.weight, embeddings.position_embedding.weight
    (inside,) = seen
    assert torch.equal(inside[:, 1:6], vectors)  # no position is added to them
    assert torch.equal(inside[0, 0], token[d.tokenizer.bos_token_id] + place[0])
    assert torch.equal(inside[0, 6], token[d.tokenizer.eos_token_id] + place[6])
    assert torch.equal(inside[0, 7:], token[0] + place[7:])


@pytest.mark.parametrize("start", ["ids", "uniform", "empty", "object"])
def test_first_vectors_are_those_of_a_seed(tiny_diffuser, start):
    one, again, other = (first_vectors(tiny_diffuser, start, 2, 7, seed) for seed in (0, 0, 1))
    assert one.shape == (2, 7, 32) and torch.equal(one, again)
    assert torch.equal(one, other) == (start in ("empty", "object"))
    assert torch.equal(one[0], one[1]) == (start in ("empty", "object"))


def test_the_text_encoder_has_room_for_75(tiny_diffuser):
    assert room(tiny_diffuser) == 75
    for shape in ((1, 76, 32), (1, 0, 32), (1, 75, 31)):
        with pytest.raises(ValueError, match="reads 1 to 75 of 32"):
            encode(tiny_diffuser, torch.zeros(shape))


@pytest.mark.parametrize("layer", ["up_blocks.1", "up_blocks.2", "up_blocks.1.attentions.1"])
def test_gradient_of_a_pass_that_ends_early_is_that_of_the_whole(tiny_diffuser, layer):
    d, gradients = tiny_diffuser, []
    z, weight = torch.randn(2, 4, 8, 8), None
    start = torch.randn(1, 5, 32)
    for how in ("whole", "early", "recomputed"):
        vectors = start.clone().requires_grad_()
        condition = encode(d, vectors).expand(2, -1, -1)
        if how == "whole":
            with capture(d.unet, [layer], stop=False, detach=False) as found:
                d.unet(z, 261, encoder_hidden_states=condition)
            maps = found[layer]
        else:
            recompute = how == "recomputed"
            maps = features_with_gradient(d, z, 261, condition, layer, recompute=recompute)
        weight = torch.randn(maps.shape, generator=torch.Generator().manual_seed(1))
        (maps * weight).sum().backward()
        gradients.append((maps.detach(), vectors.grad))
    for maps, gradient in gradients[1:]:
        torch.testing.assert_close(maps, gradients[0][0], rtol=0, atol=1e-5)
        torch.testing.assert_close(gradient, gradients[0][1], rtol=1e-3, atol=1e-5)
    assert gradients[0][1].abs().max() > 0
    assert all(parameter.grad is None for parameter in d.unet.parameters())
    assert not d.unet.is_gradient_checkpointing


def test_a_prompt_is_projected_once_and_nothing_changes(tiny_diffuser):
    d, rows = tiny_diffuser, []
    z, prompts = torch.randn(4, 4, 8, 8), torch.randn(2, 77, 32)
    order = [0, 0, 1, 0]
    plain = d.features(z, 51, prompts[order], ["up_blocks.2"])["up_blocks.2"]
    attention = d.unet.mid_block.attentions[0].transformer_blocks[0].attn2
    handle = attention.to_k.register_forward_hook(lambda m, given, out: rows.append(len(out)))
    with shared_context(d.unet, order):
        shared = d.features(z, 51, prompts[order], ["up_blocks.2"])["up_blocks.2"]
    handle.remove()
    assert rows == [2]
    torch.testing.assert_close(shared, plain, rtol=1e-4, atol=1e-5)
    given = features_with_gradient(d, z, 51, prompts, "up_blocks.2", order=order)
    torch.testing.assert_close(given, plain, rtol=1e-4, atol=1e-5)
    after = d.features(z, 51, prompts[order], ["up_blocks.2"])["up_blocks.2"]
    assert torch.equal(after, plain)  # nothing is left behind
