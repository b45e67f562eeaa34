"""The text files of CUB-200-2011: space separated, the image's number first, sometimes with Windows line ends."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from corrlib.data.files import find_folder, listing, read_mat

HOLDS = ("images.txt", "train_test_split.txt", "bounding_boxes.txt", "parts/parts.txt", "parts/part_locs.txt", "images")


class Records(NamedTuple):
    """What the files say, by image number: name "class folder/file", whether of the training split, box x y w h, parts 15 x 3."""

    names: Mapping[int, str]
    training: Mapping[int, bool]
    boxes: Mapping[int, tuple[float, ...]]
    parts: tuple[str, ...]
    places: Mapping[int, np.ndarray]  # x, y, visible


def find_root(root: str | Path) -> Path:
    """The folder that holds images.txt and its siblings. Raises FileNotFoundError."""
    return find_folder(root, ("CUB_200_2011",), HOLDS, "CUB-200-2011")


def read_records(root: Path) -> Records:
    """All files of the data set. Raises ValueError naming file, line and what was expected."""
    names = {id: rest[0] for id, rest in _lines(root / "images.txt", "<image> <class folder>/<file>", 1).items()}
    split = _lines(root / "train_test_split.txt", "<image> <1 training, 0 test>", 1)
    boxes = _lines(root / "bounding_boxes.txt", "<image> <x> <y> <width> <height>", 4)
    parts = _lines(root / "parts" / "parts.txt", "<part> <name>", 1, words=True)
    try:
        numbers = {id: tuple(map(float, rest)) for id, rest in boxes.items()}
    except ValueError as error:
        raise ValueError(f"{root / 'bounding_boxes.txt'}: {error}; wanted <image> <x> <y> <width> <height>") from error
    training = {id: rest[0] == "1" for id, rest in split.items()}
    return Records(names, training, numbers, tuple(parts[i][0] for i in sorted(parts)), _places(root, len(parts)))


def cleaned(path: Path) -> dict[int, tuple[float, ...]]:
    """Images of ACSM's cleaned list and their boxes (x1, y1, x2, y2; first pixel 1) by number. Raises as `read_mat`."""
    found = {}
    for image in np.atleast_1d(read_mat(path, "images", squeeze_me=True, struct_as_record=False)):
        try:
            found[int(image.id)] = tuple(float(getattr(image.bbox, side)) for side in ("x1", "y1", "x2", "y2"))
        except AttributeError as error:
            raise ValueError(f"{path}: images: {error}; wanted id and bbox (x1, y1, x2, y2) of each") from error
    return found


def _lines(path: Path, form: str, fields: int, words: bool = False) -> dict[int, list[str]]:
    """The rest of each line by the number that it begins with."""
    found = {}
    for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        number, *rest = text.split(" ", 1) if words else text.split()
        if not number.isdigit() or len(rest) != fields:
            raise ValueError(f"{path}, line {line}: {text[:60]!r}; wanted {form}")
        found[int(number)] = [field.strip() for field in rest]
    if not found:
        raise ValueError(f"{path} is empty; wanted lines of {form}. The folder has {listing(path.parent)}")
    return found


def _places(root: Path, count: int) -> dict[int, np.ndarray]:
    path, form = root / "parts" / "part_locs.txt", f"<image> <part 1 to {count}> <x> <y> <visible>, parts in order"
    try:
        table = pd.read_csv(path, sep=r"\s+", header=None, dtype=float).to_numpy()
    except (ValueError, pd.errors.ParserError) as error:
        raise ValueError(f"{path}: {error}; wanted lines of {form}") from error
    if table.shape[1:] != (5,) or len(table) % count:
        raise ValueError(f"{path} has {len(table):,} lines of {table.shape[1]} numbers; wanted {form}: {count} lines an image")
    blocks = table.reshape(-1, count, 5)
    wrong = (blocks[:, :, 1] != np.arange(1, count + 1)).any(1) | (blocks[:, :, 0] != blocks[:, :1, 0]).any(1)
    if wrong.any():
        raise ValueError(f"{path}, line {int(wrong.argmax()) * count + 1} or soon after: parts not in order; wanted {form}")
    return {int(block[0, 0]): block[:, 2:] for block in blocks}
