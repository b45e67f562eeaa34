"""What a set of made pictures is worth, from the vectors that an encoder gives them: how far their
distribution is from that of real ones, how likely they are, and how like a reference.

*Source:* the three scores of Yang et al., "Paint by Example", CVPR 2023, with which "A Tale of Two
Features" compares swapped instances (its Table 5). Theirs are CLIP's vectors.
"""

import numpy as np
from jaxtyping import Float

Vectors = Float[np.ndarray, "_ d"]
SHRUNK = 0.1  # of a covariance, toward a multiple of the identity: pictures are few


def frechet_distance(made: Vectors, real: Vectors) -> float:
    """The Frechet distance of two Gaussians fitted to the vectors, 0 for equal ones:
    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)). It is larger for few vectors than for many, so
    compare only sets of one size. Raises ValueError on fewer than two vectors, or other lengths.
    """
    for name, of in (("made", made), ("real", real)):
        if len(of) < 2 or made.shape[1] != real.shape[1]:
            raise ValueError(
                f"{name} vectors are {of.shape[0]} of {of.shape[1]} numbers; wanted two or more, "
                "of one length in both sets"
            )
    (mean, cov), (mean2, cov2) = ((v.mean(0), np.cov(v, rowvar=False)) for v in (made, real))
    roots = np.sqrt(np.linalg.eigvals(cov @ cov2).real.clip(min=0))
    return float(((mean - mean2) ** 2).sum() + np.trace(cov) + np.trace(cov2) - 2 * roots.sum())


def quality(made: Vectors, real: Vectors, held_out: Vectors) -> float:
    """The mean percent of `held_out` real pictures that are less likely than a made one, under a
    Gaussian fitted to other `real` ones: 50 where made and real ones cannot be told apart, 0 where
    every made one is less likely than every real one.

    The published score divides a log-likelihood by 300 and cuts it; a share needs no such number.
    """
    mean, cov = real.mean(0), np.cov(real, rowvar=False)
    size = np.trace(cov) / len(cov)
    precision = np.linalg.inv((1 - SHRUNK) * cov + SHRUNK * size * np.eye(len(cov)))

    def likelihood(vectors: Vectors) -> np.ndarray:
        away = vectors - mean
        return -np.einsum("nd,de,ne->n", away, precision, away)

    theirs = np.sort(likelihood(held_out))
    return 100 * float(np.searchsorted(theirs, likelihood(made)).mean() / len(theirs))
