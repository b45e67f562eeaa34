"""Frames of a video: the images of a folder in the order of their numbers."""

from pathlib import Path

from corrlib.data.files import listing

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
