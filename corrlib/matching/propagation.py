"""Carrying labels through a video: every frame takes, at each cell, the labels of the cells that
look most alike in the first frame and in the last few.

*Source:* the propagation of TimeCycle, CRW and DINO, which DIFT's `eval_davis.py` is a copy of.
Masked affinities are zero there and top-k is taken of all; taking it inside of the window is the
same but for ties, and needs one map of cosines at a time.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from corrlib.coords import Frame, Points
from corrlib.matching.interpolation import Target
from corrlib.types import FeatureMap
from corrlib.validation import Validated
from corrlib.validation.kinds import Count, Natural, Positive

Labels = Float[Tensor, "k h w"]
CHUNK = 2048  # cells that ask at a time


@dataclass(frozen=True)
class Rule(Validated):
    """How labels travel: softmax of cosine / `temperature` over the `top` most alike cells of the
    first frame and the `context` frames before.

    Candidates lie within `radius` cells: of each axis ("square"), or of the distance, which must be
    less ("disc"). `first_near` keeps that window in the first frame too. Defaults are those of
    DIFT's command for DAVIS.
    """

    temperature: Positive = 0.2
    top: Count = 15
    context: Natural = 28
    radius: Natural = 15
    window: Literal["square", "disc"] = "square"
    first_near: bool = True


def propagate(maps: Iterable[FeatureMap], first: Labels, rule: Rule) -> Iterator[Labels]:
    """Labels of the second frame, the third, ... from the first frame's, one map of labels (k x h x
    w) for each; `maps` are the features of all frames in order, first included.

    Raises ValueError where a frame's grid is another than the first one's.
    """
    maps = iter(maps)
    start = next(maps)
    if tuple(first.shape[1:]) != tuple(start.values.shape[1:]):
        raise ValueError(
            f"labels lie on {tuple(first.shape[1:])} cells, the first frame's features on "
            f"{tuple(start.values.shape[1:])}; wanted one grid"
        )
    keys, labels = _flat(start), first.flatten(1)
    recent: deque[tuple[Tensor, Tensor]] = deque(maxlen=rule.context or None)
    for fm in maps:
        if fm.frame.grid != start.frame.grid:
            raise ValueError(
                f"a frame's features lie on {fm.frame.grid}, the first frame's on "
                f"{start.frame.grid}; wanted frames of one size"
            )
        query, before = _flat(fm), list(recent) if rule.context else []
        context = [(keys, labels, rule.first_near), *((*kept, True) for kept in before)]
        parts = [
            _carried(query[:, cells], cells, context, fm.frame.grid[0], rule)
            for cells in torch.arange(query.shape[1], device=query.device).split(CHUNK)
        ]
        found = torch.cat(parts, dim=1)
        recent.append((query, found))
        yield found.unflatten(1, fm.values.shape[1:])


def _flat(fm: FeatureMap) -> Float[Tensor, "c n"]:
    dtype = torch.promote_types(fm.values.dtype, torch.float32)
    return normalize(fm.values.to(dtype).flatten(1), dim=0)


def _carried(
    query: Float[Tensor, "c q"],
    cells: Int[Tensor, "q"],
    context: list[tuple[Tensor, Tensor, bool]],
    width: int,
    rule: Rule,
) -> Float[Tensor, "k q"]:
    """Labels of these cells from all context frames: the best so far, frame by frame."""
    best, carried = query.new_zeros(0, len(cells)), None
    for keys, labels, near in context:
        cosine = keys.T @ query
        if near:
            window = _window(cells, keys.shape[1], width, rule)
            cosine = cosine.masked_fill(~window, -torch.inf)
        value, index = cosine.topk(min(rule.top, len(cosine)), dim=0)
        best = torch.cat([best, value])
        found = labels.to(query)[:, index]
        carried = found if carried is None else torch.cat([carried, found], dim=1)
        best, order = best.topk(min(rule.top, len(best)), dim=0)
        carried = carried.gather(1, order.expand(len(labels), *order.shape))
    return (carried * (best / rule.temperature).softmax(0)).sum(1)


def _window(cells: Int[Tensor, "q"], n: int, width: int, rule: Rule) -> Bool[Tensor, "n q"]:
    """Which of a map's n cells a cell may take from."""
    every = torch.arange(n, device=cells.device)[:, None]
    dx, dy = every % width - cells % width, every // width - cells // width
    if rule.window == "disc":
        return dx**2 + dy**2 < rule.radius**2
    return (dx.abs() <= rule.radius) & (dy.abs() <= rule.radius)


def mask_labels(ids: Int[Tensor, "H W"], count: int, frame: Frame) -> Labels:
    """One map an id, 0 to `count`, of a mask's pixels nearest to the cells' centres."""
    w, h = frame.grid
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    at = frame.to_image(torch.stack([x, y], -1).flatten(0, 1).double()).round().long()
    x, y = (at[:, k].clamp(0, frame.image[k] - 1) for k in (0, 1))
    return one_hot(ids.long()[y, x], count + 1).T.float().unflatten(1, (h, w))


def mask_of_labels(labels: Labels, frame: Frame) -> Int[Tensor, "H W"]:
    """Ids at every pixel: labels interpolated, each stretched to [0, 1] over the frame, the largest
    taken. *Source:* `norm_mask` of DINO's evaluation.
    """
    maps = Target(labels, frame).to_pixels(labels)
    low = maps.amin((1, 2), keepdim=True)
    high = maps.amax((1, 2), keepdim=True)
    stretched = torch.where(high > 0, (maps - low) / (high - low).clamp(min=1e-12), maps)
    return stretched.argmax(0)


def joint_labels(joints: Points, frame: Frame, sigma: float) -> Labels:
    """A Gaussian of `sigma` cells around each joint (n x 2 pixels); nothing where it is NaN."""
    w, h = frame.grid
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    cells = torch.stack([x, y], -1).double()
    apart = (cells - frame.to_grid(joints.double())[:, None, None]).square().sum(-1)
    return torch.exp(-apart / (2 * sigma**2)).nan_to_num(0.0).float()


def joints_of_labels(labels: Labels, frame: Frame, top: int = 3) -> Points:
    """Each joint's place in pixels: the mean of its `top` strongest cells by their strength; NaN
    where its map is empty.
    """
    strength, index = labels.flatten(1).double().topk(min(top, labels[0].numel()), dim=1)
    cells = torch.stack([index % frame.grid[0], index // frame.grid[0]], -1).double()
    mean = (cells * strength[..., None]).sum(1) / strength.sum(1, keepdim=True)  # 0 / 0 is NaN
    return frame.to_image(mean)
