"""The look of every figure, in one place: a few colours, one grid of sizes, and what turns anything
image-like into pixels.

Blue is right and orange is wrong, everywhere; lines are solid and dashed besides, so that neither
print nor any kind of colour vision loses the difference.
"""

from numbers import Real
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from PIL import Image

BLUE, ORANGE, GREY, INK, PAPER = "#2166ac", "#e08214", "#7f7f7f", "#222222", "#ffffff"
TEAL, PLUM, SAND = "#35978f", "#8e4585", "#bf9b30"
CYCLE = (BLUE, ORANGE, TEAL, PLUM, SAND, GREY)  # curves, in this order
SEQUENTIAL, HEAT = "viridis", "inferno"  # amounts in a table; a similarity over an image
WIDTH = 6.6  # inches; at this width 11 points are read on a page and on a phone alike

RC = {
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 160,
    "savefig.bbox": "tight",
    "svg.hashsalt": "corrlib",
    "svg.fonttype": "path",
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.titleweight": "regular",
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.prop_cycle": mpl.cycler(color=CYCLE),
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 2.0,
    "legend.frameon": False,
    "image.interpolation": "nearest",
}


def apply() -> None:
    """Give matplotlib the look of the book; `with matplotlib.rc_context(RC)` does it for a block
    only.
    """
    mpl.rcParams.update(RC)


def to_array(x: Any) -> np.ndarray:
    """A NumPy array of a tensor (on any device), an array, or nested lists."""
    if hasattr(x, "detach"):
        x = x.detach().cpu()
        x = x.float() if x.is_floating_point() else x
        x = x.numpy()
    return np.asarray(x)


def to_pixels(image: Any) -> Float[np.ndarray, "H W 3"]:
    """Pixels in [0, 1] of a `View`, a Pillow image, a c x H x W tensor or an H x W (x c) array;
    integers are taken as 0..255.

    Values beyond [0, 1] are cut. Raises ValueError on any other shape.
    """
    if callable(getattr(image, "image", None)):  # a View
        image = image.image()
    if isinstance(image, Image.Image):
        image = image.convert("RGB")
    is_tensor = hasattr(image, "detach")
    pixels = to_array(image)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    elif pixels.ndim == 3 and (is_tensor or pixels.shape[2] not in (1, 3, 4)):
        pixels = np.moveaxis(pixels, 0, -1)
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4):
        raise ValueError(
            f"got an image of shape {to_array(image).shape}; wanted H x W, H x W x 3 or a "
            "tensor of 3 x H x W (one image)"
        )
    pixels = pixels / 255.0 if np.issubdtype(pixels.dtype, np.integer) else pixels.astype(float)
    pixels = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[..., :3]
    return np.clip(pixels, 0.0, 1.0)


def bare(ax: Any) -> Any:
    """Take ticks and frame off an axes that shows an image, and let it hang from its title, so that
    a row's titles are level.
    """
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_anchor("N")
    return ax


def show(
    ax: Any,
    pixels: np.ndarray,
    across: tuple[Real, Real] | None = None,
    height: Real | None = None,
    interpolation: str = "antialiased",
) -> None:
    """Draw pixels (H x W x 3) with the centre of the first at (0, 0); or `across` = (left edge,
    width) and `height`, in units of the axes.
    """
    x, width = across or (0, pixels.shape[1])
    height = pixels.shape[0] if height is None else height
    ax.imshow(
        pixels, extent=(x - 0.5, x + width - 0.5, height - 0.5, -0.5), interpolation=interpolation
    )
