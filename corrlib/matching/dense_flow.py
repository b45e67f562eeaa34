"""Dense flow between two images from answers at a grid of points: what a method that matches points
says of every pixel.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from corrlib.coords import Frame, Points, Size
from corrlib.matching.interpolation import axes


def grid_points(size: Size, grid: Size) -> Points:
    """Centres of the cells of a grid (width, height) laid over an image of `size`, row by row, in
    pixels: the points to ask for.
    """
    x, y = torch.meshgrid(*(torch.arange(n, dtype=torch.float32) for n in grid), indexing="xy")
    return Frame(size, grid).to_image(torch.stack([x, y], dim=-1).flatten(0, 1))


def flow_of_answers(answers: Points, size: Size, grid: Size) -> Float[Tensor, "H W 2"]:
    """The flow of an image of `size` from where the points of `grid_points` go (n x 2, pixels of
    the other image): displacements, bilinear between the points, and beyond the outer ones as
    there.

    Raises ValueError where there is not one answer a point.
    """
    if len(answers) != grid[0] * grid[1]:
        raise ValueError(f"{len(answers)} answers; wanted one a point of {grid[0]} x {grid[1]}")
    moved = answers.double() - grid_points(size, grid).to(answers.device, torch.float64)
    rows, columns = axes(Frame(size, grid), answers.device)
    cells = moved.T.unflatten(1, grid[::-1])
    return (rows.linear @ cells @ columns.linear.T).permute(1, 2, 0).float()
