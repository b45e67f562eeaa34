"""The Gaussian that an attention map should look like, and how far it is from that, without
enlarging a map.

A map A (n x n) is enlarged by a fixed matrix on each side, U A U^T, and the Gaussian is a product
of one factor an axis, g_y g_x^T. So the squared distance of the two at S x S pixels is a quadratic
form in the small map:

    |U A U^T - g_y g_x^T|^2 = <A, K A K> - 2 <A, (U^T g_y)(U^T g_x)^T> + |g_y|^2 |g_x|^2,  K = U^T U
"""

from collections.abc import Mapping
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from corrlib.coords import Frame
from corrlib.matching.interpolation import axes


def gaussian_axis(
    centres: Float[Tensor, "b"], size: int, sigma: float | int
) -> Float[Tensor, "b size"]:
    """exp(-(i - centre)^2 / (2 sigma^2)) at i = 0 .. size - 1, for each centre (pixel indices); the
    peak is 1, not the sum.
    """
    steps = torch.arange(size, dtype=centres.dtype, device=centres.device)
    return torch.exp(-((steps - centres[:, None]) ** 2) / (2 * sigma**2))


def gaussian(
    centres: Float[Tensor, "b 2"], size: int, sigma: float | int
) -> Float[Tensor, "b size size"]:
    """The target as an image, for each centre (x, y) in pixel indices. *Source:* the released
    code's `gaussian_circle`.
    """
    x, y = (gaussian_axis(centres[:, k], size, sigma) for k in (0, 1))
    return y[:, :, None] * x[:, None, :]


class Enlarged:
    """Everything about maps of n x n cells seen at size x size pixels (bilinear, half-pixel
    rule).
    """

    def __init__(self, cells: int, size: int, device: torch.device | str = "cpu"):
        self.cells, self.size, self.device = cells, size, device
        self._exact = axes(Frame((size, size), (cells, cells)))[
            0
        ].linear  # float64, which some devices have not

    @cached_property
    def matrix(self) -> Float[Tensor, "size cells"]:
        """U, the interpolation along one axis, float32."""
        return self._exact.float().to(self.device)

    @cached_property
    def overlap(self) -> Float[Tensor, "cells cells"]:
        """K = U^T U, float32."""
        return (self._exact.T @ self._exact).float().to(self.device)

    def __call__(self, maps: Float[Tensor, "*b cells cells"]) -> Float[Tensor, "*b size size"]:
        """The maps at size x size pixels."""
        matrix = self.matrix.to(maps)
        return matrix @ (maps @ matrix.T)

    def squared_distance(
        self,
        maps: Float[Tensor, "b cells cells"],
        x: Float[Tensor, "b size"],
        y: Float[Tensor, "b size"],
    ) -> Float[Tensor, "b"]:
        """Sum over all pixels of (enlarged map - y x^T)^2, for each map and its target's two
        factors.
        """
        overlap, matrix = self.overlap.to(maps), self.matrix.to(maps)
        quadratic = (maps * (overlap @ maps @ overlap)).sum((1, 2))
        linear = (maps * ((y @ matrix)[:, :, None] * (x @ matrix)[:, None, :])).sum((1, 2))
        return quadratic - 2 * linear + (x * x).sum(1) * (y * y).sum(1)


def loss(
    maps: Mapping[str, Float[Tensor, "b _ _"]],
    centres: Float[Tensor, "b 2"],
    sigma: float | int,
    enlarged: Mapping[int, Enlarged],
) -> Float[Tensor, "b"]:
    """Mean squared distance of each sample's maps from its Gaussian, over layers and pixels.

    `centres` are (x, y) in pixel indices; `enlarged` holds one `Enlarged` a map size, all of one
    pixel size.
    *Source:* Hedlin et al., equation 5; per layer and then averaged as in the released code.
    """
    size = next(iter(enlarged.values())).size
    x, y = (gaussian_axis(centres[:, k], size, sigma) for k in (0, 1))
    total = sum(
        enlarged[values.shape[-1]].squared_distance(values, x, y) for values in maps.values()
    )
    return total / (len(maps) * size**2)
