"""Exact answers: where a semantic point of a toy lies in a picture, whether it is seen, and where
it is in another picture.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from corrlib.coords import Points, Size
from corrlib.toybox.render import OCCLUDER, Render, cast, outline, project
from corrlib.toybox.scene import Scene, covers
from corrlib.toybox.things import keypoints

# A point is hidden when a surface lies this much nearer to the camera, in units of the toy's ball:
# more than the rounding
# of a point on an edge, less than the thinnest limb.
TOLERANCE = 0.03
# An annotator marks the foot of a chair's leg or the root of a tail from any side. So a thin part
# does not hide its own points:
# its surface may lie nearer by this many of its smallest half sizes (below 2: the far face of a
# plate stays hidden), at most THIN.
OWN, THIN = 1.6, 0.15


@dataclass(frozen=True)
class Truth:
    """Points in pixels of an image and whether the camera sees them (inside the image, nothing in
    front).
    """

    names: tuple[str, ...]
    points: Points
    visible: Bool[Tensor, "n"]


def keypoint_truth(scene: Scene, size: Size) -> Truth:
    """The category's keypoints in a batch of one scene at `size`. Parts that the instance lacks are
    never visible.
    """
    _need_one(scene)
    table = keypoints(scene.category)
    index = [scene.parts.names.index(part) for part, _ in table.values()]
    u = torch.tensor(
        [place for _, place in table.values()], dtype=torch.float32, device=scene.azimuth.device
    )
    points, visible = locate(scene, torch.tensor(index, device=u.device), u, size)
    return Truth(tuple(table), points, visible)


def locate(
    scene: Scene, part: Tensor, u: Float[Tensor, "n 3"], size: Size
) -> tuple[Points, Bool[Tensor, "n"]]:
    """Image points (n 2, pixels) and visibility of places `u` on parts `part` of a batch of one
    scene.
    """
    _need_one(scene)
    half = scene.parts.half[0, part]
    points, depth = projected(scene, part, u, size)
    inside = ((points >= -0.5) & (points <= points.new_tensor(size) - 0.5)).all(-1)
    # the ray through the point itself, not through the nearest pixel: exact even for the thinnest
    # part
    short = min(size)
    x, y = ((points + 0.5 - points.new_tensor(size) / 2) / short).T[:, None]
    first, nearest, _, _ = cast(scene, x, y)
    covered = covers(scene.occluder[:, None], x, y)[0, 0]
    own = torch.where(first[0] == part, (OWN * half.amin(-1)).clamp(TOLERANCE, THIN), TOLERANCE)
    return points, inside & ~covered & (depth <= nearest[0] + own) & (half.amin(-1) > 1e-5)


def projected(
    scene: Scene, part: Tensor, u: Float[Tensor, "n 3"], size: Size
) -> tuple[Points, Float[Tensor, "n"]]:
    """The same points, seen or not, and their depth (as `Render.depth`)."""
    parts = scene.parts
    turned = torch.einsum("nij,nj->ni", parts.rotation[0, part], parts.half[0, part] * u)
    points, depth = project(scene, (parts.centre[0, part] + turned)[None], size)
    return points[0], depth[0]


def correspond(
    source: Scene, picture: Render, target: Scene, size: Size, pixels: Points | None = None
) -> tuple[Points, Points, Bool[Tensor, "n"]]:
    """Dense exact correspondence: source pixels that show the toy, their places in the target, and
    whether those are seen.

    Works between any two instances of one body plan: a pixel on a part goes to the same place on
    the part of that name. Pixels on parts that the target lacks are left out. `pixels` (n 2,
    integers) restricts the source pixels.
    """
    _need_one(source), _need_one(target)
    seen = picture.part[0]
    names = {name: i for i, name in enumerate(target.parts.names)}
    lookup = torch.tensor([names.get(name, -1) for name in source.parts.names], device=seen.device)
    if pixels is None:
        rows, columns = (seen >= 0).nonzero().T
    else:
        columns, rows = pixels.long().T
        rows, columns = (v[seen[rows, columns] >= 0] for v in (rows, columns))
    part = lookup[seen[rows, columns]]
    rows, columns, part = (v[part >= 0] for v in (rows, columns, part))
    points, visible = locate(target, part, picture.place[0, :, rows, columns].T, size)
    return torch.stack([columns, rows], -1).float(), points, visible


def toy_box(picture: Render) -> tuple[int, int, int, int] | None:
    """The box of the visible toy as SPair-71k writes boxes (x1, y1, x2, y2; 1-based, inclusive), or
    None if none is visible.
    """
    rows, columns = (picture.part[0] >= 0).nonzero().T
    if len(rows) == 0:
        return None
    return int(columns.min()) + 1, int(rows.min()) + 1, int(columns.max()) + 1, int(rows.max()) + 1


def flags(scene: Scene, picture: Render, size: Size) -> tuple[bool, bool]:
    """(truncated, occluded): whether the border cuts the toy, and whether something hides more than
    2 % of it.
    """
    inside = int((picture.part[0] >= 0).sum()) + int((picture.hidden[0] >= 0).sum())
    hidden = int((picture.part[0] == OCCLUDER).logical_and(picture.hidden[0] >= 0).sum())
    return _cut(scene, size, inside), hidden > 0.02 * max(inside, 1)


def _cut(scene: Scene, size: Size, inside: int) -> bool:
    """Whether less than 99 % of the toy's pixels are among the `inside` ones."""
    low, high = (edge * scene.scale[:, None] + scene.shift for edge in outline(scene))
    half = low.new_tensor(size) / min(size) / 2
    if bool((low > -half).all()) and bool((high < half).all()):
        return False
    room = (size[0] * 2, size[1] * 2)  # the same scene with room around it
    short = min(size)
    x = (torch.arange(room[0], device=low.device) + 0.5 - room[0] / 2) / short
    y = (torch.arange(room[1], device=low.device) + 0.5 - room[1] / 2) / short
    part, *_ = cast(scene, x.repeat(room[1])[None], y.repeat_interleave(room[0])[None])
    return inside < 0.99 * max(int((part >= 0).sum()), 1)


def _need_one(scene: Scene) -> None:
    if len(scene) != 1:
        raise ValueError(
            f"ground truth wants a batch of one scene, got {len(scene)}; draw(category, 1, "
            "generator)"
        )
