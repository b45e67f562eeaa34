"""Where benchmarks come from: mirrors, parts, and how much of a part is on this disk. Nothing but
the standard library.

The table itself is `benchmarks.yml`, read by `table`; `data_scripts/fetch.py` downloads by it,
`python -m corrlib doctor` reports by it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HOME = "build/paper/data"  # where the benchmarks are kept, below the repository's root
RECEIPTS = "fetched.json"


@dataclass(frozen=True)
class Mirror:
    """One address of one file. `size` in bytes and `hash` ("md5:..." or "sha256:...") only where
    public code states them.
    """

    url: str
    name: str = ""
    size: int | None = None
    hash: str | None = None
    note: str = ""

    @property
    def file(self) -> str:
        """The name under which the file is kept."""
        return self.name or Path(urlsplit(self.url).path).name

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or self.url


@dataclass(frozen=True, eq=False)
class Part:
    """One piece of a benchmark: an archive, or a list that is one file.

    `place` is where it lies below the benchmark's folder ("" is the folder itself). `holds` says
    what must be there: pattern and at least how many. `usual` says counts that are reported but
    were not checked: fewer is a remark, no fault. `rows` are the lines of a list below its first.
    `megabytes` and `unpacked` (megabytes too) are estimates for planning, unless a mirror states
    its size. `extra` says what an optional part is for.
    """

    mirrors: tuple[Mirror, ...]
    megabytes: int | float
    unpacked: int | float
    place: str = ""
    holds: Mapping[str, int] = field(default_factory=dict)
    usual: Mapping[str, int] = field(default_factory=dict)
    rows: int = 0
    extra: str = ""

    @property
    def size(self) -> int:
        """Bytes to download: as stated, else estimated."""
        return self.mirrors[0].size or int(self.megabytes * 1e6)

    def missing(self, root: Path) -> list[str]:
        """What is not there of this part below the benchmark's folder `root`; empty when it is
        complete.
        """
        place = root / self.place
        if not place.exists():
            return [f"no {place}"]
        if self.rows:
            have = (
                sum(bool(line.strip()) for line in place.read_text(errors="replace").splitlines())
                - 1
            )
            return [f"{place} has {have} rows; wanted {self.rows}"] if have < self.rows else []
        return _short(place, self.holds)

    def remarks(self, root: Path) -> list[str]:
        """Where a complete part differs from what is usually reported of it."""
        return _short(root / self.place, self.usual)


def _short(place: Path, counts: Mapping[str, int]) -> list[str]:
    have = {pattern: sum(1 for _ in place.glob(pattern)) for pattern in counts}
    return [
        f"{place} has {have[pattern]:,} of {pattern}; wanted {n:,}"
        for pattern, n in counts.items()
        if have[pattern] < n
    ]


@dataclass(frozen=True, eq=False)
class Benchmark:
    """A benchmark by its name in `corrlib.data`: its folder below the home of all of them, its
    page, and its parts.
    """

    name: str
    title: str
    folder: str
    page: str
    parts: tuple[Part, ...]
    note: str = ""

    @cached_property
    def size(self) -> int:
        """Bytes of all downloads, estimated where no size is stated."""
        return sum(part.size for part in self.parts)

    @cached_property
    def on_disk(self) -> int:
        """Bytes when unpacked, estimated."""
        return sum(int(part.unpacked * 1e6) for part in self.parts)

    def missing(self, home: Path, extras: bool = False) -> dict[Part, list[str]]:
        """Parts that are not complete below `home`, with what is missing; optional ones only if
        `extras`.
        """
        wanted = [part for part in self.parts if extras or not part.extra]
        return {part: said for part in wanted if (said := part.missing(home / self.folder))}

    def command(self, home: Path | str = HOME) -> str:
        """The command line that fetches it."""
        return f"python data_scripts/fetch.py {self.name}" + (
            f" --out {home}" if str(home) != HOME else ""
        )


def receipts(home: Path) -> dict[str, Any]:
    """What the fetching wrote of each file under `home`: address, bytes, sha256, date, unpacked
    bytes. Empty without any.
    """
    try:
        return json.loads((home / RECEIPTS).read_text())
    except (OSError, ValueError):
        return {}


def drive(id: str) -> str:
    """The address from which Google Drive gives a public file to a program, large ones too; it may
    answer with a page instead.
    """
    return f"https://drive.usercontent.google.com/download?id={id}&export=download&confirm=t"


def human(size: int | float) -> str:
    """A number of bytes in words: "833 MB", "1.3 GB"."""
    units = ["GB", "MB", "kB", "B"]
    while size >= 999.5 and len(units) > 1:
        size, _ = size / 1000, units.pop()
    return (
        f"{size:.1f} {units[-1]}" if len(units) < 4 and size < 9.95 else f"{size:.0f} {units[-1]}"
    )
