"""Records: results that are too slow for every build, computed once, kept with where they come
from, and computed again in part by every build.

    make(recipe, "book/records/NAME", "build/records/NAME")   # long: killed, it goes on
    check(recipe, "book/records/NAME", size=2)                # a sample of its blocks, row by row
    Record.open("book/records/NAME").table                    # what a page draws

A record is a folder of two files: `table.parquet`, the rows, with a column `block`; and `run.json`,
what decided them (settings, weights, data, code), which machine computed them, when, and for how
long. Which blocks are computed again hangs on a digest of the library's sources, so that every edit
looks at others. On the machine kind that made the record a number has to come back to 0.01 of its
unit; elsewhere, where sums are added in another order, to what the recipe grants.
"""

import hashlib
import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from corrlib.storage.atomic_write import atomic_write
from corrlib.storage.machine import design, processor
from corrlib.storage.result_folder import ResultFolder

COMMAND = "python -m corrlib record make"
DECIMALS = {"predicted_x": 3, "predicted_y": 3, "score": 4}  # finer ones are half of a table's size


@dataclass(frozen=True)
class Tolerance:
    """How far a number may be from the record's (`within`, in its own unit: pixels for points), and
    which share of the rows, 0 to 1, may be farther off.
    """

    within: float = 0.01
    share: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """How a record is computed: `count` blocks, each a table whose rows are known by `keys` and
    compared in the `numbers`; what is in no list (a time) is not compared.

    `described`: what decides the rows and is the same on every machine. `data`: a digest of what
    they were computed from, `code` one of what computes them: a killed `make` goes on under the
    same. `whole`: the table at once, for what cannot be cut into blocks.
    """

    name: str
    described: Mapping[str, Any]
    data: str
    count: int
    block: Callable[[int], pd.DataFrame]
    keys: tuple[str, ...]
    numbers: tuple[str, ...]
    elsewhere: Tolerance = field(default_factory=lambda: Tolerance(0.5, 0.05))
    whole: Callable[[], pd.DataFrame] | None = None
    code: str = ""


@dataclass(frozen=True, eq=False)
class Record:
    """A record on disk: its rows, its run.json, and what this build's `check` found, if it did."""

    name: str
    table: pd.DataFrame
    run: Mapping[str, Any]
    checked: Mapping[str, Any] | None = None

    @classmethod
    def open(cls, folder: str | Path, checked: str | Path | None = None) -> "Record":
        """Read a record, and the file that a check wrote, where there is one.

        Raises FileNotFoundError with the command that makes it, ValueError where the table is not
        the one that run.json describes.
        """
        folder = Path(folder)
        remedy = f"make it with: {COMMAND} {folder.name}"
        for file in ("run.json", "table.parquet"):
            if not (folder / file).is_file():
                raise FileNotFoundError(f"no record at {folder / file}; {remedy}")
        run = json.loads((folder / "run.json").read_text())
        if digest(folder / "table.parquet") != run["table"]:
            raise ValueError(
                f"{folder / 'table.parquet'} is not the table that run.json describes: one of the "
                f"two was changed by hand or half copied; {remedy}"
            )
        there = checked is not None and Path(checked).is_file()
        found = json.loads(Path(checked).read_text()) if there else None
        return cls(folder.name, pd.read_parquet(folder / "table.parquet"), run, found)

    def line(self) -> str:
        """What it is, what it cost, and what this build's sample of it said, in one line."""
        run, checked = self.run, self.checked
        kind = run["machine"]
        said = (
            f"Record *{self.name}*: {_rows(len(self.table))}, computed on {run['date']}"
            f"{_duration(run['seconds'])} ({kind['processor']}, torch {kind['torch']}). "
        )
        if checked is None:
            return said + "No part of it was computed again for this page."
        blocks = f"{len(checked['blocks'])} of its {run['blocks']} parts"
        unit = " pixels" if "predicted_x" in self.table else ""
        kind = "the same kind of machine" if checked["same_machine"] else "another kind of machine"
        differ = (
            f"{checked['beyond']} of them differ" if checked["beyond"] else "none of them differs"
        )
        return said + (
            f"This build computed {blocks} again on {kind}, {_rows(checked['rows'])}: {differ} by "
            f"more than {checked['within']:g}{unit}."
        )


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def make(recipe: Recipe, folder: str | Path, work: str | Path, command: str = "") -> Record:
    """Compute a record and write it to `folder`; `work` keeps finished blocks, from which a killed
    call goes on. Raises ValueError where `work` was begun under another recipe.
    """
    folder = Path(folder)
    if recipe.whole is not None:
        start = time.process_time()
        table = recipe.whole()
        seconds = time.process_time() - start
    else:
        run = {**recipe.described, "data": recipe.data, "code": recipe.code}
        parts = ResultFolder.start(work, run, recipe.count)
        for part in parts.todo((0, 1)):
            start = time.process_time()
            rows = recipe.block(part)
            parts.write(part, rows.assign(block=part, seconds=time.process_time() - start))
        table = parts.read()
        seconds = float(table.groupby("block")["seconds"].first().sum())
        table = table.drop(columns="seconds")
    table = table.round({column: n for column, n in DECIMALS.items() if column in table})
    with atomic_write(folder / "table.parquet") as part:
        table.to_parquet(part, index=False, compression="zstd")
    run = {
        "record": recipe.name,
        "command": command or f"{COMMAND} {recipe.name}",
        "date": time.strftime("%Y-%m-%d"),
        "seconds": round(seconds, 1),
        "rows": len(table),
        "blocks": recipe.count,
        "described": dict(recipe.described),
        "data": recipe.data,
        "table": digest(folder / "table.parquet"),
        "sources": sources(),
        "machine": machine(),
    }
    with atomic_write(folder / "run.json") as part:
        part.write_text(json.dumps(run, indent=1, default=str) + "\n")
    return Record.open(folder)


