"""A head in a file: weights and settings together, so that a file alone can be used."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from corrlib.heads.aggregation import AggregationHead, HeadSettings
from corrlib.storage.atomic_write import atomic_write


def save(
    head: nn.Module, path: str | Path, *, dtype: torch.dtype | None = None, **notes: str
) -> Path:
    """Write a module with `settings` as safetensors, its numbers rounded to `dtype` if given, whole
    or not at all; `notes` are kept beside the settings (what it was trained on, say). `load` gives
    float32 of either.
    """
    path = Path(path)
    tensors = {
        name: t.detach().to("cpu", dtype or t.dtype).contiguous()
        for name, t in head.state_dict().items()
    }
    with atomic_write(path) as part:
        save_file(tensors, part, {"settings": json.dumps(asdict(head.settings)), **notes})
    return path


def load(
    path: str | Path, make: Callable[[Any], nn.Module] = AggregationHead, kind: type = HeadSettings
) -> Any:
    """The head in a file, in evaluation mode: `make` of settings of `kind`. Raises
    FileNotFoundError or ValueError that says what the file is instead.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"no head at {path}; train one and keep it with corrlib.heads.files.save(head, "
            f"{str(path)!r})"
        )
    try:
        with safe_open(path, "pt") as file:
            meta, tensors = (
                file.metadata() or {},
                {name: file.get_tensor(name) for name in file.keys()},
            )
    except SafetensorError as error:
        raise ValueError(
            f"{path} is no safetensors file ({error}); a head is kept by corrlib.heads.files.save"
        ) from error
    if "settings" not in meta:
        raise ValueError(
            f"{path} does not say what head it holds; write it with "
            "corrlib.heads.files.save(head, path)"
        )
    given = {name: _frozen(value) for name, value in json.loads(meta["settings"]).items()}
    if unknown := given.keys() - {field.name for field in fields(kind)}:
        raise ValueError(
            f"{path} was written by another version: it has settings {sorted(unknown)} that "
            "this one lacks"
        )
    head = make(kind(**given))
    try:
        head.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(f"{path} holds weights that do not fit its settings: {error}") from error
    return head.eval()


def fingerprint(head: nn.Module) -> str:
    """Twelve hex digits of a head's settings and weights: what its features are cached under."""
    digest = hashlib.sha256(repr(head.settings).encode())
    for name, tensor in sorted(head.state_dict().items()):
        digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def _frozen(value):
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
