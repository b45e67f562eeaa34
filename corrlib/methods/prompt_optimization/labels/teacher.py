"""The slow method as a teacher: its answer to each query, and what it can say of that answer's
worth without being told.
"""

from dataclasses import dataclass

import pandas as pd
import torch

from corrlib.coords import Points
from corrlib.methods.prompt_optimization.labels.confidence import peaks, spread
from corrlib.methods.prompt_optimization.locate import fuse, read
from corrlib.methods.prompt_optimization.method import PromptOptimization
from corrlib.types import View

# a second peak lies at least so many sigma (of the Gaussian that embeddings were fitted to) from
# the first
SECOND = 2.0


@dataclass
class Teacher:
    """Prompt optimisation with several embeddings a point (`method`) and, for the way back, with
    few (`back`).

    The two share model, crop latents and kept embeddings when they were loaded with one `Env`.
    """

    method: PromptOptimization
    back: PromptOptimization

    def __call__(
        self, source: View, target: View, points: Points, *, seed: int = 0
    ) -> pd.DataFrame:
        """One row a point (pixels of `source`), columns source_x .. target_y and four measures of
        confidence.

        `agreement_px`: the largest distance between the answers of single embeddings; `peak`: the
        highest value of the map that is the mean over embeddings and layers, in [0, 1];
        `peak_ratio`: how many times as high as the highest value farther away than twice the
        Gaussian's sigma; `cycle_px`: how far from the point one ends when the answer is asked on
        the source.
        """
        s = self.method.settings
        maps = self.method.maps(source, target, points, seed=seed)
        answers, _ = self.method.answer(maps, target)
        members = [self.method.answer(maps[:, [m]], target)[0] for m in range(maps.shape[1])]
        fused = fuse(maps, s)
        peak, ratio = peaks(fused, read(fused, s), SECOND * s.sigma)
        again, _ = self.back.answer(
            self.back.maps(target, source, answers.float(), seed=seed), source
        )
        return pd.DataFrame(
            {
                "source_x": points[:, 0].double().numpy(),
                "source_y": points[:, 1].double().numpy(),
                "target_x": answers[:, 0].numpy(),
                "target_y": answers[:, 1].numpy(),
                "agreement_px": spread(torch.stack(members)).numpy(),
                "peak": peak.numpy(),
                "peak_ratio": ratio.numpy(),
                "cycle_px": (again - points.double()).norm(dim=1).numpy(),
            }
        )
