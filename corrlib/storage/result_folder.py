"""A folder of results written in parts: what run it belongs to, which parts are done, and the whole
table when all are.

Every part is a Parquet file that appears whole or not at all, so a killed run goes on where it
stopped, and any number of processes may write parts of one folder side by side. A run is known by
what decides its results, down to the bytes of what they were computed from; every part says of
which run it is.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from corrlib.storage.atomic_write import atomic_write, write_first
from corrlib.storage.content import difference, digest_of, plain
from corrlib.storage.outputs import make_folder

ELSE = "name another --out, or delete that folder"


@dataclass(frozen=True)
class ResultFolder:
    """The folder `root`, whose run is described by `run` and consists of parts 0 .. count - 1."""

    root: Path
    run: Mapping[str, Any]
    count: int

    @classmethod
    def start(
        cls,
        root: str | Path,
        run: Mapping[str, Any],
        count: int,
        content: Mapping[str, str] | None = None,
    ) -> "ResultFolder":
        """Begin or go on with a run; of several runs that begin at once in one folder, one does.

        `content` are digests of what the results are computed from, by name. Raises ValueError when
        the folder holds another run, naming what differs; FileExistsError where it holds something
        else, NotADirectoryError where `root` is a file.
        """
        root, content = Path(root), content or {}
        described = {**run, "parts": count, "content": digest_of(content)}
        described = json.loads(json.dumps(described, default=plain))
        make_folder(root)
        path = root / "run.json"
        there = sorted(one.name for one in root.iterdir() if not one.name.startswith("."))
        if (
            there and not path.is_file()
        ):  # asked last: a run that begins now has it before its parts
            raise FileExistsError(
                f"{root} holds {there[0]} and no run.json: it is no folder of results; name "
                "another --out"
            )
        if not write_first(path, json.dumps(described, indent=1) + "\n"):
            _require_same(_described(path), described, root, content)
        if content and not (kept := root / "content.json").is_file():
            with atomic_write(kept) as part:
                part.write_text(json.dumps(content, indent=0) + "\n", encoding="utf-8")
        return cls(root, described, count)

    @classmethod
    def open(cls, root: str | Path) -> "ResultFolder":
        """The run in a folder. Raises FileNotFoundError where there is none, ValueError where it is
        damaged or does not say what it was computed from.
        """
        path = Path(root) / "run.json"
        if not path.is_file():
            raise FileNotFoundError(
                f"no run in {root}: it lacks run.json; write one with: python -m corrlib "
                f"evaluate --out {root} ..."
            )
        run = _described(path)
        return cls(Path(root), run, run["parts"])

    @property
    def key(self) -> str:
        """Sixteen hex digits of the run, which every part carries."""
        return hashlib.sha256(json.dumps(self.run, sort_keys=True).encode()).hexdigest()[:16]

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
        marked = table.copy(deep=False)
        marked.attrs = {"run": self.key}
        with atomic_write(self.path(part)) as file:
            marked.to_parquet(file, index=False)

    def read(self, shard: tuple[int, int] = (0, 1)) -> pd.DataFrame:
        """All parts (of a shard) as one table, in order. Raises FileNotFoundError naming the parts
        that are missing, ValueError naming one that is damaged or of another run.
        """
        missing = self.todo(shard)
        if missing:
            named = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
            raise FileNotFoundError(
                f"{self.root} is not finished: {len(missing)} of {self.count} parts are missing "
                f"({named}); "
                "the command that began it, typed again, goes on with them"
            )
        tables = [self._part(part) for part in range(shard[0], self.count, shard[1])]
        filled = [table for table in tables if len(table)] or tables[:1]
        return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()

    def _part(self, part: int) -> pd.DataFrame:
        path = self.path(part)
        again = "delete it, and type the command that began the run again"
        try:
            table = pd.read_parquet(path)
        except (ValueError, OSError) as error:  # pyarrow's own errors are of these kinds
            why = str(error).splitlines()[0]
            raise ValueError(
                f"{path} is no Parquet file that can be read ({why}); {again}"
            ) from error
        if table.attrs.get("run") != self.key:
            raise ValueError(f"{path} is not a part of this run, but of another one; {again}")
        table.attrs = {}
        return table


def _described(path: Path) -> dict[str, Any]:
    """What run.json says. Raises ValueError where it is damaged, or of a version that did not note
    the content of its data.
    """
    root = path.parent
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
        count = run["parts"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} does not say what run this is ({error}): it is damaged, or not corrlib's; "
            f"{ELSE}"
        ) from error
    if not isinstance(count, int) or not isinstance(run.get("content"), str):
        raise ValueError(
            f"{root} was written by an older version, which did not note the content of its data, "
            f"so that nobody can tell whether it has changed since; {ELSE}"
        )
    return run


def _require_same(
    before: Mapping[str, Any], now: Mapping[str, Any], root: Path, content: Mapping[str, str]
) -> None:
    """Raise ValueError naming what differs between two runs in one folder."""
    changes = [
        f"{key}: {before.get(key)!r} there, {now.get(key)!r} now"
        for key in {**before, **now}
        if key != "content" and before.get(key) != now.get(key)
    ]
    if before["content"] != now["content"]:
        try:
            changes.append(difference(json.loads((root / "content.json").read_text()), content))
        except (OSError, ValueError):  # killed between the two files
            changes.append("its data has changed since")
    if changes:
        raise ValueError(f"{root} holds the results of another run ({'; '.join(changes)}); {ELSE}")
