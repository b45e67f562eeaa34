"""Noise that depends on what it is for and on nothing else: not on batches, not on order, not on
the global random state.
"""

import hashlib

import torch
from jaxtyping import Float
from torch import Tensor

from corrlib.storage.content import plain


def noise_key(*parts: object) -> int:
    """A 63-bit integer that is the same on every machine for equal `parts` (compared by their
    `repr`;
    a NumPy number is the Python number that it equals).
    """
    digest = hashlib.sha256("\x1f".join(repr(plain(part)) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def noise_for(
    seed: int,
    view_id: str,
    member: int,
    timestep: int,
    shape: tuple[int, ...],
    *,
    kind: str = "diffusion",
) -> Float[Tensor, "..."]:
    """Standard normal noise of `shape`, float32 and contiguous on the CPU, for one ensemble member
    of one view at one timestep.

    The numbers come from a generator of their own, seeded with a hash of (seed, view, member,
    timestep, kind). They are drawn into a contiguous tensor on purpose: `randn_like` of latents
    that left a convolution on a CPU fills them in channels-last order, so that one seed gives two
    noises. `kind` keeps the two draws of DIFT apart: "posterior" and "diffusion".
    """
    generator = torch.Generator(device="cpu").manual_seed(
        noise_key(seed, view_id, member, timestep, kind)
    )
    return torch.randn(tuple(shape), generator=generator, dtype=torch.float32, device="cpu")
