"""Pairs of two categories that share named parts: the truth that "a dog's nose is where a horse's
nose is" needs.

    pairs = Across("build/toybox/data/SPair-71k", "test")
    # one source image, and one target of each of the five categories, the source's own first
    pairs[0], ..., pairs[4]

The toybox names its keypoints, and its five quadrupeds are built on one body plan. The real
SPair-71k has numbers only, of which it does not say that they agree between categories: there is no
truth to count against, and `Across` raises.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from corrlib.data.files import box_of
from corrlib.data.selection import Selection
from corrlib.data.spair import SPLITS, SPair
from corrlib.data.spair_files import angle_between, field
from corrlib.metrics.protocol import Protocol
from corrlib.types import Pair, View

Point = Float[Tensor, "2"]
QUADRUPEDS = ("cat", "cow", "dog", "horse", "sheep")


class Across(Selection[Pair]):
    """Blocks of neighbouring pairs, one block a source image: its own category first, then each
    other one in the order given.

    A target is the image of its category that is seen from most nearly the same side as the source
    (azimuth, then name). All pairs of a block ask for the same keypoints, those visible in all of
    its pictures, so that nothing but the target's category differs; a source with less than `least`
    of them is left out. A pair's category is "dog to horse". Raises ValueError on a data set that
    does not name its keypoints, on less than two categories, and on one that is not there.
    """

    title, splits = "pairs across categories", SPLITS
    published = Protocol(base="box", by="image", alphas=(0.05, 0.1))

    def __init__(
        self,
        root: str | Path,
        split: str = "test",
        categories: Sequence[str] = QUADRUPEDS,
        least: int = 4,
        **rules: Any,
    ):
        if len(set(categories)) < 2:
            raise ValueError(
                f"categories are {', '.join(categories) or 'none'}; wanted two or more that "
                "share keypoint names"
            )
        self.require_split(split)
        self.images = SPair(root, split, categories=tuple(categories))
        self._seen: dict[str, tuple[float, dict[str, Point], tuple[float, ...]]] = {}
        members: dict[str, list[str]] = {category: [] for category in categories}
        for view in self.images.views():
            members[view.category].append(view.id)
        self._pairs: dict[str, tuple[str, str, tuple[str, ...]]] = {}
        for source in (id for category in categories for id in members[category]):
            self._block(source, members, least)
        super().__init__(self.images.root, split, list(self._pairs), None, rules)
        self.block = len(members)

    def _block(self, source: str, members: dict[str, list[str]], least: int) -> None:
        """Add the pairs of one source image."""
        own = source.split("/")[0]
        order = [own, *(category for category in members if category != own)]
        pools = [[id for id in members[category] if id != source] for category in order]
        if not all(pools):
            return
        azimuth = self.seen(source)[0]
        targets = [
            min(pool, key=lambda id: (angle_between(self.seen(id)[0], azimuth), id))
            for pool in pools
        ]
        shared = tuple(
            name for name in self.seen(source)[1] if all(name in self.seen(id)[1] for id in targets)
        )
        if len(shared) < least:
            return
        for target in targets:
            (_, a), (category, b) = source.split("/"), target.split("/")
            self._pairs[f"{len(self._pairs):06d}-{a}-{b}:{own} to {category}"] = (
                source,
                target,
                shared,
            )

    def seen(self, id: str) -> tuple[float, dict[str, Point], tuple[float, ...]]:
        """An image's azimuth in degrees, its visible keypoints by name (pixels), and its object's
        box.
        """
        if id not in self._seen:
            path, record = (
                self.images.root / "ImageAnnotation" / f"{id}.json",
                self.images.annotation(id),
            )
            names = record.get("keypoint_names")
            if not names or "azimuth" not in record:
                raise ValueError(
                    f"{path} names no keypoints or states no azimuth in degrees: of two "
                    "categories nobody says which points "
                    "are the same. The toybox does: python data_scripts/make_toybox.py"
                )
            points = field(record, "kps", path)
            at = {
                name: torch.tensor(points[str(i)], dtype=torch.float32)
                for i, name in enumerate(names)
                if points[str(i)]
            }
            self._seen[id] = (
                float(record["azimuth"]),
                at,
                box_of(field(record, "bndbox", path), f"{path}: bndbox"),
            )
        return self._seen[id]

    def category_of(self, name: str) -> str:
        """The two categories, "dog to horse"."""
        return name.rpartition(":")[2]

    def view(self, id: str) -> View:
        """The image "category/name"."""
        return self.images.view(id)

    def item(self, name: str) -> Pair:
        """The pair of this name; keypoints are names."""
        source, target, shared = self._pairs[name]
        (a, from_points, from_box), (b, to_points, to_box) = self.seen(source), self.seen(target)
        return Pair(
            id=name,
            source=self.view(source),
            target=self.view(target),
            source_points=torch.stack([from_points[key] for key in shared]) - self.protocol.origin,
            target_points=torch.stack([to_points[key] for key in shared]) - self.protocol.origin,
            keypoints=shared,
            category=self.category_of(name),
            source_box=from_box,
            target_box=to_box,
            tags={"azimuth_difference": angle_between(a, b)},
        )
