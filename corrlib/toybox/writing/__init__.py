"""Files of a data set, written whole and the same every time: what the writers of all layouts
share.
"""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from corrlib.storage.atomic_write import atomic_write

MAT_TITLE = b"MATLAB 5.0 MAT-file, written by corrlib".ljust(116)


def write(path: str | Path, data: bytes | str) -> None:
    """Write a file and the folders above it; a killed run leaves no half file under the real
    name.
    """
    with atomic_write(path) as part:
        part.write_bytes(data.encode() if isinstance(data, str) else data)


def write_csv(path: str | Path, rows: Iterable[Iterable[object]]) -> None:
    """Write rows of a csv whose fields hold no comma."""
    write(path, "".join(",".join(map(str, row)) + "\n" for row in rows))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of an image file of `kind` ("PNG", "JPEG", "PPM"); `options` are Pillow's."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(image: Image.Image) -> bytes:
    """JPEG of quality 95 with full colour, as all toy photographs are stored."""
    return encoded(image.convert("RGB"), "JPEG", quality=95, subsampling=0)


def indexed_png(labels: np.ndarray) -> bytes:
    """A PNG of mode P with VOC's palette whose values are the H x W uint8 labels themselves."""
    mask = Image.fromarray(labels)
    mask.putpalette(voc_palette())  # turns L into P and keeps the numbers
    return encoded(mask, "PNG")


def mat(fields: Mapping[str, np.ndarray], *, compress: bool = False) -> bytes:
    """A Matlab 5 file of named arrays. SciPy writes the time into its title; ours has a fixed one,
    so that bytes repeat.
    """
    from scipy.io import savemat

    buffer = io.BytesIO()
    savemat(buffer, dict(fields), do_compression=compress)
    return MAT_TITLE + buffer.getvalue()[len(MAT_TITLE) :]


def voc_palette() -> list[int]:
    """VOC's colours: the bits of a class number, three at a time, fill red, green and blue from the
    highest bit down.
    """

    def level(number: int, channel: int) -> int:
        return sum(((number >> (3 * bit + channel)) & 1) << (7 - bit) for bit in range(3))

    return [level(number, channel) for number in range(256) for channel in range(3)]
