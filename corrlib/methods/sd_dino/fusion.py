"""Two views compared: joint PCA a layer, one grid, unit length, and cosines of both sides weighed
by alpha. The source is projected at the query points only.

A vector of the joined feature is (alpha f_SD, (1 - alpha) f_DINO) with both parts of unit length,
so the nearest one by Euclidean distance is the one with the largest
alpha^2 cos_SD + (1 - alpha)^2 cos_DINO.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from corrlib.coords import Frame, Size, taps
from corrlib.matching.interpolation import Target, axes
from corrlib.matching.joint_pca import Axes, Cells, joint_axes
from corrlib.types import FeatureMap

AT_ONCE = 64  # queries: the working set is channels x width x queries


@dataclass(frozen=True)
class Side:
    """One view's maps by layer, from coarse to fine, and their moments, which come with use."""

    maps: Mapping[str, FeatureMap]
    cells: Mapping[str, Cells] = field(init=False)

    def __post_init__(self):
        object.__setattr__(
            self, "cells", {name: Cells.of(fm.values) for name, fm in self.maps.items()}
        )

    @property
    def frame(self) -> Frame:
        """Where the finest map lies."""
        return list(self.maps.values())[-1].frame

    @property
    def nbytes(self) -> int:
        """Bytes held now."""
        return sum(cells.nbytes for cells in self.cells.values())


def routes(grids: Sequence[Size], grid: Size, chain: bool) -> list[tuple[Tensor, Tensor]]:
    """For each map, matrices (rows: grid height x map height, columns: grid width x map width) that
    bring it to `grid`, bilinear; in a `chain`, by way of the grids of all finer maps.
    """
    found = []
    for i, own in enumerate(grids):
        rows, columns = (torch.eye(own[k], dtype=torch.float64) for k in (1, 0))
        before = own
        for after in [*(grids[i + 1 :] if chain else []), grid]:
            if after != before:
                across = axes(Frame(after, before))
                rows, columns = across[0].linear @ rows, across[1].linear @ columns
            before = after
        found.append((rows, columns))
    return found


def pair_axes(source: Side, target: Side, components: Sequence[int]) -> list[Axes | None]:
    """The pair's principal axes a layer; None where all channels are kept (0 components)."""
    found = []
    for (name, cells), k in zip(source.cells.items(), components, strict=True):
        parts = [cells, target.cells[name]]
        most = min(sum(len(part.values) for part in parts), cells.values.shape[1])
        found.append(joint_axes(parts, min(k, most)) if k else None)
    return found


def on_grid(side: Side, projections: Sequence[Axes | None], grid: Size, chain: bool) -> FeatureMap:
    """All layers of a view, projected, on one grid, their channels one after the other."""
    ways = routes([fm.frame.grid for fm in side.maps.values()], grid, chain)
    parts = []
    for fm, cells, axis, way in zip(
        side.maps.values(), side.cells.values(), projections, ways, strict=True
    ):
        values = cells.values if axis is None else axis.project(cells.values)
        rows, columns = (matrix.to(values) for matrix in way)
        parts.append(rows @ (values.T.unflatten(1, fm.values.shape[1:]) @ columns.T))
    frame = side.frame
    return FeatureMap(torch.cat(parts), Frame(frame.image, grid, frame.box))


def at_cells(
    side: Side,
    projections: Sequence[Axes | None],
    grid: Size,
    chain: bool,
    places: Float[Tensor, "n 2"],
) -> Float[Tensor, "n c"]:
    """What `on_grid` holds at `places` (x, y in cells, between them interpolated), without the rest
    of the map.
    """
    ways = routes([fm.frame.grid for fm in side.maps.values()], grid, chain)
    picks = []
    for k, length in ((1, grid[1]), (0, grid[0])):
        low, high, share = taps(places[:, k].double().cpu(), length)
        picks.append((low, high, share[:, None]))
    parts = []
    for fm, axis, way in zip(side.maps.values(), projections, ways, strict=True):
        values = fm.values.to(torch.promote_types(fm.values.dtype, torch.float32))
        rows, columns = (
            ((1 - share) * matrix[low] + share * matrix[high]).to(values)
            for matrix, (low, high, share) in zip(way, picks, strict=True)
        )
        found = torch.cat(
            [
                torch.einsum("cyx,ny,nx->nc", values, *some)
                for some in zip(rows.split(AT_ONCE), columns.split(AT_ONCE), strict=True)
            ]
        )
        parts.append(found if axis is None else axis.project(found))
    return torch.cat(parts, 1)


@dataclass(frozen=True)
class Joined:
    """One side of a comparison: the source's unit vectors at n queries and the target's map."""

    vectors: Float[Tensor, "n c"]
    target: FeatureMap

    def __post_init__(self):
        object.__setattr__(self, "target", Target.of(self.target))  # it remembers its norms

    def part(self, start: int, stop: int) -> "Joined":
        """The same for some of the queries."""
        return Joined(self.vectors[start:stop], self.target)

    def at_cells(self) -> Float[Tensor, "n h w"]:
        """Cosines with every cell of the target."""
        flat = normalize(self.target.values.flatten(1), dim=0)
        return (self.vectors @ flat).unflatten(1, self.target.values.shape[1:])

    def at_pixels(self) -> Float[Tensor, "n H W"]:
        """Cosines with the interpolated vector at every pixel of the target's image."""
        target = self.target
        return target.to_pixels(target.at_cells(self.vectors)).mul_(target.inverse_norm)


def compare(
    source: Side,
    target: Side,
    queries: Float[Tensor, "n 2"],
    *,
    grid: Size,
    components: Sequence[int],
    chain: bool = False,
) -> Joined:
    """One side of the pair, ready to be compared; `queries` are places on the source's grid."""
    projections = pair_axes(source, target, components)
    vectors = at_cells(source, projections, grid, chain, queries)
    return Joined(normalize(vectors, dim=1), on_grid(target, projections, grid, chain))


def blend(maps: Mapping[str, Tensor], alpha: float | int) -> Tensor:
    """Cosines of "sd" and "dino" by alpha^2 and (1 - alpha)^2, in [-1, 1]; a side of no weight may
    be absent.
    """
    weights = {"sd": alpha**2, "dino": (1 - alpha) ** 2}
    whole = sum(weights.values())
    return sum(maps[name] * (weight / whole) for name, weight in weights.items() if weight)


def inside(frame: Frame) -> Tensor:
    """Which cells (h x w) hold any of the image."""
    w, h = frame.grid
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    cells = torch.stack([x, y], -1).double().flatten(0, 1)
    first, last = frame.to_image(cells - 0.5), frame.to_image(cells + 0.5)
    low, high = first.new_tensor([-0.5, -0.5]), first.new_tensor(frame.image) - 0.5
    return ((last > low) & (first < high)).all(1).unflatten(0, (h, w))
