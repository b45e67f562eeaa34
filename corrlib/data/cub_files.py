"""The text files of CUB-200-2011: space separated, the image's number first, sometimes with Windows
line ends.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from corrlib.data.arrays import read_text
from corrlib.data.files import box_of, find_folder, read_mat

HOLDS = (
    "images.txt",
    "train_test_split.txt",
    "bounding_boxes.txt",
    "parts/parts.txt",
    "parts/part_locs.txt",
    "images",
)


FORMS: dict[str, tuple[str, Sequence[Callable[[str], Any]]]] = {
    # file: a line in words, and what each word after the number must pass
    "images.txt": ("<image> <class folder>/<file>", (lambda word: int(word.split(".")[0]),)),
    "train_test_split.txt": ("<image> <1 training, 0 test>", ({"0": 0, "1": 1}.__getitem__,)),
    "bounding_boxes.txt": ("<image> <x> <y> <width> <height>", (float,) * 4),
    "parts/parts.txt": ("<part> <name>", (str,)),
}


class Records(NamedTuple):
    """What the files say, by image number: name "class folder/file", whether of the training split,
    box x y w h, parts 15 x 3.
    """

    names: Mapping[int, str]
    training: Mapping[int, bool]
    boxes: Mapping[int, tuple[float, ...]]
    parts: tuple[str, ...]
    places: Mapping[int, np.ndarray]  # x, y, visible


def find_root(root: str | Path) -> Path:
    """The folder that holds images.txt and its siblings. Raises FileNotFoundError."""
    return find_folder(root, ("CUB_200_2011",), HOLDS, "CUB-200-2011")


def read_records(root: Path, problems: list[str] | None = None) -> Records:
    """All files of the data set. Raises ValueError naming file, line and what was expected, or adds
    that to `problems`.
    """
    read: dict[str, Any] = {}
    for name, (form, fields) in FORMS.items():
        read[name], problem = _lines(root / name, form, fields)
        if problem and problems is None:
            raise ValueError(problem)
        if problem:
            problems.append(problem)
    names, split, boxes, parts = (read[name] for name in FORMS)
    try:
        places = _places(root, len(parts)) if parts else {}
    except (OSError, ValueError) as error:
        if problems is None:
            raise
        problems.append(str(error))
        places = {}
    return Records(
        {id: rest[0] for id, rest in names.items()},
        {id: rest[0] == "1" for id, rest in split.items()},
        {id: tuple(map(float, rest)) for id, rest in boxes.items()},
        tuple(parts[i][0] for i in sorted(parts)),
        places,
    )


def lacking(root: Path, records: Records) -> Iterator[str]:
    """What is wrong where a file says nothing of images that images.txt lists."""
    files = ("train_test_split.txt", "bounding_boxes.txt", "parts/part_locs.txt")
    for file, told in zip(files, (records.training, records.boxes, records.places), strict=True):
        if missing := sorted(set(records.names) - set(told)):
            yield (
                f"{root / file} lacks {len(missing)} images of images.txt; the first is "
                f"{missing[0]}. Unpack the data set again"
            )


def cleaned(path: Path) -> dict[int, tuple[float, ...]]:
    """Images of ACSM's cleaned list and their boxes (x1, y1, x2, y2; first pixel 1) by number.
    Raises as `read_mat`.
    """
    found = {}
    for image in np.atleast_1d(read_mat(path, "images", squeeze_me=True, struct_as_record=False)):
        try:
            box = [getattr(image.bbox, side) for side in ("x1", "y1", "x2", "y2")]
            found[int(image.id)] = box_of(box, f"{path}: bbox of image {image.id}")
        except (AttributeError, TypeError) as error:
            raise ValueError(
                f"{path}: images: {error}; wanted id and bbox (x1, y1, x2, y2) of each"
            ) from error
    return found


def _lines(
    path: Path, form: str, fields: Sequence[Callable[[str], Any]]
) -> tuple[dict[int, list[str]], str]:
    """The rest of each good line by the number that it begins with, and what is wrong with the
    others.

    `fields` are what each of its words must pass, str for any.
    """
    found, wrong = {}, []
    for line, text in enumerate(read_text(path).splitlines(), 1):
        number, *rest = text.split(" ", 1) if path.name == "parts.txt" else text.split() or [""]
        try:
            if len(rest) != len(fields):
                raise ValueError
            for check, word in zip(fields, rest, strict=True):
                check(word)
            found[int(number)] = [word.strip() for word in rest]
        except (KeyError, ValueError):
            wrong.append((line, text))
    more = f" (and {len(wrong) - 1} more lines)" if wrong[1:] else ""
    problem = (
        f"{path}, line {wrong[0][0]}: {wrong[0][1][:60]!r}{more}; wanted {form}" if wrong else ""
    )
    if not found and not problem:
        problem = f"{path} is empty; wanted lines of {form}"
    return found, problem


def _places(root: Path, count: int) -> dict[int, np.ndarray]:
    path, form = (
        root / "parts" / "part_locs.txt",
        f"<image> <part 1 to {count}> <x> <y> <visible>, parts in order",
    )
    try:
        table = pd.read_csv(path, sep=r"\s+", header=None, dtype=float).to_numpy()
    except (ValueError, pd.errors.ParserError) as error:
        raise ValueError(f"{path}: {error}; wanted lines of {form}") from error
    if table.shape[1:] != (5,) or len(table) % count:
        raise ValueError(
            f"{path} has {len(table):,} lines of {table.shape[1]} numbers; wanted {form}: "
            f"{count} lines an image"
        )
    blocks = table.reshape(-1, count, 5)
    wrong = (blocks[:, :, 1] != np.arange(1, count + 1)).any(1) | (
        blocks[:, :, 0] != blocks[:, :1, 0]
    ).any(1)
    if wrong.any():
        raise ValueError(
            f"{path}, line {int(wrong.argmax()) * count + 1} or soon after: parts not in order; "
            f"wanted {form}"
        )
    return {int(block[0, 0]): block[:, 2:] for block in blocks}
