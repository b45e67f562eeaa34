"""Data sets by name: `load("spair", root, "test")` gives a lazy sequence of `Pair`."""

import difflib
import importlib
from collections.abc import Sequence
from pathlib import Path

from corrlib.types import Pair

# Name to "module:class". A data set is one file: a class that takes (root, split, **options) and is a sequence of `Pair`.
REGISTRY = {
    "spair": "corrlib.data.spair:SPair",
    "folder": "corrlib.data.folder:Folder",
}


def load(name: str, root: str | Path, split: str = "test", **options) -> Sequence[Pair]:
    """The data set `name` under `root`; `options` are those of its class. Raises KeyError with near misses on an unknown name.

    The toybox is written in SPair-71k's own layout, so it is `load("spair", "build/toybox/data/SPair-71k")`.
    """
    if name not in REGISTRY:
        near = difflib.get_close_matches(name, REGISTRY, n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise KeyError(f"no data set {name!r}{hint} Known: {', '.join(sorted(REGISTRY))}")
    module, attribute = REGISTRY[name].split(":")
    return getattr(importlib.import_module(module), attribute)(root, split, **options)
