"""Dense exact flow between two toys of one category, also where they face opposite ways and left
answers to right.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from corrlib.coords import Points, Size
from corrlib.toybox.maker import Parts
from corrlib.toybox.render import Render
from corrlib.toybox.scene import Scene
from corrlib.toybox.truth import locate

THINNEST = 1e-5  # of a half size: an optional part that the instance lacks is thinner


@dataclass(frozen=True)
class Counterparts:
    """For each part of one toy: the part of another that answers to it (-1: none), and the signs
    that its places take there.
    """

    part: Int[Tensor, "p"]
    sign: Float[Tensor, "p 3"]


def counterparts(source: Parts, target: Parts, *, mirrored: bool = False) -> Counterparts:
    """Which part answers to which, by name; both are batches of one.

    `mirrored`: the toys face opposite ways, as a car and its mirror image do. A left part then
    answers to the right one, and a place to its reflection in the toy's midplane. A part off the
    midplane without a counterpart (a bus's door) has no answer.
    """
    other = {"left": "right", "right": "left"} if mirrored else {}
    names = ["_".join(other.get(word, word) for word in name.split("_")) for name in source.names]
    at = {name: i for i, name in enumerate(target.names)}
    part = torch.tensor([at.get(name, -1) for name in names])
    sign = torch.ones(len(names), 3)
    for p, name in enumerate(names):
        q = int(part[p])
        if q < 0 or target.half[0, q].amin() <= THINNEST:
            part[p] = -1
        elif mirrored:
            reach = (source.rotation[0, p].abs() @ source.half[0, p])[1]
            if name == source.names[p] and source.centre[0, p, 1].abs() > reach:
                part[p] = -1
            # reflecting y turns a right-handed frame into a left-handed one: one axis of the part
            # takes the other sign, the
            # one that brings the reflected frame nearest to the counterpart's
            reflected = source.rotation[0, p] * torch.tensor([[1.0], [-1.0], [1.0]])
            axis = int((target.rotation[0, q] * reflected).sum(0).argmin())
            sign[p, axis] = -1.0
    return Counterparts(part, sign)


def dense_flow(
    source: Scene, drawn: Render, target: Scene, size: Size, *, mirrored: bool = False
) -> tuple[Float[np.ndarray, "H W 2"], Bool[np.ndarray, "H W"]]:
    """Flow in pixels from the picture `drawn` of `source` to the picture of `target` (of `size`:
    width, height).

    It is known (else NaN) wherever the picture shows a part of the toy that the target has too,
    also where that place is hidden in the target: then it leads to the place behind. Also returned:
    where the place is seen in the target.
    """
    answers = counterparts(source.parts, target.parts, mirrored=mirrored)
    shown = drawn.part[0]
    rows, columns = ((shown >= 0) & (answers.part[shown.clamp(min=0)] >= 0)).nonzero().T
    part = shown[rows, columns]
    points, visible = locate(
        target, answers.part[part], drawn.place[0, :, rows, columns].T * answers.sign[part], size
    )
    flow, seen = np.full((*shown.shape, 2), np.nan, np.float32), np.zeros(shown.shape, bool)
    flow[rows, columns] = (points - torch.stack([columns, rows], -1)).numpy()
    seen[rows, columns] = visible.numpy()
    return flow, seen


def clicked(
    source: tuple[Scene, Size],
    target: tuple[Scene, Size],
    places: dict[str, tuple],
    *,
    mirrored: bool = False,
) -> tuple[Points, Points]:
    """The named places (name -> part, place on it) that are seen in both pictures, and their
    answers, in pixels of each.
    """
    names = source[0].parts.names
    part = torch.tensor([names.index(name) for name, _ in places.values()])
    u = torch.tensor([[float(v) for v in place] for _, place in places.values()])
    answers = counterparts(source[0].parts, target[0].parts, mirrored=mirrored)
    there = answers.part[part]
    part, u, there = part[there >= 0], u[there >= 0], there[there >= 0]
    here, seen = locate(source[0], part, u, source[1])
    answer, also = locate(target[0], there, u * answers.sign[part], target[1])
    return here[seen & also], answer[seen & also]
