"""Operations on feature maps: unit length, resizing, concatenation, joint PCA, mean."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from corrlib.coords import Frame, Size
from corrlib.matching.interpolation import axes
from corrlib.matching.joint_pca import Cells, joint_axes
from corrlib.types import FeatureMap


def _promoted(values: Tensor) -> Tensor:
    return values.to(torch.promote_types(values.dtype, torch.float32))


def unit(fm: FeatureMap) -> FeatureMap:
    """Every cell's vector divided by its length, float32 or better; zero vectors stay zero."""
    return FeatureMap(torch.nn.functional.normalize(_promoted(fm.values), dim=0), fm.frame)


def resize(fm: FeatureMap, grid: Size) -> FeatureMap:
    """The map on another grid (width, height) over the same region, bilinear, half-pixel rule,
    without antialiasing.
    """
    if grid == fm.frame.grid:
        return fm
    between = Frame(
        grid, fm.frame.grid
    )  # the new cells are the pixels of an image that the old cells cover
    rows, columns = axes(between, fm.values.device)
    values = _promoted(fm.values)
    return FeatureMap(
        rows.linear.to(values) @ (values @ columns.linear.T.to(values)),
        replace(fm.frame, grid=grid),
    )


def concat(maps: Sequence[FeatureMap], weights: Sequence[float] | None = None) -> FeatureMap:
    """Channels of all maps on one grid: c1 + c2 + ... x h x w, each map multiplied by its weight if
    weights are given.

    Raises ValueError when the maps do not lie on the same frame; `resize` them first.
    """
    _same_frame(maps)
    weights = [1.0] * len(maps) if weights is None else weights
    if len(weights) != len(maps):
        raise ValueError(
            f"got {len(weights)} weights for {len(maps)} feature maps; give one weight a map"
        )
    return FeatureMap(
        torch.cat([_promoted(fm.values) * w for fm, w in zip(maps, weights, strict=True)]),
        maps[0].frame,
    )


def mean(maps: Sequence[FeatureMap]) -> FeatureMap:
    """The mean of raw features over maps of one frame and shape, summed in float32 or better
    (DIFT's ensemble).
    """
    _same_frame(maps)
    return FeatureMap(torch.stack([_promoted(fm.values) for fm in maps]).mean(0), maps[0].frame)


def joint_pca(maps: Sequence[FeatureMap], k: int) -> list[FeatureMap]:
    """The first `k` principal components of all maps' cells taken together, as maps of k x h x w,
    in the order of `maps`.

    The mean is subtracted. Signs are fixed (the largest loading is positive), so figures do not
    flip colours between runs. Raises ValueError when channels differ or `k` exceeds what cells and
    channels allow.
    *Source:* joint PCA of a pair as in SD+DINO, section 3.3; exact here, from the covariance or the
    smaller Gram matrix.
    """
    parts = [Cells.of(fm.values) for fm in maps]
    found = joint_axes(parts, k)
    largest = found.axes.gather(0, found.axes.abs().argmax(0, keepdim=True))
    signed = replace(found, axes=found.axes * torch.where(largest < 0, -1.0, 1.0))
    return [
        FeatureMap(
            signed.project(part.values.double())
            .T.unflatten(1, fm.values.shape[1:])
            .to(part.values),
            fm.frame,
        )
        for fm, part in zip(maps, parts, strict=True)
    ]


def _same_frame(maps: Sequence[FeatureMap]) -> None:
    if not maps:
        raise ValueError("got no feature map; give at least one")
    for i, fm in enumerate(maps):
        if fm.frame != maps[0].frame:
            raise ValueError(
                f"feature map {i} lies on {fm.frame}, map 0 on {maps[0].frame}; bring them to "
                "one grid: feature_maps.resize(fm, grid)"
            )
