"""A training's curve, written as it goes."""

import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from corrlib.storage.atomic_write import atomic_write


class Curve:
    """The mean loss of the steps since the last row, the seconds of all starts so far, and, with
    `measure`, what it says at that step.
    """

    def __init__(self, path: Path, measure: Callable[[], float] | None = None, name: str = "pck"):
        self.path, self.begin = path, time.perf_counter()
        self.measure, self.name = measure, name
        before = pd.read_csv(path) if path.is_file() else pd.DataFrame()
        self.rows = before.to_dict("records")
        self.before = self.rows[-1]["seconds"] if self.rows else 0.0

    def __call__(self, losses: list[float]) -> None:
        """Add a row, unless this step has one, and write the file."""
        last = self.rows[-1]["step"] if self.rows else 0
        if len(losses) > last:
            mean = sum(losses[last:]) / len(losses[last:])
            row = {"step": len(losses), "loss": mean}
            if self.measure is not None:
                row[self.name] = self.measure()
            seconds = round(self.before + time.perf_counter() - self.begin, 1)
            self.rows.append({**row, "seconds": seconds})
        with atomic_write(self.path) as part:
            pd.DataFrame(self.rows).to_csv(part, index=False)
