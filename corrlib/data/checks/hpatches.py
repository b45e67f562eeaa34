"""A look at a whole copy of HPatches, or of a folder in the Oxford style."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from corrlib.data.checks.findings import counted, told, walk
from corrlib.data.homographies import numbers
from corrlib.data.hpatches import HPatches

PUBLISHED = {"illumination": 57 * 5, "viewpoint": 59 * 5}  # pairs of all 116 sequences


def check(root: str | Path, *, decode: bool = True, **options: Any) -> Iterator[str]:
    """Findings: missing images and homographies, damaged ones, and (with `decode`) images that do
    not decode; of a release also notices of counts unlike the published ones.
    """
    try:
        data = HPatches(root, **{"all_sequences": True, **options})
    except (OSError, ValueError) as error:
        yield told(error)
        return
    if any(sequence[:2] in ("i_", "v_") for sequence in data.folders) and data.all_sequences:
        yield from counted("pairs of HPatches", data.counts(), PUBLISHED)
    yield from walk(data)
    for sequence, folder in tqdm(data.folders.items(), desc="images", leave=False, disable=None):
        # looked at by themselves: a missing homography does not hide a broken image
        for k in (1, *numbers(folder)):
            try:
                view = data.image(sequence, str(k))
                if decode:
                    view.image()
            except (OSError, ValueError) as error:
                yield told(error)
