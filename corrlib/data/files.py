"""Files of data sets: finding the folder, reading .mat and csv files; keypoints, boxes and lists
that are what they must be; errors that help.
"""

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
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


def read_mat(path: Path, field: str, **options: Any) -> Any:
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


def read_csv(path: Path, **options: Any) -> pd.DataFrame:
    """The table in a csv file; `options` are those of `pandas.read_csv`.

    Raises FileNotFoundError or ValueError naming the file where it is missing, empty, ragged or not
    UTF-8.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no list {path}; check the path, or unpack the data set again")
    try:
        with warnings.catch_warnings():
            # rows longer than the header: pandas would cut them, or take a column for their names
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(path, index_col=False, **options)
    except pd.errors.EmptyDataError as error:
        raise ValueError(f"{path} is empty; wanted a header and one row a line") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text ({error}); save it as UTF-8") from error
    except (ValueError, pd.errors.ParserWarning) as error:  # ParserError is a ValueError
        said = str(error).strip().removeprefix("Error tokenizing data. C error: ")
        raise ValueError(f"{path}: {said}; wanted as many values in every row") from error


def once(names: Sequence[str], path: Path) -> Sequence[str]:
    """`names`, of a list in the file `path`, if none is there twice: it would be counted twice.
    Raises ValueError.
    """
    if twice := [name for name, n in Counter(names).items() if n > 1]:
        raise ValueError(
            f"{path} lists {len(twice):,} of {len(set(names)):,} names more than once; the first "
            f"is {twice[0]}: write or unpack the list again"
        )
    return names


def box_of(given: Any, where: str) -> tuple[float, float, float, float]:
    """An object's box (x1, y1, x2, y2) in pixels, whose longer side is what PCK's alpha multiplies.

    Raises ValueError that begins with `where` (file and field) unless `given` is four finite
    numbers with x1 < x2 and y1 < y2.
    """
    try:
        x1, y1, x2, y2 = map(float, given)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where} is {str(given)[:60]}; wanted [x1, y1, x2, y2]") from error
    if not (math.isfinite(x1 + y1 + x2 + y2) and x1 < x2 and y1 < y2):
        raise ValueError(
            f"{where} is {str(given)[:60]}; wanted [x1, y1, x2, y2] with x1 < x2 and y1 < y2"
        )
    return x1, y1, x2, y2


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
