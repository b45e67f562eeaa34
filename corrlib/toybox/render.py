"""Ray casting: a batch of scenes to pictures with exact ground truth for every pixel.

The camera is orthographic, so a ray's direction is one vector an image and its origin is affine in
the pixel. All of it is plain batched torch: the same code fills a data set on a laptop and feeds a
training run on an accelerator.
"""

from dataclasses import dataclass

import torch
from einops import rearrange, reduce
from jaxtyping import Float, Int
from torch import Tensor

from corrlib.coords import Size
from corrlib.toybox import paint, shapes
from corrlib.toybox.maker import KINDS
from corrlib.toybox.scene import Scene, covers

BACKGROUND, OCCLUDER = -1, -2  # part ids of pixels that show no toy


@dataclass(frozen=True)
class Render:
    """Pictures and their ground truth, all at image resolution and taken at pixel centres.

    `rgb` in [0, 1]; `part` indexes `Scene.parts` (-1 background, -2 occluder); `place` is the
    position on that part in part coordinates; `normal` is in camera axes (right, up, towards the
    camera); `depth` grows away from the camera, +inf where there is no toy, and is in units of the
    toy's ball; `hidden` is the toy's part behind an occluder, else -1.
    """

    rgb: Float[Tensor, "b 3 H W"]
    part: Int[Tensor, "b H W"]
    place: Float[Tensor, "b 3 H W"]
    normal: Float[Tensor, "b 3 H W"]
    depth: Float[Tensor, "b H W"]
    hidden: Int[Tensor, "b H W"]


def picture(
    scene: Scene, size: Size, *, supersample: int = 2, aspect: Tensor | None = None
) -> Float[Tensor, "b 3 H W"]:
    """Only the colours, in [0, 1], averaged over supersample x supersample rays a pixel.

    With `aspect` (b: width / height of the scene's own picture) that picture is squeezed to `size`,
    as a photograph is that a model takes as a square.
    """
    x, y = pixel_grid(scene, size, supersample)
    if aspect is not None:
        x, y = x * aspect.clamp(min=1)[:, None], y / aspect.clamp(max=1)[:, None]
    color = shade(scene, x, y, *cast(scene, x, y))
    return reduce(
        color, "b (H i W j) c -> b c H W", "mean", W=size[0], i=supersample, j=supersample
    ).clamp(0, 1)


def render(scene: Scene, size: Size = (192, 192), *, supersample: int = 2) -> Render:
    """Draw `scene` at `size` (width, height) with supersample x supersample rays a pixel for the
    colour.

    Ground truth comes from one ray through each pixel's centre, so that it is never a mixture of
    two surfaces.
    """
    rgb = picture(scene, size, supersample=supersample)
    x, y = pixel_grid(scene, size, 1)
    part, depth, place, normal = cast(scene, x, y)
    occluded = covers(scene.occluder[:, None], x, y)[:, 0]
    hidden = torch.where(occluded & (part >= 0), part, -1)
    seen = torch.where(occluded, OCCLUDER, part)

    def image(v):
        return (
            v.unflatten(1, (size[1], size[0])).movedim(-1, 1)
            if v.ndim == 3
            else v.unflatten(1, (size[1], size[0]))
        )

    return Render(rgb, image(seen), image(place), image(normal), image(depth), image(hidden))


def pixel_grid(scene: Scene, size: Size, supersample: int) -> tuple[Tensor, Tensor]:
    """Screen coordinates (right, down; shorter side = 1; 0 at the image's centre) of every ray,
    each b x n.
    """
    width, height = size[0] * supersample, size[1] * supersample
    short, device = min(width, height), scene.azimuth.device
    xs = (torch.arange(width, device=device) + 0.5 - width / 2) / short
    ys = (torch.arange(height, device=device) + 0.5 - height / 2) / short
    x = xs.repeat(height).expand(len(scene), -1)
    y = ys.repeat_interleave(width).expand(len(scene), -1)
    return x, y


def project(
    scene: Scene, points: Float[Tensor, "b n 3"], size: Size
) -> tuple[Float[Tensor, "b n 2"], Float[Tensor, "b n"]]:
    """Points in the toy's frame to image pixels (centres at integers) and depth (as
    `Render.depth`).
    """
    right, up, towards = torch.einsum("bij,bnj->ibn", scene.camera, points)
    short = min(size)
    x = (right * scene.scale[:, None] + scene.shift[:, :1]) * short + size[0] / 2 - 0.5
    y = (-up * scene.scale[:, None] + scene.shift[:, 1:]) * short + size[1] / 2 - 0.5
    return torch.stack([x, y], -1), -towards


