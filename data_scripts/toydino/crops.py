"""Two views of a picture: random crops in random colours, and which patches are hidden. All draws
come from one generator, so that a seed gives the same pictures.
"""

import math

import torch
from torch.nn.functional import affine_grid, conv2d, grid_sample

from corrlib.backbones.vit import MEAN, STD

GRAY = (0.299, 0.587, 0.114)


def boxes(
    n: int, area: tuple[float, float], generator: torch.Generator, device: torch.device | str
) -> torch.Tensor:
    """`n` random boxes, rows (x, y, w, h): the centre in units in which the picture spans [-1, 1]
    both ways, and width and height as shares of the picture; `area` is the least and the largest
    share of its area.
    """

    def uniform(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(n, generator=generator, device=device)

    share, stretch = uniform(*area), uniform(-math.log(4 / 3), math.log(4 / 3)).exp().sqrt()
    w, h = (share.sqrt() * stretch).clamp(max=1), (share.sqrt() / stretch).clamp(max=1)
    return torch.stack([(1 - w) * uniform(-1, 1), (1 - h) * uniform(-1, 1), w, h], 1)


def cut(images: torch.Tensor, box: torch.Tensor, side: int) -> torch.Tensor:
    """The box of every picture (uint8, n x 3 x H x W; `box` from `boxes`), resized to `side`
    pixels, in [0, 1].
    """
    (x, y, w, h), zero = box.unbind(1), torch.zeros(len(box), device=box.device)
    theta = torch.stack([w, zero, x, zero, h, y], 1).view(-1, 2, 3)
    grid = affine_grid(theta, [len(box), 3, side, side], align_corners=False)
    seen = grid_sample(images.float() / 255, grid, align_corners=False, padding_mode="border")
    return seen.clamp(0, 1)


def across(here: torch.Tensor, there: torch.Tensor, grid: int) -> torch.Tensor:
    """Where the patches of one crop lie in another of the same picture: n x grid^2 x 2, x and y in
    units in which the other crop spans [-1, 1]; a place outside of it is beyond 1.
    """
    centres = (2 * torch.arange(grid, device=here.device) + 1) / grid - 1
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    cells = torch.stack([x, y], -1).view(1, -1, 2)
    picture = here[:, None, :2] + here[:, None, 2:] * cells
    return (picture - there[:, None, :2]) / there[:, None, 2:]


def recolour(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Brightness, contrast, saturation and hue of each picture changed at random, some made grey,
    some blurred; then in the units that the network wants.

    *Source:* DINO's augmentations, without solarisation and mirroring: a mirrored toy would teach
    the features that left and right are one.
    """
    n, device = len(x), x.device

    def draw(low: float, high: float, share: float, rest: float) -> torch.Tensor:
        values = low + (high - low) * torch.rand(n, generator=generator, device=device)
        kept = torch.rand(n, generator=generator, device=device) < share
        return torch.where(kept, values, torch.full_like(values, rest)).view(n, 1, 1, 1)

    weights = x.new_tensor(GRAY).view(1, 3, 1, 1)
    x = x * draw(0.6, 1.4, 0.8, 1.0)
    mean = (x * weights).sum(1, keepdim=True).mean((2, 3), keepdim=True)
    x = mean + (x - mean) * draw(0.6, 1.4, 0.8, 1.0)
    x = _turn_hue(x, draw(-0.6, 0.6, 0.8, 0.0))
    gray = (x * weights).sum(1, keepdim=True)
    x = gray + (x - gray) * draw(0.5, 1.5, 0.8, 1.0) * draw(0.0, 0.0, 0.2, 1.0)
    blurred = draw(1.0, 1.0, 0.3, 0.0)
    x = (blurred * _blur(x) + (1 - blurred) * x).clamp(0, 1)
    return (x - x.new_tensor(MEAN).view(1, 3, 1, 1)) / x.new_tensor(STD).view(1, 3, 1, 1)


def _turn_hue(x: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """Colours turned by `angle` (radians) about the grey axis."""
    c, s = angle.cos(), angle.sin() / math.sqrt(3)
    r, g, b = x.unbind(1)
    across = torch.stack([b - g, r - b, g - r], 1)
    return x * c + across * s + x.mean(1, keepdim=True) * (1 - c)


def _blur(x: torch.Tensor) -> torch.Tensor:
    kernel = x.new_tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    rows = conv2d(x.flatten(0, 1)[:, None], kernel.view(1, 1, 5, 1), padding=(2, 0))
    return conv2d(rows, kernel.view(1, 1, 1, 5), padding=(0, 2))[:, 0].view_as(x)


def masks(
    count: int, grid: int, generator: torch.Generator, device: str, share: float = 0.5
) -> torch.Tensor:
    """Which patches (count x grid^2, row-major) are hidden: in `share` of the pictures two random
    blocks, together up to half of them; in the rest none.

    *Source:* iBOT, blockwise masks at a ratio from 0.1 to 0.5.
    """

    def uniform() -> torch.Tensor:
        return torch.rand(count, generator=generator, device=device)

    hidden = torch.zeros(count, grid, grid, dtype=torch.bool, device=device)
    cells = torch.arange(grid, device=device)
    for _ in range(2):
        part, stretch = 0.05 + 0.2 * uniform(), (1.2 * (uniform() - 0.5)).exp().sqrt()
        inside = []
        for extent in (part.sqrt() * stretch, part.sqrt() / stretch):
            length = (extent * grid).round().clamp(1, grid)
            first = (uniform() * (grid - length + 1)).floor()[:, None]
            inside.append((cells >= first) & (cells < first + length[:, None]))
        hidden |= inside[0][:, :, None] & inside[1][:, None, :]
    return hidden.flatten(1) & (uniform() < share)[:, None]
