"""The check itself: pydantic, strict, on dataclasses, on arguments, on mappings read from YAML."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from functools import cache, wraps
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

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


def checked_mapping(values: Any, schema: type[BaseModel], what: str) -> None:
    """Check what was read from a file against a model that forbids further keys.

    Raises ValueError on a value and TypeError on a key, beginning with `what` and the place:
    "profiles/toybox.yml: data.root is 5; wanted text".
    """
    try:
        schema.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        kind, got, path = schema, values, []
        for step in first["loc"]:
            if first["type"] == "extra_forbidden" and (known := _keys(kind)) and step not in known:
                require_known(f"{': '.join([what, *path[:1]])} has no key", [step], known)
            if not isinstance(got, Mapping) or step not in got:
                break
            kind, got, path = _inside(kind, step), got[step], [".".join([*path, str(step)])]
        place = "".join(path)
        if first["loc"][-1] == "[key]" or first["type"] == "invalid_key":
            name = next(step for step in reversed(first["loc"]) if step != "[key]")
            raise ValueError(f"{what}: the name {name!r} is no text; put it in quotes") from None
        if first["type"] == "missing":
            raise ValueError(
                f"{what}: {place or 'it'} lacks {first['loc'][-1]!r}; write it there"
            ) from None
        raise ValueError(f"{what}: {refusal(place or 'it', got, kind, error)}") from None


def _keys(kind: Any) -> dict[str, Any]:
    """The keys of a section and their types; none of anything else."""
    models = [b for b in branches(kind) if isinstance(b, type) and issubclass(b, BaseModel)]
    return get_type_hints(models[0], include_extras=True) if models else {}


def _inside(kind: Any, step: Any) -> Any:
    """The type of what lies at `step` of a section or of a mapping."""
    mappings = [get_args(bare(b))[1] for b in branches(kind) if get_origin(bare(b)) is dict]
    return (_keys(kind) or dict.fromkeys([step], *mappings)).get(step)


def _checked(name: str, value: Any, kind: Kind) -> Any:
    words = isinstance(value, str) and list_of(kind.of) and not takes_text(kind.of)
    found = read(value, kind.of) if words or isinstance(value, Typed) else value
    try:
        return kind.adapter.validate_python(plain(found))
    except ValidationError as error:
        raise ValueError(refusal(name, value, kind.of, error, kind.example)) from None


def _kind(of: Any, example: Any = None) -> Kind:
    return Kind(of := settled(of), TypeAdapter(of, config=STRICT), example)


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
