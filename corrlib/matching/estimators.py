"""Estimators: two feature maps and query points to matches.

Every estimator has the signature `(a, b, queries, *, heat=False) -> Matches`; those with settings
are built by a function of the same name. Queries are pixels of a's image, answers pixels of b's
image, in float32 or, for float64 queries, in float64.

*Ties.* Where several pixels share the maximum, the first in row-major order wins. Two values count
as equal when they differ by at most TIE times the maximum: bilinear interpolation makes whole
strips of pixels exactly equal along the border, and rounding must not decide between them.
"""

from collections.abc import Iterator
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from corrlib.coords import Frame, Points, Queries, as_queries
from corrlib.matching.interpolation import Target, inverse_norm_map
from corrlib.types import Estimator, FeatureMap, Matches

__all__ = [
    "inverse_norm_map",
    "kernel_soft_argmax",
    "mutual_nearest",
    "nearest",
    "similarity",
    "soft_argmax",
    "window_soft_argmax",
]

TIE = {torch.float32: 1e-6, torch.float64: 1e-12}
CHUNK_BYTES = 16 * 2**20  # the size of one n x H x W map that a chunk of queries may fill


def first_maximum(maps: Float[Tensor, "n p"]) -> tuple[Float[Tensor, "n"], Int[Tensor, "n"]]:
    """The maximum of each row and the first index that reaches it up to TIE. Raises ValueError on
    NaN.
    """
    best = maps.amax(1)
    if not best.isfinite().all():
        raise ValueError(
            "similarities hold NaN or infinity, so the features do; float16 often overflows: "
            "compute them in float32 or bfloat16"
        )
    threshold = best - TIE[maps.dtype] * best.abs()
    return best, (maps >= threshold[:, None]).view(torch.uint8).argmax(1)


def _source_vectors(a: FeatureMap, queries: Points, device: torch.device) -> Float[Tensor, "n c"]:
    return normalize(a.at(queries).to(device), dim=1)


