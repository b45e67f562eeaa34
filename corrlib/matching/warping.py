"""One picture's colours in the shape of another: nearest neighbours of every pixel of an object.

Nothing is smoothed: what a warped picture shows is what the features say of each pixel alone.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import grid_sample

from corrlib.coords import Frame
from corrlib.matching.estimators import nearest
from corrlib.types import Estimator, FeatureMap


def dense_places(
    a: FeatureMap, b: FeatureMap, mask: Bool[Tensor, "H W"], estimate: Estimator = nearest
) -> Float[Tensor, "H W 2"]:
    """Where every pixel of a's image inside of `mask` lies in b's image, (x, y) in pixels; NaN
    outside of it.

    Raises ValueError when the mask is not as large as a's image.
    *Source:* "dense warping" in Luo et al., "Diffusion Hyperfeatures", which has no public code.
    """
    if tuple(mask.shape) != tuple(a.frame.image[::-1]):
        raise ValueError(
            f"the mask is {mask.shape[1]} x {mask.shape[0]}, its image {a.frame.image[0]} x "
            f"{a.frame.image[1]} pixels (width x height)"
        )
    places = torch.full((*mask.shape, 2), torch.nan)
    if mask.any():
        rows, columns = torch.nonzero(mask, as_tuple=True)
        queries = torch.stack([columns, rows], 1).float()
        places[rows, columns] = estimate(a, b, queries).points.float().cpu()
    return places


def pulled(
    picture: Float[Tensor, "c H2 W2"], places: Float[Tensor, "H W 2"]
) -> Float[Tensor, "c H W"]:
    """The colours of `picture` at `places` in its pixels, bilinear; NaN where they are."""
    size = (picture.shape[2], picture.shape[1])
    unit = Frame(size, size).to_unit(places.flatten(0, 1)).unflatten(0, places.shape[:2])
    values = grid_sample(
        picture[None],
        unit.nan_to_num()[None].to(picture),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )[0]
    return values.masked_fill(places.isnan().any(-1).to(values.device), torch.nan)
