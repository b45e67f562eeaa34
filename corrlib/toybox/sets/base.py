"""What the toy version of a benchmark is: jobs that render, a last step that lists, and what both
will take on disk.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Job = tuple  # a key of strings and numbers: what a worker is told


@dataclass(frozen=True)
class Load:
    """What a job or a set takes: pictures to render, files and megabytes on disk."""

    images: int = 0
    files: int = 0
    megabytes: float = 0.0

    def __add__(self, other: "Load") -> "Load":
        return Load(
            self.images + other.images, self.files + other.files, self.megabytes + other.megabytes
        )


@dataclass(frozen=True)
class ToySet:
    """One benchmark in its own layout, under `folder`.

    `work(root, job, seed)` writes one job's files below `root` and returns what the lists need; it
    depends on nothing else, so that the bytes are the same whoever runs it. `finish(root, results,
    seed)` writes the lists from (job, result) in the jobs' order, and returns counts. `load(job)`
    says beforehand what a job takes, its part of the lists included; `lists` the rest.
    """

    folder: str
    about: str
    jobs: Sequence[Job]
    work: Callable[[Path, Job, int], Any]
    finish: Callable[[Path, list, int], dict[str, int]]
    load: Callable[[Job], Load]
    lists: Load = Load()

    def some(self, limit: int | None = None) -> Sequence[Job]:
        """All jobs, or `limit` of them that are spread evenly: a small set of the same kind."""
        n = len(self.jobs)
        return (
            self.jobs
            if limit is None or limit >= n
            else [self.jobs[i * n // limit] for i in range(limit)]
        )

    def total(self, limit: int | None = None) -> Load:
        """What the set takes."""
        return sum((self.load(job) for job in self.some(limit)), self.lists)
