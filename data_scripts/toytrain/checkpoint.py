"""Checkpoints that survive a kill: written aside, then renamed."""

import os
from pathlib import Path
from typing import Any

import torch


def save(state: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".tmp")
    torch.save(state, aside)
    os.replace(aside, path)


def load(path: Path, device: str) -> dict[str, Any] | None:
    """The state, or None when there is no checkpoint."""
    return torch.load(path, map_location=device, weights_only=True) if path.exists() else None
