"""Finished folders put in their place: a killed run leaves no half set, and runs beside each other
leave one of theirs whole.
"""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from corrlib.storage.atomic_write import atomic_write

PREFIX = ".toybox-"


@contextmanager
def workplace(out: Path) -> Iterator[Path]:
    """A folder of this run's own in `out`, removed at the end; those of runs that were killed are
    removed first.

    Each holds a lock for as long as its run lives, which is how a living one is told from a dead
    one.
    """
    out.mkdir(parents=True, exist_ok=True)
    with _alone(out):
        for left in out.glob(f"{PREFIX}*"):
            if left.is_dir() and _dead(left):
                shutil.rmtree(left, ignore_errors=True)
        place = Path(tempfile.mkdtemp(prefix=PREFIX, dir=out))
        lock = os.open(place / "lock", os.O_CREAT | os.O_RDWR)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os.close(lock)


def publish(made: Path, target: Path, place: Path) -> None:
    """Move a finished folder to `target`; one that stands there goes away. `place` is the run's
    workplace.
    """
    aside = place / f"old {target.name}"
    with _alone(target.parent):
        if target.exists():
            os.rename(target, aside)
        os.rename(made, target)
    shutil.rmtree(aside, ignore_errors=True)


def note(path: Path, entries: Mapping[str, object]) -> None:
    """Add entries to a json file, keeping those of other names, whoever writes it at the same
    time.
    """
    with _alone(path.parent):
        try:
            known = json.loads(path.read_text())
        except (OSError, ValueError):
            known = {}
        with atomic_write(path) as part:
            part.write_text(json.dumps({**known, **entries}, indent=1) + "\n")


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Nobody else is between two steps in `out` meanwhile; the system frees the lock of a killed
    run.
    """
    lock = os.open(out / ".toybox.lock", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _dead(place: Path) -> bool:
    """Whether nobody holds the folder's lock any more."""
    try:
        lock = os.open(place / "lock", os.O_CREAT | os.O_RDWR)
    except OSError:  # its run is removing it
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
    finally:
        os.close(lock)
