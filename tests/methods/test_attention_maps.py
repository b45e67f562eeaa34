"""Which cross-attentions are read, what is read of them, and what of the pass is left out."""

import pytest
import torch

from corrlib.backbones.capture import attention
from corrlib.methods.prompt_optimization.attention_maps import choose, cross_attentions, token_maps


def unet_of(channels=(16, 16, 32, 32), heads=8, groups=8, width=16, seed=0):
    """Stable Diffusion's blocks, made small; eight heads everywhere."""
    from diffusers import UNet2DConditionModel

    torch.manual_seed(seed)
    unet = UNet2DConditionModel(
        block_out_channels=channels,
        layers_per_block=2,
        cross_attention_dim=width,
        attention_head_dim=heads,
        norm_num_groups=groups,
    )
    return unet.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def unet():
    return unet_of()


def inputs(batch=2, side=16, width=16, seed=1):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 4, side, side, generator=g), 3 * torch.randn(
        batch, 7, width, generator=g
    )


def blocks(layers):
    return [layer.name.split(".transformer")[0] for layer in layers]


def test_sixteen_layers_down_mid_up_with_the_sides_of_the_sheet(unet):
    layers = cross_attentions(unet, 64)
    assert [layer.side for layer in layers] == [
        64,
        64,
        32,
        32,
        16,
        16,
        8,
        16,
        16,
        16,
        32,
        32,
        32,
        64,
        64,
        64,
    ]
    assert blocks(layers)[4:11] == [
        "down_blocks.2.attentions.0",
        "down_blocks.2.attentions.1",
        "mid_block.attentions.0",
        *(f"up_blocks.1.attentions.{i}" for i in range(3)),
        "up_blocks.2.attentions.0",
    ]
    assert {layer.heads for layer in layers} == {8} and all(
        layer.name.endswith("attn2") for layer in layers
    )


def test_the_papers_numbers_and_the_released_codes_are_the_same_four_layers(unet):
    paper = choose(unet, (7, 8, 9, 10), 64)
    official = choose(unet, (5, 6, 7, 8), 64, largest_map=32, heads=(4, 5, 6, 7))
    wanted = [*(f"up_blocks.1.attentions.{i}" for i in range(3)), "up_blocks.2.attentions.0"]
    assert (
        paper == official
        and blocks(paper) == wanted
        and [layer.side for layer in paper] == [16, 16, 16, 32]
    )
    eleven = choose(unet, range(11), 64, largest_map=32)
    assert len(eleven) == 11 and blocks(eleven)[0] == "down_blocks.1.attentions.0"
    assert choose(unet, (10, 7, 9, 8), 64) == paper  # a set: the order of the pass counts


def test_what_does_not_exist_is_an_error(unet):
    with pytest.raises(
        ValueError,
        match=r"no layer 11: the 11 cross-attentions with maps up to 32 x 32 are 0 down_blocks.1",
    ):
        choose(unet, (5, 11), 64, largest_map=32)
    with pytest.raises(ValueError, match="no layer 16: the 16 cross-attentions are"):
        choose(unet, (16,), 64)
    with pytest.raises(ValueError, match="no layer -1"):
        choose(unet, (-1,), 64)
    with pytest.raises(ValueError, match="has 8 heads, numbered from 0, and no head 8"):
        choose(unet, (7,), 64, heads=(7, 8))


@pytest.mark.parametrize("side", [16, 10])
def test_maps_are_the_soft_max_of_the_layer(unet, side):
    """Against probabilities written out by the library's other reader, for all heads and some; odd
    sides too.
    """
    z, context = inputs(side=side)
    layers = choose(unet, (2, 6, 8, 10), side)
    with torch.no_grad(), attention(unet, heads="all", stop=False) as every:
        unet(z, 140, context)
    assert [every[layer.name].shape[2] for layer in cross_attentions(unet, side)] == [
        layer.side**2 for layer in cross_attentions(unet, side)
    ]
    for heads, token in ((None, 1), ((4, 5, 6, 7), 1), ((0,), 3)):
        with torch.no_grad(), token_maps(unet, layers, token=token, heads=heads) as maps:
            unet(z, 140, context)
        for layer in layers:
            chosen = every[layer.name] if heads is None else every[layer.name][:, list(heads)]
            wanted = chosen[..., token].mean(1).unflatten(1, (layer.side, layer.side))
            torch.testing.assert_close(maps[layer.name], wanted, atol=1e-6, rtol=1e-5)
    heads = every[layers[0].name]
    assert (
        heads[:, :4].mean(1) - heads[:, 4:].mean(1)
    ).abs().max() > 1e-3  # so that a wrong half would be seen


