"""Text to values: what a word of a command line means for a field of a given type."""

import ast
import functools
import operator
import re
from collections.abc import Collection, Sequence, Set
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

WORDS = {"true": True, "yes": True, "on": True, "1": True}
WORDS |= {"false": False, "no": False, "off": False, "0": False}


class Typed(str):
    """Text as it was typed on a command line; whoever takes it reads it by the type it wants."""


def bare(kind: Any) -> Any:
    """A type without what `Annotated` says of it."""
    return bare(get_args(kind)[0]) if get_origin(kind) is Annotated else kind


def branches(kind: Any) -> tuple[Any, ...]:
    """The types of a union, or the one type that `kind` is."""
    plain = bare(kind)
    return get_args(plain) if get_origin(plain) in (Union, UnionType) else (kind,)


def settled(kind: Any) -> Any:
    """The type with tuples for collections of any class: what is checked is always a tuple."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return functools.reduce(operator.or_, map(settled, args))
    if kind is list:
        return tuple[Any, ...]
    return tuple[args[0], ...] if origin in (Collection, Sequence, list) else kind


def takes_text(kind: Any) -> bool:
    """Whether text is a value of this type as it is."""
    kinds = map(bare, branches(kind))
    return any(
        kind in (str, Any) or (get_origin(kind) is Literal and isinstance(get_args(kind)[0], str))
        for kind in kinds
    )


def list_of(kind: Any) -> Any:
    """The branch of this type that holds several values, None where it has none."""
    return next((b for b in branches(kind) if get_origin(bare(b)) is tuple), None)


def read(text: str, kind: Any) -> Any:
    """The value of type `kind` that `text` means; text that means none comes back as it is, for the
    check to refuse.
    """
    kinds = branches(kind)
    if NoneType in kinds and text.strip().lower() in ("none", "null"):
        return None
    if list_of(kind) and ("," in text or not takes_text(kind)):
        return _items(text.strip(), list_of(kind))
    for branch in kinds:
        found = _scalar(text.strip(), bare(branch))
        if not isinstance(found, str):
            return found
    return str(text)


def _items(text: str, kind: Any) -> Any:
    """Values with commas between them, in brackets or not; two sides may have an x between them."""
    of = get_args(bare(kind))
    if text[:1] + text[-1:] in ("()", "[]"):
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError):
            text = text[1:-1]
    if "(" in text and get_origin(bare(of[0])) is tuple:  # several lists: (1,2),(3,4)
        return _items(f"[{text}]", kind)
    parts = [
        part.strip()
        for part in re.split(",|x" if len(of) > 1 and of[1] is not Ellipsis else ",", text)
    ]
    if parts[-1] == "":
        parts = parts[:-1]
    return tuple(read(part, of[0]) for part in parts)


def _scalar(text: str, kind: Any) -> Any:
    """A number, a word for yes or no, or a choice; else the text itself."""
    try:
        if kind is bool:
            return WORDS.get(text.lower(), text)
        if kind in (int, float):
            return kind(text)
    except ValueError:
        return text
    if get_origin(kind) is Literal:
        return next((value for value in get_args(kind) if str(value) == text), text)
    return Path(text) if kind is Path else text


def plain(value: Any) -> Any:
    """Lists, sets and arrays as tuples, NumPy's numbers as Python's: what settings are made of."""
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Set):
        value = sorted(value, key=str)
    return tuple(map(plain, value)) if isinstance(value, list | tuple | range) else value
