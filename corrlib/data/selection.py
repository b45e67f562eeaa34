"""What all data sets have in common: a lazy sequence of named items, with selection, counts, a
protocol, and a line that says it.

A data set says how a name becomes an item (`item`) and which category a name has (`category_of`);
names are known without reading any item. Slices and `filter` give smaller ones of the same class,
which share what has been read before.
"""

import copy
import inspect
from abc import abstractmethod
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar

from corrlib.metrics.protocol import Protocol
from corrlib.types import Pair, Video, View
from corrlib.validation import require_known, validated

Item = Pair | Video  # a DensePair is a Pair
Categories = str | Collection[str] | None


class Selection(Sequence):
    """The base of every data set: an index gives an item, a slice or `filter` a smaller data set;
    order is that of `names`.

    Keyword arguments that the data set itself does not take are rules of its protocol (`base`,
    `by`, `alphas`, `strict`, `origin`, `frame`) and replace the published ones. Raises ValueError
    on an unknown split, category or value, TypeError on an unknown option.
    """

    title: ClassVar[str] = ""
    unit: ClassVar[str] = "pairs"
    splits: ClassVar[tuple[str, ...]] = ("test",)
    tags: ClassVar[tuple[str, ...]] = ()  # what `filter` knows beside the category
    published: ClassVar[Protocol | None] = Protocol()  # None: it is not counted by PCK
    task: ClassVar[str] = ""  # of corrlib.experiments.tasks, where PCK of points is not published
    measure: ClassVar[str] = (
        ""  # what is published of a data set that is not counted by PCK, in words
    )

    def __init_subclass__(cls, **kwargs: Any):
        """Every reader's options are checked by their annotations, wherever they come from."""
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = validated(cls.__init__)

    def __class_getitem__(cls, item: Any):
        """`Selection[Pair]` tells the reader what the items are; it is the same class, so that no
        type check opens an item.
        """
        return cls

    def __init__(
        self,
        root: Path,
        split: str,
        names: Sequence[str],
        categories: Categories = None,
        rules: Mapping[str, Any] | None = None,
        published: Protocol | None = None,
    ):
        self.root, self.split, self.protocol = root, split, self.rules(rules or {}, published)
        self._names, self._opened = tuple(names), {}
        self._every = self._names  # of which a selection is a part
        self.of = len(self._names)
        if categories is not None:
            wanted = {categories} if isinstance(categories, str) else set(categories)
            self._require_categories(wanted)
            self._names = tuple(n for n in self._names if self.category_of(n) in wanted)

    @abstractmethod
    def item(self, name: str) -> Item:
        """The item of this name, whether or not a selection holds it. Raises errors that name file
        and field.
        """

    @abstractmethod
    def category_of(self, name: str) -> str:
        """The category of the item of this name, without reading it."""

    def pair(self, name: str) -> Item:
        """Another word for `item`."""
        return self.item(name)

    # ---------------- the sequence

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self._only(self._names[index])
        if not -len(self) <= index < len(self):
            raise IndexError(f"no item {index} in {self!r}; wanted 0 to {len(self) - 1}")
        return self.item(self._names[index])

    def __repr__(self) -> str:
        count = len(self.categories)
        of = f"{count} categor{'y' if count == 1 else 'ies'}"
        return f"<{self.heading()}: {self.amount()}, {of}; {self.counting()}; {self.root}>"

    def heading(self) -> str:
        """The data set and the split, the first words of its repr."""
        return f"{self.title}, {self.split}"

    def amount(self) -> str:
        """How many items, and of how many if it is a selection."""
        return f"{len(self):,}{'' if len(self) == self.of else f' of {self.of:,}'} {self.unit}"

    def counting(self) -> str:
        """The rules of counting in words."""
        return str(self.protocol)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the items in their order, without reading any of them."""
        return self._names

    @property
    def categories(self) -> tuple[str, ...]:
        """Category names that occur, sorted."""
        return tuple(sorted({self.category_of(name) for name in self._names}))

    def counts(self) -> dict[str, int]:
        """Items per category, sorted by name."""
        return dict(sorted(Counter(map(self.category_of, self._names)).items()))

    def filter(self, **wanted: Any):
        """Items whose category or tags are as wanted: a value, a collection of values, or a
        function of the value.

        For example `filter(category="cat", viewpoint=0)` or `filter(azimuth_difference=lambda d: d
        <= 35)`. Raises KeyError on a tag that the data set has not, ValueError on a category
        that it has not.
        """
        if unknown := [key for key in wanted if key not in ("category", *self.tags)]:
            raise KeyError(
                f"no tag {unknown[0]!r}; {self.unit} can be filtered by "
                f"{', '.join(('category', *self.tags))}"
            )
        if isinstance(category := wanted.get("category"), str | list | tuple | set):
            self._require_categories({category} if isinstance(category, str) else set(category))
        names = [
            n
            for n in self._names
            if "category" not in wanted or fits(wanted["category"], self.category_of(n))
        ]
        rest = {key: value for key, value in wanted.items() if key != "category"}
        return self._only([n for n in names if not rest or self._has(n, rest)])

    def _require_categories(self, wanted: Collection[str]) -> None:
        known = sorted(set(map(self.category_of, self._every)))
        if unknown := sorted(set(wanted) - set(known), key=str):
            near = get_close_matches(str(unknown[0]), known, 1)
            hint = f"did you mean {near[0]}? It has" if near else "it has"
            raise ValueError(
                f"no {self.unit} of {', '.join(map(str, unknown))} in {self!r}; {hint} "
                f"{', '.join(known) or 'none'}"
            )

    def named(self, names: Collection[str]):
        """Items with one of these names, in the data set's order."""
        return self._only([n for n in self._names if n in names])

    def _has(self, name: str, wanted: Mapping[str, Any]) -> bool:
        tags = self.tags_of(name)
        return all(fits(want, tags.get(key)) for key, want in wanted.items())

    def tags_of(self, name: str) -> Mapping[str, Any]:
        """The tags of the item of this name."""
        return self.item(name).tags

    # ---------------- images

    def views(self) -> tuple[View, ...]:
        """Every image that occurs in these items, once, sorted by id: the list to extract features
        of, and to shard.
        """
        found: dict[str, View] = {}
        for item in self:
            found |= {
                view.id: view
                for view in (item.frames if isinstance(item, Video) else (item.source, item.target))
            }
        return tuple(found[id] for id in sorted(found))

    def view(self, id: str) -> View:
        """The image of this id. Raises KeyError where no item has it."""
        if id not in self._opened:
            self._opened |= {view.id: view for view in self.views()}
        if id not in self._opened:
            raise KeyError(f"no image {id!r} in {self!r}; .views() lists them")
        return self._opened[id]

    def open(self, id: str, path: Path, category: str | None = None) -> View:
        """The view of an image file in the frame in which it is stored and annotated, opened
        once.
        """
        if id not in self._opened:
            self._opened[id] = View.open(path, id=id, category=category, own=False)
        return self._opened[id]

    # ---------------- selections and rules

    def _only(self, names: Sequence[str]):
        part = copy.copy(self)  # shares what has been read
        part._names = tuple(names)
        return part

    @classmethod
    def rules(
        cls, changes: Mapping[str, Any], published: Protocol | None = None
    ) -> Protocol | None:
        """The published protocol with some rules changed. Raises TypeError naming an option that
        does not exist.
        """
        known = cls.published.labels() if cls.published else {}
        own = [
            p.name
            for p in inspect.signature(cls.__init__).parameters.values()
            if p.kind == p.POSITIONAL_OR_KEYWORD
        ]
        unknown = [name for name in changes if name not in known]
        require_known(f"{cls.title} has no option", unknown, [*own[1:], *known])
        protocol = published or cls.published
        return protocol.but(**changes) if protocol else None

    @classmethod
    def require_split(cls, split: str) -> str:
        """The split, if the data set has it. Raises ValueError with those that there are."""
        if split not in cls.splits:
            raise ValueError(
                f"split={split!r}; {cls.title} has the splits {', '.join(map(repr, cls.splits))}"
            )
        return split


def fits(wanted: Any, value: Any) -> bool:
    """Whether a tag's value is as wanted: equal, in the collection, or accepted by the function."""
    if callable(wanted):
        return value is not None and bool(wanted(value))
    if isinstance(wanted, Collection) and not isinstance(wanted, str):
        return value in wanted
    return value == wanted
