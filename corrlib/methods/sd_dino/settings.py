"""What decides a result of SD + DINO: two sides, how they are joined, and where points lie."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field

from corrlib.backbones.canvas import FITS
from corrlib.backbones.noised_pass import Dtype, Layer, Prompt
from corrlib.backbones.vit import FACETS, POSITIONS
from corrlib.validation import Validated
from corrlib.validation.kinds import (
    DIFFERENT,
    FLOAT,
    SOME,
    Few,
    Name,
    Natural,
    Number,
    Side,
    Timestep,
)

Layers = Annotated[tuple[Layer, ...], SOME, DIFFERENT]
Noise = Literal["view", "shared", "none"]
Crop = Annotated[int, Field(ge=0, description="a side in pixels, or 0 for the whole input")]
Weight = Annotated[
    Number, Field(ge=0, le=1, description="a number from 0 (DINO alone) to 1 (SD alone)"), FLOAT
]


@dataclass(frozen=True)
class SdSide(Validated):
    """The diffusion model's features of one view: `layers` of the U-Net from coarse to fine.

    `sd_side` is the input in pixels; crops of `crop` pixels are taken one by one and joined, 0
    takes the whole input in one pass. `noise` is drawn for each view, or is one tensor "shared" by
    all crops of all views, or "none". `captioner` names a folder of weights; where it is "", the
    `prompt` is used, in which "{category}" is filled in ("" is the null prompt). `at_once` crops
    share a pass.
    """

    model: Name = "sd1-5"
    sd_side: Side = 960
    crop: Crop = 0
    fit: Literal[FITS] = "letterbox"
    layers: Layers = (
        "up_blocks.0.resnets.1",
        "up_blocks.1.attentions.1",
        "up_blocks.2.attentions.1",
    )
    timestep: Timestep = 100
    noise: Noise = "view"
    captioner: str = ""
    prompt: Prompt = ""
    dtype: Dtype = "float32"
    at_once: Few = 1


@dataclass(frozen=True)
class DinoSide(Validated):
    """The vision transformer's features of one view: a layer from 0 and a facet of it.

    `dino_side` is the input in pixels. `positions` "offset" interpolates position embeddings as
    DINO's own code does.
    """

    dino: Name = "dinov2-base"
    dino_side: Side = 840
    fit: Literal[FITS] = "letterbox"
    dino_layer: Natural = 11
    facet: Literal[FACETS] = "token"
    positions: Literal[POSITIONS] = "exact"
    dtype: Dtype = "float32"


@dataclass(frozen=True)
class SdDinoSettings(Validated):
    """Both sides (see `SdSide` and `DinoSide`) and what becomes of them; the defaults are the
    paper's.

    `pca` components a layer are kept, fewer where the pair's map has fewer; 0 keeps the layer as it
    is. All maps are brought to `grid` cells a side: "direct", or in a "chain" by way of the next
    finer layer's. `alpha` weighs SD against 1 - alpha for DINO in the joined vector, so that
    cosines count by alpha^2 to (1 - alpha)^2: 1 is SD alone, 0 is DINO alone. An answer is the
    centre of the best of the "cells", or the best of all "pixels" after interpolation. Cells that
    hold nothing but the letterbox's border are "masked" or "open". `points` are put into cells with
    pixel "centres" at integers, or with their "corners" there, as the released code does. `head` is
    the file of a trained head that replaces PCA and fusion, or the name of a shipped one.
    """

    model: Name = "sd1-5"
    sd_side: Side = 960
    crop: Crop = 0
    layers: Layers = SdSide.layers
    timestep: Timestep = 100
    noise: Noise = "view"
    captioner: str = ""
    prompt: Prompt = ""
    dino: Name = "dinov2-base"
    dino_side: Side = 840
    dino_layer: Natural = 11
    facet: Literal[FACETS] = "token"
    positions: Literal[POSITIONS] = "exact"
    fit: Literal[FITS] = "letterbox"
    pca: tuple[Natural, ...] = (256, 256, 256)
    grid: Few = 60
    upsample: Literal["direct", "chain"] = "direct"
    alpha: Weight = 0.5
    answer: Literal["cells", "pixels"] = "cells"
    points: Literal["centres", "corners"] = "centres"
    border: Literal["masked", "open"] = "masked"
    head: str = ""
    dtype: Dtype = "float32"
    at_once: Few = 1

    def __post_init__(self):
        super().__post_init__()
        if len(self.pca) != len(self.layers):
            raise ValueError(
                f"got {len(self.layers)} layers and {len(self.pca)} numbers of components (pca); "
                "wanted one number each"
            )
        if self.crop > self.sd_side:
            raise ValueError(
                f"crop is {self.crop}; wanted at most the input's {self.sd_side} pixels (sd_side)"
            )
        if self.points == "corners" and (self.fit, self.answer) != ("letterbox", "cells"):
            raise ValueError(
                "points is 'corners', which the released code counts in cells of a letterbox; "
                "wanted fit 'letterbox' and answer 'cells' with it"
            )

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
    # for a CPU: smaller inputs, and the smallest DINOv2
    "photos": replace(PAPER, sd_side=512, dino="dinov2-small", dino_side=420, grid=30),
    # On 96 pixels the paper's layers have 3, 6 and 12 cells a side, and the coarse ones, whose
    # features are the longest, drown the rest; these have 12, 24 and 24, as validation pairs chose
    "toybox": replace(
        PAPER,
        model="toybox",
        sd_side=96,
        layers=("up_blocks.2.attentions.1", "up_blocks.2", "up_blocks.3.attentions.1"),
        dino="toybox-dino",
        dino_side=96,
        dino_layer=3,
        fit="squash",
        grid=24,
        answer="pixels",
    ),
}
