"""Random search: a space of settings as plain data, and the settings that are drawn from it.

    space = {"learning_rate": {"log": [0.02, 0.3]}, "steps": {"integer": [5, 30]}, "layers":
            {"choice": [[10], [10, 11]]}}
    # sixteen mappings from setting to value, the first sixteen of any longer search
    draws(space, 16)
    table(space, 16)      # the same as a table, one row a trial: draw-000, draw-001, ...

Each number hangs on (seed, number of the draw, name and law of the setting) alone: a search can be
continued, cut into shards, or given one more setting, and what was drawn before stays what it was.
*Source:* Bergstra and Bengio 2012, "Random Search for Hyper-Parameter Optimization", for why to
draw and not to lay a grid.
"""

import hashlib
import math
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

import pandas as pd

# significant, of a drawn number: enough for any setting, and few enough to be written down and
# typed again
DIGITS = 4


def _uniform(low: Real, high: Real, u: float) -> float:
    return _rounded(low + u * (high - low), low, high)


def _log(low: Real, high: Real, u: float) -> float:
    return _rounded(low * (high / low) ** u, low, high)


def _integer(low: int, high: int, u: float) -> int:
    return low + int(u * (high - low + 1))


def _log_integer(low: int, high: int, u: float) -> int:
    return min(int(low * ((high + 1) / low) ** u), high)


# A law turns a number u, uniform in [0, 1), into a value between two ends, which are included: the
# inverse of its distribution
# function. Under `log` equal ratios are equally likely; `log_integer` is a number drawn so in [low,
# high + 1), cut to an integer.
LAWS: dict[str, Callable[[Any, Any, float], Any]] = {
    "uniform": _uniform,
    "log": _log,
    "integer": _integer,
    "log_integer": _log_integer,
}
KNOWN = (
    "uniform: [low, high], log: [low, high], integer: [low, high], log_integer: [low, high] "
    "or choice: [value, ...]"
)


def draws(
    space: Mapping[str, Mapping[str, Any]], count: int, seed: int = 0
) -> list[dict[str, Any]]:
    """`count` mappings from setting to value, drawn from the `space` of settings; the first ones of
    any larger count.

    A `space` maps a setting to its law, `{law: [low, high]}` with the ends included, or `{"choice":
    [values]}`; numbers are rounded to four significant digits. Raises ValueError naming the entry
    that is not so.
    """
    laws = check(space)
    if isinstance(count, bool) or not isinstance(count, Integral) or count < 1:
        raise ValueError(f"draws is {count!r}; wanted the number of settings to try, 1 or more")
    return [
        {name: _draw(*law, f"{seed}/{i}/{name}") for name, law in laws.items()}
        for i in range(count)
    ]


def trial_name(i: int) -> str:
    """The name of draw `i`, counted from 0: draw-000."""
    return f"draw-{i:03d}"


def table(space: Mapping[str, Mapping[str, Any]], count: int, seed: int = 0) -> pd.DataFrame:
    """One row a draw: `trial`, and a column a setting; `merge` it with the trials' scores on
    `trial`.
    """
    found = draws(space, count, seed)
    return pd.DataFrame(
        {
            "trial": [trial_name(i) for i in range(count)],
            **{name: [d[name] for d in found] for name in space},
        }
    )


def check(space: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, list]]:
    """(law, its list) of each setting. Raises ValueError naming the entry that is not a law, and
    the laws there are.
    """
    if not isinstance(space, Mapping) or not space:
        raise ValueError(
            f"the space is {space!r}; wanted a law for each setting, such as learning_rate: "
            f"{{log: [0.02, 0.3]}}"
        )
    return {name: _law(name, entry) for name, entry in space.items()}


def _law(name: str, entry: Any) -> tuple[str, list]:
    if not isinstance(entry, Mapping) or len(entry) != 1 or not set(entry) <= {*LAWS, "choice"}:
        raise ValueError(f"{name} of the space is {entry!r}; wanted one law of {KNOWN}")
    ((law, values),) = entry.items()
    got = f"{name} of the space is {{{law}: {values!r}}}; wanted"
    if not isinstance(values, list | tuple) or not len(values):
        raise ValueError(f"{got} a list: {KNOWN}")
    if law == "choice":
        return law, list(values)
    kind, of = (Integral, "integers") if law.endswith("integer") else (Real, "numbers")
    if len(values) != 2 or any(
        isinstance(v, bool) or not isinstance(v, kind) or not math.isfinite(v) for v in values
    ):
        hint = (
            "; YAML reads 1e-3 as a word, write 1.0e-3"
            if any(isinstance(v, str) for v in values)
            else ""
        )
        raise ValueError(f"{got} two {of}, the least and the greatest value{hint}")
    low, high = values
    if low > high or (law.startswith("log") and low <= 0):
        raise ValueError(
            f"{got} the least value first{', above 0' if law.startswith('log') else ''}"
        )
    return law, [low, high]


def _draw(law: str, values: list, key: str) -> Any:
    u = (
        int.from_bytes(hashlib.sha256(f"{law}/{key}".encode()).digest()[:8], "little") >> 11
    ) / 2**53
    return values[int(u * len(values))] if law == "choice" else LAWS[law](*values, u)


def _rounded(value: float, low: Real, high: Real) -> float:
    return float(min(max(float(f"{value:.{DIGITS}g}"), low), high))
