"""Picture files to RGB pixels: which way is up, and how every kind of pixel becomes three bytes.

| the file's pixels | what becomes of them |
| --- | --- |
| grey, palette, one bit, CMYK, YCbCr | converted by Pillow, colour profiles ignored |
| alpha or a transparent colour | laid on white, so that colours hidden under it stay hidden |
| 16 bits a channel | divided by 257: 65535 becomes 255, whatever the picture holds |
| 32-bit integers | as 16 bits where all lie in 0..65535, else from the least to the greatest |
| float | times 255 where all lie in [0, 1], else from the least to the greatest |

Nothing is cut off, and what cannot be read is one line with the file's name.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from corrlib.coords import Size

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SWAP = (5, 6, 7, 8)  # turns that exchange width and height
_FULL = {"I": 65535.0, "F": 1.0}  # white, where the values say that it is this


def size_of(path: str | Path, *, upright: bool) -> Size:
    """(width, height) by the file's header; with `upright` after turning as its EXIF data says.

    Raises FileNotFoundError or ValueError naming the file.
    """
    with _opened(path) as image:
        width, height = image.size
        return (height, width) if upright and _orientation(image) in _SWAP else (width, height)


def read(path: str | Path, *, upright: bool) -> Image.Image:
    """The RGB picture in a file, in the frame in which it is stored or, `upright`, as its EXIF
    data says.

    Raises FileNotFoundError or ValueError naming the file.
    """
    with _opened(path) as image:
        turn = _TURNS.get(_orientation(image)) if upright else None
        image = to_rgb(image)
        return image.transpose(turn) if turn is not None else image


def to_rgb(image: Image.Image) -> Image.Image:
    """Any Pillow image as RGB, by the table above. Raises ValueError on values that are not
    finite, and on a mode that Pillow cannot convert.
    """
    if image.mode.startswith("I;16"):
        return _grey(np.asarray(image).astype(np.float64) / 257)
    if image.mode in _FULL:
        return _grey(_scaled(np.asarray(image).astype(np.float64), _FULL[image.mode]))
    if image.mode in ("La", "RGBa"):
        image = image.convert(image.mode.upper())
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _scaled(values: np.ndarray, full: float) -> np.ndarray:
    if not np.isfinite(values).all():
        raise ValueError("it holds values that are not finite")
    low, high = values.min(), values.max()
    if 0 <= low and high <= full:
        low, high = 0.0, full
    return (values - low) * (255 / (high - low if high > low else 1))


def _grey(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.rint(values).astype(np.uint8)).convert("RGB")


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8, as it stands before the pixels; 1 where Pillow turns by
    itself, as it does with TIFF files.
    """
    if image.format == "TIFF":
        return 1
    # PNG's own `getexif` would decode all pixels, to look behind them
    return Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)


@contextmanager
def _opened(path: str | Path) -> Iterator[Image.Image]:
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"no image at {path}; check the path (folders and urls are not accepted)"
        )
    try:
        with warnings.catch_warnings():
            # up to twice this size Pillow only warns; what a camera makes is not refused
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                yield image
    except UnidentifiedImageError as error:
        raise ValueError(
            f"{path} is not an image that Pillow can read; convert it to PNG or JPEG"
        ) from error
    except Image.DecompressionBombError as error:
        raise ValueError(
            f"{path} is too large to be read safely, make it smaller first ({error})"
        ) from error
    except MemoryError as error:
        raise ValueError(f"{path} does not fit into memory; make it smaller first") from error
    except Exception as error:  # decoders of damaged files raise errors of every kind
        raise ValueError(
            f"cannot decode {path}: {str(error) or type(error).__name__}; the file is truncated "
            "or corrupt, or of a kind that must be converted to PNG or JPEG; fetch or export it "
            "again"
        ) from error
