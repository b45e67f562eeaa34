"""Arrays in small files: tables of numbers in text, and pictures whose values are the data
(masks).
"""

import warnings
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image, UnidentifiedImageError

from corrlib.coords import Size

WHOLE = "the data set is incomplete, unpack it again"


def read_text(path: Path) -> str:
    """A text file. Raises FileNotFoundError where it is missing, ValueError where it is not
    text.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no {path}; {WHOLE}")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not a text file ({error}); it is damaged, unpack it again"
        ) from error


def read_numbers(path: Path, shape: tuple[int | None, int]) -> Float[np.ndarray, "rows columns"]:
    """A table of finite numbers separated by white space, of this shape (None: any number of rows).
    Raises as `read_text` does, and ValueError naming the file, its shape and the wanted one."""
    wanted = " x ".join("n" if n is None else str(n) for n in shape)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", UserWarning
            )  # numpy's, of an empty file, which the shape tells
            table = np.loadtxt(read_text(path).splitlines(), ndmin=2, dtype=np.float64)
    except ValueError as error:
        raise ValueError(
            f"{path} is not a table of {wanted} numbers ({error}); unpack it again"
        ) from error
    if table.ndim != 2 or table.shape[1] != shape[1] or shape[0] not in (None, len(table)):
        raise ValueError(
            f"{path} has {' x '.join(map(str, table.shape))} numbers; wanted {wanted}: damaged, "
            "unpack it again"
        )
    if not np.isfinite(table).all():
        raise ValueError(
            f"{path} holds a number that is not finite; wanted {wanted} finite ones: unpack it "
            "again"
        )
    return table


def read_values(path: Path, size: Size | None = None) -> tuple[np.ndarray, str]:
    """A picture's values as they are in the file (H x W, or H x W x channels) and Pillow's name of
    their mode.

    Nothing is converted to colours: of an indexed PNG the values are the indices. Raises
    FileNotFoundError or ValueError naming the file if it is missing, truncated, or not of `size`
    (width, height).
    """
    if not path.is_file():
        raise FileNotFoundError(f"no mask {path}; {WHOLE}")
    try:
        with Image.open(path) as image:
            if size is not None and image.size != size:
                raise ValueError(
                    f"{path} has size {image.size} (width, height), but its image has {size}; "
                    "resize it with nearest neighbour"
                )
            return np.array(image), image.mode
    except UnidentifiedImageError as error:
        raise ValueError(
            f"{path} is not an image that Pillow can read; wanted a PNG: unpack it again"
        ) from error
    except (OSError, SyntaxError) as error:
        raise ValueError(
            f"cannot decode {path}: {error}; the file is truncated or corrupt, fetch it again"
        ) from error
