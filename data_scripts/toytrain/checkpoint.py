"""Checkpoints that survive a kill: written aside, then renamed."""

from pathlib import Path
from typing import Any

import torch

from corrlib.storage.atomic_write import atomic_write


def save(state: dict[str, Any], path: Path) -> None:
    with atomic_write(path) as part:
        torch.save(state, part)


def load(path: Path, device: str) -> dict[str, Any] | None:
    """The state, or None when there is no checkpoint."""
    return torch.load(path, map_location=device, weights_only=True) if path.exists() else None
