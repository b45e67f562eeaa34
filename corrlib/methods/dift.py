"""DIFT: the features of one noisy pass through a diffusion model's U-Net, compared by cosine.

*Source:* Tang et al., "Emergent Correspondence from Image Diffusion", NeurIPS 2023; released code
`Tsingularity/dift`, commit 9421eb2 (`dift_sd.py`, `eval_spair.py`). Differences to the released
code: the image is encoded once, not once an ensemble member (the members still draw posterior
samples of their own: the same distribution at a third of the cost); noise is keyed on seed and
view, where the released code sets no seed; a view without a category gets the null prompt, there an
unknown one does.
"""

from dataclasses import dataclass, replace

from corrlib.backbones.noised_pass import NoisedPass, NoisedPassSettings
from corrlib.methods import register
from corrlib.methods.base import Env, FeatureMethod


@dataclass(frozen=True)
class DiftSettings(NoisedPassSettings):
    """The defaults are the paper's for SPair-71k: Stable Diffusion 2.1 at 768 x 768, t = 261,
    decoder block 1, 8 noises.
    """


PAPER = DiftSettings()
PRESETS = {
    "paper": PAPER,
    # the released README's command; on SPair-71k it names the paper's own values
    "official": PAPER,
    "sd1-5": replace(PAPER, model="sd1-5", size=(512, 512)),
    # for a CPU: one noise instead of eight
    "photos": replace(PAPER, model="sd1-5", size=(512, 512), ensemble=1),
    "photos-2-1": replace(PAPER, ensemble=1),
    # layer and timestep as validation pairs chose them (`bench emergence`)
    "toybox": replace(PAPER, model="toybox", size=(96, 96), timestep=151, layer="up_blocks.2"),
}


@register("dift", presets=PRESETS)
def build(settings: DiftSettings, env: Env) -> FeatureMethod:
    """DIFT under these settings."""
    diffuser = env.diffuser(settings.model, settings.dtype)
    return FeatureMethod(
        settings, NoisedPass(settings, diffuser), weights=diffuser.fingerprint, store=env.store
    )
