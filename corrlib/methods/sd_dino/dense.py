"""Every pixel of an object to its nearest in another one: dense colour maps and swapped instances.

Both objects are known by their masks, so that vectors are compared at their pixels only: one
product of matrices in place of a map over the whole target for every pixel.
"""

from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from corrlib.coords import Points
from corrlib.matching.estimators import first_maximum
from corrlib.methods.sd_dino.fusion import Joined
from corrlib.methods.sd_dino.method import SdDino
from corrlib.types import View

AT_ONCE = 1024  # pixels of the source whose cosines are held


def dense(
    method: SdDino,
    source: View,
    target: View,
    mask: Bool[Tensor, "H W"],
    among: Bool[Tensor, "H2 W2"],
    *,
    seed: int = 0,
) -> Float[Tensor, "H W 2"]:
    """Where each pixel of `source` inside of its `mask` lies in `target`: the pixel (x, y) of the
    target's mask, `among`, whose interpolated vector is nearest; NaN outside of `mask`.

    Raises ValueError where a mask has another size than its picture, or is empty.
    *Source:* the swap and the dense colour maps of the notebooks of "A Tale of Two Features".
    """
    queries, answers = _pixels(source, mask), _pixels(target, among)
    settings = replace(method.settings, answer="pixels", points="centres")
    joined = replace(method, settings=settings).joined(source, target, queries, seed=seed)
    alpha = settings.alpha
    weights = {"sd": alpha, "dino": 1 - alpha, "head": 1.0}
    here = torch.cat([weights[name] * side.vectors for name, side in joined.items()], 1)
    there = torch.cat([weights[name] * _at(side, answers) for name, side in joined.items()], 1)
    best = torch.cat([first_maximum(some @ there.T)[1] for some in here.split(AT_ONCE)])
    places = torch.full((*mask.shape, 2), torch.nan)
    columns, rows = queries.long().T
    places[rows, columns] = answers[best.cpu()]
    return places


def _at(side: Joined, points: Points) -> Float[Tensor, "n c"]:
    return normalize(side.target.at(points), dim=1)


def _pixels(view: View, mask: Bool[Tensor, "H W"]) -> Points:
    if tuple(mask.shape) != tuple(view.size[::-1]) or not mask.any():
        raise ValueError(
            f"a mask of {mask.shape[1]} x {mask.shape[0]} with {int(mask.sum())} pixels; wanted "
            f"{view.size[0]} x {view.size[1]} (width x height), and some pixel"
        )
    rows, columns = torch.nonzero(mask, as_tuple=True)
    return torch.stack([columns, rows], 1).float()
