"""Two feature maps small enough for a page: a few joint axes, 8 bits a number, compressed.

The axes are orthonormal and the mean stays in, so that cosines are those of the features but for
what the left-out axes and the rounding take away. All axes are rounded to one step, except where an
axis would need more than 255 of them: an axis that varies little then takes few bits.
"""

import base64
import zlib
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from corrlib.coords import Frame
from corrlib.types import FeatureMap

LEVELS = 255


@dataclass(frozen=True)
class Packed:
    """Two maps of k x h x w as bytes: value = low + step * byte, for each of the k axes.

    `data` is compressed (zlib) and holds the first map's bytes, then the second's, each axis by
    axis and row by row. `frames` say where the two grids lie.
    """

    data: bytes
    low: tuple[float, ...]
    step: tuple[float, ...]
    frames: tuple[Frame, Frame]

    def spec(self) -> dict[str, Any]:
        """What a page needs, as JSON can hold it."""
        return {
            "low": self.low,
            "step": self.step,
            "grids": [frame.grid for frame in self.frames],
            "edges": [frame.edges for frame in self.frames],
            "data": base64.b64encode(self.data).decode(),
        }


def pack(a: FeatureMap, b: FeatureMap, components: int = 24, coarse: float = 0.1) -> Packed:
    """The two maps along their first `components` joint axes (at most as many as there are
    channels), rounded to steps of `coarse` standard deviations of the axis that varies most.

    The axes are those of the cells at unit length, since a cosine weighs all cells alike. Raises
    ValueError when the channels differ or a number is not positive.
    """
    if components < 1 or not coarse > 0:
        raise ValueError(
            f"got {components} components in steps of {coarse}; wanted 1 or more, and a step above "
            "0, for example 24 and 0.1"
        )
    if a.values.shape[0] != b.values.shape[0]:
        raise ValueError(
            f"maps of {a.values.shape[0]} and {b.values.shape[0]} channels; take the same layer of "
            "both pictures"
        )
    rows = torch.cat([fm.values.flatten(1) for fm in (a, b)], 1).cpu().double()
    unit = torch.nn.functional.normalize(rows, dim=0)
    axes = torch.linalg.eigh(unit @ unit.T).eigenvectors.flip(1)[:, :components]
    along = axes.T @ rows
    low, high = along.amin(1), along.amax(1)
    common = coarse * along.std(1, correction=0).max()
    step = torch.maximum((high - low) / LEVELS, common).clamp(min=1e-12)
    whole = ((along - low[:, None]) / step[:, None]).round().to(torch.uint8)
    first, second = whole.split([fm.values[0].numel() for fm in (a, b)], 1)
    data = zlib.compress(first.numpy().tobytes() + second.numpy().tobytes(), 9)
    return Packed(data, tuple(low.tolist()), tuple(step.tolist()), (a.frame, b.frame))


def unpack(packed: Packed) -> tuple[FeatureMap, FeatureMap]:
    """The two maps as the page sees them, in float64."""
    k = len(packed.low)
    data = torch.frombuffer(bytearray(zlib.decompress(packed.data)), dtype=torch.uint8)
    low, step = (torch.tensor(v, dtype=torch.float64)[:, None] for v in (packed.low, packed.step))
    maps, done = [], 0
    for frame in packed.frames:
        width, height = frame.grid
        part: Float[Tensor, "k n"] = data[done : done + k * width * height].view(k, -1).double()
        maps.append(FeatureMap((low + step * part).unflatten(1, (height, width)), frame))
        done += k * width * height
    return maps[0], maps[1]
