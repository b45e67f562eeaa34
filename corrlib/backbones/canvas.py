"""An image made ready for a network: squeezed to its input size, or fitted into a square with
borders; and where the canvas lies on the image.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from corrlib.coords import Frame, Size

FITS = ("squash", "letterbox")


@dataclass(frozen=True)
class Canvas:
    """A network's input: RGB `pixels`, the size of the `original` image, and the canvas' outer
    edges (x0, y0, x1, y1) in the original's pixels.
    """

    pixels: Image.Image
    original: Size
    box: tuple[float, float, float, float] | None = None

    @property
    def size(self) -> Size:
        """Width and height of the canvas."""
        return self.pixels.size

    def tensor(self) -> Float[Tensor, "3 H W"]:
        """The pixels, values in [0, 1]."""
        array = np.array(self.pixels, dtype=np.float32)
        return rearrange(torch.from_numpy(array), "H W c -> c H W").contiguous() / 255

    def frame(self, grid: Size, covered: Size | None = None) -> Frame:
        """Where a grid (width, height) over the canvas lies on the original image; `covered` are
        the canvas' pixels (width, height) that the grid covers, from the top left, by default all.
        """
        if covered is None or covered == self.size:
            return Frame(self.original, grid, self.box)
        x0, y0, x1, y1 = Frame(self.original, grid, self.box).edges
        right = x0 + (x1 - x0) * covered[0] / self.size[0]
        bottom = y0 + (y1 - y0) * covered[1] / self.size[1]
        return Frame(self.original, grid, (x0, y0, right, bottom))


def squash(image: Image.Image, size: Size) -> Canvas:
    """The image resized to `size` (width, height), bicubic with antialiasing, aspect ratio not
    kept.
    """
    return Canvas(image.convert("RGB").resize(size, Image.Resampling.BICUBIC), image.size)


def centre_crop(image: Image.Image, short: int, side: int) -> Canvas:
    """The middle square of `side` pixels of the image with its shorter side resized to `short`
    (bicubic); the longer side is cut to whole pixels. Raises ValueError where `side` is larger.

    *Source:* the published preprocessing of DINOv2 in `transformers`: 256, then 224.
    """
    if not 0 < side <= short:
        raise ValueError(f"the crop is {side} pixels of {short}; wanted 1 to {short}")
    image = image.convert("RGB")
    scale = short / min(image.size)
    size = tuple(short if n == min(image.size) else int(n * scale) for n in image.size)
    x, y = ((length - side) // 2 for length in size)
    pixels = image.resize(size, Image.Resampling.BICUBIC).crop((x, y, x + side, y + side))
    across, down = image.size[0] / size[0], image.size[1] / size[1]
    box = (x * across - 0.5, y * down - 0.5, (x + side) * across - 0.5, (y + side) * down - 0.5)
    return Canvas(pixels, image.size, box)


def letterboxed(size: Size, side: int) -> tuple[Size, tuple[int, int]]:
    """What an image of `size` measures in a letterbox of `side` pixels, and where (x, y) it begins
    there.
    """
    inner = tuple(max(1, int(np.around(side * length / max(size)))) for length in size)
    return inner, tuple((side - length) // 2 for length in inner)


def letterbox(image: Image.Image, side: int, border: Literal["black", "edge"] = "black") -> Canvas:
    """The image with its longer side resized to `side` (Lanczos), in the middle of a square whose
    rest is black or repeats the image's edge.

    *Source:* `resize` in `utils_correspondence.py` of the released code of "A Tale of Two
    Features"; the shorter side is rounded to even halves and the odd pixel of a border lies right
    or below, as there.
    """
    image = image.convert("RGB")
    inner, (x, y) = letterboxed(image.size, side)
    resized = np.array(image.resize(inner, Image.Resampling.LANCZOS))
    margins = ((y, side - inner[1] - y), (x, side - inner[0] - x), (0, 0))
    padded = np.pad(resized, margins, mode="constant" if border == "black" else "edge")
    across, down = image.size[0] / inner[0], image.size[1] / inner[1]
    box = (-x * across - 0.5, -y * down - 0.5, (side - x) * across - 0.5, (side - y) * down - 0.5)
    return Canvas(Image.fromarray(padded), image.size, box)


def fitted(image: Image.Image, side: int, fit: str) -> Canvas:
    """The image on a square canvas of `side` pixels, "squash" or "letterbox". Raises ValueError on
    another word.
    """
    if fit not in FITS:
        raise ValueError(f"fit is {fit!r}; wanted one of {', '.join(FITS)}")
    return squash(image, (side, side)) if fit == "squash" else letterbox(image, side)
