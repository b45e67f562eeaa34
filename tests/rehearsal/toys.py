"""Toy pictures in the benchmarks' layouts: those of the last build, else a few rendered anew."""

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from corrlib.toybox.sets import SETS, spair
from data_scripts.make_toybox import make

ROOT = Path(__file__).parents[2]
FEW = {split: spair.Plan(6, 12) for split in ("trn", "val", "test")}
OTHERS = [name for name in SETS if name not in ("spair", "spair_hard")]


def toy_sets(place: Path) -> Path:
    """A folder of the eight sets, SPair-71k's with few pairs."""
    built = ROOT / "build/toybox/data"
    if not (built / "toybox.json").is_file():
        built = place / "rendered"
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(spair.SPLITS, "calibrated", FEW)
            make(built, ["spair"])
        make(built, OTHERS, limit=2)
    sets = few_pairs(built, place / "sets")
    if given := os.environ.get("CORRLIB_DATA"):  # the real photographs, where they are at hand
        (sets / "PF-dataset").unlink()
        (sets / "PF-dataset").symlink_to(Path(given).resolve() / "pf_willow/PF-dataset-WILLOW")
    return sets


def few_pairs(sets: Path, place: Path, each: int = 3) -> Path:
    """The sets with few pairs of SPair-71k: of every category and split `each` easy ones and as
    many others, and the pictures that they need. Everything else is linked.
    """
    place.mkdir()
    for folder in sets.iterdir():
        if folder.is_dir() and folder.name != "SPair-71k":
            (place / folder.name).symlink_to(folder)
    old, new = sets / "SPair-71k", place / "SPair-71k"
    for layout in sorted((old / "Layout").rglob("*.txt")):
        split, kept, seen = layout.stem, [], Counter()
        for line in layout.read_text().split():
            told = json.loads((old / f"PairAnnotation/{split}/{line}.json").read_text())
            kind = told["category"], told["viewpoint_variation"] == 0
            seen[kind] += 1
            if seen[kind] > each:
                continue
            kept.append(line)
            copy(old, new, f"PairAnnotation/{split}/{line}.json")
            for name in (told["src_imname"], told["trg_imname"]):
                stem = f"{told['category']}/{Path(name).stem}"
                copy(old, new, f"JPEGImages/{stem}.jpg")
                copy(old, new, f"ImageAnnotation/{stem}.json")
                copy(old, new, f"Segmentation/{stem}.png")
        (new / layout.relative_to(old)).parent.mkdir(parents=True, exist_ok=True)
        (new / layout.relative_to(old)).write_text("\n".join(kept) + "\n")
    return place


def copy(old: Path, new: Path, file: str) -> None:
    if not (new / file).exists():
        (new / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(old / file, new / file)
