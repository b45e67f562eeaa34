"""Pairs of the toybox with points that nobody clicked: what a method that was trained on keypoints
is asked where it was never trained.

The toybox knows of every visible pixel which place of which part it is, so any of them has an exact
answer. Photographs have no such truth.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from corrlib.coords import Points, Size
from corrlib.data.selection import Selection
from corrlib.data.spair import SPair
from corrlib.toybox.items import generator_for, item_of
from corrlib.toybox.render import cast
from corrlib.toybox.scene import Scene
from corrlib.toybox.things import keypoints
from corrlib.toybox.truth import locate, projected
from corrlib.types import Pair, View
from corrlib.validation.kinds import NotNegative

TRIED = 24  # places of the toy that are looked at for each point that is wanted


class SurfacePairs(Selection[Pair]):
    """The pairs of a toybox data set with each keypoint replaced by another visible place of the
    toy, drawn at random, evenly over the picture.

    A place is seen in both pictures, and in the source at least `away` times the longer side of the
    box from every keypoint of the category, marked or not. It keeps the name of the keypoint that
    it replaces, so that tables of both can be compared point by point; a pair with fewer such
    places than keypoints has as many as there are. Raises ValueError on a data set that is no
    toybox.
    """

    title, unit, tags = "surface points", "pairs", SPair.tags

    def __init__(self, pairs: Any, away: NotNegative = 0.1):
        super().__init__(pairs.root, pairs.split, pairs.names)
        self.pairs, self.away, self.protocol = pairs, away, pairs.protocol
        self._scenes: dict[str, tuple[Scene, Size]] = {}
        self._items: dict[str, Pair] = {}

    def heading(self) -> str:
        """The data set, and that its points are others."""
        return f"{self.pairs.heading()}, surface points {self.away:g} of the box from any keypoint"

    def category_of(self, name: str) -> str:
        """That of the pair."""
        return self.pairs.category_of(name)

    def tags_of(self, name: str) -> Mapping[str, Any]:
        """Those of the pair."""
        return self.pairs.tags_of(name)

    def view(self, id: str) -> View:
        """The image of this id."""
        return self.pairs.view(id)

    def item(self, name: str) -> Pair:
        """The pair of this name with other points."""
        if name not in self._items:
            pair = self.pairs.item(name)
            here, there = self._points(pair)
            n = min(len(here), len(pair.keypoints))
            given = {"source_points": here[:n], "target_points": there[:n]}
            self._items[name] = replace(pair, keypoints=pair.keypoints[:n], **given)
        return self._items[name]

    def _points(self, pair: Pair) -> tuple[Points, Points]:
        """All places that were tried and can be asked for."""
        (scene, size), (target, there) = (self._scene(v.id) for v in (pair.source, pair.target))
        rows, columns = map(torch.from_numpy, np.nonzero(self.pairs.mask(pair.source)))
        order = torch.randperm(len(rows), generator=generator_for("surface", pair.id))
        order = order[: TRIED * len(pair.keypoints)]
        points = torch.stack([columns[order], rows[order]], 1).float()
        x, y = ((points + 0.5 - points.new_tensor(size) / 2) / min(size)).T[:, None]
        part, _, place, _ = cast(scene, x, y)
        at = {name: i for i, name in enumerate(target.parts.names)}
        answers = torch.tensor([at.get(name, -1) for name in scene.parts.names])[part[0]]
        asked = (part[0] >= 0) & (answers >= 0)
        points, answers, place = points[asked], answers[asked], place[0][asked]
        found, seen = locate(target, answers, place, there)
        x1, y1, x2, y2 = pair.source_box
        near = torch.cdist(points, _all_keypoints(scene, size)).amin(1)
        far = near >= self.away * max(x2 - x1, y2 - y1)
        return points[seen & far], found[seen & far]

    def _scene(self, id: str) -> tuple[Scene, Size]:
        if id not in self._scenes:
            note = self.pairs.annotation(id)
            if note.get("src_database") != "toybox":
                raise ValueError(
                    f"picture {id} is a photograph, not a toy: nobody knows where each of its "
                    "points lies in another"
                )
            key = (self.pairs.split, note["category"], note["index"], note["seed"])
            self._scenes[id] = item_of(note.get("world", "calibrated"), *key)
        return self._scenes[id]


def _all_keypoints(scene: Scene, size: Size) -> Points:
    """Where the category's keypoints lie in the picture, hidden ones too."""
    table = keypoints(scene.category)
    part = torch.tensor([scene.parts.names.index(name) for name, _ in table.values()])
    u = torch.tensor([place for _, place in table.values()], dtype=torch.float32)
    return projected(scene, part, u, size)[0]
