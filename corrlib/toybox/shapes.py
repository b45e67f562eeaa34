"""The primitives of the toy world and where a straight ray meets them.

Every primitive is a unit solid in its own *part coordinates* u: the ball |u| <= 1, the cube max|u|
<= 1, or the frustum |z| <= 1, x^2 + y^2 <= (1 + k z)^2 (k = 0: a capped cylinder). A part places it
in the world by p = centre + R (half * u), so that u is also its *place on the part*: equal u on
equally named parts of two toys is the same semantic point.
"""

import torch
from jaxtyping import Float
from torch import Tensor

ELLIPSOID, BOX, FRUSTUM = "ellipsoid", "box", "frustum"
MISS = float("inf")

# Origins are b x N x 3; with an orthographic camera all rays of an image share their direction, b x
# 1 x 3.
Rays = Float[Tensor, "b n 3"]
Direction = Float[Tensor, "b 1 3"]


def hit(
    kind: str, origin: Rays, direction: Direction, taper: Float[Tensor, "b 1"]
) -> Float[Tensor, "b n"]:
    """The ray parameter of the first meeting with the unit solid, +inf where the ray misses;
    parameters may be negative.
    """
    if kind == ELLIPSOID:
        return _hit_ball(origin, direction)
    if kind == BOX:
        return _hit_cube(origin, direction)
    return _hit_frustum(origin, direction, taper)


def _hit_ball(o: Rays, d: Direction) -> Tensor:
    a, b, c = (d * d).sum(-1), (o * d).sum(-1), (o * o).sum(-1) - 1
    discriminant = b * b - a * c
    return torch.where(discriminant > 0, (-b - discriminant.clamp(min=0).sqrt()) / a, MISS)


def _hit_cube(o: Rays, d: Direction) -> Tensor:
    d = torch.where(
        d.abs() < 1e-9, 1e-9, d
    )  # a ray along a face: the slab of that axis is then all or nothing
    one, two = (-1 - o) / d, (1 - o) / d
    enter, leave = torch.minimum(one, two).amax(-1), torch.maximum(one, two).amin(-1)
    return torch.where(enter < leave, enter, MISS)


def _hit_frustum(o: Rays, d: Direction, k: Tensor) -> Tensor:
    ox, oy, oz = o.unbind(-1)
    dx, dy, dz = d.unbind(-1)
    radius = 1 + k * oz
    a, b, c = (
        dx * dx + dy * dy - (k * dz) ** 2,
        ox * dx + oy * dy - radius * k * dz,
        ox * ox + oy * oy - radius * radius,
    )
    a = torch.where(a.abs() < 1e-9, 1e-9, a)
    discriminant = b * b - a * c
    root = discriminant.clamp(min=0).sqrt()
    best = torch.full_like(ox, MISS)
    for t in ((-b - root) / a, (-b + root) / a):
        on_side = (discriminant > 0) & ((oz + t * dz).abs() <= 1) & (1 + k * (oz + t * dz) >= 0)
        best = torch.where(on_side & (t < best), t, best)
    safe_dz = torch.where(dz.abs() < 1e-9, 1e-9, dz)
    for cap in (-1.0, 1.0):
        t = (cap - oz) / safe_dz
        on_cap = (ox + t * dx) ** 2 + (oy + t * dy) ** 2 <= (1 + k * cap) ** 2
        best = torch.where(on_cap & (t < best), t, best)
    return best


def normal(
    kind: Tensor, u: Float[Tensor, "b n 3"], taper: Float[Tensor, "b n"]
) -> Float[Tensor, "b n 3"]:
    """The outward normal in part coordinates at surface points u; `kind` holds 0 ball, 1 cube, 2
    frustum. Not unit length.
    """
    x, y, z = u.unbind(-1)
    size = u.abs()
    cube = u.sign() * (size == size.amax(-1, keepdim=True))
    radius = 1 + taper * z
    on_cap = z.abs() > 1 - 1e-4
    side = torch.stack([x, y, -taper * radius], -1)
    cap = torch.stack([torch.zeros_like(z), torch.zeros_like(z), z.sign()], -1)
    frustum = torch.where(
        (on_cap & (x * x + y * y < (radius * (1 - 1e-4)) ** 2))[..., None], cap, side
    )
    return torch.where(
        (kind == 0)[..., None], u, torch.where((kind == 1)[..., None], cube, frustum)
    )