def outline(scene: Scene) -> tuple[Float[Tensor, "b 2"], Float[Tensor, "b 2"]]:
    """The exact rectangle around each whole toy as its camera sees it: (left, top), (right,
    bottom), in units of the toy's ball from its centre, right and down.
    """
    parts, camera = (
        scene.parts,
        scene.camera[:, :2] * torch.tensor([[1.0], [-1.0]], device=scene.azimuth.device),
    )
    centre = torch.einsum("bij,bpj->bpi", camera, parts.centre)
    axes = torch.einsum("bij,bpjk->bpik", camera, parts.rotation) * parts.half[:, :, None]
    ball = axes.square().sum(-1).sqrt()
    cube = axes.abs().sum(-1)
    disc = axes[..., :2].square().sum(-1).sqrt()  # of a frustum's end whose radius is 1
    taper = parts.taper[..., None]
    ends = [(1 + end * taper).clamp(min=0) * disc for end in (-1, 1)]
    up = torch.maximum(axes[..., 2] + ends[1], -axes[..., 2] + ends[0])
    down = torch.maximum(-axes[..., 2] + ends[1], axes[..., 2] + ends[0])
    kinds = torch.tensor([KINDS.index(k) for k in parts.kinds], device=centre.device)[:, None]
    shown = parts.half.amin(-1, keepdim=True) > 1e-5
    reach = [torch.where(kinds == 0, ball, torch.where(kinds == 1, cube, f)) for f in (down, up)]
    low = torch.where(shown, centre - reach[0], torch.inf).amin(1)
    high = torch.where(shown, centre + reach[1], -torch.inf).amax(1)
    return low, high


def cast(
    scene: Scene, x: Float[Tensor, "b n"], y: Float[Tensor, "b n"]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The first surface along each ray: part (b n), depth (b n), place (b n 3), unit normal in
    camera axes (b n 3).
    """
    parts, camera = scene.parts, scene.camera
    right = (x - scene.shift[:, :1]) / scene.scale[:, None]
    up = -(y - scene.shift[:, 1:]) / scene.scale[:, None]
    # world to part coordinates, once a part and image: u = (R^T (p - centre)) / half
    to_part = (
        rearrange(parts.rotation, "b p i j -> b p j i") / parts.half.clamp(min=1e-5)[..., None]
    )
    axes = torch.einsum("bpij,bkj->bpki", to_part, camera)  # u-vectors of right, up, towards
    start = -torch.einsum("bpij,bpj->bpi", to_part, parts.centre)
    best, index = (
        torch.full_like(right, shapes.MISS),
        torch.full(right.shape, BACKGROUND, device=x.device),
    )
    for p, kind in enumerate(parts.kinds):
        rays = _touched(scene, p, right, up)
        origin = (
            start[:, p, None]
            + right[:, rays, None] * axes[:, p, None, 0]
            + up[:, rays, None] * axes[:, p, None, 1]
        )
        t = shapes.hit(kind, origin, -axes[:, p, None, 2], parts.taper[:, p, None])
        t = torch.where((parts.half[:, p].amin(-1) > 1e-5)[:, None], t, shapes.MISS)
        closer = t < best[:, rays]
        best[:, rays] = torch.where(closer, t, best[:, rays])
        index[:, rays] = torch.where(closer, p, index[:, rays])
    chosen, hit = index.clamp(min=0), index >= 0
    b = torch.arange(len(scene), device=x.device)[:, None]
    t = torch.where(hit, best, 0.0)
    a = axes[b, chosen]
    place = (
        start[b, chosen]
        + right[..., None] * a[:, :, 0]
        + up[..., None] * a[:, :, 1]
        - t[..., None] * a[:, :, 2]
    )
    kinds = torch.tensor([KINDS.index(k) for k in parts.kinds], device=x.device)
    local = shapes.normal(kinds[chosen], place, parts.taper[b, chosen]) / parts.half[
        b, chosen
    ].clamp(min=1e-5)
    world = torch.einsum("bnij,bnj->bni", parts.rotation[b, chosen], local)
    normal = torch.nn.functional.normalize(torch.einsum("bij,bnj->bni", camera, world), dim=-1)
    return index, best, place * hit[..., None], normal * hit[..., None]


def _touched(scene: Scene, p: int, right: Tensor, up: Tensor) -> Tensor | slice:
    """On a CPU with one scene, the rays whose screen position lies in part p's bounding rectangle;
    else all.
    """
    if right.device.type != "cpu" or len(scene) > 1:
        return slice(None)
    parts, camera = scene.parts, scene.camera[0, :2]
    centre = camera @ parts.centre[0, p]
    reach = (camera @ parts.rotation[0, p]).abs() @ (
        parts.half[0, p] * (1 + parts.taper[0, p].abs())
    )
    near = ((right[0] - centre[0]).abs() <= reach[0]) & ((up[0] - centre[1]).abs() <= reach[1])
    return near.nonzero()[:, 0]


def shade(
    scene: Scene, x: Tensor, y: Tensor, part: Tensor, depth: Tensor, place: Tensor, normal: Tensor
) -> Float[Tensor, "b n 3"]:
    """Colours of all rays: the painted, lit toy over its background, under its occluder."""
    toy = paint.lit(scene, paint.toy_paint(scene, part, place), normal)
    color = torch.where((part >= 0)[..., None], toy, paint.background(scene, x, y))
    occluded = covers(scene.occluder[:, None], x, y)[:, 0]
    return torch.where(occluded[..., None], scene.occluder[:, None, 6:], color)
