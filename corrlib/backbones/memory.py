"""What a machine or a GPU can hold, so that too much is refused before it is tried."""

import os

import torch

GIB = 2**30


def total(device: torch.device | str) -> int:
    """Bytes of memory of a device: the GPU's own, else the machine's."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def require_memory(name: str, value: str, needed: int, device: torch.device | str) -> None:
    """Raise ValueError where `needed` bytes are more than `device` has; `name` is the setting whose
    `value` asks for them.
    """
    if needed > (there := total(device)):
        raise ValueError(
            f"{name} is {value}, of which one layer alone takes {needed / GIB:,.0f} GiB of memory; "
            f"{device} has {there / GIB:,.0f} GiB, choose a smaller {name}"
        )
