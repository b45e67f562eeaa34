"""Query points that no human placed: spread over a mask so that each is as far as can be from those
before it.
"""

import torch
from jaxtyping import Bool
from torch import Tensor

from corrlib.coords import Points


def farthest(mask: Bool[Tensor, "H W"], n: int, first: tuple[int, int] | None = None) -> Points:
    """`n` different pixels (x, y) of `mask`: `first` or the one nearest to the mask's mean place,
    then always the farthest from all so far. Ties go to the first in row-major order. Fewer where
    the mask has fewer pixels.

    Raises ValueError on an empty mask, and on a `first` outside of it.
    """
    rows, columns = mask.nonzero().T
    if not len(rows):
        raise ValueError(
            "the mask is empty: there is no place for a point; lower the threshold that made it"
        )
    places = torch.stack([columns, rows], 1).double()
    if first is None:
        start = int((places - places.mean(0)).norm(dim=1).argmin())
    else:
        x, y = first
        if not (0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and mask[y, x]):
            raise ValueError(
                f"the first point ({x}, {y}) lies outside of the mask of {int(mask.sum())} pixels"
            )
        start = int(((rows == y) & (columns == x)).nonzero()[0])
    chosen, distance = [start], (places - places[start]).norm(dim=1)
    while len(chosen) < min(n, len(places)):
        chosen.append(int(distance.argmax()))
        distance = torch.minimum(distance, (places - places[chosen[-1]]).norm(dim=1))
    return places[chosen].float()