def check(recipe: Recipe, folder: str | Path, size: int, key: str | None = None) -> dict[str, Any]:
    """Compute `size` blocks of a record again, those that a hash of `key` (default: the library's
    sources) chooses, and compare; returns blocks, rows, worst, beyond, within, seconds and more.

    Raises ValueError, with the command that makes the record anew, where what decides it has
    changed or rows differ.
    """
    if size < 1:
        raise ValueError(
            f"blocks is {size}; wanted the number of blocks to compute again, 1 or more"
        )
    record = Record.open(folder)
    remedy = f"if that is meant, make it anew with: {COMMAND} {recipe.name}"
    described = json.loads(json.dumps(dict(recipe.described), default=str))
    same = record.run["machine"] == machine() and record.run["data"] == recipe.data
    if record.run["machine"] == machine() and record.run["data"] != recipe.data:
        raise ValueError(f"record {recipe.name}: it was computed from other data; {remedy}")
    if changed := [
        name for name in described if described[name] != record.run["described"].get(name)
    ]:
        there, now = (of.get(changed[0]) for of in (record.run["described"], described))
        raise ValueError(
            f"record {recipe.name}: {changed[0]} is {_short(now)} now, {_short(there)} in the "
            f"record; {remedy}"
        )
    granted = Tolerance() if same else recipe.elsewhere
    blocks = sample(recipe.count, size, key or sources())
    start, rows, worst, beyond, first = time.process_time(), 0, 0.0, 0, ""
    for block in blocks:
        kept = record.table[record.table["block"] == block]
        far, row = compared(recipe, kept, recipe.block(block))
        rows, worst = rows + len(far), max(worst, float(far.max(initial=0)))
        if (far > granted.within).any() and not first:
            first = f"block {block}, {row[int(np.argmax(far))]}: {far.max():.3g} off"
        beyond += int((far > granted.within).sum())
    if beyond > granted.share * rows:
        raise ValueError(
            f"record {recipe.name}: {beyond} of {rows} rows that were computed again differ "
            f"by more than {granted.within:g} ({first}); {remedy}"
        )
    return {
        "record": recipe.name,
        "blocks": blocks,
        "rows": rows,
        "worst": worst,
        "beyond": beyond,
        "within": granted.within,
        "same_machine": same,
        "seconds": round(time.process_time() - start, 1),
    }


def compared(recipe: Recipe, kept: pd.DataFrame, now: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """By how much the rows of two tables differ at most (inf where only one has the row), and the
    rows' names.
    """
    keys, numbers = list(recipe.keys), list(recipe.numbers)
    # as text: a block without a row has keys of another kind than the record
    named = dict.fromkeys(keys, str)
    there, again = (table[[*keys, *numbers]].astype(named) for table in (kept, now))
    both = there.merge(again, on=keys, how="outer", suffixes=("", "_now"), indicator=True)
    there, again = (
        both[numbers].to_numpy(float),
        both[[f"{n}_now" for n in numbers]].to_numpy(float),
    )
    off = np.where(np.isnan(there) & np.isnan(again), 0.0, np.abs(there - again))
    far = np.where(np.isnan(off), np.inf, off).max(1, initial=0)
    far = np.where(both["_merge"] == "both", far, np.inf)
    return far, [" ".join(map(str, row)) for row in both[keys].itertuples(index=False)]


def sample(count: int, size: int, key: str) -> list[int]:
    """Which `size` of `count` blocks a key chooses, sorted."""

    def place(block: int) -> bytes:
        return hashlib.sha256(f"{key} {block}".encode()).digest()

    return sorted(sorted(range(count), key=place)[:size])


def sources() -> str:
    """A digest of the library's modules."""
    root = Path(__file__).parents[1]
    state = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        state.update(f"{path.relative_to(root)} {digest(path)}\n".encode())
    return state.hexdigest()[:16]


def digest(path: Path) -> str:
    """Sixteen hex digits of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def machine() -> dict[str, str]:
    """The kind of machine: on equal ones the same sums give the same digits."""
    system = f"{platform.system()} {platform.machine()}"
    torch = metadata.version("torch")
    return {"processor": processor(), "design": design(), "system": system, "torch": torch}


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    spent = f"{seconds / 60:,.0f} minutes" if seconds > 90 else f"{seconds:.0f} seconds"
    return f" in {spent} of one core"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
