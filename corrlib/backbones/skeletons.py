"""Networks of a published shape, or of a loaded network's, without its weights; and how many
multiply-adds a call takes, counted on them.

Counts depend on shapes only, so that they are the same on every machine, and cost a second at full
size. What is counted are convolutions and matrix products, attention's included, as
`torch.utils.flop_counter` finds them (it counts two operations a multiply-add); norms, activations
and the enlargement of maps are not.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

UNETS = {  # the published U-Nets, where they differ; 1.4 and 1.5 are of one shape
    "sd1-4": {"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8},
    "sd2-1": {
        "sample_size": 96,
        "cross_attention_dim": 1024,
        "attention_head_dim": [5, 10, 20, 20],
        "use_linear_projection": True,
        "upcast_attention": True,
    },
}
UNETS["sd1-5"] = UNETS["sd1-4"]


def published(name: str, device: str | torch.device = "meta") -> tuple[nn.Module, nn.Module]:
    """U-Net and VAE of Stable Diffusion "sd1-4", "sd1-5" or "sd2-1" without their weights: random
    numbers on a real device, shapes alone on "meta". Raises KeyError on another name."""
    if name not in UNETS:
        raise KeyError(
            f"no published shape {name!r}; there are {', '.join(sorted(UNETS))}. Of loaded "
            "networks: skeleton(net)"
        )
    from diffusers import AutoencoderKL, UNet2DConditionModel

    with torch.device(device):
        unet = UNet2DConditionModel(
            block_out_channels=(320, 640, 1280, 1280), layers_per_block=2, **UNETS[name]
        )
        vae = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            latent_channels=4,
            scaling_factor=0.18215,
        )
    return _frozen(unet), _frozen(vae)


def skeleton(net: Any) -> nn.Module:
    """A network of diffusers, of the same shape, without memory."""
    with torch.device("meta"):
        return _frozen(type(net).from_config(net.config))


def multiply_adds(call: Callable[[], Any]) -> int:
    """How many multiply-adds `call` takes; it should run on skeletons, since fused attention on
    real devices is not counted.
    """
    with _Counter() as counter:
        call()
    return counter.operations // 2


class _Counter(TorchDispatchMode):
    """Adds up operations by PyTorch's own formulas. Its `FlopCounterMode` also follows modules, by
    hooks that `autograd.grad` and parameters under `no_grad` do not bear.
    """

    operations = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            self.operations += count(*args, **(kwargs or {}), out_val=found)
        return found


def _frozen(net: nn.Module) -> nn.Module:
    return net.eval().requires_grad_(False)
