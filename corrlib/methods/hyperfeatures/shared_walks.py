"""One walk of an image for all methods that read on the same path: a study's trials, which differ
in the head, or in which of the maps they look at.

A method alone keeps nothing: its maps are folded into a sum and dropped.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
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
    it: with one, nothing is kept.
    """

    readers: Counter[Hashable] = field(default_factory=Counter)
    kept: LRUCache[dict[int, Visit]] = field(default_factory=_kept)

    def visits(
        self, path: Hashable, image: Hashable, asked: Asked, walk: Callable[[], Iterator[Visit]]
    ) -> Iterator[Visit]:
        """The visits of `walk()`, or the same ones from an earlier walk of this image that saw all
        that is `asked`.
        """
        if self.readers[path] < 2:
            yield from walk()
            return
        seen = self.kept.get((path, image))
        if seen is None or not _holds(seen, asked):
            seen = {}
            for visit in walk():
                seen[visit.position] = visit
                yield visit
            self.kept.put((path, image), seen)
            return
        for position, visit in seen.items():
            if position in asked:
                wanted = asked[position]
                yield replace(visit, maps={layer: visit.maps[layer] for layer in wanted})


def _holds(seen: Mapping[int, Visit], asked: Asked) -> bool:
    return all(
        position in seen and set(layers) <= seen[position].maps.keys()
        for position, layers in asked.items()
    )


def nbytes(seen: Mapping[int, Visit]) -> int:
    """What the maps of one walk take."""
    return sum(values.nbytes for visit in seen.values() for values in visit.maps.values())
