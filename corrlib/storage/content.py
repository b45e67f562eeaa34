"""What decides a result, in few digits, and values as every caller writes them."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

SHOWN = 3  # names in a message; the rest is counted


def plain(value: Any) -> Any:
    """A NumPy number as Python's own, so that equal seeds and settings look equal; everything else
    as it is.
    """
    # by name, since what asks for keys need not have NumPy
    return value.item() if type(value).__module__ == "numpy" and not value.shape else value


def gathered(contents: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The digests of many items by name, in their order; one name with two contents has both."""
    found: dict[str, dict[str, None]] = {}
    for content in contents:
        for name, digest in content.items():
            found.setdefault(name, {})[digest] = None
    return {name: "+".join(digests) for name, digests in found.items()}


def digest_of(content: Mapping[str, str]) -> str:
    """Sixteen hex digits of all of them and of their order."""
    lines = "".join(f"{name}\n{digest}\n" for name, digest in content.items())
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def difference(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """In words what is other now: the names of what has changed, what is new and what is gone."""
    said = []
    for names, words in (
        ([name for name in now if before.get(name, now[name]) != now[name]], "changed"),
        ([name for name in now if name not in before], "new"),
        ([name for name in before if name not in now], "gone"),
    ):
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        said += [f"{words}: {', '.join(names[:SHOWN])}{more}"] if names else []
    return "; ".join(said) or "the same items come in another order"
