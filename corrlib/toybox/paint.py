"""Paint, light and background of the toy world: colours of points, never geometry."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from corrlib.toybox.maker import BODY
from corrlib.toybox.scene import Scene, covers

AMBIENT, DIFFUSE, GLOSS = 0.52, 0.55, 0.16


def toy_paint(
    scene: Scene, part: Int[Tensor, "b n"], place: Float[Tensor, "b n 3"]
) -> Float[Tensor, "b n 3"]:
    """The unlit colour of toy points: its part's palette slot, and the body's pattern in the accent
    colour.
    """
    slot = scene.parts.colors[part.clamp(min=0)]
    base = torch.gather(scene.palette, 1, slot[..., None].expand(-1, -1, 3))
    size = torch.gather(scene.parts.half, 1, part.clamp(min=0)[..., None].expand(-1, -1, 3))
    p = place * size * 9  # patterns have one size in the world, however large the part
    phase, kind = scene.pattern_phase[:, None], scene.pattern[:, None]
    wave = torch.sin(p * 1.3 + phase[..., :3])
    stripes = torch.sin(p[..., 0] * 2.2 + p[..., 2] * 0.7 + phase[..., 3]) > 0.35
    spots = torch.sin(p * 2.4 + phase[..., :3]).prod(-1).abs() > 0.34
    patches = wave[..., 0] + wave[..., 1] * wave[..., 2] > 0.55
    marked = ((kind == 1) & stripes) | ((kind == 2) & spots) | ((kind == 3) & patches)
    return torch.where((marked & (slot == BODY))[..., None], scene.palette[:, None, 1], base)


def lit(
    scene: Scene, color: Float[Tensor, "b n 3"], normal: Float[Tensor, "b n 3"]
) -> Float[Tensor, "b n 3"]:
    """Ambient, diffuse and a soft highlight, with the light and the normals in camera axes."""
    light = scene.light[:, None]
    facing = (normal * light).sum(-1, keepdim=True)
    half = torch.nn.functional.normalize(light + light.new_tensor([0.0, 0.0, 1.0]), dim=-1)
    gloss = (normal * half).sum(-1, keepdim=True).clamp(min=0) ** 24
    # half-Lambert: the unlit side keeps some form
    return (
        color * (AMBIENT + DIFFUSE * (facing * 0.5 + 0.5) ** 1.5 * 1.2 - 0.12) + GLOSS * gloss
    ).clamp(0, 1)


def background(
    scene: Scene, x: Float[Tensor, "b n"], y: Float[Tensor, "b n"]
) -> Float[Tensor, "b n 3"]:
    """Wall, floor, their textures, flat clutter, and the toy's soft shadow on the floor."""
    edge = scene.horizon[:, None] - 0.5
    on_floor = y > edge
    color = torch.where(on_floor[..., None], scene.grounds[:, None, 1], scene.grounds[:, None, 0])
    k = scene.texture
    fall = torch.where(on_floor, 1.05 - 0.25 * (y - edge), 0.92 + 0.22 * (y + 0.5))
    ripple = torch.sin(x * (4 + 10 * k[:, :1]) + 6.28 * k[:, 1:2]) * torch.sin(
        y * (4 + 10 * k[:, 2:3]) + 6.28 * k[:, 3:4]
    )
    planks = (
        (torch.sin(x * (14 + 30 * k[:, 4:5]) + y * 9 * (k[:, 5:6] - 0.5)) > 0.2).float()
        * on_floor
        * (k[:, 5:6] > 0.5)
    )
    color = color * (fall + 0.05 * ripple - 0.07 * planks)[..., None]
    color = color * (1 - 0.35 * shadow(scene, x, y))[..., None]
    for i in range(scene.clutter.shape[1]):
        shape = scene.clutter[:, i : i + 1]
        color = torch.where(covers(shape, x, y)[:, 0, :, None], shape[..., 6:], color)
    return color.clamp(0, 1)


def shadow(scene: Scene, x: Float[Tensor, "b n"], y: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
    """Strength in [0, 1] of a soft blob where the toy stands: an ellipse around its foot, flat as
    the camera is low.
    """
    parts = scene.parts
    reach = (parts.rotation.abs() @ parts.half[..., None])[..., 0] * (
        parts.half.amin(-1, keepdim=True) > 1e-5
    )
    foot = (parts.centre - reach)[..., 2].amin(1)
    wide = (parts.centre.abs() + reach).amax(1)  # b x 3
    azimuth, tilt = torch.deg2rad(scene.azimuth), torch.deg2rad(scene.elevation.clamp(min=4)).sin()
    across = (wide[:, 0] * azimuth.sin()).abs() + (wide[:, 1] * azimuth.cos()).abs()
    along = (wide[:, 0] * azimuth.cos()).abs() + (wide[:, 1] * azimuth.sin()).abs()
    down = -(scene.camera[:, 1, 2] * foot) * scene.scale
    u = (x - scene.shift[:, :1]) / (across * scene.scale * 1.1)[:, None]
    v = (y - scene.shift[:, 1:] - down[:, None]) / ((along * tilt + 0.06) * scene.scale * 1.1)[
        :, None
    ]
    return torch.exp(-2.0 * (u * u + v * v) ** 1.5)
