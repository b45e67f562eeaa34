"""Benchmarks in memory, and methods of which it is known what they answer."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from corrlib.coords import Frame
from corrlib.data.selection import Selection
from corrlib.experiments.tasks import answer, report
from corrlib.storage.result_folder import ResultFolder
from corrlib.types import FeatureMap, Matches, View


@dataclass(frozen=True)
class Nothing:
    """Settings of the methods here."""


class Told:
    """A method whose features are the pictures' own colours, one cell a pixel, and which moves
    every point by `shift`.
    """

    name, preset, settings = "told", "test", Nothing()

    def __init__(self, shift=(0.0, 0.0)):
        self.shift = shift

    def features(self, view, *, seed=0):
        values = torch.from_numpy(np.array(view.image())).permute(2, 0, 1).float()
        place = torch.stack(torch.meshgrid(*map(torch.arange, values.shape[1:]), indexing="ij"))
        return FeatureMap(torch.cat([values - 127, 0.01 * place]), Frame(view.size, view.size))

    def __call__(self, source, target, queries, *, seed=0):
        return Matches(queries + torch.tensor(self.shift), torch.zeros(len(queries)))


class Points(Told):
    """The same without features of a view."""

    features = None


class Sides(Told):
    """Features of a view that are no one map, as SD + DINO's."""

    def features(self, view, *, seed=0):
        return {"sd": super().features(view)}


class Items(Selection):
    """A benchmark in memory."""

    title, unit, published = "Items", "things", None

    def __init__(self, task, items):
        self.task, self.items = task, {item.id: item for item in items}
        super().__init__(Path("memory"), "test", list(self.items))

    def category_of(self, name):
        return self.items[name].category

    def item(self, name):
        return self.items[name]


def noise(seed, size=(24, 16)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def view(id, image) -> View:
    return View(id, image.size, None, pixels=image)


def run(task, method, data, out, **options) -> tuple[ResultFolder, dict[str, pd.DataFrame], str]:
    parts = answer(task, method, data, out, progress=False, **options)
    return parts, task.count(parts.read(), data, parts.root), "\n".join(report(task, parts, data))
