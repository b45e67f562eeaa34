"""Files that appear whole or not at all."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """A file beside `path` to write in the block. It takes the name `path` when the block ends, and
    is deleted when it fails.

    The folders above are made. Several processes may write one path; the last one to end wins.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_first(path: Path, text: str) -> bool:
    """Write a file that is not there, whole; False where it is there, or another process was first.

    The folder must be there.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    part.write_text(text, encoding="utf-8")
    try:
        os.link(part, path)  # unlike a renaming it fails where the name is taken
    except FileExistsError:
        return False
    except OSError:  # a disk without hard links: the name is taken first, and filled at once
        try:
            with open(path, "x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            return False
    finally:
        part.unlink(missing_ok=True)
    return True
