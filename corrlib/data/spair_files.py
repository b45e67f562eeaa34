"""Files of SPair-71k's layout: where they are, what is in them, and what to say when they are not
there.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from corrlib.data.arrays import read_text
from corrlib.data.files import listing, once

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
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{path} is not valid JSON ({error}); the file is damaged, unpack it again"
        ) from error
    if not isinstance(record, dict):
        raise ValueError(f"{path} holds a {type(record).__name__}; wanted an object of fields")
    return record


def field(record: Mapping[str, Any], name: str, path: Path, kind: type = object) -> Any:
    """`record[name]`. Raises ValueError naming the file and the field that it lacks or that is not
    of this kind.
    """
    if name not in record:
        raise ValueError(
            f"{path} has no field {name!r}; it has {', '.join(sorted(record))}. Unpack or write "
            "the data set again"
        )
    if not isinstance(record[name], kind):
        raise ValueError(f"{path}: {name} is {record[name]!r}; wanted a {kind.__name__}")
    return record[name]


def angle_between(a: float | int, b: float | int) -> float:
    """The difference of two directions in degrees, in [0, 180]."""
    return abs((float(a) - float(b) + 180.0) % 360.0 - 180.0)


def pair_files(root: Path, split: str, size: str, partial: bool = False) -> dict[str, str]:
    """Names of a split's pairs in the order of its list, and their files' names without ending;
    every pair has one: what lacks is found before any work.

    `partial` leaves out those without a file instead of raising. A copy of the data set without the
    folder Layout has its pairs sorted by name. Raises FileNotFoundError naming what is missing,
    ValueError on a list that has a pair twice and on a file that is not named as a pair.
    """
    folder, layout = root / "PairAnnotation" / split, root / "Layout" / size / f"{split}.txt"
    if not folder.is_dir():
        raise FileNotFoundError(f"no split folder {folder}; there is {listing(folder.parent)}")
    stems = [n[:-5] for n in os.listdir(folder) if n.endswith(".json") and n[0] != "."]
    ends = sorted((p.name for p in (root / "JPEGImages").iterdir()), key=len, reverse=True)
    files = {_name_of(stem, ends): stem for stem in stems}
    if layout.is_file():
        names = once(read_text(layout).split(), layout)
    elif size == "large" and not (root / "Layout").is_dir():
        names = sorted(files)
        if unnamed := [n for n in names if ":" not in n]:
            raise ValueError(
                f"{folder / unnamed[0]}.json is not named as a pair; wanted "
                "<id>-<source>-<target>:<category>.json, the category a folder of JPEGImages"
            )
    else:
        raise FileNotFoundError(
            f"no list {layout}; there is {listing(layout.parent)}. Choose another size or split"
        )
    missing = [n for n in names if n not in files]
    if missing and not partial:
        count = f"{len(missing):,} of {len(names):,} pairs"
        raise FileNotFoundError(
            f"{layout} lists {count} that {folder} lacks; the first is {missing[0]}.json"
        )
    return {n: files[n] for n in names if n in files}


def _name_of(stem: str, categories: Sequence[str]) -> str:
    """A pair's name by its file's: Windows knows no colon in names, and unpacks "..._cat.json"."""
    for category in categories if ":" not in stem else ():
        if stem.endswith(f"_{category}"):
            return f"{stem.removesuffix(f'_{category}')}:{category}"
    return stem


def category_of(name: str) -> str:
    """The category in a pair's name, "000167-2008_007604-2009_001056:aeroplane"."""
    return name.rpartition(":")[2]


def view_id(record: Mapping[str, Any], side: str, path: Path) -> str:
    """The id "category/name" of a pair's image; `side` is "src" or "trg"."""
    image = field(record, f"{side}_imname", path, str)
    return f"{field(record, 'category', path, str)}/{Path(image).stem}"
