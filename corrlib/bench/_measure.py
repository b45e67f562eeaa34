"""Time and peak memory of two ways of doing one thing, in paired runs."""

import ctypes
import gc
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

REPEATS = (
    5  # of our side within one paired run: a few milliseconds are too short to be measured once
)


@contextmanager
def on_threads(count: int) -> Iterator[int]:
    """torch on `count` threads inside, and on as many as before afterwards: that number is what is
    given.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield before
    finally:
        torch.set_num_threads(before)


def paired_seconds(
    ours: Callable[[], Any], plain: Callable[[], Any], runs: int = 3
) -> tuple[float, float, float]:
    """Median seconds of both sides and the median of their ratios (straightforward / ours); the two
    alternate after one warm-up.

    Seconds are the processor's, with one thread, so that other work on the machine does not decide
    the result.
    """
    with on_threads(1):
        ours()
        pairs = [
            (statistics.median(_seconds(ours) for _ in range(REPEATS)), _seconds(plain))
            for _ in range(runs)
        ]
    mine, theirs = zip(*pairs, strict=True)
    return (
        statistics.median(mine),
        statistics.median(theirs),
        statistics.median(t / m for m, t in pairs),
    )


def _seconds(function: Callable[[], Any]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def paired_peak_mib(
    ours: Callable[[], Callable], plain: Callable[[], Callable], runs: int = 3
) -> tuple[float, float, float]:
    """Median peak memory in MiB that each side adds, and the median of their ratios
    (straightforward / ours).

    Both arguments are module-level functions (or partials of such) that build the inputs and return
    the call to measure. Every measurement has a process of its own, and counts resident memory, so
    that temporaries inside of kernels and what the allocator keeps are included; the inputs and the
    imported libraries are not.
    """
    context = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
    if sys.platform == "linux":
        context.set_forkserver_preload(["torch"])
    pairs = []
    for _ in range(runs):
        with context.Pool(1, maxtasksperchild=1) as pool:
            mine = pool.apply(_added_mib, (ours,))
        with context.Pool(1, maxtasksperchild=1) as pool:
            pairs.append((mine, pool.apply(_added_mib, (plain,))))
    mine, theirs = zip(*pairs, strict=True)
    return (
        statistics.median(mine),
        statistics.median(theirs),
        statistics.median(t / m for m, t in pairs),
    )


def _added_mib(prepare: Callable[[], Callable]) -> float:
    call = prepare()
    _give_back()
    before = _reset_peak()
    call()
    return max(_peak_mib() - before, 1 / 256)  # at least a page


def _give_back() -> None:
    """Return to the system what was freed and is kept for reuse (glibc), or what is measured next
    would find its memory there and seem to need none.
    """
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):  # another C library
        pass


def _reset_peak() -> float:
    """Start the peak anew at what is resident now (Linux; elsewhere the highest so far), in MiB."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass
    return _peak_mib()


def _peak_mib() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024
