"""The loop that asks a method about every item of a benchmark, part by part, and what is printed
when all parts are there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from corrlib.experiments.evaluate import described, names_of, progress_bar, select
from corrlib.experiments.tasks.table import TASKS
from corrlib.experiments.tasks.task import Task
from corrlib.storage.atomic_write import atomic_write
from corrlib.storage.content import gathered
from corrlib.storage.result_folder import ResultFolder
from corrlib.types import Video


def task_of(data: Any) -> Task | None:
    """The task by which a data set is published; None where it is PCK of its pairs' points."""
    return TASKS.get(getattr(data, "task", ""))


def answer(
    task: Task,
    method: Any,
    data: Sequence,
    out: str | Path,
    *,
    settings: Any = None,
    shard: tuple[int, int] = (0, 1),
    limit: int | None = None,
    seed: int = 0,
    profile: str = "",
    progress: bool | None = None,
) -> ResultFolder:
    """Write the method's answers about all items of `data`, or of shard (i, n) of them, to the
    folder `out`, one part an item; done parts are kept.

    `settings` are the task's (default: `task.settings()`). Raises TypeError of a method that cannot
    do the task, ValueError when `out` holds the results of another run.
    """
    settings = task.settings() if settings is None else settings
    out, chosen = Path(out), select(len(data), limit)
    if chosen:
        first = data[chosen[0]]
        view = first.frames[0] if isinstance(first, Video) else first.source
        task.require(method, settings, view, seed)
    names = names_of(method, data, chosen, profile)
    said = ", ".join(f"{key} {value!r}" for key, value in asdict(settings).items())
    run = {**names, **described(method, seed), "task": said, "items": len(chosen)}
    content = gathered(data[i].content() for i in chosen)
    parts = ResultFolder.start(out, run, len(chosen), content)
    todo = parts.todo(shard)
    with progress_bar(len(todo), method, progress) as bar:
        for part in todo:
            item = data[chosen[part]]
            try:
                rows = task.ask(method, item, settings, seed, out)
            except Exception as error:
                error.add_note(f"({item.id}, method {names['method']})")
                raise
            parts.write(part, rows.assign(item=item.id, **names))
            bar.update()
    return parts


def report(task: Task, parts: ResultFolder, data: Any) -> Iterator[str]:
    """The lines that say what was run, on what, counted how; the tables also go into the folder,
    each as CSV.
    """
    run, items = parts.run, parts.run["items"]
    subset = f"; a subset: {run['subset']}" if run["subset"] else ""
    yield f"{run['method']} ({run['preset']}), profile {run['profile']}{subset}"
    yield f"{run['data']}: {items:,} {data.unit}; {run['task']}"
    yield task.words
    tables = task.count(parts.read(), data, parts.root)
    if not tables:
        yield f"the truth of {run['data']} is not published; the answers are in {parts.root}"
    for name, table in tables.items():
        with atomic_write(parts.root / f"{name}.csv") as part:
            table.to_csv(part, lineterminator="\n")
        yield f"{name}\n{shown(table)}"


def shown(table: pd.DataFrame, most: int = 40) -> str:
    """A table as text, numbers with one digit behind the point; of a long one the first rows."""
    text = table.head(most).to_string(float_format="{:.1f}".format)
    return text if len(table) <= most else f"{text}\n... {len(table)} rows, all in the folder"
