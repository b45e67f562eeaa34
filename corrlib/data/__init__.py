"""Data sets by name: `load("spair", root, "test")` gives a lazy sequence of `Pair` (or of
`Video`).

One reader a benchmark, the check that looks at every file of it, and `sources`, where it is fetched
from. Nothing here renders, matches or counts; a reader says by which protocol it is counted.
"""

import ast
import difflib
import importlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

# Name to "module:class". A data set is one file: a class that takes (root, split, **options) and is
# a sequence of items, and a
# function check(root, *, decode=True) that yields what is wrong with a whole tree.
REGISTRY = {
    "spair": "corrlib.data.spair:SPair",
    "pf_pascal": "corrlib.data.pf_pascal:PFPascal",
    "pf_willow": "corrlib.data.pf_willow:PFWillow",
    "cub": "corrlib.data.cub:CUB",
    "tss": "corrlib.data.tss:TSS",
    "hpatches": "corrlib.data.hpatches:HPatches",
    "davis": "corrlib.data.davis:Davis",
    "jhmdb": "corrlib.data.jhmdb:JHMDB",
    "folder": "corrlib.data.folder:Folder",
}


def load(name: str, root: str | Path, split: str = "test", **options: Any) -> Sequence:
    """The data set `name` under `root`, a `selection.Selection`; `options` are those of its class
    and the rules of its protocol (`base`, `origin`, ...).

    The toybox is written in SPair-71k's own layout, so it is `load("spair",
    "build/toybox/data/SPair-71k")`. Raises KeyError with near misses on an unknown name.
    """
    module, attribute = _module(name)
    return getattr(module, attribute)(root, split, **options)


def check_tree(name: str, root: str | Path, *, decode: bool = True) -> Iterable[str]:
    """Everything that is to be said of a whole tree, one sentence each: problems, and
    `corrlib.data.check.Notice`s.

    `decode=False` does not decode images. Raises KeyError with near misses on an unknown name.
    """
    return _module(name)[0].check(root, decode=decode)


def about(name: str) -> str:
    """The first line of what a data set's file says of itself, without importing it."""
    source = Path(__file__).parent / f"{REGISTRY[name].split(':')[0].rpartition('.')[2]}.py"
    return (ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or "").split("\n")[0]


def _module(name: str) -> tuple[Any, str]:
    if name not in REGISTRY:
        near = difflib.get_close_matches(name, REGISTRY, n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise KeyError(f"no data set {name!r}{hint} Known: {', '.join(sorted(REGISTRY))}")
    module, attribute = REGISTRY[name].split(":")
    return importlib.import_module(module), attribute
