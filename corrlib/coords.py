"""Points and frames: the only place that knows where a pixel or a feature cell lies.

Points are float (x, y) in pixels of the original image, with pixel *centres* at integers: the
centre of the top left pixel is (0, 0), the image covers [-0.5, W - 0.5] x [-0.5, H - 0.5]. Resizing
maps x to (x + 0.5) W' / W - 0.5, which is what
`torch.nn.functional.interpolate(align_corners=False)` and Pillow do.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor

Points = Float[Tensor, "n 2"]
Queries = Real[Tensor, "n 2"]  # what may be asked: `as_queries` makes points of them
Size = tuple[int, int]  # (width, height), everywhere


@dataclass(frozen=True)
class Frame:
    """How a grid of feature cells lies on an image.

    `image` and `grid` are sizes (width, height). `box` is the region that the grid covers, as edges
    (x0, y0, x1, y1) in image pixels; None is the whole image. A box may reach outside of the image,
    as it does when an image was padded to a square.
    """

    image: Size
    grid: Size
    box: tuple[float, float, float, float] | None = None

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """The covered region (x0, y0, x1, y1) in image pixels, outer edges of the outer cells."""
        return self.box or (-0.5, -0.5, self.image[0] - 0.5, self.image[1] - 0.5)

    def to_grid(self, points: Points) -> Points:
        """Image pixels to cells; cell centres are integers in the result."""
        x0, y0, x1, y1 = self.edges
        origin, extent = points.new_tensor([x0, y0]), points.new_tensor([x1 - x0, y1 - y0])
        return (points - origin) / extent * points.new_tensor(self.grid) - 0.5

    def to_image(self, cells: Points) -> Points:
        """Cells to image pixels, the inverse of `to_grid`."""
        x0, y0, x1, y1 = self.edges
        origin, extent = cells.new_tensor([x0, y0]), cells.new_tensor([x1 - x0, y1 - y0])
        return (cells + 0.5) / cells.new_tensor(self.grid) * extent + origin

    def to_unit(self, points: Points) -> Points:
        """Image pixels to [-1, 1] over the covered region, as `grid_sample(align_corners=False)`
        wants them.
        """
        return (self.to_grid(points) + 0.5) / points.new_tensor(self.grid) * 2 - 1


def taps(
    cells: Float[Tensor, "n"], length: int
) -> tuple[Int[Tensor, "n"], Int[Tensor, "n"], Float[Tensor, "n"]]:
    """The two neighbours i0, i1 of each cell coordinate on an axis of `length` cells, and the
    weight of i1 in [0, 1).

    This is the interpolation rule of the whole library. Coordinates beyond the outer cell centres
    are clamped to them, so all points within half a cell of the border share one value along the
    axis, as in `interpolate(align_corners=False)`.
    """
    cells = cells.clamp(0, length - 1)
    low = cells.floor().long()
    return low, (low + 1).clamp(max=length - 1), cells - low


def resize_points(points: Points, old: Size, new: Size, *, align_corners: bool = False) -> Points:
    """Move points along with an image resized from `old` to `new` (width, height).

    `align_corners=True` is the convention of SD4Match: the outermost pixel *centres* stay the
    outermost centres.
    """
    old_size, new_size = points.new_tensor(old), points.new_tensor(new)
    if align_corners:
        return points * (new_size - 1) / (old_size - 1).clamp(min=1)
    return (points + 0.5) * new_size / old_size - 0.5


def as_queries(points: Queries, size: Size, what: str = "query") -> Points:
    """Points that may be asked of an image of `size` (width, height), in float32 or float64.

    Integers and half precision become float32: an answer has the type of its question, integers
    would cut it to whole pixels, and float16 knows only even pixels beyond 2048. Raises TypeError
    on what is no tensor, ValueError on a wrong shape and on the first point outside of the image.
    """
    if not isinstance(points, Tensor):
        raise TypeError(
            f"{what} points are a {type(points).__name__}; wanted a tensor of n x 2, for example "
            "torch.tensor([[40.0, 60.0]])"
        )
    if points.dtype != torch.float64:
        points = points.to(torch.float32)
    require_inside(points, size, what)
    return points


def require_inside(points: Points, size: Size, what: str = "point") -> None:
    """Raise a ValueError that names the first point outside of an image of `size` (width,
    height).
    """
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(
            f"{what}s have shape {tuple(points.shape)}; wanted (n, 2), one (x, y) a row"
        )
    limit = points.new_tensor(size) - 0.5
    bad = ~((points >= -0.5) & (points <= limit)).all(dim=1)
    if bad.any():
        i = int(torch.nonzero(bad)[0])
        x, y = points[i].tolist()
        raise ValueError(
            f"{what} {i} at ({x:g}, {y:g}) lies outside of the image, which is {size[0]} x "
            f"{size[1]} pixels (width x height); "
            f"x must be in [-0.5, {size[0] - 0.5:g}] and y in [-0.5, {size[1] - 0.5:g}]"
        )
