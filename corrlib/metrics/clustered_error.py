"""The standard error of a mean whose observations share pictures, and the degrees of freedom of
its t quantile.

A pair of pictures is one observation, and an observation is correlated with every other that has a
picture in common with it: no resampling of independent units exists. The *dyadic cluster-robust*
variance adds up exactly these products of residuals, and no others:

    V = sum of r_p r_q over all p, q that share a picture

With few pictures it is too small, because the mean was fitted to the same observations, and it is
itself uncertain. Both are corrected by what they would be if observations were independent with a
spread proportional to their weight (Bell and McCaffrey): V is scaled to be unbiased there, and the
quantile is that of a t distribution whose degrees of freedom match V's own variance, as
Satterthwaite has it.

*Source:* Aronow, Samii and Assenova 2015, "Cluster-Robust Variance Estimation for Dyadic Data";
Cameron and Miller 2014, "Robust Inference for Dyadic Data"; Bell and McCaffrey 2002, "Bias
Reduction in Standard Errors for Linear Regression with Multi-Stage Samples".
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.special import stdtrit


@dataclass(frozen=True, eq=False)
class Sharing:
    """Which observations share a picture, as two incidence matrices: `one @ one.T - both @ both.T`
    is 1 where two observations do, 0 elsewhere.
    """

    one: csr_matrix  # observations x pictures
    both: csr_matrix  # observations x unordered pairs of two different pictures

    @classmethod
    def of(cls, *ends: Any) -> "Sharing":
        """From one name an observation (a cluster), or two (the pictures of a pair)."""
        names = pd.factorize(np.concatenate([np.asarray(end, dtype=object) for end in ends]))[0]
        codes = np.sort(names.reshape(len(ends), -1), axis=0)
        first, last = codes[0], codes[-1]
        one = _incidence(first) if len(ends) == 1 else _incidence(first, last)
        apart = first != last
        both = _incidence(pd.factorize(first * (names.max() + 1) + last)[0], where=apart)
        return cls(one, both)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """For each observation the sum of `values` (observations, or observations x columns) over
        those that share a picture with it.
        """
        return self.one @ (self.one.T @ values) - self.both @ (self.both.T @ values)


def _incidence(*codes: np.ndarray, where: np.ndarray | None = None) -> csr_matrix:
    rows = np.tile(np.arange(len(codes[0])), len(codes))
    columns = np.concatenate(codes)
    if where is not None:
        rows, columns = rows[where], columns[where]
    shape = (len(codes[0]), int(np.concatenate(codes).max()) + 1)
    found = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)
    found.data[:] = 1  # a picture that is both ends counts once
    return found


def clustered_error(
    residuals: np.ndarray, weights: np.ndarray, cells: np.ndarray, sharing: Sharing
) -> tuple[float, float]:
    """(standard error, degrees of freedom) of the sum of the observations that left `residuals`.

    `weights` (n): what an observation counts, the scale of its noise. `cells` (n): whose weighted
    mean was subtracted from it. Where the dyadic variance is not positive, which a sum of products
    may be, observations are taken for independent. A single observation has an infinite error.
    """
    alone = Sharing.of(np.arange(len(weights)))
    for shares in (sharing, alone):
        expected, spread = _moments(weights, cells, shares)
        variance = residuals @ shares(residuals)
        if expected > 1e-9 * (weights**2).sum() and variance > 0:
            scale = (weights**2).sum() / expected
            return float(np.sqrt(scale * variance)), expected**2 / spread
    return (0.0 if len(weights) > 1 else np.inf), np.inf


def _moments(weights: np.ndarray, cells: np.ndarray, shares: Sharing) -> tuple[float, float]:
    """The mean of V, and half of its variance, for independent observations of variance weight².

    V is the quadratic form of M' A M, where A says who shares and M = I - L Z' subtracts cell
    means. M' A M = A - Z B' - B Z' with B = A L - Z (L' A L) / 2, so nothing of size n x n is made.
    """
    member = np.eye(cells.max() + 1)[cells]
    means = member * (weights / np.bincount(cells, weights)[cells])[:, None]
    shared = shares(means)
    low_rank = shared - member @ (means.T @ shared) / 2
    noise = weights**2
    inside = (low_rank * noise[:, None]).T @ member
    expected = noise.sum() - 2 * np.trace(inside)
    crossed = (low_rank * noise[:, None]).T @ shares(noise[:, None] * member)
    square = (low_rank * noise[:, None]).T @ low_rank
    spread = (
        noise @ shares(noise)
        - 4 * np.trace(crossed)
        + 2 * np.trace(inside @ inside)
        + 2 * np.trace(square @ ((member * noise[:, None]).T @ member))
    )
    return float(expected), float(spread)


def t_quantile(level: float, degrees: float) -> float:
    """Where the middle `level` (0 to 1) of a t distribution ends."""
    return float(stdtrit(degrees, (1 + level) / 2))
