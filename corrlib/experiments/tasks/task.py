"""The form of a task: how a method is asked about an item, and how all its answers are counted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from corrlib.types import FeatureMap, View


@dataclass(frozen=True)
class Task:
    """`ask(method, item, settings, seed, out)` gives the rows of one item, at least one, and may
    write files into the folder `out`; `count(rows, data, out)` gives the published tables by name
    from the rows of all items, and `words` says what their numbers are.

    `settings` is a frozen dataclass of what can be changed. `maps` says that it needs features of a
    whole view, which a method that answers points one by one has not.
    """

    ask: Callable[[Any, Any, Any, int, Path], pd.DataFrame]
    count: Callable[[pd.DataFrame, Sequence, Path], Mapping[str, pd.DataFrame]]
    settings: type
    words: str
    maps: bool = True


def features_of(method: Any, view: View, seed: int) -> FeatureMap:
    """A method's features of one view. Raises TypeError where it has none of whole views."""
    require_maps(method)
    return method.features(view, seed=seed)


def require_maps(method: Any) -> None:
    """Raise TypeError of a method that answers points and has no feature map of a view."""
    if not callable(getattr(method, "features", None)):
        raise TypeError(
            f"method {getattr(method, 'name', '') or type(method).__name__} answers points of a "
            "pair and has no feature map of a view, which this benchmark's measure asks for; dift "
            "has"
        )
