"""Pairs of toys that are rendered for one question each, with exact answers: is it the place, the
shape, the part, or the side of the part by which features find a point?

*Source:* the cases of Figure 3 of "A Tale of Two Features": an identical instance, object masks,
and inputs that ask for semantic and for spatial understanding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool
from PIL import Image
from torch import Tensor

from corrlib.coords import Points, Size
from corrlib.data.selection import Categories, Selection
from corrlib.toybox.dense import counterparts, dense_flow
from corrlib.toybox.items import generator_for, photo
from corrlib.toybox.render import Render, render
from corrlib.toybox.scene import Scene
from corrlib.toybox.things import CATEGORIES
from corrlib.toybox.truth import locate, toy_box
from corrlib.types import Pair, View
from corrlib.validation.kinds import Count

KINDS = {
    "same": "one toy, turned by 20 degrees",
    "mask": "the same pictures as silhouettes",
    "other": "two toys of a category, from about the same side",
    "side": "the same, at parts that have a twin on the other side, which is seen as well",
}
TURN = 20.0  # degrees between the two views of one toy
SPLIT = "challenge"  # its toys are in no other set


class Toy(NamedTuple):
    """A scene and its picture."""

    scene: Scene
    size: Size
    drawn: Render

    @property
    def mask(self) -> Bool[Tensor, "H W"]:
        """Where the toy is seen."""
        return self.drawn.part[0] >= 0

    def view(self, id: str, silhouette: bool = False) -> View:
        """The picture, or white on black where the toy is seen."""
        rgb = self.mask.expand(3, -1, -1).float() if silhouette else self.drawn.rgb[0]
        pixels = (rgb * 255).round().byte().permute(1, 2, 0).numpy()
        return View(id, self.size, self.scene.category, pixels=Image.fromarray(pixels))


class Challenges(Selection[Pair]):
    """Pairs named "KIND/CATEGORY/NUMBER", `each` of a category and of each of the `KINDS`; their
    `points` are drawn evenly over what both pictures show, fewer where less is seen.

    Points of kind "side" lie on parts with a twin (left and right), at places whose twin is seen in
    the target too; a category without such parts has none.
    """

    title, unit = "challenges", "pairs"

    def __init__(
        self,
        categories: Categories = None,
        each: Count = 1,
        points: Count = 8,
        kinds: Sequence[str] = tuple(KINDS),
        **rules: Any,
    ):
        if unknown := [kind for kind in kinds if kind not in KINDS]:
            raise ValueError(f"no challenge {unknown[0]!r}; there are {', '.join(KINDS)}")
        names = [f"{k}/{c}/{i}" for c in CATEGORIES for i in range(each) for k in kinds]
        self._toys: dict[tuple[str, int], tuple[Toy, Toy, Toy]] = {}
        self._items: dict[str, Pair] = {}
        self._points = points
        super().__init__(Path("toybox"), "test", names, categories, rules)

    def category_of(self, name: str) -> str:
        """The category, which is the middle of the name."""
        return name.split("/")[1]

    def tags_of(self, name: str) -> Mapping[str, Any]:
        """The kind."""
        return {"challenge": name.split("/")[0]}

    def item(self, name: str) -> Pair:
        """The pair of this name."""
        if name not in self._items:
            self._items[name] = self._pair(name)
        return self._items[name]

    def toys(self, name: str) -> tuple[Toy, Toy]:
        """The two toys of the pair of this name."""
        kind, category, number = name.split("/")
        source, turned, other = self._drawn(category, int(number))
        return source, (turned if kind in ("same", "mask") else other)

    def _drawn(self, category: str, number: int) -> tuple[Toy, Toy, Toy]:
        key = category, number
        if key not in self._toys:
            scene, size = photo(SPLIT, category, 2 * number)
            turned = replace(scene, azimuth=(scene.azimuth + TURN) % 360)
            other, there = photo(SPLIT, category, 2 * number + 1)
            near = replace(other, azimuth=scene.azimuth, elevation=scene.elevation)
            drawn = ((scene, size), (turned, size), (near, there))
            self._toys[key] = tuple(Toy(s, wh, render(s, wh)) for s, wh in drawn)
        return self._toys[key]

    def _pair(self, name: str) -> Pair:
        kind, category, _ = name.split("/")
        source, target = self.toys(name)
        flow, seen = dense_flow(source.scene, source.drawn, target.scene, target.size)
        if kind == "side":
            seen = seen & _with_twin(source, target)
        here = torch.from_numpy(np.argwhere(seen)[:, ::-1].copy()).float()
        order = torch.randperm(len(here), generator=generator_for("challenge", name))
        here = here[order[: self._points]]
        columns, rows = here.long().T
        views = (toy.view(f"{name}/{at}", kind == "mask") for toy, at in ((source, 0), (target, 1)))
        boxes = (tuple(map(float, toy_box(toy.drawn))) for toy in (source, target))
        return Pair(
            name,
            *views,
            here,
            here + torch.from_numpy(flow)[rows, columns],
            tuple(map(str, range(len(here)))),
            category,
            *boxes,
            self.tags_of(name),
        )


def _with_twin(source: Toy, target: Toy) -> Bool[np.ndarray, "H W"]:
    """Where the source shows a part that has a twin, whose like place is seen in the target."""
    answers = counterparts(source.scene.parts, target.scene.parts, mirrored=True)
    names = source.scene.parts.names
    paired = torch.tensor([{"left", "right"} & set(n.split("_")) != set() for n in names])
    known = paired & (answers.part >= 0)
    shown = source.drawn.part[0]
    rows, columns = ((shown >= 0) & known[shown.clamp(min=0)]).nonzero().T
    part = shown[rows, columns]
    places = source.drawn.place[0, :, rows, columns].T * answers.sign[part]
    found: tuple[Points, Tensor] = locate(target.scene, answers.part[part], places, target.size)
    twin = torch.zeros(shown.shape, dtype=torch.bool)
    twin[rows, columns] = found[1]
    return twin.numpy()
