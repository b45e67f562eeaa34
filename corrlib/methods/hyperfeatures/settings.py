"""Everything a hyperfeature depends on, and its named settings."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from corrlib.backbones.noised_pass import Dtype
from corrlib.heads.aggregation import require_groups
from corrlib.validation import Validated
from corrlib.validation.kinds import DIFFERENT, Count, ImageSize, Name, Natural, Seed


def _plain(text: str) -> str:
    if "{" in text or "}" in text:
        raise ValueError("wanted text without braces: this method fills in no category")
    return text


Plain = Annotated[str, AfterValidator(_plain)]
Numbers = Annotated[
    tuple[Annotated[int, Field(ge=1, le=12)], ...],
    DIFFERENT,
    Field(description="numbers from 1 to 12 with commas between them"),
]
Steps = Annotated[
    int, Field(ge=1, le=1000, description="1 (the one-step model) to 1000 calls of the network")
]
# 49, 45, 40, .., 5, 0 of the released code, which counts from noise
ELEVEN_OF_FIFTY = (0, 4, 9, 14, 19, 24, 29, 34, 39, 44, 49)


@dataclass(frozen=True)
class HyperfeatureSettings(Validated):
    """The path, what is read on it, the head, and how maps are matched. The defaults are the
    paper's.

    `unet` "untrained" is a control: the same network with weights that were drawn. Images are
    squashed to `size` (width, height), by way of `load` where that is given, as the paper did to
    compare with smaller networks. `posterior` "sample" draws the latent, "mode" takes the mean.
    `path` "inversion" makes `steps` calls of the network by `rule` (`backbones.ddim`), as far as
    the noisiest of `positions`, which count from the clean latent (none: all). "generation" walks
    up without reading and reads on the way down: what a drawn picture would show, on one that has
    annotations. "noised" puts independent noise on the latent at these positions. `layers` are
    numbers 1 to 12 of the decoder's ResNet blocks, none for all.

    `head` is a file of a trained head, "untrained", or a name in `heads.shipped` or
    `heads.published`; an untrained one has `width`, `middle`, `groups` and `init_seed` of
    `HeadSettings`. `keep` counts the largest mixing weights that are used, 0 for all. `read` "sum"
    is the head's; "maps" puts the same layers' maps side by side, without a bottleneck. All lie on
    `grid` (width, height). `match` "released" compares at the pixels of `load` (else `size`),
    rounded.
    """

    model: Name = "sd1-5"
    unet: Literal["trained", "untrained"] = "trained"
    size: ImageSize = (512, 512)
    load: ImageSize | None = None
    prompt: Plain = ""
    posterior: Literal["sample", "mode"] = "sample"
    dtype: Dtype = "float32"
    path: Literal["inversion", "generation", "noised"] = "inversion"
    rule: Literal["consistent", "released"] = "consistent"
    steps: Steps = 50
    positions: Annotated[tuple[Natural, ...], DIFFERENT] = ELEVEN_OF_FIFTY
    layers: Numbers = ()
    head: Name = "untrained"
    keep: Natural = 0
    read: Literal["sum", "maps"] = "sum"
    grid: ImageSize = (64, 64)
    width: Count = 384
    middle: Count = 96
    groups: Count = 32
    init_seed: Seed = 0
    match: Literal["exact", "released"] = "exact"

    def __post_init__(self):
        super().__post_init__()
        require_groups(self)
        for name, low, high in (("positions", 0, self.steps - 1), ("layers", 1, 12)):
            given = getattr(self, name)
            if list(given) != sorted(set(given)) or any(not low <= i <= high for i in given):
                raise ValueError(
                    f"{name} is {given}; wanted different numbers from {low} to {high}, rising"
                )

    @property
    def places(self) -> tuple[int, ...]:
        """The positions, all of them where none is named."""
        return self.positions or tuple(range(self.steps))

    @property
    def numbers(self) -> tuple[int, ...]:
        """The layers' numbers, all of them where none is named."""
        return self.layers or tuple(range(1, 13))


# The head of both is the authors' own, trained as "official" walks; "paper" shows it the same
# positions one stride noisier, since there the network is never told a timestep it was not trained
# on.
PAPER = HyperfeatureSettings(load=(224, 224), head="published")
OFFICIAL = replace(PAPER, load=None, rule="released", match="released")
ONE_STEP = {"steps": 1, "positions": (0,)}
TOYBOX = HyperfeatureSettings(
    model="toybox",
    head="toybox",
    size=(96, 96),
    steps=20,
    positions=(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 19),
    grid=(24, 24),
    width=64,
    middle=32,
    groups=8,
)
PRESETS = {
    "paper": PAPER,
    "official": OFFICIAL,
    "one-step": replace(OFFICIAL, **ONE_STEP, head="published-one-step"),
    "sd2-1": replace(OFFICIAL, model="sd2-1-base", head="published-sd2-1"),
    "pruned": replace(OFFICIAL, keep=1),
    "layer-pruned": replace(OFFICIAL, keep=1, read="maps"),
    "layer-4": replace(PAPER, **ONE_STEP, layers=(4,), read="maps", head="untrained"),
    "concat-all": replace(PAPER, **ONE_STEP, read="maps", head="untrained"),
    "toybox": TOYBOX,
    "toybox-one-step": replace(TOYBOX, **ONE_STEP, head="toybox-one-step"),
}
