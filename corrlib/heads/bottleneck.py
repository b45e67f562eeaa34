"""One layer's way to the common grid: a residual bottleneck whose 1 x 1 convolutions run before the
map is enlarged.

A 1 x 1 convolution without bias mixes channels, bilinear interpolation mixes places: the two
commute, exactly. So the first convolution and the shortcut run on the layer's own small map, and
only their few channels are enlarged. GroupNorm and ReLU do not commute with it and stay behind it.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate

from corrlib.coords import Size


class NormedConv(nn.Conv2d):
    """A convolution without bias and the GroupNorm behind it, with parameters named as in the
    released checkpoints.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, groups: int):
        super().__init__(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.GroupNorm(groups, outputs)

    def convolve(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        """The convolution alone."""
        return super().forward(x)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        """Both."""
        return self.norm(self.convolve(x))


class Bottleneck(nn.Module):
    """`inputs` channels to `width`, through `middle`: 1 x 1, 3 x 3, 1 x 1, each with GroupNorm, and
    a shortcut; result >= 0.

    The shortcut is a 1 x 1 convolution with GroupNorm, or nothing where `inputs` equals `width`.
    Weights are drawn by Kaiming's rule (normal, fan-out, for ReLU), norms begin as identities, the
    last one too. *Source:* the released code's `BottleneckBlock` (detectron2's), `c2_msra_fill`.
    """

    def __init__(self, inputs: int, width: int, middle: int, groups: int):
        super().__init__()
        self.conv1 = NormedConv(inputs, middle, 1, groups)
        self.conv2 = NormedConv(middle, middle, 3, groups)
        self.conv3 = NormedConv(middle, width, 1, groups)
        self.shortcut = NormedConv(inputs, width, 1, groups) if inputs != width else None
        for module in self.modules():
            if isinstance(module, NormedConv):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Float[Tensor, "b c h w"], grid: Size) -> Float[Tensor, "b width h2 w2"]:
        """The map on `grid` (width, height), the same as when `x` is brought there first, but for
        rounding.
        """
        y = self.conv1.norm(_resized(self.conv1.convolve(x), grid)).relu()
        y = self.conv3(self.conv2(y).relu())
        if self.shortcut is None:
            return (y + _resized(x, grid)).relu()
        return (y + self.shortcut.norm(_resized(self.shortcut.convolve(x), grid))).relu()


def _resized(x: Float[Tensor, "b c h w"], grid: Size) -> Float[Tensor, "b c h2 w2"]:
    size = (grid[1], grid[0])
    return (
        x
        if tuple(x.shape[2:]) == size
        else interpolate(x, size, mode="bilinear", align_corners=False)
    )


def parameters(net: nn.Module) -> int:
    """How many numbers a network learns."""
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def seeded(make, seed: int):
    """`make()` with weights drawn from `seed`; the caller's random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()
