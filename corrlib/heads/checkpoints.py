"""A training in one file: weights, Adam's state, what decides the run, and its record so far."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from corrlib.storage.atomic_write import atomic_write

KINDS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class Found:
    """What a checkpoint holds beside the weights and the optimiser's state, which are put back."""

    notes: dict[str, Any]
    extra: dict[str, Tensor]


def keep(
    path: Path,
    module: nn.Module,
    adam: torch.optim.Optimizer,
    run: Mapping[str, Any],
    notes: Mapping[str, Any],
    extra: Mapping[str, Tensor] | None = None,
) -> None:
    """Write all of it, whole or not at all. `run` and `notes` are JSON values: what decides the
    run, and its record, of which "losses" has a value for each step; `extra` are tensors to keep
    along.
    """
    tensors = {f"head.{name}": value for name, value in module.state_dict().items()}
    tensors |= {f"extra.{name}": value for name, value in (extra or {}).items()}
    for name, parameter in module.named_parameters():
        if state := adam.state.get(parameter):
            tensors |= {f"{kind}.{name}": state[kind] for kind in KINDS}
    tensors = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    meta = {name: json.dumps(value) for name, value in {"run": run, **notes}.items()}
    with atomic_write(path) as part:
        save_file(tensors, part, meta)


def resume(
    path: Path, module: nn.Module, adam: torch.optim.Optimizer, run: Mapping[str, Any]
) -> Found | None:
    """Put weights and the optimiser's state back; None where there is no file. Raises ValueError on
    a file that cannot be read, and on one of another run.
    """
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            meta = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except SafetensorError as error:
        raise ValueError(
            f"{path} is no checkpoint that can be read ({error}); name another checkpoint, or "
            "delete that file"
        ) from error
    before = json.loads(meta.get("run", "{}"))
    if differ := [name for name in run if before.get(name) != run[name]]:
        raise ValueError(
            f"{path} holds another training: {', '.join(differ)} differ; name another "
            "checkpoint, or delete that file"
        )
    module.load_state_dict(_under("head.", tensors))
    notes = {name: json.loads(value) for name, value in meta.items() if name != "run"}
    for name, parameter in module.named_parameters():
        if f"{KINDS[0]}.{name}" in tensors:
            state = {kind: tensors[f"{kind}.{name}"].to(parameter) for kind in KINDS}
            step = torch.tensor(float(len(notes["losses"])))
            adam.state[parameter] = {"step": step, **state}
    return Found(notes, _under("extra.", tensors))


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
