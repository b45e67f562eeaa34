"""How well two feature maps agree at labelled points, against a target spread around each point.

*Source:* SD4Match, section 3.2: cross-entropy of the soft-max of cosines with a Gaussian of k = 7
cells around the answer; released code `src/loss.py`.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d, grid_sample, normalize, pad

from corrlib.coords import Frame
from corrlib.types import FeatureMap

TEMPERATURE = 0.04
REACH = 3  # cells on each side: a stencil of 7 x 7
SIGMA = 1.5  # cells


def cosines(
    a: Float[Tensor, "c ha wa"], b: Float[Tensor, "c hb wb"], places: Float[Tensor, "n 2"]
) -> Float[Tensor, "n hb wb"]:
    """Cosine between a's map, interpolated at n places (x, y in cells), and every cell of b's."""
    height, width = a.shape[1:]
    whole = Frame((width, height), (width, height))  # cells are its pixels
    vectors = normalize(FeatureMap(a, whole).at(places.to(a.device)), dim=1)
    cells = normalize(b.flatten(1).to(vectors), dim=0)
    return (vectors @ cells).unflatten(1, b.shape[1:])


def released_loss(
    similarity: Float[Tensor, "n h w"],
    answers: Float[Tensor, "n 2"],
    temperature: float = TEMPERATURE,
) -> Float[Tensor, ""]:
    """The released code's: the soft-max is interpolated at 49 places around each answer (x, y in
    cells), and minus the logarithms are weighed by a Gaussian density, which is not made to sum
    to 1; places off the grid do not count. The mean over points.
    """
    height, width = similarity.shape[1:]
    steps = torch.arange(-REACH, REACH + 1, device=similarity.device, dtype=torch.float32)
    dy, dx = torch.meshgrid(steps, steps, indexing="ij")
    offsets = torch.stack([dx, dy], dim=-1).flatten(0, 1)
    weight = torch.exp(-(offsets**2).sum(1) / (2 * SIGMA**2)) / (2 * torch.pi * SIGMA**2)
    places = answers.to(offsets)[:, None] + offsets
    last = offsets.new_tensor([width - 1, height - 1])
    inside = ((places > 0) & (places < last)).all(-1)
    share = (similarity.float().flatten(1) / temperature).softmax(1).unflatten(1, (height, width))
    unit = (places / last.clamp(min=1) * 2 - 1)[:, None]
    found = grid_sample(share[:, None], unit, padding_mode="border", align_corners=True)[:, 0, 0]
    return -(weight * found.log() * inside).sum() / len(answers)


def smoothed_loss(
    similarity: Float[Tensor, "n h w"],
    answers: Float[Tensor, "n 2"],
    temperature: float = TEMPERATURE,
) -> Float[Tensor, ""]:
    """The paper's: cross-entropy of the soft-max with a one at the answer's cell, blurred by a
    Gaussian kernel of 7 x 7 that sums to 1 (what falls off the grid is lost). The mean over points.
    """
    height, width = similarity.shape[1:]
    cells = answers.round().long()
    x, y = cells[:, 0].clamp(0, width - 1), cells[:, 1].clamp(0, height - 1)
    target = similarity.new_zeros(len(answers), height, width, dtype=torch.float32)
    target[torch.arange(len(answers)), y.to(target.device), x.to(target.device)] = 1
    steps = torch.arange(-REACH, REACH + 1, device=target.device, dtype=torch.float32)
    line = torch.exp(-(steps**2) / (2 * SIGMA**2))
    kernel = torch.outer(line, line) / line.sum() ** 2
    target = conv2d(pad(target[:, None], (REACH,) * 4), kernel[None, None])[:, 0]
    logits = (similarity.float().flatten(1) / temperature).log_softmax(1)
    return -(target.flatten(1) * logits).sum() / len(answers)


LOSSES = {"released": released_loss, "paper": smoothed_loss}
