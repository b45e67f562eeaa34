"""The norm of bilinearly interpolated feature vectors at every pixel, without ever interpolating
the vectors.

An interpolated vector u is a weighted sum of four neighbouring cells, so a similarity s.u is the
interpolated map of s.f, and |u|^2 is a quadratic form in inner products of neighbouring cells. Five
small maps of inner products (Gram maps) hold them all: a cell with itself, its right and its lower
neighbour, and the two diagonals. Both steps are exact, and the rule separates into rows and
columns, so that everything here is a product of small matrices. No tensor of c x H x W exists at
any time.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from corrlib.coords import Frame, taps
from corrlib.types import FeatureMap

# how many channels are multiplied at a time: keeps the working set in the processor's cache
CHANNELS = 128


@dataclass(frozen=True)
class Axis:
    """Interpolation along one axis as matrices of pixels x cells: `linear`, and what |u|^2 needs:
    `square` and `cross`.

    A row of `linear` holds (1-a, a) at the two neighbouring cells of that pixel, of `square`
    (1-a)^2 and a^2, and of `cross` a(1-a) at the first of the two.
    """

    linear: Float[Tensor, "pixels cells"]
    square: Float[Tensor, "pixels cells"]
    cross: Float[Tensor, "pixels cells"]


def axes(frame: Frame, device: torch.device | str = "cpu") -> tuple[Axis, Axis]:
    """The rows' and the columns' interpolation (float64) from a frame's grid to every pixel of its
    image.
    """
    result = []
    for k in (1, 0):
        points = torch.zeros(frame.image[k], 2, dtype=torch.float64, device=device)
        points[:, k] = torch.arange(frame.image[k], device=device)
        low, high, a = taps(frame.to_grid(points)[:, k], frame.grid[k])
        pixel = torch.arange(frame.image[k], device=device)
        linear, square, cross = points.new_zeros(3, frame.image[k], frame.grid[k])
        # The order matters where a border clamps both neighbours to one cell: then a is 0 and the
        # first weight must win.
        linear[pixel, high], square[pixel, high] = a, a**2
        linear[pixel, low], square[pixel, low], cross[pixel, low] = 1 - a, (1 - a) ** 2, a * (1 - a)
        result.append(Axis(linear, square, cross))
    return result[0], result[1]


def gram_maps(values: Float[Tensor, "c h w"]) -> Float[Tensor, "5 h w"]:
    """Inner products of every cell with itself, right, lower, lower right, and of the right with
    the lower cell (float64).

    Entries without a neighbour are 0; no pixel gives them weight.
    """
    maps = values.new_zeros((5, *values.shape[1:]), dtype=torch.float64)
    for f in values.split(CHANNELS):
        f = f.to(torch.promote_types(f.dtype, torch.float32))
        maps[0] += (f * f).sum(0)
        maps[1, :, :-1] += (f[:, :, :-1] * f[:, :, 1:]).sum(0)
        maps[2, :-1, :] += (f[:, :-1, :] * f[:, 1:, :]).sum(0)
        maps[3, :-1, :-1] += (f[:, :-1, :-1] * f[:, 1:, 1:]).sum(0)
        maps[4, :-1, :-1] += (f[:, :-1, 1:] * f[:, 1:, :-1]).sum(0)
    return maps


def inverse_norm_map(fm: FeatureMap) -> Float[Tensor, "H W"]:
    """1 / |u| of the interpolated feature vector u at every pixel of the image, float32 (float64 of
    a float64 map).

    *Source:* DIFT upsamples and normalises the vectors themselves; this gives the same lengths.
    """
    rows, columns = axes(fm.frame, fm.values.device)
    itself, right, below, diagonal, anti = gram_maps(fm.values)
    straight = itself @ columns.square.T + 2 * right @ columns.cross.T
    crossed = below @ columns.square.T + (diagonal + anti) @ columns.cross.T
    squared = rows.square @ straight + 2 * rows.cross @ crossed
    dtype = torch.promote_types(fm.values.dtype, torch.float32)
    return (
        squared.clamp(min=1e-24).rsqrt().to(dtype)
    )  # the least length is that of torch.nn.functional.normalize, 1e-12


@dataclass(frozen=True)
class Target(FeatureMap):
    """A feature map that remembers what matching against it needs; it may be handed to any
    estimator instead of the map.

    Worth building once for a target that meets several sources: `Target.of(fm)`.
    """

    @classmethod
    def of(cls, fm: FeatureMap) -> "Target":
        """`fm` itself if it is a Target already."""
        return fm if isinstance(fm, cls) else cls(fm.values, fm.frame)

    @cached_property
    def inverse_norm(self) -> Float[Tensor, "H W"]:
        """`inverse_norm_map` of this map."""
        return inverse_norm_map(self)

    @cached_property
    def interpolation(self) -> tuple[Float[Tensor, "H h"], Float[Tensor, "w W"]]:
        """The matrices that bring a map of cells to the image's pixels: `rows @ cells @
        columns`.
        """
        rows, columns = axes(self.frame, self.values.device)
        dtype = torch.promote_types(self.values.dtype, torch.float32)
        return rows.linear.to(dtype), columns.linear.T.to(dtype).contiguous()

    def to_pixels(self, cells: Float[Tensor, "n h w"]) -> Float[Tensor, "n H W"]:
        """Maps on the grid, interpolated to every pixel of the image."""
        rows, columns = self.interpolation
        return rows @ (cells @ columns)

    def at_cells(self, vectors: Float[Tensor, "n c"]) -> Float[Tensor, "n h w"]:
        """Inner products of `vectors` with the feature of every cell."""
        if vectors.shape[1] != self.values.shape[0]:
            raise ValueError(
                f"source vectors have {vectors.shape[1]} channels, the target map "
                f"{self.values.shape[0]}; "
                "both maps must come from the same layer of the same model"
            )
        flat = self.values.flatten(1).to(torch.promote_types(self.values.dtype, torch.float32))
        return (vectors.to(flat) @ flat).unflatten(1, self.values.shape[1:])
