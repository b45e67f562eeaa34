"""Frames of a video: the images of a folder in the order of their numbers."""

from collections.abc import Iterator
from pathlib import Path

from corrlib.data.check import told
from corrlib.data.files import listing
from corrlib.types import View

SUFFIXES = (".jpg", ".jpeg", ".png")


def frame_paths(folder: Path) -> list[Path]:
    """Image files of a folder, sorted by name, without hidden ones. Raises FileNotFoundError where
    there is none.
    """
    files = folder.iterdir() if folder.is_dir() else ()
    paths = sorted(
        p
        for p in files
        if p.suffix.lower() in SUFFIXES and not p.name.startswith(".") and p.is_file()
    )
    if not paths:
        wanted = "wanted numbered .jpg or .png files"
        raise FileNotFoundError(
            f"no frames in {folder}: {wanted}; found: {listing(folder)}; unpack the data set again"
        )
    return paths


def broken_frames(folder: Path, decode: bool) -> Iterator[str]:
    """A problem for each frame of a folder that cannot be opened, or (with `decode`) cannot be
    decoded.
    """
    try:
        paths = frame_paths(folder)
    except FileNotFoundError as error:
        yield str(error)
        return
    for path in paths:
        try:
            view = View.open(path, own=False)
            if decode:
                view.image()
        except (OSError, ValueError) as error:
            yield told(error)
