"""Where the heads lie that the authors of Diffusion Hyperfeatures published, and whether they are
here. No torch in this module.

Three PyTorch files lie on the hub under `g-luo/diffusion-hyperfeatures` (2024-09; none could be
fetched where this was written).
"""

import os
from pathlib import Path

from corrlib.backbones.weights import VARIABLE

FOLDER = "diffusion-hyperfeatures"  # below $CORRLIB_WEIGHTS
REPO = "g-luo/diffusion-hyperfeatures"
PUBLISHED = {  # by the name that stands for it here: the file in REPO
    "published": "weights/aggregation_network.pt",
    "published-one-step": "weights/aggregation_network_one-step.pt",
    "published-sd2-1": "weights/aggregation_network_sdv2-1.pt",
}


def cached(name: str, folder: Path | None = None) -> Path | None:
    """The file of a published head, without touching the network; None when it is not here. Looks
    in `folder`, by default $CORRLIB_WEIGHTS, and where none is given in the hub's cache too.
    """
    from huggingface_hub import try_to_load_from_cache

    root = folder or os.environ.get(VARIABLE)
    if root and (path := Path(root) / FOLDER / PUBLISHED[name]).is_file():
        return path
    found = None if folder else try_to_load_from_cache(REPO, PUBLISHED[name])
    return Path(found) if isinstance(found, str) else None


def locate(name: str, folder: Path | None = None) -> Path:
    """The file of a published head: from this machine, else fetched into `folder`, by default the
    hub's cache. Raises FileNotFoundError that says how to bring it here.
    """
    from huggingface_hub import hf_hub_download

    here, file = cached(name, folder), PUBLISHED[name]
    try:
        return here or Path(hf_hub_download(REPO, file, local_dir=folder and folder / FOLDER))
    except (OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
        raise FileNotFoundError(
            f"head {name!r} is not on this machine and could not be fetched ({reason}); on one "
            f"with a network type: {command(name)} --out FOLDER, copy the folder here, and set the "
            f"environment variable {VARIABLE} to it"
        ) from error


def command(name: str) -> str:
    """The command line that brings a head here."""
    return f"python data_scripts/fetch.py weights {name}"
