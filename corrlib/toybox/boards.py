"""Textured boards before a pinhole camera, and lights over them: pictures of a plane whose
homographies are known exactly.

A board is one continuous picture of a plane: a raster of `FINE` samples a pixel of image 1,
interpolated bilinearly and mirrored at its edges. Every image averages it over its own pixels'
areas, at places that its homography gives, so that the homography is exact: there is no resampling
of an image that was already pixels.
"""

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np
import torch
from einops import rearrange, reduce
from jaxtyping import Float
from PIL import Image, ImageDraw

from corrlib.coords import Size
from corrlib.toybox.items import generator_for
from corrlib.toybox.render import picture
from corrlib.toybox.scene import COLORS, GROUNDS, Knobs, draw

FINE = 3  # samples of a board a pixel of image 1, on each axis
MARGIN = 0.35  # of image 1's size: how far the board reaches beyond it on each side
RAYS = 4  # a pixel and axis
FOCAL = 1.3  # of the camera, in widths of its picture
Homography = Float[
    np.ndarray, "3 3"
]  # maps (x, y, 1) of image 1 to image k; pixel centres at integers


@dataclass(frozen=True)
class Board:
    """A plane's picture in [0, 1], and where pixel (0, 0) of image 1 lies on it, in samples."""

    raster: Float[np.ndarray, "h w 3"]
    origin: tuple[Real, Real]

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Colours at points in pixels of image 1 (any shape) -> shape x 3."""
        h, w = self.raster.shape[:2]
        u, v = (
            _mirrored(p * FINE + o, n)
            for p, o, n in ((x, self.origin[0], w), (y, self.origin[1], h))
        )
        x0, y0 = np.minimum(u.astype(int), w - 2), np.minimum(v.astype(int), h - 2)
        a, b = (u - x0)[..., None], (v - y0)[..., None]
        r = self.raster
        return (1 - b) * ((1 - a) * r[y0, x0] + a * r[y0, x0 + 1]) + b * (
            (1 - a) * r[y0 + 1, x0] + a * r[y0 + 1, x0 + 1]
        )


def _mirrored(t: np.ndarray, n: int) -> np.ndarray:
    """Coordinates folded into [0, n - 1] by mirrors at both ends."""
    period = 2 * (n - 1)
    t = np.mod(t, period)
    return np.minimum(t, period - t)


def photograph(board: Board, homography: Homography, size: Size) -> Float[np.ndarray, "H W 3"]:
    """Image k of the board: each pixel is the mean over RAYS x RAYS places in its area."""
    steps = (np.arange(RAYS) + 0.5) / RAYS - 0.5
    x, y = ((np.arange(n)[:, None] + steps).ravel() for n in size)
    x, y = np.meshgrid(x, y)
    u, v, w = np.einsum("ij,jhw->ihw", np.linalg.inv(homography), np.stack([x, y, np.ones_like(x)]))
    return reduce(board.at(u / w, v / w), "(h i) (w j) c -> h w c", "mean", i=RAYS, j=RAYS)


def pose(
    size: Size, *, yaw: Real, pitch: Real, roll: Real, zoom: Real, shift: tuple[Real, Real]
) -> Homography:
    """The homography from image 1, whose camera faces the board, to a camera turned by these
    degrees about the board's centre.

    `zoom` is how much nearer the camera stands; `shift` moves the board's centre in the picture, in
    shares of its size.
    """
    f, (cx, cy) = FOCAL * size[0], ((size[0] - 1) / 2, (size[1] - 1) / 2)
    a, b, c = (math.radians(v) for v in (yaw, pitch, roll))
    about_y = np.array([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    about_z = np.array([[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]])
    turn, lens = about_z @ about_x @ about_y, np.array([[f, 0, cx], [0, f, cy], [0, 0, 1.0]])
    away = (
        np.array([shift[0] * size[0] / f, shift[1] * size[1] / f, 1.0]) / zoom
    )  # the board's centre, image 1's distance is 1
    plane = np.column_stack(
        [turn[:, 0], turn[:, 1], away]
    )  # (X, Y, 1) on the board to the camera's axes
    h = lens @ plane @ np.linalg.inv(lens)  # image 1: X = (x - cx) / f, Y = (y - cy) / f
    return h / h[2, 2]


def paint_board(key: tuple, size: Size) -> Board:
    """A poster of stripes, shapes and pictures of toys, which has detail of every size
    everywhere.
    """
    g = generator_for("board", *key)
    margin = [round(MARGIN * n) for n in size]
    wide, high = ((n + 2 * m) * FINE for n, m in zip(size, margin, strict=True))
    ground, second = (
        torch.tensor(GROUNDS[int(torch.randint(len(GROUNDS), (1,), generator=g))][1:])
        for _ in range(2)
    )
    canvas = Image.new("RGB", (wide, high), _rgb(ground))
    pen = ImageDraw.Draw(canvas)
    _stripes(pen, g, (wide, high), _rgb(second * 0.6 + ground * 0.4))
    cell = 46 * FINE
    for top in range(-cell // 2, high, cell):
        for left in range(-cell // 2, wide, cell):
            kind, *rest = torch.rand(4, generator=g).tolist()
            middle = (left + cell * (0.3 + 0.4 * rest[0]), top + cell * (0.3 + 0.4 * rest[1]))
            if kind < 0.42:
                _sticker(canvas, g, middle, int(cell * (0.9 + 0.35 * rest[2])))
            else:
                _shape(pen, g, middle, cell * (0.22 + 0.3 * rest[2]))
    # the lens of image 1 resolves what FINE samples show: blots of every size keep any patch from
    # being flat
    raster = np.asarray(canvas, np.float32) / 255
    blots = sum(
        _noise(g, (high, wide), step) * share
        for step, share in ((FINE * 2, 0.03), (FINE * 5, 0.03), (FINE * 16, 0.04))
    )
    return Board(np.clip(raster + blots[..., None], 0, 1), (margin[0] * FINE, margin[1] * FINE))


def _rgb(color: torch.Tensor) -> tuple[int, ...]:
    return tuple((color.clamp(0, 1) * 255).round().int().tolist())


def _color(g: torch.Generator) -> tuple[int, ...]:
    return _rgb(torch.tensor(COLORS[int(torch.randint(len(COLORS), (1,), generator=g))][1:]))


def _stripes(
    pen: ImageDraw.ImageDraw, g: torch.Generator, size: Size, color: tuple[int, ...]
) -> None:
    step = int((9 + 10 * torch.rand(1, generator=g).item()) * FINE)
    lean = int((torch.rand(1, generator=g).item() - 0.5) * size[1])
    for x in range(-abs(lean), size[0] + abs(lean), step):
        pen.line([(x, 0), (x + lean, size[1])], fill=color, width=step // 3)


def _shape(
    pen: ImageDraw.ImageDraw, g: torch.Generator, middle: tuple[Real, Real], radius: Real
) -> None:
    """A star, polygon, ring or letter-like comb in two colours."""
    kind, turn, corners = torch.rand(3, generator=g).tolist()
    n, one, two = 3 + int(corners * 4), _color(g), _color(g)
    around = [
        (middle[0] + r * math.cos(t), middle[1] + r * math.sin(t))
        for t, r in _star(n, turn * 6.28, radius, kind < 0.5)
    ]
    pen.polygon(around, fill=one, outline=two, width=FINE)
    inner = radius * 0.35
    pen.ellipse(
        [middle[0] - inner, middle[1] - inner, middle[0] + inner, middle[1] + inner], fill=two
    )


def _star(n: int, turn: Real, radius: Real, pointed: bool) -> list[tuple[Real, Real]]:
    corners = [(turn + 2 * math.pi * i / n, radius) for i in range(n)]
    return (
        [p for t, r in corners for p in ((t, r), (t + math.pi / n, r * 0.5))]
        if pointed
        else corners
    )


def _sticker(canvas: Image.Image, g: torch.Generator, middle: tuple[Real, Real], side: int) -> None:
    """A small picture of a toy, with a border, put on askew."""
    toys = (
        "bird",
        "bus",
        "car",
        "cat",
        "cow",
        "dog",
        "horse",
        "motorbike",
        "sheep",
        "train",
        "pottedplant",
        "boat",
    )
    knobs = Knobs(truncation=0, occluder=0, size=(1.0, 1.25), pattern=0.8)
    rgb = picture(
        draw(toys[int(torch.randint(len(toys), (1,), generator=g))], 1, g, knobs),
        (side, side),
        supersample=1,
    )
    image = Image.fromarray(rearrange(rgb[0] * 255, "c h w -> h w c").round().byte().numpy())
    ImageDraw.Draw(image).rectangle([0, 0, side - 1, side - 1], outline=_color(g), width=2 * FINE)
    angle = (torch.rand(1, generator=g).item() - 0.5) * 50
    image, cut = (
        i.rotate(angle, Image.Resampling.BICUBIC, expand=True)
        for i in (image, Image.new("L", (side, side), 255))
    )
    canvas.paste(image, (int(middle[0] - image.width / 2), int(middle[1] - image.height / 2)), cut)


def _noise(g: torch.Generator, shape: tuple[int, int], step: int) -> np.ndarray:
    """Smooth noise of mean 0 and spread about 1, with blots of `step` samples."""
    coarse = torch.randn(1, 1, shape[0] // step + 3, shape[1] // step + 3, generator=g)
    fine = torch.nn.functional.interpolate(
        coarse, scale_factor=step, mode="bicubic", align_corners=False
    )
    return fine[0, 0, : shape[0], : shape[1]].numpy()
