import pytest
import torch
from torch import nn

from corrlib.backbones.capture import attention, capture


class Net(nn.Module):
    """Three layers, the middle one with a tuple as output; counts the runs of the last."""

    class Middle(nn.Linear):
        def forward(self, x):
            return super().forward(x), "something else"

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.middle = nn.Linear(4, 4), self.Middle(4, 4)
        self.rest = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 4))
        self.spare = nn.Linear(4, 4)
        self.ends = 0

    def forward(self, x):
        x = self.rest(self.middle(self.first(x))[0])
        self.ends += 1
        return x


def hooks(model):
    return sum(len(module._forward_hooks) for module in model.modules())


@pytest.fixture
def net():
    return Net()


X = torch.linspace(-1, 1, 8).reshape(2, 4)


def test_stops_after_the_last_name_and_gives_the_same_tensors(net):
    with capture(net, ["first", "middle"]) as out:
        net(X)
        raise AssertionError("the body goes on after the pass was stopped")
    assert net.ends == 0 and hooks(net) == 0
    assert torch.equal(out["first"], net.first(X)) and torch.equal(
        out["middle"], net.middle(net.first(X))[0]
    )
    assert not out["first"].requires_grad
    with capture(net, ["first", "middle"], stop=False) as whole:
        result = net(X)
    assert net.ends == 1 and torch.equal(result, net(X))
    assert all(
        torch.equal(out[name], whole[name]) for name in out
    )  # although the ReLU after "middle" works in place


def test_order_of_names_does_not_matter_and_one_may_be_a_string(net):
    with capture(net, ["middle", "first"]) as out:
        net(X)
    assert set(out) == {"first", "middle"}
    with capture(net, "rest.1") as out:
        net(X)
    assert torch.equal(out["rest.1"], net(X))


def test_gradients_on_request(net):
    with capture(net, "middle", detach=False) as out:
        net(X)
    out["middle"].sum().backward()
    assert net.first.weight.grad is not None


def test_unknown_names_fail_before_the_pass_with_the_nearest(net):
    with pytest.raises(KeyError, match=r"Net has no module 'midle'; the nearest are 'middle'"):
        with capture(net, ["first", "midle"]):
            pytest.fail("the block must not start")
    assert hooks(net) == 0
    with pytest.raises(ValueError, match="no names"):
        with capture(net, []):
            pass


def test_hooks_are_gone_after_an_exception(net):
    with pytest.raises(ZeroDivisionError):
        with capture(net, "first", stop=False):
            net(X)
            raise ZeroDivisionError
    assert hooks(net) == 0 and torch.equal(net(X), net(X))


def test_a_module_that_never_ran_is_an_error(net):
    with pytest.raises(RuntimeError, match="'spare'"):
        with capture(net, ["first", "spare"]):
            net(X)
    assert hooks(net) == 0


def test_blocks_may_be_nested(net):
    with capture(net, "rest.1", stop=False) as outer:
        with capture(net, "first") as inner:
            net(X)
        net(X)
    assert set(inner) == {"first"} and set(outer) == {"rest.1"}
    with capture(net, "first") as outer:
        with capture(net, "rest.1") as inner:
            net(X)
    assert set(outer) == {"first"} and not inner  # the outer block ended the pass before


def test_output_without_a_tensor():
    class Odd(nn.Module):
        def forward(self, x):
            return {"text": "no tensor"}

    net = nn.Sequential(Odd())
    with pytest.raises(TypeError, match="'0' returned dict"):
        with capture(net, "0"):
            net(X)
    assert hooks(net) == 0


@pytest.fixture(scope="module")
def unet():
    from diffusers import UNet2DConditionModel

    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(32, 64),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=4,
        norm_num_groups=8,
    ).eval()


def run(unet):
    g = torch.Generator().manual_seed(1)
    z, condition = torch.randn(2, 4, 8, 6, generator=g), torch.randn(2, 7, 16, generator=g)
    with torch.no_grad():
        return unet(z, 10, condition).sample


def test_unet_blocks_by_path(unet):
    with capture(unet, ["down_blocks.0", "mid_block", "up_blocks.0"]) as out:
        run(unet)
    assert {name: tuple(t.shape) for name, t in out.items()} == {
        "down_blocks.0": (2, 32, 4, 3),
        "mid_block": (2, 64, 4, 3),
        "up_blocks.0": (2, 64, 8, 6),
    }


def test_attention_probabilities_and_an_unchanged_pass(unet):
    before, processors = run(unet), dict(unet.attn_processors)
    with attention(unet, stop=False, heads="all") as out:
        during = run(unet)
    assert torch.equal(before, during) and unet.attn_processors == processors
    assert len(out) == 4 and all(name.endswith("attn2") for name in out)
    one = out["mid_block.attentions.0.transformer_blocks.0.attn2"]
    assert one.shape == (2, 4, 12, 7) and torch.allclose(
        one.sum(-1), torch.ones(2, 4, 12), atol=1e-5
    )
    with attention(unet) as mean:
        run(unet)
        pytest.fail("stop=True did not stop")
    assert all(torch.allclose(mean[name], out[name].mean(1)) for name in out)
    assert unet.attn_processors == processors and hooks(unet) == 0


def test_attention_reproduces_the_layer(unet):
    """Probabilities times values, projected, are the layer's own output."""
    name = "up_blocks.1.attentions.0.transformer_blocks.0.attn2"
    with (
        capture(unet, [f"{name}.to_v", name], stop=False) as layer,
        attention(unet, under=name, heads="all", stop=False) as out,
    ):
        run(unet)
    values = layer[f"{name}.to_v"].unflatten(-1, (4, -1)).transpose(1, 2)
    mixed = (out[name] @ values).transpose(1, 2).flatten(2)
    with torch.no_grad():
        assert torch.allclose(unet.get_submodule(name).to_out[0](mixed), layer[name], atol=1e-5)


def test_attention_kinds_and_prefixes(unet):
    with attention(unet, under="up_blocks.1", kind="self") as out:
        run(unet)
    assert len(out) == 2 and all(t.shape == (2, 48, 48) for t in out.values())
    with attention(unet, under=("mid_block", "down_blocks.0"), kind="both") as out:
        run(unet)
    assert len(out) == 4
    with pytest.raises(KeyError, match="'up_blocks.1'"):
        with attention(unet, under="up_block.1"):
            pass
    with pytest.raises(KeyError, match="no cross-attention layer under"):
        with attention(unet, under="up_blocks.0"):
            pass


def test_attention_restores_after_an_exception(unet):
    processors = dict(unet.attn_processors)
    with pytest.raises(ZeroDivisionError):
        with attention(unet):
            raise ZeroDivisionError
    assert unet.attn_processors == processors
