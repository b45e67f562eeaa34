"""Toy pictures in the benchmarks' layouts: those of the last build, else a few rendered anew."""

import json
import os
import shutil
from pathlib import Path

import pytest

from corrlib.toybox.sets import SETS, spair
from data_scripts.make_toybox import make

ROOT = Path(__file__).parents[2]
FEW = {split: spair.Plan(6, 30) for split in ("trn", "val", "test")}
# Those that the chapters walk through, and all that have legs: blocks across kinds need them.
KINDS = ("aeroplane", "cat", "cow", "dog", "horse", "sheep")
REAL = {  # below $CORRLIB_DATA, what has the layout that is published; of planes a single one
    "PF-dataset": "pf_willow/PF-dataset-WILLOW",
    "TSS_CVPR2016": "tss_sample/Dataset",
    "hpatches-sequences-release": "oxford_graf",
}
OTHERS = [name for name in SETS if name not in ("spair", "spair_more", "spair_hard")]


def toy_sets(place: Path) -> Path:
    """A folder of the eight sets, SPair-71k's with few pairs."""
    built = ROOT / "build/toybox/data"
    if not (built / "toybox.json").is_file():
        built = place / "rendered"
        with pytest.MonkeyPatch.context() as patch:
            for split, plan in FEW.items():
                patch.setitem(spair.STANDARD.splits, split, plan)
            make(built, ["spair"])
        make(built, OTHERS, limit=2)
    sets = few_pairs(built, place / "sets")
    if given := os.environ.get("CORRLIB_DATA"):  # the real photographs, where they are at hand
        for folder, real in REAL.items():
            (sets / folder).unlink()
            (sets / folder).symlink_to(Path(given).resolve() / real)
    return sets


def few_pairs(sets: Path, place: Path) -> Path:
    """The sets with few pairs of SPair-71k: of each of `KINDS` and each split two from one source,
    a near one before a far one, and the pictures that they need. Everything else is linked.
    """
    place.mkdir()
    for folder in sets.iterdir():
        if folder.is_dir() and folder.name != "SPair-71k":
            (place / folder.name).symlink_to(folder)
    old, new = sets / "SPair-71k", place / "SPair-71k"
    for layout in sorted((old / "Layout/large").glob("*.txt")):
        split, kept = layout.stem, []
        told = {
            line: json.loads((old / f"PairAnnotation/{split}/{line}.json").read_text())
            for line in layout.read_text().split()
        }
        for category in KINDS:
            kept += near_and_far({k: v for k, v in told.items() if v["category"] == category})
        for line in kept:
            copy_pair(old, new, split, line, told[line])
        for size in ("large", "small"):
            (list_of := new / "Layout" / size / layout.name).parent.mkdir(
                exist_ok=True, parents=True
            )
            list_of.write_text("\n".join(kept) + "\n")
    return place


def near_and_far(told: dict[str, dict]) -> list[str]:
    """Two of these pairs, of one source where there is such a source: a near one and the farthest
    other.
    """

    def rank(two: tuple[str, str]) -> tuple[int, int]:
        sources = {told[line]["src_imname"] for line in two}
        return len(sources), -told[two[1]]["viewpoint_variation"]

    near = [line for line, pair in told.items() if pair["viewpoint_variation"] == 0]
    return list(min(((a, b) for a in near for b in told if b not in near), key=rank))


def copy_pair(old: Path, new: Path, split: str, line: str, told: dict) -> None:
    copy(old, new, f"PairAnnotation/{split}/{line}.json")
    for name in (told["src_imname"], told["trg_imname"]):
        stem = f"{told['category']}/{Path(name).stem}"
        copy(old, new, f"JPEGImages/{stem}.jpg")
        copy(old, new, f"ImageAnnotation/{stem}.json")
        copy(old, new, f"Segmentation/{stem}.png")


def copy(old: Path, new: Path, file: str) -> None:
    if not (new / file).exists():
        (new / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(old / file, new / file)
