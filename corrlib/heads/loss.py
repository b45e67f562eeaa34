"""How well two descriptor maps agree at labelled points: a classification among all cells of the
other map, or among the pair's own points, both ways.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from corrlib.coords import Frame, Points

TEMPERATURE = 0.07  # the paper's; fixed


def to_cells(points: Points, frame: Frame, *, released: bool = False) -> Int[Tensor, "n"]:
    """The cell (row-major) whose centre is nearest to each point of the image; border cells for
    points beyond their centres.

    `released` rounds x * cells / width instead, half a cell to the right and below.
    *Source:* the released code's `points_to_idxs` and `rescale_points`, for that.
    """
    places = frame.to_grid(points.double())
    if released:
        x0, y0, x1, y1 = frame.edges
        pixel = places.new_tensor([0.5 / (x1 - x0), 0.5 / (y1 - y0)]) * places.new_tensor(
            frame.grid
        )
        places = places + 0.5 - pixel  # x * cells / width, for an x that counts from the edge
    cells = places.round().long()
    width, height = frame.grid
    return cells[:, 1].clamp(0, height - 1) * width + cells[:, 0].clamp(0, width - 1)


def correspondence_loss(
    a: Float[Tensor, "c ha wa"],
    b: Float[Tensor, "c hb wb"],
    a_cells: Int[Tensor, "n"],
    b_cells: Int[Tensor, "n"],
    temperature: float | int = TEMPERATURE,
) -> Float[Tensor, ""]:
    """Symmetric cross-entropy: a's descriptor at each of n points must find its cell among all of
    b's, and the other way round.

    Logits are cosines / temperature. Only the n points' rows are formed, n x cells instead of cells
    x cells: the released code (`compute_clip_loss`) forms all of them and reads these. Raises
    ValueError without a point.
    """
    if not len(a_cells):
        raise ValueError("a pair without a label has no loss; leave it out of the training")
    a, b = (normalize(x.flatten(1).T, dim=1) for x in (a, b))
    forth = cross_entropy(a[a_cells] @ b.T / temperature, b_cells)
    back = cross_entropy(b[b_cells] @ a.T / temperature, a_cells)
    return (forth + back) / 2


def keypoint_loss(
    a: Float[Tensor, "c ha wa"],
    b: Float[Tensor, "c hb wb"],
    a_cells: Int[Tensor, "n"],
    b_cells: Int[Tensor, "n"],
    temperature: float | int = TEMPERATURE,
) -> Float[Tensor, ""]:
    """Symmetric cross-entropy among the pair's points only: a's descriptor at each of n points must
    find its own among b's n, and the other way round.

    No other place of the image is ever a wrong answer. Points of one cell cannot be told apart and
    keep a loss of their own. Raises ValueError without a point.
    *Source:* the other reading of "CLIP-style" in "A Tale of Two Features"; that of GeoAware-SC's
    released code.
    """
    if not len(a_cells):
        raise ValueError("a pair without a label has no loss; leave it out of the training")
    a, b = (normalize(x.flatten(1)[:, cells].T, dim=1) for x, cells in ((a, a_cells), (b, b_cells)))
    logits = a @ b.T / temperature
    same = torch.arange(len(logits), device=logits.device)
    return (cross_entropy(logits, same) + cross_entropy(logits.T, same)) / 2