def _chunks(
    a: FeatureMap, b: Target, queries: Points, divide: bool
) -> Iterator[Float[Tensor, "n H W"]]:
    vectors = _source_vectors(a, queries, b.values.device)
    size = max(1, CHUNK_BYTES // (4 * b.frame.image[0] * b.frame.image[1]))
    for cells in b.at_cells(vectors).split(size):
        maps = b.to_pixels(cells)
        yield maps.mul_(b.inverse_norm) if divide else maps


def similarity(
    a: FeatureMap, b: FeatureMap, queries: Queries, *, divide: bool = True
) -> Float[Tensor, "n H W"]:
    """Cosine in [-1, 1] between the feature at each query and the interpolated feature at every
    pixel of b's image.

    `divide=False` leaves out the division by the length of the interpolated target vector; with
    `features.unit(b)` that is the convention "normalise, then interpolate". Raises ValueError when
    a query lies outside of a's image or channels differ.
    """
    target, queries = Target.of(b), as_queries(queries, a.frame.image)
    maps = list(_chunks(a, target, queries, divide))
    return torch.cat(maps) if maps else target.values.new_zeros(0, *target.frame.image[::-1])


def nearest(
    a: FeatureMap, b: FeatureMap, queries: Queries, *, divide: bool = True, heat: bool = False
) -> Matches:
    """For each query (n x 2) the pixel of b's whole image with the largest cosine; exact, at full
    resolution.

    Equal to interpolating both maps to image size, normalising every pixel and taking the argmax.
    Score is that cosine. `heat=True` keeps all similarity maps (n x H x W). `divide` as in
    `similarity`. Raises ValueError when a query lies outside of a's image, channels differ, or
    features are not finite.
    *Source:* DIFT, section 4 (nearest neighbour by cosine); its released code interpolates, then
    normalises, as here.
    """
    target, width = Target.of(b), b.frame.image[0]
    queries = as_queries(queries, a.frame.image)
    scores, indices, maps = [], [], []
    for chunk in _chunks(a, target, queries, divide):
        best, index = first_maximum(chunk.flatten(1))
        scores.append(best)
        indices.append(index)
        if heat:
            maps.append(chunk)
    if not scores:
        return Matches(
            queries.clone(),
            queries.new_zeros(0),
            target.values.new_zeros(0, *b.frame.image[::-1]) if heat else None,
        )
    index, score = torch.cat(indices), torch.cat(scores)
    points = torch.stack([index % width, index // width], dim=1).to(queries)
    score = (
        score.clamp(-1, 1) if divide else score
    )  # rounding may exceed 1 by one part in ten million
    return Matches(points, score.to(queries), torch.cat(maps) if heat else None)


def mutual_nearest(
    a: FeatureMap, b: FeatureMap, points: Queries, *, tolerance_px: float | int | None = None
) -> tuple[Matches, Bool[Tensor, "n"]]:
    """`nearest` from a to b, and which of the n matches come back: the way back ends within
    `tolerance_px` of its query.

    The default tolerance is one feature cell of a (its longer side), since features say little
    below that.
    """
    points = as_queries(points, a.frame.image)
    forth = nearest(a, b, points)
    back = nearest(b, a, forth.points)
    if tolerance_px is None:
        x0, y0, x1, y1 = a.frame.edges
        tolerance_px = max((x1 - x0) / a.frame.grid[0], (y1 - y0) / a.frame.grid[1])
    return forth, (back.points - points).norm(dim=1) <= tolerance_px


def soft_argmax(*, temperature: float | int = 0.04) -> Estimator:
    """An estimator: the mean place of all cells, weighted by softmax(cosine / temperature).

    Score is the largest cosine of a cell. Answers lie between pixels; their gradient reaches both
    maps.
    *Source:* SD4Match, section 3.2 (temperature 0.04 on the 48 x 48 grid).
    """
    return _soft(temperature, lambda cosine, offset: cosine)


def kernel_soft_argmax(
    *,
    sigma: float | int = 7.0,
    temperature: float | int = 0.04,
    far: Literal["zero", "fading"] = "zero",
) -> Estimator:
    """Soft-argmax under a Gaussian (`sigma` in cells) around the maximum of the cosines.

    `far` says what becomes of far cells: "zero" multiplies cosines, so that far ones end at 0 and
    not at minus infinity, and together outweigh a peak below about 0.3; "fading" multiplies their
    weights. *Source:* SD4Match's evaluation, sigma 7 cells of 48; "zero" as released.
    """
    _require_positive("sigma", sigma)

    def reshape(cosine: Tensor, offset: Tensor) -> Tensor:
        exponent = -(offset**2).sum(-1) / (2 * sigma**2)
        return cosine * exponent.exp() if far == "zero" else cosine + temperature * exponent

    return _soft(temperature, reshape)


def window_soft_argmax(
    *, window: int = 7, temperature: float | int = 0.04, outside: float | int = float("-inf")
) -> Estimator:
    """Soft-argmax over the cells at most `window` rows and columns from the maximum.

    `outside` replaces the cosine of all other cells: minus infinity excludes them.
    *Source:* GeoAware-SC; its released code multiplies by a 0/1 mask, which is `outside=0.0`,
    half-size 7 and temperature 0.02.
    """
    if window < 0:
        raise ValueError(
            f"window is {window}; it counts cells on each side of the maximum, give 0 or more"
        )
    return _soft(
        temperature,
        lambda cosine, offset: cosine.masked_fill((offset.abs() > window).any(-1), outside),
    )


def _require_positive(name: str, value: float | int) -> None:
    if not value > 0:
        raise ValueError(f"{name} is {value}; it must be greater than 0")


def _cells(frame: Frame, like: Tensor) -> Float[Tensor, "k 2"]:
    w, h = frame.grid
    y, x = torch.meshgrid(
        torch.arange(h, device=like.device), torch.arange(w, device=like.device), indexing="ij"
    )
    return torch.stack([x, y], dim=-1).flatten(0, 1).to(like.dtype)


def _soft(temperature: float | int, reshape) -> Estimator:
    """`reshape(cosine: n k, offset from the maximum in cells: n k 2) -> n k` is what the three
    estimators differ in.
    """
    _require_positive("temperature", temperature)

    def estimate(a: FeatureMap, b: FeatureMap, queries: Queries, *, heat: bool = False) -> Matches:
        target, queries = Target.of(b), as_queries(queries, a.frame.image)
        length = (
            target.values.to(torch.promote_types(b.values.dtype, torch.float32))
            .norm(dim=0)
            .clamp(min=1e-12)
        )
        cosine = (target.at_cells(_source_vectors(a, queries, b.values.device)) / length).flatten(1)
        best, index = first_maximum(cosine)
        cells = _cells(b.frame, cosine)
        weight = (reshape(cosine, cells - cells[index][:, None]) / temperature).softmax(1)
        points = b.frame.to_image(weight @ cells)
        maps = target.to_pixels(weight.unflatten(1, b.values.shape[1:])) if heat else None
        return Matches(points.to(queries), best.clamp(-1, 1).to(queries), maps)

    return estimate
