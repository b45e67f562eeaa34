"""One walk of an image for all methods that read on the same path: a study's trials, which differ
in the head, or in which of the maps they look at.

A method alone keeps nothing: its maps are folded into a sum and dropped.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from corrlib.backbones.ddim import Visit
from corrlib.storage.lru_cache import LRUCache

KEEP_BYTES = 2**30  # 240 images of a toy, three of Stable Diffusion at 512
NAME = "hyperfeature walks"  # in an `Env`'s `shared`

Asked = Mapping[int, Sequence[str]]  # position to layers


def _kept() -> LRUCache[dict[int, Visit]]:
    return LRUCache(KEEP_BYTES, nbytes, at_least=0)


@dataclass
class SharedWalks:
    """What was seen of the images walked last. `readers` counts, by path, the methods that read on
    it, and `wanted` is all that they read: with one reader, nothing is kept.
    """

    readers: Counter[Hashable] = field(default_factory=Counter)
    wanted: dict[Hashable, dict[int, tuple[str, ...]]] = field(default_factory=dict)
    kept: LRUCache[dict[int, Visit]] = field(default_factory=_kept)

    def join(self, path: Hashable, asked: Asked) -> None:
        """One more reader of a path, and what it will ask for at most."""
        self.readers[path] += 1
        self.wanted[path] = _both(self.wanted.get(path, {}), asked)

    def visits(
        self,
        path: Hashable,
        image: Hashable,
        asked: Asked,
        walk: Callable[[Asked], Iterator[Visit]],
    ) -> Iterator[Visit]:
        """The visits of `walk(asked)`, or the same ones from an earlier walk of this image. A walk
        that is kept sees what any reader of its path asks for.
        """
        if self.readers[path] < 2:
            yield from walk(asked)
            return
        seen = self.kept.get((path, image))
        if seen is not None and _holds(seen, asked):
            yield from _only(seen.values(), asked)
            return
        seen = {visit.position: visit for visit in walk(_both(self.wanted[path], asked))}
        self.kept.put((path, image), seen)
        yield from _only(seen.values(), asked)


def _both(one: Asked, other: Asked) -> dict[int, tuple[str, ...]]:
    every = sorted({*one, *other})
    return {i: tuple(dict.fromkeys((*one.get(i, ()), *other.get(i, ())))) for i in every}


def _only(visits: Iterable[Visit], asked: Asked) -> Iterator[Visit]:
    for visit in visits:
        if visit.position in asked:
            wanted = asked[visit.position]
            yield replace(visit, maps={layer: visit.maps[layer] for layer in wanted})


def _holds(seen: Mapping[int, Visit], asked: Asked) -> bool:
    return all(
        position in seen and set(layers) <= seen[position].maps.keys()
        for position, layers in asked.items()
    )


def nbytes(seen: Mapping[int, Visit]) -> int:
    """What the maps of one walk take."""
    return sum(values.nbytes for visit in seen.values() for values in visit.maps.values())
