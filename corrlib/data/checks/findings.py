"""What a look at a whole data set can say: problems, and notices of what is merely other than the
published data set.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from corrlib.data.frames import frame_paths
from corrlib.types import Pair, View

SLACK = 1  # pixels that a box may reach over its image's border: annotators count from 1


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


def walk(
    data: Any, about: Callable[[str, Any], Iterable[str]] | None = None, decode: bool = False
) -> Iterator[str]:
    """Problems of every item of a data set: those that its reader finds, boxes that leave their
    image, what `about(name, item or None)` says, and (with `decode`) images that do not decode.

    No item stops the rest.
    """
    boxes, views = set(), {}
    for name in tqdm(data.names, desc=f"{data.split} {data.unit}", leave=False, disable=None):
        try:
            item, problem = data.item(name), ""
        except Exception as error:  # whatever a damaged file may do to a reader
            item, problem = None, told(error, name)
        if problem:
            yield problem
        if isinstance(item, Pair):
            yield from _outside(item, boxes)
            views |= {view.id: view for view in (item.source, item.target)}
        if about is not None:
            try:
                yield from about(name, item)
            except Exception as error:
                yield told(error, name)
    if decode:
        yield from decoded(views.values())


def _outside(pair: Pair, seen: set) -> Iterator[str]:
    """Boxes that are not within their image, each once. They are told and not refused: PCK's
    length is still what the benchmark says.
    """
    for view, box in ((pair.source, pair.source_box), (pair.target, pair.target_box)):
        if box is None or (view.id, box) in seen:
            continue
        seen.add((view.id, box))
        width, height = view.size
        if min(box[:2]) < -SLACK or box[2] > width + SLACK or box[3] > height + SLACK:
            corners = ", ".join(f"{v:g}" for v in box)
            yield f"{pair.id}: the box ({corners}) of {view.id} leaves its {width} x {height} image"


def decoded(views: Iterable[View]) -> Iterator[str]:
    """A problem for each image that cannot be decoded."""
    for view in views:
        try:
            view.image()
        except (OSError, ValueError) as error:
            yield told(error)


def broken_frames(folder: Path, decode: bool) -> Iterator[str]:
    """A problem for each frame of a folder that cannot be opened, or (with `decode`) cannot be
    decoded.
    """
    try:
        paths = frame_paths(folder)
    except FileNotFoundError as error:
        yield str(error)
        return
    for path in paths:
        try:
            view = View.open(path, own=False)
            if decode:
                view.image()
        except (OSError, ValueError) as error:
            yield told(error)


def told(error: Exception, name: str = "") -> str:
    """An error's sentence, without the quotes that KeyError adds; with the item's name where it is
    of a kind that no reader words.
    """
    said = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    if isinstance(error, (OSError, ValueError)) or not name:
        return said
    return f"{name} cannot be read ({type(error).__name__}: {said}); unpack the data set again"
