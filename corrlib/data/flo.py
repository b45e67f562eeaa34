"""Middlebury's .flo files: dense flow as float32, with a mark where it is not known.

    bytes 0-3    float32 202021.25 (the letters PIEH), little-endian as everything after it
    bytes 4-11   int32 width, int32 height
    bytes 12-    height x width x (u, v) float32, row by row from the top;
                 pixel (x, y) goes to (x + u, y + v)

A pixel is unknown where |u| or |v| is 1e9 or more: TSS writes 1e10, Middlebury 1.6666668e9. In
memory an unknown pixel is NaN.

*Source:* the format is Daniel Scharstein's (Middlebury optical flow); the marks were read in files
of TSS and Middlebury.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from corrlib.coords import Size

TAG = np.float32(202021.25)
UNKNOWN = np.float32(1e10)  # written for NaN, the mark of TSS
LIMIT = 1e9  # known flow is below it
HEADER = 12
LONGEST = 99_999  # pixels; a header beyond is not a size


def flo_size(path: str | Path, size: Size | None = None) -> Size:
    """(width, height) of a .flo file from its header and its length, without reading the flow.

    Raises FileNotFoundError where there is no file, ValueError on a wrong tag, an impossible size,
    a length that does not fit, or another size than `size`, that of the flow's image.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no flow {path}; check the path, or unpack the data set again")
    with path.open("rb") as file:
        header = file.read(HEADER)
    if len(header) < HEADER:
        raise ValueError(
            f"{path} is truncated: {len(header)} bytes; wanted {HEADER} of header (tag, width, "
            "height): fetch again"
        )
    if (tag := np.frombuffer(header, "<f4", 1)[0]) != TAG:
        hint = ""
        if np.frombuffer(header, ">f4", 1)[0] == TAG:
            hint = (
                ", its bytes are in big-endian order: write it again with "
                "corrlib.toybox.writing.flo.write_flo"
            )
        raise ValueError(
            f"{path} has tag {tag:g}; wanted {TAG:.2f}, the letters PIEH: not a .flo "
            f"file{hint or ', check the path'}"
        )
    width, height = map(int, np.frombuffer(header, "<i4", 2, 4))
    if not (1 <= width <= LONGEST and 1 <= height <= LONGEST):
        raise ValueError(
            f"{path} has width {width} and height {height}; wanted 1 to {LONGEST}: a damaged "
            "header, fetch it again"
        )
    wanted, got = HEADER + 8 * width * height, path.stat().st_size
    if got != wanted:
        what = "truncated" if got < wanted else "too long"
        sides = f"{width} x {height}"
        raise ValueError(
            f"{path} has {got:,} bytes; wanted {wanted:,} for {sides} pixels (width x height): "
            f"{what}, fetch it again"
        )
    if size not in (None, (width, height)):
        raise ValueError(
            f"{path} has size {(width, height)} (width, height), but its image has {size}; "
            "unpack both again"
        )
    return width, height


def read_flo(path: str | Path, size: Size | None = None) -> Float[np.ndarray, "H W 2"]:
    """The flow (u, v) in pixels, float32, NaN in both where it is not known. Raises as `flo_size`
    does.
    """
    width, height = flo_size(path, size)
    flow = (
        np.fromfile(path, "<f4", offset=HEADER)
        .reshape(height, width, 2)
        .astype(np.float32, copy=False)
    )
    flow[~(np.abs(flow) < LIMIT).all(axis=2)] = (
        np.nan
    )  # written so that NaN and infinities are unknown too
    return flow
