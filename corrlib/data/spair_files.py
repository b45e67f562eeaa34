"""Files of SPair-71k's layout: where they are, what is in them, and what to say when they are not
there.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from corrlib.data.files import listing

FOLDERS = ("JPEGImages", "ImageAnnotation", "PairAnnotation")


def find_root(root: str | Path) -> Path:
    """The folder that holds JPEGImages and its siblings: `root` or `root`/SPair-71k. Raises
    FileNotFoundError.
    """
    root = Path(root)
    for folder in (root, root / "SPair-71k"):
        if all((folder / name).is_dir() for name in FOLDERS):
            return folder
    raise FileNotFoundError(
        f"no SPair-71k at {root}: wanted a folder with {', '.join(FOLDERS)} in it; found: "
        f"{listing(root)}. "
        "To make the toybox, which has this layout: python data_scripts/make_toybox.py; "
        "to see how to fetch the real one and where it is looked for: python -m corrlib doctor"
    )


def read_json(path: Path) -> dict[str, Any]:
    """A json file's object. Raises FileNotFoundError or ValueError naming the file."""
    if not path.is_file():
        raise FileNotFoundError(
            f"no annotation {path}; the data set is incomplete, unpack it again"
        )
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{path} is not valid JSON ({error}); the file is damaged, unpack it again"
        ) from error


def field(record: Mapping[str, Any], name: str, path: Path) -> Any:
    """`record[name]`. Raises ValueError naming the file and the field it lacks."""
    if name not in record:
        raise ValueError(
            f"{path} has no field {name!r}; it has {', '.join(sorted(record))}. Unpack or write "
            "the data set again"
        )
    return record[name]


def angle_between(a: float | int, b: float | int) -> float:
    """The difference of two directions in degrees, in [0, 180]."""
    return abs((float(a) - float(b) + 180.0) % 360.0 - 180.0)


def pair_names(root: Path, split: str, size: str, lacking: bool = False) -> list[str]:
    """Names of a split's pairs in the order of its list, all of which have a file: one that lacks
    is found before any work.

    `lacking` leaves out those without a file instead of raising. A copy of the data set without the
    folder Layout has its pairs sorted by name. Raises FileNotFoundError naming what is missing.
    """
    folder, layout = root / "PairAnnotation" / split, root / "Layout" / size / f"{split}.txt"
    if not folder.is_dir():
        raise FileNotFoundError(f"no split folder {folder}; there is {listing(folder.parent)}")
    files = {name[:-5] for name in os.listdir(folder) if name.endswith(".json")}
    if layout.is_file():
        names = layout.read_text(encoding="utf-8").split()
    elif size == "large" and not (root / "Layout").is_dir():
        names = sorted(files)
    else:
        raise FileNotFoundError(
            f"no list {layout}; there is {listing(layout.parent)}. Choose another size or split"
        )
    missing = [n for n in names if n not in files]
    if missing and not lacking:
        count = f"{len(missing):,} of {len(names):,} pairs"
        raise FileNotFoundError(
            f"{layout} lists {count} that {folder} lacks; the first is {missing[0]}.json"
        )
    return [n for n in names if n in files] if missing else names


def category_of(name: str) -> str:
    """The category in a pair's name, "000167-2008_007604-2009_001056:aeroplane"."""
    return name.rpartition(":")[2]


def view_id(record: Mapping[str, Any], side: str, path: Path) -> str:
    """The id "category/name" of a pair's image; `side` is "src" or "trg"."""
    return f"{field(record, 'category', path)}/{Path(field(record, f'{side}_imname', path)).stem}"
