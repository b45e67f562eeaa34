"""Square crops that keep a point inside, and where points lie in them.

All coordinates here are lengths from the left and upper edge of the square input (0 to `size`), not
pixel indices.
*Source:* Hedlin et al., section 3.3; the exact rule is that of the released code's `crop_image`.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from corrlib.coords import Points, Size


def offset_range(
    p: float | int, size: int, side: int, margin: float | int = 0.15
) -> tuple[int, int]:
    """Least and greatest offset, both included, of a crop of `side` around coordinate `p` on an
    axis of `size`.

    The point stays int(margin * side) pixels inside of the crop unless the image's border forbids
    it. With the paper's 477 of 512: every offset 0 to 35 for 106 <= p < 407, a single one for p <
    72 or p >= 441.
    """
    inner, most = int(margin * side), size - side
    low, high = (math.floor(min(max(0.0, edge), most)) for edge in (p - side + inner, p - inner))
    return low, high


def draw_offset(
    p: tuple[float | int, float | int],
    size: int,
    side: int,
    generator: torch.Generator,
    *,
    margin: float | int = 0.15,
    stride: int = 1,
) -> tuple[int, int]:
    """A uniformly random offset (x, y) of a crop around point `p`; with `stride`, of the allowed
    multiples of it, or the least offset where there is none."""
    chosen = []
    for at in p:
        low, high = offset_range(at, size, side, margin)
        allowed = [offset for offset in range(low, high + 1) if offset % stride == 0] or [low]
        chosen.append(allowed[int(torch.randint(len(allowed), (), generator=generator))])
    return chosen[0], chosen[1]


def corners(size: int, side: int) -> list[tuple[int, int]]:
    """Offsets (x, y) of the four corner crops, in the order of the released code: upper left, lower
    left, upper right, lower right."""
    far = size - side
    return [(0, 0), (0, far), (far, 0), (far, far)]


def to_crop(
    points: Points, offsets: Int[Tensor, "n 2"] | Float[Tensor, "n 2"], side: int
) -> Points:
    """Points as shares (0 to 1) of their crops' sides."""
    return (points - offsets) / side


def to_input(points: Points, image: Size, size: int, *, half_pixel: bool = True) -> Points:
    """Pixels of an image (width, height) to lengths on the square input."""
    return (points + 0.5 * half_pixel) * size / points.new_tensor(image)


def to_image(points: Points, image: Size, size: int, *, half_pixel: bool = True) -> Points:
    """The inverse of `to_input`."""
    return points * points.new_tensor(image) / size - 0.5 * half_pixel
