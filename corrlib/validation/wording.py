"""The one line that every refusal is: what was got, what was wanted, an example."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from corrlib.validation.text import bare, branches

LONGEST = 80  # characters of a value that a line repeats
PLAIN = {int: "an integer", float: "a number", bool: "true or false", str: "text", Path: "a path"}
PLAIN |= {NoneType: "none", dict: "a mapping", tuple: "a list"}
MANY = {int: "integers", float: "numbers", bool: "words true or false", str: "names"}


def refusal(name: str, got: Any, kind: Any, error: ValidationError, example: Any = None) -> str:
    """ "timestep is 1000; wanted an integer from 0 to 999, for example 261"."""
    first = error.errors(include_url=False)[0]
    own = first["type"] == "value_error"  # a check of ours speaks for itself
    said = str(first["ctx"]["error"]) if own else f"wanted {wanted(kind)}"
    said_all = own or example in (None, (), "") or "one of " in said or "for example" in said
    such = "" if said_all else f", for example {typed(example)}"
    return f"{name} is {shown(got)}; {said}{such}"


def shown(value: Any) -> str:
    """A value as it was got, in one short line."""
    text = " ".join(repr(str(value) if isinstance(value, str) else value).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def typed(value: Any) -> str:
    """A value as it is typed: a size as 96x96, several numbers with commas."""
    if isinstance(value, tuple | list):
        return ",".join(map(typed, value)) or '""'
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value) or '""'


def wanted(kind: Any) -> str:
    """What a type wants, in words: its description, else its kind and its range."""
    notes = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    for note in notes:
        if isinstance(note, FieldInfo) and note.description:
            return note.description
    if set(kinds := branches(kind)) == {float, int}:
        return PLAIN[float] + _range(kind)
    if len(kinds) > 1:
        return ", or ".join(wanted(branch) for branch in kinds)
    plain = bare(kind)
    if get_origin(plain) is Literal:
        values = [str(value) for value in get_args(plain)]
        return values[0] if len(values) == 1 else f"one of {', '.join(values)}"
    if get_origin(plain) is tuple:
        item = get_args(plain)[0]
        many = MANY.get(bare(item)) or (
            MANY[float] if bare(item) == float | int else f"several of {wanted(item)}"
        )
        return f"{many}{_range(item)}, with commas between them"
    if get_origin(plain) is list:
        return f"a list of {MANY.get(get_args(plain)[0], 'values')}"
    if hasattr(plain, "model_fields"):
        return f"a mapping with {', '.join(plain.model_fields)}"
    word = PLAIN.get(get_origin(plain) or plain, getattr(plain, "__name__", str(plain)))
    return word + _range(kind)


def _range(kind: Any) -> str:
    """ " from 0 to 999", ", 1 or more", " above 0"; "" without limits."""
    limits: dict[str, Any] = {}
    for note in get_args(kind)[1:] if get_origin(kind) is Annotated else ():
        for limit in note.metadata if isinstance(note, FieldInfo) else ():
            limits |= {
                key: getattr(limit, key) for key in ("ge", "gt", "le", "lt") if hasattr(limit, key)
            }
    low, above, high, below = (limits.get(key) for key in ("ge", "gt", "le", "lt"))
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}"
    if above is not None and high is not None:
        return f" above {above:g} and up to {high:g}"
    words = [
        (low, ", {:g} or more"),
        (above, " above {:g}"),
        (high, ", {:g} at most"),
        (below, " below {:g}"),
    ]
    return "".join(form.format(value) for value, form in words if value is not None)


def require_known(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Raise TypeError on the first of `names` that is not known, with the nearest that are.

    `what` begins the line: "method 'dift' has no setting" makes "... has no setting 'timesteps';
    did you mean timestep?".
    """
    known = list(known)
    for name in names:
        if name not in known:
            near = get_close_matches(str(name), known, 2, 0.5)
            hint = (
                f"did you mean {' or '.join(near)}?"
                if near
                else f"it has {', '.join(known) or 'none'}"
            )
            raise TypeError(f"{what} {name!r}; {hint}")
