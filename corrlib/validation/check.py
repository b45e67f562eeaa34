"""The check itself: pydantic, strict, on dataclasses, on arguments, on mappings read from YAML."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from functools import cache, wraps
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints, is_typeddict

from pydantic import ConfigDict, TypeAdapter, ValidationError

from corrlib.validation.text import Typed, bare, branches, list_of, plain, read, settled, takes_text
from corrlib.validation.wording import refusal, require_known

STRICT = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)


class Kind(NamedTuple):
    """A type, how it is checked, and a value of it to show."""

    of: Any
    adapter: TypeAdapter
    example: Any = None


class Validated:
    """The base of frozen dataclasses whose fields are checked by their annotations when one is
    made, in whatever way.

    Text (`Typed`) is read by the field's type, lists become tuples, and a wrong value is a
    ValueError. A class with rules of its own between fields calls `super().__post_init__()` first.
    """

    def __post_init__(self):
        for name, kind in _fields(type(self)).items():
            value = getattr(self, name)
            found = _checked(name, value, kind)
            if found is not value:
                object.__setattr__(self, name, found)


def checked(name: str, value: Any, kind: Any, example: Any = None) -> Any:
    """`value` as a `kind`. Raises ValueError: name, what was got, what was wanted, the example."""
    return _checked(name, value, _kind(kind, example))


def checked_fields(cls: type, values: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Values for some fields of a dataclass, checked. Raises TypeError on a name that it has not,
    ValueError on a bad value.
    """
    fields = _fields(cls)
    require_known(what, values, fields)
    return {name: _checked(name, value, fields[name]) for name, value in values.items()}


def checked_arguments(function: Callable, values: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Keyword arguments of a function, checked by its annotations. Raises as `checked_fields`."""
    require_known(what, values, list(inspect.signature(function).parameters))
    kinds = _parameters(function)
    return {
        name: _checked(name, v, kinds[name]) if name in kinds else v for name, v in values.items()
    }


def validated(function: Callable) -> Callable:
    """A function, or an `__init__`, whose arguments are checked by their annotations first."""
    signature = inspect.signature(function)

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        bound, kinds = signature.bind(*args, **kwargs), _parameters(function)
        for name in bound.arguments.keys() & kinds.keys():
            bound.arguments[name] = _checked(name, bound.arguments[name], kinds[name])
        return function(*bound.args, **bound.kwargs)

    return wrapper


def checked_mapping(values: Any, schema: type, what: str) -> None:
    """Check what was read from a file against a TypedDict, which must forbid further keys.

    Raises ValueError on a value and TypeError on a key, beginning with `what` and the place:
    "profiles/toybox.yml: data.root is 5; wanted text".
    """
    try:
        _kind(schema).adapter.validate_python(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        kind, got, path = schema, values, []
        for step in first["loc"]:
            if is_typeddict(kind) and step not in (
                hints := get_type_hints(kind, include_extras=True)
            ):
                inside = f"{what}: {'.'.join(path)}" if path else what
                require_known(f"{inside} has no key", [step], hints)
            if not isinstance(got, Mapping | list) or (
                isinstance(got, Mapping) and step not in got
            ):
                break
            kind, got = _inside(kind, step), got[step]
            path.append(str(step))
        place = ".".join(path) or "the whole"
        if first["type"] == "missing":
            raise ValueError(
                f"{what}: {place} lacks {first['loc'][-1]!r}; write it there"
            ) from None
        raise ValueError(f"{what}: {refusal(place, got, kind, error)}") from None


def _inside(kind: Any, step: Any) -> Any:
    """The type of what lies at `step` of a mapping or list of this type."""
    for branch in branches(kind):
        if is_typeddict(bare(branch)):
            hint = get_type_hints(bare(branch), include_extras=True)[step]
            return get_args(hint)[0] if str(get_origin(hint)).endswith("Required") else hint
        if get_origin(bare(branch)) in (dict, list):
            return get_args(bare(branch))[-1]
    return Any


def _checked(name: str, value: Any, kind: Kind) -> Any:
    words = isinstance(value, str) and list_of(kind.of) and not takes_text(kind.of)
    found = read(value, kind.of) if words or isinstance(value, Typed) else value
    try:
        return kind.adapter.validate_python(plain(found))
    except ValidationError as error:
        raise ValueError(refusal(name, value, kind.of, error, kind.example)) from None


def _kind(of: Any, example: Any = None) -> Kind:
    config = None if is_typeddict(bare(of)) else STRICT
    return Kind(of := settled(of), TypeAdapter(of, config=config), example)


@cache
def _fields(cls: type) -> dict[str, Kind]:
    hints = get_type_hints(cls, include_extras=True)
    found = {}
    for field in dataclasses.fields(cls):
        default = None if field.default is dataclasses.MISSING else field.default
        found[field.name] = _kind(hints[field.name], default)
    return found


@cache
def _parameters(function: Callable) -> dict[str, Kind]:
    hints = get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters.values()
    return {
        p.name: _kind(hints[p.name], None if p.default is p.empty else p.default)
        for p in parameters
        if p.name in hints and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    }
