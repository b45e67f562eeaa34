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

    `settings` is a frozen dataclass of what can be changed. `require(method, settings, view, seed)`
    raises TypeError, before anything is written, of a method that cannot be asked.
    """

    ask: Callable[[Any, Any, Any, int, Path], pd.DataFrame]
    count: Callable[[pd.DataFrame, Sequence, Path], Mapping[str, pd.DataFrame]]
    settings: type
    words: str
    require: Callable[[Any, Any, View, int], None]


def require_maps(method: Any, settings: Any, view: View, seed: int) -> None:
    """Raise TypeError of a method that answers points and has no feature map of a view."""
    if not has_maps(method, view, seed):
        raise TypeError(
            f"method {method.name} answers points of a pair and has no feature map of a view, "
            "which this benchmark's measure asks for; dift has"
        )


def has_maps(method: Any, view: View, seed: int) -> bool:
    """Whether `method.features(view, seed=seed)` is a feature map, as of a `FeatureMethod`."""
    features = getattr(method, "features", None)
    return callable(features) and isinstance(features(view, seed=seed), FeatureMap)
