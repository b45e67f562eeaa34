"""Where the object is, from features alone: what the picture's border does not look like.

A photograph of one object has mostly background along its border. So a cell is salient when no
small set of border cells resembles it. No mask, box or keypoint is needed. (The attention of the
category's word would be the natural choice, and it is no use on the toy model: its word is attended
to by the background, and the object by the other tokens.)
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import max_pool2d, normalize, pad

from corrlib.matching.interpolation import Target
from corrlib.types import FeatureMap

NEAREST = 0.05  # the share of border cells that a cell is compared with: those most like it
# of the way from the lowest to the highest saliency; chosen on the validation split's masks
LEVEL = 0.7


def border_contrast(fm: FeatureMap, nearest: float | int = NEAREST) -> Float[Tensor, "h w"]:
    """One minus the mean cosine of each cell with the share `nearest` of border cells that are most
    like it; in [0, 2].

    Border cells themselves are compared with the border too, without themselves.
    """
    h, w = fm.values.shape[1:]
    cells = normalize(fm.values.float().flatten(1), dim=0)
    index = torch.arange(h * w, device=cells.device)
    rows, columns = index // w, index % w
    border = index[(rows == 0) | (rows == h - 1) | (columns == 0) | (columns == w - 1)]
    cosine = cells.T @ cells[:, border]
    cosine = cosine.masked_fill(index[:, None] == border, -1.0)
    count = max(1, int(nearest * len(border)))
    return (1 - cosine.topk(count, dim=1).values.mean(1)).unflatten(0, (h, w))


def foreground(
    fm: FeatureMap, level: float | int = LEVEL, nearest: float | int = NEAREST
) -> Bool[Tensor, "H W"]:
    """Pixels whose saliency (interpolated) lies above `level` of the way from its lowest to its
    highest value, shrunk by a cell.

    Saliency spills over the outline by about one feature cell, and points spread over a mask lie
    along its rim. Where shrinking leaves nothing, the mask stays as it is. Raises ValueError when
    `level` is not in [0, 1).
    """
    if not 0 <= level < 1:
        raise ValueError(
            f"level is {level}; wanted 0 (almost everything) up to, but without, 1 (nothing)"
        )
    salience = Target.of(fm).to_pixels(border_contrast(fm, nearest)[None])[0]
    low, high = salience.aminmax()
    mask = salience >= low + level * (high - low)
    small = shrink(
        mask, round(max(fm.frame.image[0] / fm.frame.grid[0], fm.frame.image[1] / fm.frame.grid[1]))
    )
    return small if small.any() else mask


def shrink(mask: Bool[Tensor, "H W"], by: int) -> Bool[Tensor, "H W"]:
    """The pixels of a mask whose whole square neighbourhood of `by` pixels to each side belongs to
    it; outside is no part of it.
    """
    outside = pad((~mask).float()[None, None], (by,) * 4, value=1.0)
    return max_pool2d(outside, 2 * by + 1, stride=1)[0, 0] == 0
