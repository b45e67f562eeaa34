"""Benchmarks: `python -m corrlib bench NAME --json`.

Benchmark NAME is a function in `corrlib/bench/NAME.py` under `@benchmark("NAME")`. It returns a
dict that JSON can hold. Where it compares two ways, the dict has `time_ratio` and `memory_ratio`
(straightforward / ours, median of several paired runs) and `same_answer`. Most of this room's
length is the straightforward ways, written out as the released code does them: a ratio says no more
than what it is a ratio to. Nothing else imports this room.
"""

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

from corrlib.validation import require_known, validated

_registered: dict[str, Callable[..., dict[str, Any]]] = {}


def benchmark(name: str) -> Callable:
    """Register a function as benchmark `name`. Raises ValueError when the name is taken by another
    function.
    """

    def register(function: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        known = _registered.get(name)
        if known is not None and (known.__module__, known.__qualname__) != (
            function.__module__,
            function.__qualname__,
        ):
            raise ValueError(
                f"benchmark {name!r} is already {known.__module__}.{known.__qualname__}; choose "
                "another name"
            )
        _registered[name] = validated(function)
        return _registered[name]

    return register


def names() -> list[str]:
    """The names of all benchmarks, sorted; nothing is imported for it."""
    return sorted(
        module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    )


def run(name: str, **options: Any) -> dict[str, Any]:
    """Run one benchmark and return its result. Raises KeyError with near misses when there is none
    of that name, TypeError on an option that it has not, and ValueError on a value that an option
    cannot have.
    """
    if name not in names():
        near = difflib.get_close_matches(name, names(), 3) or names()
        raise KeyError(f"no benchmark {name!r}; did you mean {' or '.join(near)}?")
    importlib.import_module(f"{__name__}.{name}")
    known = inspect.signature(_registered[name]).parameters
    require_known(f"benchmark {name!r} has no option", options, known)
    return {"benchmark": name, **_registered[name](**options)}
