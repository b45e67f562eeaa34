"""How sure a label is, from what can be measured without an answer: do embeddings agree, is there
one peak, does it lead back.
"""

from collections.abc import Sequence

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from corrlib.coords import Points

# Each measure and whether a small or a large value is a good sign.
MEASURES = {"agreement_px": "small", "peak": "large", "peak_ratio": "large", "cycle_px": "small"}
GROUPS = (
    ("agreement_px",),
    ("peak", "peak_ratio"),
    ("cycle_px",),
)  # the sheet's three; two numbers describe the peak


def spread(places: Float[Tensor, "members n 2"]) -> Float[Tensor, "n"]:
    """The largest distance between two members' answers to each of n queries, in the unit of the
    places; 0 of one member.
    """
    return (places[:, None] - places[None]).norm(dim=-1).amax((0, 1))


def peaks(
    fused: Float[Tensor, "n H W"], at: Points, radius: float | int
) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"]]:
    """The highest value of each map, and how many times as high it is as the highest value farther
    than `radius` from `at`.

    `at` are lengths (the centre of pixel i is at i + 0.5). Raises ValueError when the disc covers a
    whole map.
    """
    height, width = fused.shape[1:]
    y = torch.arange(height, dtype=torch.float64)[:, None] + 0.5
    x = torch.arange(width, dtype=torch.float64) + 0.5
    top = fused.flatten(1).amax(1)
    far = (
        (x - at[:, 0, None, None].double()) ** 2 + (y - at[:, 1, None, None].double()) ** 2
    ) > radius**2
    if not far.flatten(1).any(1).all():
        raise ValueError(
            f"a disc of radius {radius} covers a whole map of {width} x {height}; there is no "
            "second peak outside"
        )
    second = fused.masked_fill(~far, 0).flatten(1).amax(1)
    return top, top / second.clamp(min=1e-12)


def confidence(labels: pd.DataFrame, groups: Sequence[Sequence[str]] = GROUPS) -> pd.Series:
    """A number in (0, 1] for each label, 1 the surest: the mean over `groups` of the mean rank
    within each.

    A rank is a label's place among all labels of the table by one measure, as a share; equal values
    share their mean place. So no unit and no scale of a measure matters. Raises KeyError naming a
    measure that the table or this module lacks.
    """
    wanted = [name for group in groups for name in group]
    if missing := [name for name in wanted if name not in labels or name not in MEASURES]:
        raise KeyError(
            f"no measure {missing[0]!r} of confidence in the table; there are {', '.join(MEASURES)}"
        )
    ranks = {
        name: labels[name].rank(pct=True, ascending=MEASURES[name] == "large") for name in wanted
    }
    return sum(sum(ranks[name] for name in group) / len(group) for group in groups) / len(groups)


def surest(
    labels: pd.DataFrame, percent: float | int, groups: Sequence[Sequence[str]] = GROUPS
) -> pd.DataFrame:
    """The `percent` of labels with the highest confidence, in the table's order; at least one. Ties
    go to the earlier label.
    """
    if not 0 < percent <= 100:
        raise ValueError(f"percent is {percent}; wanted more than 0 and at most 100")
    count = max(1, round(len(labels) * percent / 100))
    order = confidence(labels, groups).sort_values(ascending=False, kind="stable").index[:count]
    return labels.loc[labels.index.isin(order)]
