"""Homographies in files, the folders that they lie in, and the flow that they make."""

import re
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from corrlib.coords import Size
from corrlib.data.arrays import read_numbers
from corrlib.data.files import find_folder, listing

SUFFIXES = ("ppm", "png", "jpg", "jpeg", "pgm")
IMAGE = re.compile(rf"(?:img)?([1-9]\d*)\.({'|'.join(SUFFIXES)})")
HOMOGRAPHY = re.compile(r"H(?:_1_|1to)([1-9]\d*)p?")


def sequences(root: str | Path) -> dict[str, Path]:
    """Folders of sequences by name, sorted: those in `root` or its hpatches-sequences-release, or
    `root` itself if it is one.

    A folder is a sequence if its name begins with i_ or v_ or a homography is in it. Raises
    FileNotFoundError where there is none.
    """
    if Path(root).is_dir() and homographies(Path(root)):
        return {Path(root).resolve().name: Path(root)}
    for folder in (Path(root), Path(root) / "hpatches-sequences-release"):
        inside = sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []
        if found := {p.name: p for p in inside if p.name[:2] in ("i_", "v_") or homographies(p)}:
            return found
    return {
        "": find_folder(root, (), ("<sequence>/H_1_2", "<sequence>/1.ppm"), "HPatches")
    }  # raises


def homographies(folder: Path) -> dict[int, Path]:
    """Files of homographies in a folder, by the number of their second image."""
    return {int(m[1]): p for p in sorted(folder.iterdir()) if (m := HOMOGRAPHY.fullmatch(p.name))}


def numbers(folder: Path) -> list[int]:
    """Numbers of a sequence's second images, of each of which there is the image or the homography;
    2 to 6 of an empty folder.
    """
    images = {int(m[1]) for p in folder.iterdir() if (m := IMAGE.fullmatch(p.name))}
    return sorted((images | set(homographies(folder))) - {1}) or list(range(2, 7))


def image_path(folder: Path, k: str) -> Path:
    """The file of image k. Raises FileNotFoundError naming both spellings."""
    for name in (f"{stem}{k}.{suffix}" for suffix in SUFFIXES for stem in ("", "img")):
        if (folder / name).is_file():
            return folder / name
    wanted = f"{k}.ppm or img{k}.ppm (or png, jpg)"
    raise FileNotFoundError(
        f"no image {k} in {folder}: wanted {wanted}; found: {listing(folder)}; unpack it again"
    )


def homography_path(folder: Path, k: str) -> Path:
    """The file of the homography from image 1 to image k. Raises FileNotFoundError naming both
    spellings.
    """
    if int(k) not in (found := homographies(folder)):
        raise FileNotFoundError(
            f"no homography of images 1 and {k} in {folder}: wanted H_1_{k} or H1to{k}p; unpack "
            "it again"
        )
    return found[int(k)]


def read_homography(path: Path) -> Float[np.ndarray, "3 3"]:
    """A 3 x 3 matrix that can be inverted. Raises ValueError naming the file."""
    matrix = read_numbers(path, (3, 3))
    if np.linalg.matrix_rank(matrix) < 3:
        raise ValueError(
            f"{path} holds a matrix that cannot be inverted; a homography can be: unpack it again"
        )
    return matrix


def homography_flow(
    matrix: Float[Tensor, "3 3"], source: Size, target: Size
) -> Float[Tensor, "H W 2"]:
    """A homography's flow in pixels on the source's grid (sizes are width, height), float32, NaN
    where it leaves the target.

    Inside means between the centres of the target's outer pixels, as
    `corrlib.metrics.homography_flow` has it, which resizes too.
    """
    x, y = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in source), indexing="xy")
    u, v, w = (torch.stack([x, y, torch.ones_like(x)], dim=2) @ matrix.double().T).unbind(2)
    arrived = torch.stack([u / w, v / w], dim=2)
    front = (
        w * w[source[1] // 2, source[0] // 2] > 0
    )  # on the side of the centre: a homography's own sign says nothing
    inside = front & ((arrived >= 0) & (arrived <= torch.tensor(target) - 1)).all(dim=2)
    return torch.where(inside[..., None], arrived - torch.stack([x, y], dim=2), torch.nan).float()
