"""The csv files that list the pairs of PF-Pascal and PF-Willow, in the forms in which they were
published.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from corrlib.data.files import listing, once, read_csv
from corrlib.data.voc import VOC_CLASSES

NAMES = {
    "trn": ("train", "trn"),
    "val": ("val",),
    "test": ("test",),
}  # of a split's list of PF-Pascal


class Row(NamedTuple):
    """A line of a list: names without ending, class name, whether both images are mirrored, and
    points where it states them.
    """

    line: int
    images: tuple[str, str]
    category: str
    flip: bool
    points: tuple[np.ndarray, np.ndarray] | None


def find_list(folders: list[Path], split: str) -> Path:
    """The csv file of a split, in the first of `folders` that has it or whose image_pairs/ has.
    Raises FileNotFoundError.
    """
    names = [f"{word}_pairs{end}.csv" for word in NAMES[split] for end in ("", "_pf_pascal")]
    places = [place for folder in folders for place in (folder, folder / "image_pairs")]
    for path in (place / name for place in places for name in names):
        if path.is_file():
            return path
    there = "; ".join(f"{folder}: {listing(folder)}" for folder in dict.fromkeys(folders))
    raise FileNotFoundError(
        f"no list of the split {split}: wanted {' or '.join(names)}; found {there}. Fetch the "
        "lists, or say where they are with the option lists=FOLDER, or lists=FILE.csv for one of "
        "another name"
    )


def read_list(path: Path, points: bool = True, problems: list[str] | None = None) -> dict[str, Row]:
    """The lines of a list by pair name, in the file's order; `points` reads XA, YA, XB, YB where it
    has them.

    Raises ValueError naming file, line and column; with `problems` a bad line is left out and told
    there.
    """
    table = read_csv(path)
    if missing := [c for c in ("source_image", "target_image", "class") if c not in table]:
        raise ValueError(
            f"{path} has no column {', '.join(missing)}; it has "
            f"{', '.join(map(str, table.columns))}"
        )
    rows = {}
    for line, record in enumerate(table.to_dict("records"), 2):
        try:
            row = _row(record, line, points and "XA" in record)
        except ValueError as error:
            if problems is None:
                raise ValueError(f"{path}, line {line}{error}") from error
            problems.append(f"{path}, line {line}{error}")
            continue
        rows[f"{line - 2:04d}-{'-'.join(row.images)}{'-flip' * row.flip}:{row.category}"] = row
    return rows


def _row(record: dict[str, Any], line: int, points: bool) -> Row:
    names = [record[f"{side}_image"] for side in ("source", "target")]
    if not all(isinstance(name, str) for name in names):
        raise ValueError(": an image has no name")
    if record.get("flip", 0) not in (0, 1):
        raise ValueError(f": flip is {record['flip']!r}; wanted 0 or 1")
    images = tuple(Path(name).stem for name in names)
    if record["class"] not in range(1, 21):
        raise ValueError(f": class is {record['class']!r}; wanted 1 to 20, VOC's classes in order")
    given = tuple(_numbers(record, side) for side in "AB") if points else None
    if given and len(given[0]) != len(given[1]):
        raise ValueError(
            f": {len(given[0])} points in XA and {len(given[1])} in XB; wanted as many"
        )
    return Row(
        line, images, VOC_CLASSES[int(record["class"]) - 1], record.get("flip", 0) == 1, given
    )


def _numbers(record: dict[str, Any], side: str) -> np.ndarray:
    columns = [f"X{side}", f"Y{side}"]
    try:
        x, y = ([float(number) for number in str(record[column]).split(";")] for column in columns)
        return np.array([x, y]).T.reshape(len(x), 2)
    except (KeyError, ValueError) as error:
        raise ValueError(
            f", {' and '.join(columns)}: {error}; wanted as many numbers in both, with ';' "
            "between them"
        ) from error


def read_willow(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Pair names, in the file's order, and both sides' points (10 x 2, as given). Raises errors
    that name file and line.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f'no list {path}; leave out `pairs`, or name a csv file (published as "test_pairs.csv")'
        )
    table = read_csv(path)
    if table.shape[1] != 42:
        raise ValueError(
            f"{path} has {table.shape[1]} columns; wanted 42: source, target, and x then y of "
            "ten points of each"
        )
    names, numbers = (
        table.iloc[:, :2].astype(str),
        table.iloc[:, 2:].apply(pd.to_numeric, errors="coerce").to_numpy(),
    )
    folders = names.map(lambda name: Path(name).parent.name).to_numpy()
    for bad, wanted in (
        (np.isnan(numbers).any(1), "coordinates must be numbers"),
        (folders[:, 0] != folders[:, 1], "wanted two images of one sub-class"),
        (folders[:, 0] == "", "wanted <sub-class>/<image>.png of both images"),
    ):
        if bad.any():
            raise ValueError(
                f"{path}, line {', '.join(map(str, np.flatnonzero(bad)[:10] + 2))}: {wanted}"
            )
    stems = names.map(lambda name: Path(name).stem).to_numpy()
    pairs = [
        f"{folder}/{one}:{two}" for folder, (one, two) in zip(folders[:, 0], stems, strict=True)
    ]
    once(pairs, path)
    return {
        pair: (xy[:20].reshape(2, 10).T, xy[20:].reshape(2, 10).T)
        for pair, xy in zip(pairs, numbers, strict=True)
    }
