"""A method of yours. Copy this file to `corrlib/methods/NAME.py` (or to any file), change what is
marked, and type

    python -m corrlib doctor NAME            # or: python -m corrlib doctor path/to/file.py

which runs the synthetic checks (identity, known warp, odd sizes, determinism, batch invariance) and
says in words what failed.

*Source:* say here which paper and which released code (with its commit) this follows, and where it
differs.
"""

from dataclasses import dataclass, replace

import torch
from einops import rearrange

from corrlib.backbones.diffusion import pixels
from corrlib.coords import Frame
from corrlib.matching.estimators import nearest
from corrlib.methods import register
from corrlib.methods.base import Env, FeatureMethod
from corrlib.types import FeatureMap, View
from corrlib.validation import Validated
from corrlib.validation.kinds import Count, ImageSize


@dataclass(frozen=True)
class TemplateSettings(Validated):
    """Everything that changes a result, with its unit and range. The defaults are the paper's."""

    size: ImageSize = (256, 256)  # input (width, height) in pixels
    cell: Count = 8  # side of one feature cell in input pixels


# CHANGE: named settings. "paper" is what the paper says, "official" what its code does, "toybox"
# what a laptop runs.
PAPER = TemplateSettings()
PRESETS = {"paper": PAPER, "official": PAPER, "toybox": replace(PAPER, size=(96, 96), cell=4)}


@register("template", presets=PRESETS)  # CHANGE: the name
def build(settings: TemplateSettings, env: Env) -> FeatureMethod:
    """CHANGE: load models here, once (`env.diffuser(...)` gives a diffusion model on the right
    device).
    """

    def extract(view: View, *, seed: int = 0) -> FeatureMap:
        # CHANGE: one view to features. This one is a histogram of colours' signs and the edges
        # between pixels of each cell.
        image = pixels(view.image(), settings.size)
        edges = torch.cat(
            [image.diff(dim=1, append=image[:, -1:]), image.diff(dim=2, append=image[:, :, -1:])]
        )
        k = settings.cell
        values = rearrange(torch.cat([image, edges]), "c (h a) (w b) -> (c a b) h w", a=k, b=k)
        return FeatureMap(values.contiguous(), Frame(view.size, (values.shape[2], values.shape[1])))

    return FeatureMethod(settings, extract, nearest, store=env.store)


# A method that needs both views at once, or the query, returns an object of its own instead of a
# FeatureMethod: any callable
# `(source, target, queries, *, seed=0) -> Matches` with the attributes `settings`, `weights`,
# `name` and `preset`.
