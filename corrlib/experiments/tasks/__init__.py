"""What benchmarks publish that is no PCK of clicked points: flow, planes, masks and joints.

    task = task_of(data)          # None where PCK of points is what is published
    parts = answer(task, method, data, "build/other/dift-tss")   # long: resumes, shards
    for name, table in task.count(parts.read(), data, parts.root).items(): ...

`TASKS` is the whole list: how a method is asked, and how its answers are counted. A data set names
its task (`data.task`); answers are written before they are counted, as in
`corrlib.experiments.evaluate`.
"""

from corrlib.experiments.tasks.loop import Task, answer, report, task_of
from corrlib.experiments.tasks.table import TASKS

__all__ = ["TASKS", "Task", "answer", "report", "task_of"]
