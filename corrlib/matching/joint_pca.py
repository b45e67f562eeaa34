"""Joint principal axes of several sets of cells from what is computed once a set: its mean and its
scatter matrix, or its Gram matrix where cells are fewer than channels.

Only the subspace that the axes span decides a similarity of projected features; compare those,
never components, whose signs and order among equal variances are arbitrary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize


@dataclass(frozen=True)
class Cells:
    """The cells of one map as rows of `values`, with the moments that a joint PCA asks for, each
    computed when first asked for and kept (float64).
    """

    values: Float[Tensor, "n c"]

    @classmethod
    def of(cls, values: Float[Tensor, "c h w"]) -> "Cells":
        """The cells of a map in row-major order."""
        return cls(values.flatten(1).T.to(torch.promote_types(values.dtype, torch.float32)))

    @cached_property
    def mean(self) -> Float[Tensor, "c"]:
        """The mean cell."""
        return self.values.double().mean(0)

    @cached_property
    def centred(self) -> Float[Tensor, "n c"]:
        """The cells about their own mean."""
        return self.values.double() - self.mean

    @cached_property
    def scatter(self) -> Float[Tensor, "c c"]:
        """The sum over cells of (x - mean)(x - mean)^T."""
        return self.centred.T @ self.centred

    @cached_property
    def gram(self) -> Float[Tensor, "n n"]:
        """Inner products of the centred cells."""
        return self.centred @ self.centred.T

    @property
    def nbytes(self) -> int:
        """What is held now, moments included."""
        kept = [v for v in vars(self).values() if isinstance(v, torch.Tensor)]
        return sum(tensor.nbytes for tensor in kept)


@dataclass(frozen=True)
class Axes:
    """A joint mean and k orthonormal axes (columns) in float64; an axis along which no cell varies
    is zero.
    """

    mean: Float[Tensor, "c"]
    axes: Float[Tensor, "c k"]

    def project(self, values: Float[Tensor, "*rows c"]) -> Float[Tensor, "*rows k"]:
        """Coordinates along the axes, in the precision of `values`."""
        return (values - self.mean.to(values)) @ self.axes.to(values)


def joint_axes(parts: Sequence[Cells], k: int) -> Axes:
    """The first `k` principal axes of all cells of `parts` about their common mean.

    Exact: from the merged scatter matrices, or, where there are fewer cells than channels, from the
    merged Gram matrix; the smaller one is decomposed. Raises ValueError when channels differ or
    `k` exceeds what cells and channels allow.
    *Source:* the pair's co-PCA in "A Tale of Two Features", section 3.3, where the released code
    takes a randomised factorisation (`pca_lowrank`, 256 columns, 2 iterations).
    """
    channels = {part.values.shape[1] for part in parts}
    if len(channels) != 1:
        raise ValueError(
            f"joint PCA wants maps of equal channels, got {sorted(channels)}; take the same "
            "layer of every view"
        )
    c, n = channels.pop(), sum(len(part.values) for part in parts)
    if not 1 <= k <= min(n, c):
        raise ValueError(
            f"cannot take {k} components of {n} cells with {c} channels; wanted 1 to {min(n, c)}"
        )
    mean = sum(part.mean * len(part.values) for part in parts) / n
    if c <= n:
        total = sum(
            part.scatter + len(part.values) * torch.outer(part.mean - mean, part.mean - mean)
            for part in parts
        )
        return Axes(mean, _leading(total, k)[1])
    variance, vectors = _leading(_merged_gram(parts, mean), k)
    shifted = torch.cat([part.centred + (part.mean - mean) for part in parts])
    real = variance > variance[0] * n * torch.finfo(torch.float64).eps
    return Axes(mean, normalize(shifted.T @ vectors, dim=0) * real)


def _merged_gram(parts: Sequence[Cells], mean: Float[Tensor, "c"]) -> Float[Tensor, "n n"]:
    """Inner products of all cells about the joint mean: each part's own Gram matrix, and one
    product for every two parts.
    """
    rows = []
    for i, a in enumerate(parts):
        row = []
        for j, b in enumerate(parts):
            own = a.gram if i == j else a.centred @ b.centred.T
            left, right = a.centred @ (b.mean - mean), b.centred @ (a.mean - mean)
            row.append(own + left[:, None] + right[None] + (a.mean - mean) @ (b.mean - mean))
        rows.append(torch.cat(row, 1))
    return torch.cat(rows)


def _leading(matrix: Float[Tensor, "d d"], k: int) -> tuple[Float[Tensor, "k"], Tensor]:
    """The largest `k` eigenvalues of a symmetric matrix, falling, and their vectors as columns."""
    if matrix.device.type == "cpu" and 2 * k < len(matrix):  # half the time of all vectors
        from scipy.linalg import eigh

        wanted = (len(matrix) - k, len(matrix) - 1)
        values, vectors = map(torch.from_numpy, eigh(matrix.numpy(), subset_by_index=wanted))
    else:
        values, vectors = torch.linalg.eigh(matrix)
    return values.flip(0)[:k], vectors.flip(1)[:, :k]