def test_the_pass_ends_at_the_last_soft_max_and_equals_the_whole_one(unet):
    z, context = inputs()
    layers, ran = choose(unet, (7, 8, 9, 10), 16), []
    watched = [f"{layers[-1].name}.{part}" for part in ("to_v", "to_out.0")] + [
        "up_blocks.2.attentions.1",
        "conv_out",
    ]
    handles = [
        unet.get_submodule(name).register_forward_hook(lambda *a, name=name: ran.append(name))
        for name in watched
    ]
    processors = dict(unet.attn_processors)
    with torch.no_grad(), token_maps(unet, layers) as early:
        unet(z, 140, context)
        pytest.fail("the pass was not ended")
    assert ran == [] and unet.attn_processors == processors
    with torch.no_grad(), token_maps(unet, layers, stop=False) as whole:
        unet(z, 140, context)
    for handle in handles:
        handle.remove()
    assert ran == watched and list(early) == [layer.name for layer in layers] == list(whole)
    assert all(torch.equal(early[name], whole[name]) for name in early)


def test_reading_does_not_change_the_pass(unet):
    z, context = inputs()
    with torch.no_grad():
        before = unet(z, 140, context).sample
        with token_maps(unet, choose(unet, (0, 7, 10), 16), stop=False):
            during = unet(z, 140, context).sample
    assert torch.equal(before, during)


def test_only_the_chosen_layers_have_a_processor_of_their_own(unet):
    layers, plain = (
        choose(unet, (7, 10), 16),
        type(unet.get_submodule("mid_block.attentions.0.transformer_blocks.0.attn1").processor),
    )
    with torch.no_grad(), token_maps(unet, layers):
        own = [
            name for name, processor in unet.attn_processors.items() if type(processor) is not plain
        ]
        assert own == [f"{layer.name}.processor" for layer in layers]
        unet(*inputs()[:1], 140, inputs()[1])
    assert plain.__name__ == "AttnProcessor2_0"  # the fused one


def test_the_gradient_reaches_the_embedding_and_nothing_else(unet):
    z, context = inputs()
    context.requires_grad_()
    with token_maps(unet, choose(unet, (7, 8, 9, 10), 16)) as maps:
        unet(z, 140, context)
    sum((values**2).sum() for values in maps.values()).backward()
    assert (
        context.grad.abs().amax(2).min() > 0
    )  # every token of every sample, not only the one that is read
    assert z.grad is None and all(parameter.grad is None for parameter in unet.parameters())


def test_gradient_equals_that_of_the_whole_explicit_pass(unet):
    z, context = inputs()
    layers, grads = choose(unet, (7, 8, 9, 10), 16), []
    for _ in range(2):
        leaf = context.clone().requires_grad_()
        if not grads:
            with token_maps(unet, layers, heads=(4, 5, 6, 7)) as found:
                unet(z, 140, leaf)
            total = sum((values**2).sum() for values in found.values())
        else:
            with attention(unet, heads="all", stop=False, detach=False) as every:
                unet(z, 140, leaf)
            total = sum((every[layer.name][:, 4:, :, 1].mean(1) ** 2).sum() for layer in layers)
        total.backward()
        grads.append(leaf.grad)
    assert (grads[0] - grads[1]).norm() <= 1e-4 * grads[1].norm()


def test_enlarged_queries_keep_the_place_and_refine_it(unet):
    z, context = inputs()
    layers = choose(unet, (8, 10), 16)
    with torch.no_grad(), token_maps(unet, layers, query_scale=3) as fine:
        unet(z, 140, context)
    with torch.no_grad(), token_maps(unet, layers) as plain:
        unet(z, 140, context)
    for layer in layers:
        assert fine[layer.name].shape[-1] == 3 * layer.side
        centres = fine[layer.name][
            :, 1::3, 1::3
        ]  # bicubic at an odd scale passes through the cells' centres
        torch.testing.assert_close(centres, plain[layer.name], atol=1e-6, rtol=1e-4)


def test_everything_is_restored_after_an_exception(unet):
    processors = dict(unet.attn_processors)
    with pytest.raises(ZeroDivisionError):
        with token_maps(unet, choose(unet, (7,), 16)):
            raise ZeroDivisionError
    assert unet.attn_processors == processors
    with pytest.raises(RuntimeError, match="did not run"):
        with token_maps(unet, choose(unet, (7,), 16)):
            pass
    with pytest.raises(RuntimeError, match="has 16 queries, not 8 x 8"):
        with token_maps(unet, choose(unet, (7,), 32)):
            unet(*inputs()[:1], 140, inputs()[1])
