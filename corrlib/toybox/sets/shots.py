"""Photographs of toys with all that is known of them, looked for until they show what a benchmark
asks for.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from numbers import Real

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float, UInt8
from PIL import Image

from corrlib.coords import Points, Size
from corrlib.toybox.items import SIZES, generator_for
from corrlib.toybox.render import Render, render
from corrlib.toybox.scene import Knobs, Scene, draw
from corrlib.toybox.truth import locate, toy_box

Places = dict[
    str, tuple[str, tuple[Real, Real, Real]]
]  # a point's name -> its part, and where on the part
TRIES = 2000


@dataclass(frozen=True)
class Shot:
    """A scene, its picture and the named points that the benchmark marks (pixels, first pixel
    0).
    """

    scene: Scene
    size: Size
    drawn: Render
    points: Points
    visible: Bool[torch.Tensor, "n"]

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x1, y1, x2, y2 of the visible toy; first pixel 0, last included."""
        x1, y1, x2, y2 = toy_box(self.drawn)
        return x1 - 1, y1 - 1, x2 - 1, y2 - 1

    def image(self) -> Image.Image:
        return to_image(self.drawn.rgb[0])

    def marked(self) -> Float[np.ndarray, "n 2"]:
        """The points in float64, NaN where they are not visible."""
        return torch.where(self.visible[:, None], self.points.double(), torch.nan).numpy()


def to_image(rgb: Float[torch.Tensor, "3 H W"]) -> Image.Image:
    """Colours in [0, 1] to an 8 bit picture."""
    pixels: UInt8[np.ndarray, "H W 3"] = (
        rearrange(rgb * 255, "c h w -> h w c").round().byte().numpy()
    )
    return Image.fromarray(pixels)


def mark(scene: Scene, places: Places, size: Size) -> tuple[Points, Bool[torch.Tensor, "n"]]:
    """Where the named places of a scene lie in its picture, and whether they are seen."""
    index = torch.tensor([scene.parts.names.index(part) for part, _ in places.values()])
    return locate(
        scene, index, torch.tensor([[float(v) for v in u] for _, u in places.values()]), size
    )


def shots(
    key: tuple,
    category: str,
    places: Places,
    seed: int,
    *,
    knobs: Knobs,
    sizes: tuple[Size, ...] = SIZES,
    points: int = 3,
    change: Callable[[Scene], Scene] = lambda scene: scene,
) -> Iterator[Shot]:
    """Pictures of `category` under `key` that show at least `points` of the places and enough of
    the toy, without end.

    `change` edits a scene before it is drawn. Raises RuntimeError where too many scenes in a row
    show too little.
    """
    index = missed = 0
    while missed < TRIES:
        generator = generator_for("toybox", seed, *key, category, index)
        size = sizes[int(torch.randint(len(sizes), (1,), generator=generator))]
        scene = change(draw(category, 1, generator, knobs))
        index, missed = index + 1, missed + 1
        where, visible = mark(scene, places, size)
        if int(visible.sum()) < points:
            continue
        shot = Shot(scene, size, render(scene, size), where, visible)
        if (
            toy_box(shot.drawn) is None
            or min(shot.box[2] - shot.box[0], shot.box[3] - shot.box[1]) < 12
        ):
            continue
        missed = 0
        yield shot
    raise RuntimeError(
        f"none of {TRIES} scenes of a {category} shows {points} of {', '.join(places)}; ask for "
        "fewer or turn it"
    )
