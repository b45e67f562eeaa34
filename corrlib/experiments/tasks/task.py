"""The form of a task: how a method is asked about an item, and how all its answers are counted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Task:
    """`ask(method, item, settings, seed, out)` gives the rows of one item, at least one, and may
    write files into the folder `out`; `count(rows, data, out)` gives the published tables by name
    from the rows of all items, and `words` says what their numbers are.

    `settings` is a frozen dataclass of what can be changed. `require(method, settings)` raises
    TypeError, before any work, of a method that cannot be asked.
    """

    ask: Callable[[Any, Any, Any, int, Path], pd.DataFrame]
    count: Callable[[pd.DataFrame, Sequence, Path], Mapping[str, pd.DataFrame]]
    settings: type
    words: str
    require: Callable[[Any, Any], None]


def require_maps(method: Any, settings: Any = None) -> None:
    """Raise TypeError of a method that answers points and has no feature map of a view."""
    if not has_maps(method):
        raise TypeError(
            f"method {getattr(method, 'name', '') or type(method).__name__} answers points of a "
            "pair and has no feature map of a view, which this benchmark's measure asks for; dift "
            "has"
        )


def has_maps(method: Any) -> bool:
    """Whether a method has features of a view by itself: `method.features(view, seed=...)`."""
    return callable(getattr(method, "features", None))
