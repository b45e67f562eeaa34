"""What a look at a whole data set can say: problems, and notices of what is merely other than the
published data set.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from corrlib.types import View


class Notice(str):
    """A finding that makes no data set wrong: a toy or a subset has fewer pairs than the published
    list, for example.
    """

    __slots__ = ()


def counted(
    what: str, found: int | Mapping[str, int], published: int | Mapping[str, int]
) -> Iterator[str]:
    """Notices of the counts that differ from the published ones, the total and each category;
    nothing where all are equal.
    """
    found, published = ({"": n} if isinstance(n, int) else n for n in (found, published))
    total, wanted = sum(found.values()), sum(published.values())
    if total != wanted:
        yield Notice(
            f"{what}: {total:,}, published {wanted:,}; a toy or a subset has fewer, a whole "
            "copy has not"
        )
    differ = [
        f"{k} {found.get(k, 0):,} of {n:,}" for k, n in published.items() if found.get(k, 0) != n
    ]
    if differ and len(differ) < len(published):  # with all of them different the total says enough
        yield Notice(f"{what} by category: {', '.join(differ)}")
    if other := sorted(set(found) - set(published)):
        yield Notice(f"{what}: categories that the published data set has not: {', '.join(other)}")


def each(items: Any, names: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """(problem, None) of every item that cannot be read and ("", item) of every other, none of them
    stopping the rest.
    """
    for name in names:
        try:
            yield "", items.item(name)
        except (OSError, ValueError, KeyError) as error:
            yield told(error), None


def decoded(views: Iterable[View]) -> Iterator[str]:
    """A problem for each image that cannot be decoded."""
    for view in views:
        try:
            view.image()
        except (OSError, ValueError) as error:
            yield told(error)


def told(error: Exception) -> str:
    """An error's sentence, without the quotes that KeyError adds."""
    return str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
