"""Finished folders put in their place: a killed run leaves no half set, runs beside each other
leave one of theirs whole, and what was not written here is left alone.

The file `toybox.json` beside the sets says what each was when it was written; a folder that is not
that any more holds somebody's work.
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
from corrlib.storage.outputs import make_folder, tree_digest

PREFIX, NOTE = ".toybox-", "toybox.json"


@contextmanager
def workplace(out: Path) -> Iterator[Path]:
    """A folder of this run's own in `out`, removed at the end; those of runs that were killed are
    removed first.

    Each holds a lock for as long as its run lives, which is how a living one is told from a dead
    one.
    """
    make_folder(out)
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


def require_ours(out: Path, name: str, target: Path) -> None:
    """Raise FileExistsError where `target` is there and is not what set `name` was when it was
    written.
    """
    with _alone(out):
        _require_ours(out, name, target)


def publish(
    made: Path, target: Path, place: Path, name: str, about: Mapping[str, object], force: bool
) -> None:
    """Move a finished folder to `target`, and note what it is; set `name` as it was written before
    goes away, and with `force` whatever is there. `place` is the run's workplace.
    """
    aside, out = place / f"old {target.name}", target.parent
    entry = {**about, "content": tree_digest(made)}
    with _alone(out):
        if not force:
            _require_ours(out, name, target)
        if target.exists():
            os.rename(target, aside)
        os.rename(made, target)
        with atomic_write(out / NOTE) as part:
            part.write_text(json.dumps({**_noted(out), name: entry}, indent=1) + "\n")
    shutil.rmtree(aside, ignore_errors=True)


def _require_ours(out: Path, name: str, target: Path) -> None:
    if target.exists() and (
        not target.is_dir() or _noted(out).get(name, {}).get("content") != tree_digest(target)
    ):
        raise FileExistsError(
            f"{target} is there, and not as make_toybox.py wrote it: move it away, name another "
            "--out, or add --force to replace it"
        )


def _noted(out: Path) -> dict:
    try:
        found = json.loads((out / NOTE).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


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
    """Whether nobody holds the folder's lock any more. A folder without one is no workplace."""
    try:
        lock = os.open(place / "lock", os.O_RDWR)
    except OSError:  # or its run is removing it
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
    finally:
        os.close(lock)
