"""A look at a folder of one's own images and its csv file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from corrlib.data.checks.findings import decoded, told, walk
from corrlib.data.folder import Folder
from corrlib.types import View


def check(root: str | Path, *, decode: bool = True, **options: Any) -> Iterator[str]:
    """Findings: the csv file, each pair's images and points, and that every image can be
    decoded.
    """
    try:
        pairs = Folder(root, **{**options, "early": False})
    except (OSError, ValueError) as error:
        yield told(error)
        return
    if pairs.has_points:
        yield from walk(pairs)
    for name in pairs.images:
        try:
            yield from decoded([View.open(pairs.root / name)] if decode else [])
        except (OSError, ValueError) as error:
            yield told(error)
