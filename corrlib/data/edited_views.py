"""Views whose pixels are made from a file when they are asked for: mirrored, or cropped and
resized.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from corrlib.types import View


@dataclass(frozen=True)
class Edited(View):
    """A view of `path` after `edit`, which makes an image of `size` of the file's; the id tells it
    from the file's own view.
    """

    edit: Callable[[Image.Image], Image.Image] = field(
        default=lambda image: image, compare=False, repr=False
    )

    def image(self) -> Image.Image:
        """The edited pixels as an RGB Pillow image of `size`. Raises ValueError on a truncated or
        corrupt file.
        """
        image = self.edit(self.decoded())
        if image.size != self.size:
            raise ValueError(
                f"the edit of view {self.id!r} gave an image of {image.size}; wanted "
                f"{self.size} (width, height)"
            )
        return image

    def digest(self) -> str:
        """Sixteen hex digits of the file and of what was made of it."""
        return hashlib.sha256(f"{super().digest()} {self.id} {self.size}".encode()).hexdigest()[:16]


def square(box: tuple[float | int, ...], enlarge: float) -> tuple[int, int, int]:
    """First pixel x, y and side of the square around a box (x1, y1, x2, y2; first pixel 1) enlarged
    by a share on each side.
    """
    low, high = np.array(box[:2]) - 1, np.array(box[2:]) - 1
    margin = enlarge * (high - low + 1)
    low, high = ([half_up(v) for v in ends] for ends in (low - margin, high + margin))
    sides = [b - a + 1 for a, b in zip(low, high, strict=True)]
    side = max(sides)
    return low[0] - half_up((side - sides[0]) / 2), low[1] - half_up((side - sides[1]) / 2), side


def half_up(value: float) -> int:
    """Rounded to the nearest integer, halves away from zero (Python rounds them to even)."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def cropped(image: Image.Image, x: int, y: int, side: int, size: int) -> Image.Image:
    """A square of an image, continued beyond its border by its border pixels, resized to size x
    size (Lanczos).
    """
    pixels = np.asarray(image)
    rows, columns = (
        np.clip(start + np.arange(side), 0, n - 1)
        for start, n in ((y, image.height), (x, image.width))
    )
    return Image.fromarray(pixels[rows][:, columns]).resize((size, size), Image.Resampling.LANCZOS)
