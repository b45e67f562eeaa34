"""Data sets by name: `load("spair", root, "test")` gives a lazy sequence of `Pair` (or of
`Video`).

One reader a benchmark, in `checks` the look at every file of it, and in `sources` where it is
fetched from. Nothing here renders, matches or counts; a reader says how its benchmark is counted.
"""

import ast
import difflib
import importlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

# Name to "module:class". A data set is a class that takes (root, split, **options) and is a
# sequence of items, and in `checks` a file NAME.py with a function
# check(root, *, decode=True, **options) that yields what is wrong with a whole tree.
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
    """The data set `name` under `root`, a `Selection`; `options` are those of its class and the
    rules of its protocol (`base`, `origin`, ...).

    The toybox is written in SPair-71k's own layout, so it is `load("spair",
    "build/toybox/data/SPair-71k")`. Raises KeyError with near misses on an unknown name.
    """
    module, attribute = _module(name)
    return getattr(module, attribute)(root, split, **options)


def check_tree(
    name: str, root: str | Path, *, decode: bool = True, **options: Any
) -> Iterator[str]:
    """Everything that is to be said of a whole tree, one sentence each and each once: problems, and
    `corrlib.data.checks.findings.Notice`s.

    `decode=False` does not decode images; `options` are those of `load`. Raises KeyError with near
    misses on an unknown name, TypeError on an unknown option.
    """
    _module(name)  # raises on an unknown name
    check = importlib.import_module(f"{__name__}.checks.{name}").check
    return _once(check(root, decode=decode, **options))


def _once(findings: Iterable[str]) -> Iterator[str]:
    said = set()
    for finding in findings:
        if finding not in said:
            said.add(finding)
            yield finding


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
