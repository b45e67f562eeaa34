"""Checkpoints that survive a kill: written aside, then renamed."""

import pickle
from pathlib import Path
from typing import Any

import torch

from corrlib.storage.atomic_write import atomic_write


def save(state: dict[str, Any], path: Path) -> None:
    with atomic_write(path) as part:
        torch.save(state, part)


def load(path: Path, device: str) -> dict[str, Any] | None:
    """The state, or None when there is no checkpoint. Raises ValueError where it is damaged."""
    if not path.exists():
        return None
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"{path} is no checkpoint that can be read ({why}); delete it, and it is made again"
        ) from error
