"""What SD4Match depends on, and its presets."""

from dataclasses import dataclass, replace
from typing import Literal

from corrlib.backbones.noised_pass import NoisedPassSettings, Prompt
from corrlib.metrics.protocol import Protocol
from corrlib.validation.kinds import Name, Positive, Side, Timestep

Answer = Literal["kernel", "soft", "nearest"]


@dataclass(frozen=True)
class Sd4MatchSettings(NoisedPassSettings):
    """A noised pass under a learned prompt.

    `prompts` is a file of taught prompts, or the name of shipped ones ("toybox-single",
    "toybox-class"), or "" for the text of `prompt`. `latents` "once" draws
    one latent for all members of the ensemble, "each" one a member. `resize` "plain" makes the
    input without antialiasing. `answer` is the kernel soft-max ("kernel": a Gaussian of `sigma`
    cells around the best cell, `far` as in `kernel_soft_argmax`), the soft-max over all cells
    ("soft"), or the nearest neighbour among all pixels. `points` "corners" takes the outermost
    cells' centres for the outermost pixels' centres, in training too; "centres" divides the image
    into cells. `dino` is what a conditional prompt sees of an image: the middle square of
    `dino_side` pixels after the shorter side was resized to `dino_short`.
    """

    timestep: Timestep = 50
    prompt: Prompt = ""
    prompts: str = ""
    latents: Literal["each", "once"] = "each"
    resize: Literal["antialiased", "plain"] = "antialiased"
    answer: Answer = "kernel"
    sigma: Positive = 7.0
    temperature: Positive = 0.04
    far: Literal["zero", "fading"] = "zero"
    points: Literal["centres", "corners"] = "centres"
    dino: Name = "dinov2-base"
    dino_side: Side = 224
    dino_short: Side = 256


PAPER = Sd4MatchSettings()
# The paper does not say how points meet cells, nor how many noises are averaged.
OFFICIAL = replace(PAPER, latents="once", points="corners")
PRESETS = {
    "paper": replace(PAPER, ensemble=1),
    # pairs (conditional prompts) and training; single and class prompts are tested on inputs
    # without antialiasing, "official-plain"
    "official": OFFICIAL,
    "official-plain": replace(OFFICIAL, resize="plain"),
    "toybox": replace(
        PAPER,
        model="toybox",
        size=(96, 96),
        layer="up_blocks.2",
        sigma=3.5,
        dino="toybox-dino",
        dino_side=96,
        dino_short=96,
    ),
}
# How each preset's numbers on SPair-71k are counted: the released code compares points in the frame
# of 768 x 768 to which both images are squashed, boxes with them.
PROTOCOLS = {
    "paper": Protocol("box"),
    **dict.fromkeys(("official", "official-plain"), Protocol("box", frame=(768, 768))),
}
