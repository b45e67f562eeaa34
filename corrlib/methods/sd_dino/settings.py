"""What decides a result of SD + DINO: two sides, how they are joined, and where points lie."""

from dataclasses import dataclass, replace

from corrlib.backbones.canvas import FITS
from corrlib.backbones.noised_pass import DTYPES
from corrlib.backbones.vit import FACETS, POSITIONS

NOISES = ("view", "shared", "none")
CHOICES = {
    "noise": NOISES,
    "fit": FITS,
    "dtype": tuple(DTYPES),
    "facet": FACETS,
    "positions": POSITIONS,
    "upsample": ("direct", "chain"),
    "answer": ("cells", "pixels"),
    "points": ("centres", "corners"),
    "border": ("masked", "open"),
}


@dataclass(frozen=True)
class SdSide:
    """The diffusion model's features of one view: `layers` of the U-Net from coarse to fine.

    `sd_side` is the input in pixels; crops of `crop` pixels are taken one by one and joined, 0
    takes the whole input in one pass. `noise` is drawn for each view, or is one tensor "shared" by
    all crops of all views, or "none". `captioner` names a folder of weights; where it is "", the
    `prompt` is used, in which "{category}" is filled in ("" is the null prompt). `at_once` crops
    share a pass.
    """

    model: str = "sd1-5"
    sd_side: int = 960
    crop: int = 0
    fit: str = "letterbox"
    layers: tuple[str, ...] = (
        "up_blocks.0.resnets.1",
        "up_blocks.1.attentions.1",
        "up_blocks.2.attentions.1",
    )
    timestep: int = 100
    noise: str = "view"
    captioner: str = ""
    prompt: str = ""
    dtype: str = "float32"
    at_once: int = 1


@dataclass(frozen=True)
class DinoSide:
    """The vision transformer's features of one view: a layer from 0 and a facet of it.

    `dino_side` is the input in pixels. `positions` "offset" interpolates position embeddings as
    DINO's own code does.
    """

    dino: str = "dinov2-base"
    dino_side: int = 840
    fit: str = "letterbox"
    dino_layer: int = 11
    facet: str = "token"
    positions: str = "exact"
    dtype: str = "float32"


@dataclass(frozen=True)
class SdDinoSettings:
    """Both sides (see `SdSide` and `DinoSide`) and what becomes of them; the defaults are the
    paper's.

    `pca` components a layer are kept, fewer where the pair's map has fewer; 0 keeps the layer as it
    is. All maps are brought to `grid` cells a side: "direct", or in a "chain" by way of the next
    finer layer's. `alpha` weighs SD against 1 - alpha for DINO in the joined vector, so that
    cosines count by alpha^2 to (1 - alpha)^2: 1 is SD alone, 0 is DINO alone. An answer is the
    centre of the best of the "cells", or the best of all "pixels" after interpolation. Cells that
    hold nothing but the letterbox's border are "masked" or "open". `points` are put into cells with
    pixel "centres" at integers, or with their "corners" there, as the released code does. `head` is
    the file of a trained head that replaces PCA and fusion.
    """

    model: str = "sd1-5"
    sd_side: int = 960
    crop: int = 0
    layers: tuple[str, ...] = SdSide.layers
    timestep: int = 100
    noise: str = "view"
    captioner: str = ""
    prompt: str = ""
    dino: str = "dinov2-base"
    dino_side: int = 840
    dino_layer: int = 11
    facet: str = "token"
    positions: str = "exact"
    fit: str = "letterbox"
    pca: tuple[int, ...] = (256, 256, 256)
    grid: int = 60
    upsample: str = "direct"
    alpha: float | int = 0.5
    answer: str = "cells"
    points: str = "centres"
    border: str = "masked"
    head: str = ""
    dtype: str = "float32"
    at_once: int = 1

    def __post_init__(self):
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; wanted one of {', '.join(known)}"
                )
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"alpha is {self.alpha}; wanted 0 (DINO alone) to 1 (SD alone)")
        if not self.layers or len(self.pca) != len(self.layers):
            raise ValueError(
                f"got {len(self.layers)} layers and {len(self.pca)} numbers of components; wanted "
                "one layer or more, and one number each"
            )
        for name in ("sd_side", "dino_side", "grid", "at_once"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; wanted 1 or more")
        if min(self.pca) < 0 or not 0 <= self.crop <= self.sd_side:
            raise ValueError(
                f"pca is {self.pca} and crop {self.crop}; wanted components of 0 or more, and a "
                f"crop from 0 (none) to the input's {self.sd_side} pixels"
            )
        if self.points == "corners" and (self.fit, self.answer) != ("letterbox", "cells"):
            raise ValueError(
                "points is 'corners', which the released code counts in cells of a letterbox; "
                "wanted fit 'letterbox' and answer 'cells' with it"
            )
        if not 0 <= self.timestep < 1000:
            raise ValueError(f"timestep is {self.timestep}; wanted an integer from 0 to 999")

    @property
    def sd(self) -> SdSide:
        """What the diffusion model's features depend on, and nothing else: their key in a store."""
        return SdSide(**{name: getattr(self, name) for name in SdSide.__dataclass_fields__})

    @property
    def vit(self) -> DinoSide:
        """The same of the vision transformer's."""
        return DinoSide(**{name: getattr(self, name) for name in DinoSide.__dataclass_fields__})


PAPER = SdDinoSettings()
PRESETS = {
    "paper": PAPER,
    # four crops of 512 in turn with one noise for all of them, ODISE's captioner, DINO's own
    # interpolation of positions, layer 2 enlarged in two steps, points without the half pixel
    "official": replace(
        PAPER,
        crop=512,
        noise="shared",
        captioner="odise",
        positions="offset",
        upsample="chain",
        points="corners",
        border="open",
        at_once=4,
    ),
    # On 96 pixels the paper's layers have 3, 6 and 12 cells a side, and the coarse ones, whose
    # features are the longest, drown the rest; these have 12, 24 and 24, as validation pairs chose
    "toybox": replace(
        PAPER,
        model="toybox",
        sd_side=96,
        layers=("up_blocks.2.attentions.1", "up_blocks.2", "up_blocks.3.attentions.1"),
        dino="toybox-dino",
        dino_side=96,
        dino_layer=5,
        fit="squash",
        grid=24,
        answer="pixels",
    ),
}
