"""Files of data sets: finding the folder, reading .mat files, keypoints that must lie in their
image; errors that help.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from corrlib.coords import Points, Size


def listing(folder: Path) -> str:
    """What is in a folder, in a few words for an error."""
    if not folder.is_dir():
        return f"no folder {folder}"
    names = sorted(p.name for p in folder.iterdir())
    return (", ".join(names[:8]) + (", ..." if len(names) > 8 else "")) or f"nothing in {folder}"


def find_folder(
    root: str | Path, inside: Sequence[str], holds: Sequence[str], what: str, fetch: str = ""
) -> Path:
    """`root`, or the first of its folders `inside`, that has all of `holds` in it. Raises
    FileNotFoundError with what was found.
    """
    root = Path(root)
    for folder in (root, *(root / name for name in inside)):
        if all((folder / name).exists() for name in holds):
            return folder
    hint = fetch or "to see how to fetch it and where it is looked for: python -m corrlib doctor"
    raise FileNotFoundError(
        f"no {what} at {root}: wanted a folder with {', '.join(holds)} in it; found: "
        f"{listing(root)}; {hint}"
    )


def read_mat(path: Path, field: str, **options: Any) -> np.ndarray:
    """One variable of a MATLAB file; `options` are those of `scipy.io.loadmat`.

    Raises FileNotFoundError or ValueError naming the file and the variable.
    """
    from scipy.io import loadmat

    if not path.is_file():
        raise FileNotFoundError(
            f"no annotation {path}; the data set is incomplete, unpack it again"
        )
    try:
        record: dict[str, Any] = loadmat(path, **options)
    # scipy raises many kinds on damaged files: ValueError, TypeError, MatReadError, zlib.error
    except Exception as error:
        raise ValueError(
            f"{path} is not a MATLAB file that can be read ({error}); it is damaged, unpack it "
            "again"
        ) from error
    if field not in record:
        have = ", ".join(sorted(k for k in record if not k.startswith("__"))) or "nothing"
        raise ValueError(
            f"{path} has no variable {field!r}; it has {have}. Unpack the data set again"
        )
    return record[field]


def require_shape(
    array: np.ndarray, shape: tuple[int | None, ...], path: Path, field: str
) -> np.ndarray:
    """`array`, if it has this shape (None: any length). Raises ValueError naming the file and the
    variable.
    """
    if array.ndim != len(shape) or any(
        n is not None and n != got for n, got in zip(shape, array.shape, strict=False)
    ):
        wanted = " x ".join("n" if n is None else str(n) for n in shape)
        raise ValueError(f"{path}: {field} has shape {tuple(array.shape)}; wanted {wanted}")
    return array


def keep_inside(
    points: Points, size: Size, where: str, names: Sequence[str], slack: int | float = 1
) -> Points:
    """Points of which those outside of their image are moved to its border pixels, by `slack` at
    most beyond the outermost centres.

    Annotators count from 1, or click on the border. Raises ValueError that begins with `where`
    (file and field) and names the keypoint, if one lies farther outside or is no number.
    """
    last = torch.tensor(size, dtype=points.dtype) - 1
    bad = ~((points >= -slack) & (points <= last + slack)).all(dim=1)
    if bad.any():
        i = int(bad.nonzero()[0])
        x, y = points[i].tolist()
        raise ValueError(
            f"{where} puts keypoint {names[i]!r} at ({x:g}, {y:g}), outside of its {size[0]} x "
            f"{size[1]} image"
        )
    inside = (points >= -0.5) & (points <= last + 0.5)
    return torch.where(inside, points, torch.minimum(points.clamp(min=0), last))
