"""The eight benchmarks, read from `benchmarks.yml` beside this file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from corrlib.data.sources import Benchmark, Mirror, Part, drive

FILE = Path(__file__).with_name("benchmarks.yml")


def read(file: Path = FILE) -> dict[str, Benchmark]:
    """The benchmarks of a table, by name. Raises TypeError on a word that it must not have."""
    entries = yaml.safe_load(file.read_text(encoding="utf-8"))
    return {
        name: Benchmark(name, **{**entry, "parts": tuple(map(_part, entry["parts"]))})
        for name, entry in entries.items()
    }


def _part(entry: Mapping[str, Any]) -> Part:
    return Part(**{**entry, "mirrors": tuple(map(_mirror, entry["mirrors"]))})


def _mirror(entry: Mapping[str, Any]) -> Mirror:
    if "drive" not in entry:
        return Mirror(**entry)
    return Mirror(drive(entry["drive"]), **{k: v for k, v in entry.items() if k != "drive"})


BENCHMARKS = read()
