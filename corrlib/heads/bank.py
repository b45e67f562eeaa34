"""What a head is trained on: frozen features, once an image, and pairs of images with matching
points.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from corrlib.heads.aggregation import Cell
from corrlib.types import FeatureMap, View

Bank = Mapping[str, Mapping[Cell, FeatureMap]]  # by the id of the image


@dataclass(frozen=True)
class Item:
    """Two images by their ids, and points (n x 2 each, in pixels of its image) that match one
    another.
    """

    source: str
    target: str
    source_points: Float[Tensor, "_ 2"]
    target_points: Float[Tensor, "_ 2"]

    def __post_init__(self):
        if len(self.source_points) != len(self.target_points) or not len(self.source_points):
            got = f"{len(self.source_points)} and {len(self.target_points)} points"
            raise ValueError(
                f"{self.source} and {self.target} have {got}; wanted as many in both, and one "
                "at least"
            )


def fill(
    views: Iterable[View],
    cells: Callable[[View], Mapping[Cell, FeatureMap]],
    progress: bool | None = None,
) -> Bank:
    """The features of every view, each computed once; `cells(view)` gives them, for example of a
    method's `cells`.
    """
    views = list(views)
    hide = None if progress is None else not progress
    return {
        view.id: dict(cells(view))
        for view in tqdm(views, desc="features", leave=False, disable=hide)
    }
