"""Where a label's point really is: looked up in the toy world, which knows. For judging labels,
never for making them.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch

from corrlib.coords import Size
from corrlib.toybox.items import item_of
from corrlib.toybox.render import Render, render
from corrlib.toybox.scene import Scene
from corrlib.toybox.truth import locate, toy_box

COLUMNS = ("eval_on_object", "eval_true_x", "eval_true_y", "eval_box_px")


class World:
    """The scenes behind the pictures of a toybox data set, each drawn once. Raises ValueError of a
    picture that is no toy.

    `pairs` is the data set as `corrlib.data.spair.SPair`; its `split` and `annotation(id)` are
    read.
    """

    def __init__(self, pairs: Any):
        self.pairs = pairs
        self._drawn: dict[str, tuple[Scene, Size, Render]] = {}

    def scene(self, id: str) -> tuple[Scene, Size, Render]:
        """The scene of picture `id` ("category/name"), its size and its drawing."""
        if id not in self._drawn:
            note: Mapping[str, Any] = self.pairs.annotation(id)
            if note.get("src_database") != "toybox":
                raise ValueError(
                    f"picture {id} is a photograph, not a toy: nobody knows where each of its "
                    "points lies in another"
                )
            key = (self.pairs.split, note["category"], note["index"], note["seed"])
            scene, size = item_of(note.get("world", "calibrated"), *key)
            self._drawn[id] = scene, size, render(scene, size, supersample=1)
        return self._drawn[id]

    def judge(self, labels: pd.DataFrame) -> pd.DataFrame:
        """The labels with four more columns: whether the source point lies on the toy at all; its
        true place in the target, NaN where it is hidden there or no toy's part; and the longer side
        of the target's box, the length that PCK's alpha multiplies.

        Reads columns source_image, target_image, source_x, source_y (integers: pixels).
        """
        judged = []
        for (source_id, target_id), rows in labels.groupby(
            ["source_image", "target_image"], sort=False
        ):
            source, _, picture = self.scene(source_id)
            target, target_size, target_picture = self.scene(target_id)
            x0, y0, x1, y1 = toy_box(target_picture)
            for index, (x, y) in zip(
                rows.index,
                rows[["source_x", "source_y"]].round().astype(int).to_numpy(),
                strict=True,
            ):
                part = int(picture.part[0, y, x])
                name = source.parts.names[part] if part >= 0 else None
                place = [float("nan")] * 2
                if name in target.parts.names:
                    there = torch.tensor([target.parts.names.index(name)])
                    points, visible = locate(
                        target, there, picture.place[0, :, y, x][None], target_size
                    )
                    place = points[0].tolist() if visible[0] else place
                judged.append((index, part >= 0, *place, float(max(x1 - x0, y1 - y0))))
        found = pd.DataFrame(judged, columns=["index", *COLUMNS]).set_index("index")
        return labels.join(found)


def correct(judged: pd.DataFrame, alpha: float | int = 0.1) -> pd.Series:
    """Whether each label is right: within alpha times the box of the true place. A point that is
    hidden has no right answer.
    """
    distance = (
        (judged["target_x"] - judged["eval_true_x"]) ** 2
        + (judged["target_y"] - judged["eval_true_y"]) ** 2
    ) ** 0.5
    return distance <= alpha * judged["eval_box_px"]
