"""Crops of a square that overlap where they must, and one map again from the maps of the crops."""

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor

Corner = tuple[int, int]  # (x, y) of a crop's top left pixel


def corners(side: int, crop: int) -> list[Corner]:
    """Where crops of `crop` pixels begin that cover a square of `side` pixels, row by row: as few
    as can be, side by side, the last shifted back to the border.

    Raises ValueError where the crop is larger than the square.
    *Source:* the sliding path of the backbone that the released code runs at its evaluation: 960
    gives four crops of 512, at 0 and 448.
    """
    if not 0 < crop <= side:
        raise ValueError(f"crop is {crop}; wanted pixels, at most the {side} of the input")
    starts = [min(i * crop, side - crop) for i in range(-(-side // crop))]
    return [(x, y) for y in starts for x in starts]


def paste(
    maps: Mapping[Corner, Float[Tensor, "c h w"]], side: int, crop: int
) -> Float[Tensor, "c h2 w2"]:
    """One map over the square of `side` pixels from the maps of its crops; where crops overlap,
    their mean.

    Raises ValueError where a crop does not begin on a cell of the map.
    """
    c, cells, _ = next(iter(maps.values())).shape
    stride = crop / cells
    length = side / stride
    if length % 1 or any(v / stride % 1 for corner in maps for v in corner):
        raise ValueError(
            f"crops of {crop} pixels in {side} do not begin on cells of {stride:g} pixels; choose "
            "both as multiples of the coarsest layer's stride, for example 512 in 960"
        )
    first = next(iter(maps.values()))
    total = first.new_zeros(c, int(length), int(length))
    count = first.new_zeros(int(length), int(length))
    for (x, y), values in maps.items():
        rows, columns = (slice(int(v / stride), int(v / stride) + cells) for v in (y, x))
        total[:, rows, columns] += values
        count[rows, columns] += 1
    return total / count
