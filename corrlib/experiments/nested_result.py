"""A nested result, such as a benchmark's, as the rows of a table, and back: a path and a value a
row.
"""

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd


def nested(rows: pd.DataFrame) -> dict[str, Any]:
    """The nested result of rows with columns `quantity` (its path, `a/b/0`) and `value` (JSON)."""
    found: dict[str, Any] = {}
    for path, value in zip(rows["quantity"], rows["value"], strict=True):
        *folders, last = path.split("/")
        place = found
        for name in folders:
            place = place.setdefault(name, {})
        place[last] = json.loads(value)
    return _lists(found)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The numbers and words of a nested result with their paths, `a/b/0`."""
    if not isinstance(value, dict | list | tuple):
        yield path, value
        return
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for name, one in inside:
        yield from leaves(one, f"{path}/{name}" if path else str(name))


def _lists(value: Any) -> Any:
    """Mappings whose keys are 0, 1, ... as lists again."""
    if not isinstance(value, dict):
        return value
    inside = {name: _lists(one) for name, one in value.items()}
    numbered = [str(i) for i in range(len(inside))]
    return [inside[name] for name in numbered] if list(inside) == numbered else inside
