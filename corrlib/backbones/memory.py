"""What a machine or a GPU can hold, so that too much is refused before it is tried."""

import os

import torch

from corrlib.coords import Size

GIB = 2**30


def total(device: torch.device | str) -> int:
    """Bytes of memory of a device: the GPU's own, else the machine's."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def require_memory(size: Size, each: int, device: torch.device | str) -> None:
    """Raise ValueError where `each` bytes for every pixel of an input of `size` are more than
    `device` has.
    """
    needed, there = size[0] * size[1] * each, total(device)
    if needed > there:
        raise ValueError(
            f"size is {size[0]}x{size[1]}, of which the first layer alone takes "
            f"{needed / GIB:,.0f} GiB of memory; {device} has {there / GIB:,.0f} GiB, choose a "
            "smaller size"
        )
