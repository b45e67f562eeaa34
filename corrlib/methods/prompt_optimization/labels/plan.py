"""Which pictures are labelled, where their query points are, and on which other pictures each is
asked.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from jaxtyping import Bool
from pydantic import Field
from torch import Tensor

from corrlib.coords import Points
from corrlib.methods.prompt_optimization.labels.points import farthest
from corrlib.types import View
from corrlib.validation import Validated
from corrlib.validation.kinds import Count, Few, Natural


@dataclass(frozen=True)
class Plan(Validated):
    """`images` a category, of which the first `sources` (0: all) have `points` query points each,
    asked on `targets` others.

    `embeddings` are searched a point, and `cycle` for the way back. `mask` says where query points
    may lie: "features" (no label at all, `corrlib.methods.prompt_optimization.labels.saliency`) or
    "oracle" (the data set's own mask: for comparison only).
    """

    images: Annotated[int, Field(ge=2)] = 8
    sources: Natural = 0
    points: Count = 4
    targets: Count = 3
    embeddings: Few = 2
    cycle: Count = 1
    mask: Literal["features", "oracle"] = "features"

    def __post_init__(self):
        super().__post_init__()
        if self.sources > self.images or self.targets >= self.images:
            raise ValueError(
                f"got {self}; wanted at most as many sources as images, "
                "and fewer targets than images"
            )


@dataclass(frozen=True)
class Task:
    """One source picture and the pictures that its points are asked on: the unit of work."""

    source: View
    targets: tuple[View, ...]


def rounds(views: Sequence[View], plan: Plan) -> list[list[Task]]:
    """Round i: the i-th picture of every category, each with targets spread around the ring of its
    category's `images` first ones (sorted by id). So whole rounds are a fair sample, and a run with
    more `sources` begins with the rounds of one with fewer.

    Raises ValueError where a category has too few pictures.
    """
    by_category: dict[str, list[View]] = defaultdict(list)
    for view in sorted(views, key=lambda view: view.id):
        by_category[view.category or ""].append(view)
    for category, members in by_category.items():
        if len(members) < plan.images:
            raise ValueError(
                f"{category} has {len(members)} pictures, fewer than the {plan.images} wanted; "
                "set --images lower"
            )
    n = plan.images
    steps = [
        1 + i * (n - 1) // plan.targets for i in range(plan.targets)
    ]  # different, each from 1 to n - 1
    return [
        [
            Task(ring[i], tuple(ring[(i + step) % n] for step in steps))
            for _, ring in sorted(by_category.items())
        ]
        for i in range(plan.sources or n)
    ]


def query_points(view: View, plan: Plan, mask: Callable[[View], Bool[Tensor, "H W"]]) -> Points:
    """The picture's query points: pixels of its mask, spread by farthest-point sampling from the
    mask's middle.
    """
    return farthest(torch.as_tensor(mask(view)), plan.points)
