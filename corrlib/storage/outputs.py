"""What may be written where a user says: no file is overwritten and no folder emptied that corrlib
did not write, unless they ask for it by `--force`, and an input never.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from corrlib.storage.atomic_write import atomic_write

LIST = ".corrlib-files"  # marks a folder of results, and names those of its files that are ours


def require_new(path: Path, *, force: bool = False, inputs: Iterable[Path] = ()) -> None:
    """Raise FileExistsError where `path` is taken and `force` does not say to replace it, and
    always where it is one of `inputs` or a folder.
    """
    if not path.exists():
        return
    if any(other.exists() and other.samefile(path) for other in inputs):
        raise FileExistsError(f"{path} is read by this very command; name another --out")
    if path.is_dir():
        raise FileExistsError(f"{path} is a folder; wanted the name of a file: name another --out")
    if not force:
        raise FileExistsError(f"{path} is there already; name another --out, or add --force")


def claim_files(folder: Path, names: Iterable[str], *, force: bool = False) -> None:
    """Make `folder` and note that these files of it are ours to write, now and later.

    Raises FileExistsError naming a file that is there and is not ours, NotADirectoryError where
    `folder` is a file.
    """
    make_folder(folder)
    listed = folder / LIST
    ours = set(listed.read_text(encoding="utf-8").split("\n")) if listed.is_file() else set()
    names = sorted(names)
    for name in names:
        if name not in ours:
            require_new(folder / name, force=force)
    with atomic_write(listed) as part:
        part.write_text("\n".join(sorted({*ours, *names} - {""})) + "\n", encoding="utf-8")


def claim_folder(folder: Path, *, force: bool = False) -> None:
    """Make `folder` and mark it as ours, to be filled now and gone on with later.

    Raises FileExistsError where it holds files and no mark, unless `force`; NotADirectoryError
    where it is a file.
    """
    make_folder(folder)
    # the mark of another process that begins the same folder has its name when it is whole
    there = sorted(path for path in folder.iterdir() if LIST not in path.name)
    if there and not force and not (folder / LIST).is_file():
        raise FileExistsError(
            f"{folder} holds {there[0].name} and was not begun by this command; name another "
            "--out, or add --force to go on in it"
        )
    claim_files(folder, [])


def make_folder(folder: Path) -> None:
    """Make a folder. Raises NotADirectoryError naming the file that is in its place."""
    require_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)


def require_folder(folder: Path) -> None:
    """Raise NotADirectoryError where a folder cannot be made, since a file is in its place."""
    for place in (folder, *folder.parents):
        if place.exists() and not place.is_dir():
            raise NotADirectoryError(f"{place} is a file; wanted a folder: name another --out")


def tree_digest(folder: Path) -> str:
    """Sixteen hex digits of all names and bytes in a folder: whether it is as it was left."""
    state = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        state.update(f"{path.relative_to(folder).as_posix()}\n".encode())
        if path.is_file():
            with path.open("rb") as file:
                state.update(hashlib.file_digest(file, "sha256").digest())
    return state.hexdigest()[:16]
