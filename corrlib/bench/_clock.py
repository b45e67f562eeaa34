"""A clock that knows which part of the work is running, and says what it ran on."""

import os
import platform
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import torch

from corrlib.storage.machine import processor

REST = "rest"


class Clock:
    """Seconds and calls by (phase, part). A part inside of another is taken out of the outer one,
    so that parts add up.

    On a CPU seconds are the processor's, so that other work on the machine matters less; on a GPU
    they are the clock's, between synchronisations. A part whose name is one of `phases` begins that
    phase; its own seconds, which no part inside of it took, are its rest. Before any of them it is
    the last phase.
    """

    def __init__(
        self, phases: tuple[str, ...] = ("find", "ask"), device: str | torch.device = "cpu"
    ):
        self.phases, self.device = phases, torch.device(device)
        self.seconds: Counter[tuple[str, str]] = Counter()
        self.calls: Counter[tuple[str, str]] = Counter()
        self._phase, self._inner = [phases[-1]], []

    def now(self) -> float:
        """Seconds since some moment."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
            return time.perf_counter()
        return time.process_time()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """What runs inside of the block is `name`'s."""
        if name in self.phases:
            self._phase.append(name)
        key = self._phase[-1], REST if name in self.phases else name
        self._inner.append(0.0)
        begin = self.now()
        try:
            yield
        finally:
            spent = self.now() - begin
            self.seconds[key] += spent - self._inner.pop()
            self.calls[key] += 1
            if self._inner:
                self._inner[-1] += spent
            if name in self.phases:
                self._phase.pop()

    @contextmanager
    def watch(self, *places: tuple[Any, str, str]) -> Iterator["Clock"]:
        """Count the calls of (owner, name of a function, part), where the owner is an object, a
        class or a module.
        """
        with ExitStack() as undo:
            for owner, name, part in places:
                undo.enter_context(
                    _replaced(owner, name, self._watched(getattr(owner, name), part))
                )
            yield self

    def _watched(self, function: Callable, part: str) -> Callable:
        @wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            with self.part(part):
                return function(*args, **options)

        return call


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """`owner.name` is `value`, and afterwards what it was, or found where it was found."""
    own = vars(owner).get(name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if own is None:
            delattr(owner, name)
        else:
            setattr(owner, name, own)


def machine(device: str | torch.device = "cpu") -> dict[str, Any]:
    """Where a time was taken: processor or GPU in words, its cores, threads, versions, commit of
    the code.
    """
    here = Path(__file__).parent
    git = subprocess.run(
        ["git", "-C", str(here), "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    )
    gpu = {"gpu": torch.cuda.get_device_name(device)} if torch.device(device).type == "cuda" else {}
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        **gpu,
        "system": f"{platform.system()} {platform.machine()}",
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "commit": git.stdout.strip() or "unknown",
        "date": time.strftime("%Y-%m-%d"),
    }
