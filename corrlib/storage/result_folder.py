"""A folder of results written in parts: what run it belongs to, which parts are done, and the whole
table when all are.

Every part is a Parquet file that appears whole or not at all, so a killed run goes on where it
stopped, and any number of processes may write parts of one folder side by side.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from corrlib.storage.atomic_write import atomic_write


@dataclass(frozen=True)
class ResultFolder:
    """The folder `root`, whose run is described by `run` and consists of parts 0 .. count - 1."""

    root: Path
    run: Mapping[str, Any]
    count: int

    @classmethod
    def start(cls, root: str | Path, run: Mapping[str, Any], count: int) -> "ResultFolder":
        """Begin or go on with a run. Raises ValueError when the folder holds another run, naming
        what differs.
        """
        root = Path(root)
        described = json.loads(json.dumps({**run, "parts": count}))
        path = root / "run.json"
        if path.is_file():
            before = json.loads(path.read_text())
            if differ := [
                key for key in {**before, **described} if before.get(key) != described.get(key)
            ]:
                changes = "; ".join(
                    f"{key}: {before.get(key)!r} there, {described.get(key)!r} now"
                    for key in differ
                )
                raise ValueError(
                    f"{root} holds the results of another run ({changes}); name another --out, "
                    "or delete that folder"
                )
        root.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as part:
            part.write_text(json.dumps(described, indent=1) + "\n")
        return cls(root, described, count)

    @classmethod
    def open(cls, root: str | Path) -> "ResultFolder":
        """The run in a folder. Raises FileNotFoundError where there is none."""
        path = Path(root) / "run.json"
        if not path.is_file():
            raise FileNotFoundError(
                f"no run in {root}: it lacks run.json; write one with: python -m corrlib "
                f"evaluate --out {root} ..."
            )
        run = json.loads(path.read_text())
        return cls(Path(root), run, run["parts"])

    def path(self, part: int) -> Path:
        """Where a part is or will be."""
        return self.root / f"part-{part:05d}.parquet"

    def todo(self, shard: tuple[int, int]) -> list[int]:
        """The parts of shard (i, n), every n-th from i, that are not written yet. Raises ValueError
        on a bad shard.
        """
        i, n = shard
        if not 0 <= i < n:
            raise ValueError(
                f"shard {i}/{n} does not exist; shards of {n} are 0/{n} to {n - 1}/{n}"
            )
        return [part for part in range(i, self.count, n) if not self.path(part).is_file()]

    def write(self, part: int, table: pd.DataFrame) -> None:
        """Write a part, whole or not at all."""
        with atomic_write(self.path(part)) as file:
            table.to_parquet(file, index=False)

    def read(self, shard: tuple[int, int] = (0, 1)) -> pd.DataFrame:
        """All parts (of a shard) as one table, in order. Raises FileNotFoundError naming the parts
        that are missing.
        """
        missing = self.todo(shard)
        if missing:
            named = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
            raise FileNotFoundError(
                f"{self.root} is not finished: {len(missing)} of {self.count} parts are missing "
                f"({named}); "
                "the command that began it, typed again, goes on with them"
            )
        tables = [
            pd.read_parquet(self.path(part)) for part in range(shard[0], self.count, shard[1])
        ]
        filled = [table for table in tables if len(table)] or tables[:1]
        return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()
