"""The heads that the authors of Diffusion Hyperfeatures published, as ours.

`published_files` says which files there are, and brings them here. Each holds the run's `config`
and, as `aggregation_network`, a state dict whose names are ours. A head is built from the shapes of
its tensors; the configuration only says which levels its mixing weights belong to. `files.save`
keeps the result as safetensors.
"""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from corrlib.backbones.ddim import generation, inversion
from corrlib.coords import Size
from corrlib.heads.aggregation import AggregationHead, HeadSettings
from corrlib.heads.published_files import PUBLISHED

GROUPS = 32  # of GroupNorm; no file says it, the released code's default


def load(path: str | Path, grid: Size = (64, 64)) -> AggregationHead:
    """The head in a file of the released code, in evaluation mode. Only tensors and plain values
    are unpickled. Raises FileNotFoundError, or ValueError that says what the file lacks.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no head at {path}; the published ones are {', '.join(PUBLISHED)}")
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        why = str(error).splitlines()[0]
        raise ValueError(f"{path} is no PyTorch file of tensors and plain values: {why}") from error
    if not isinstance(held, dict) or (missing := {"config", "aggregation_network"} - held.keys()):
        lacks = "a dictionary" if not isinstance(held, dict) else ", ".join(sorted(missing))
        raise ValueError(
            f"{path} lacks {lacks}; wanted a checkpoint as train_hyperfeatures.py of the released "
            "code writes it"
        )
    head = AggregationHead(_settings(path, held["aggregation_network"], held["config"], grid))
    try:
        head.load_state_dict(held["aggregation_network"])
    except RuntimeError as error:
        raise ValueError(f"{path} holds weights of another network: {error}") from error
    return head.eval()


def _settings(
    path: Path, state: Mapping[str, Tensor], config: Mapping[str, Any], grid: Size
) -> HeadSettings:
    shapes = {
        name: [
            state[f"bottleneck_layers.{i}.0.{name}.weight"].shape
            for i in range(len(state))
            if f"bottleneck_layers.{i}.0.{name}.weight" in state
        ]
        for name in ("conv1", "conv3")
    }
    if not shapes["conv1"] or not shapes["conv3"] or "mixing_weights" not in state:
        raise ValueError(f"{path} has no bottleneck_layers and mixing_weights: no aggregation head")
    if missing := {"num_timesteps", "save_timestep"} - config.keys():
        raise ValueError(f"the configuration in {path} lacks {', '.join(sorted(missing))}")
    places = config.get("idxs") or [(i, j) for i in range(4) for j in range(3)]
    layers = tuple(f"up_blocks.{i}.resnets.{j}.conv2" for i, j in sorted(map(tuple, places)))
    levels = levels_of(config)
    found = len(shapes["conv1"]), len(state["mixing_weights"])
    if found != (len(layers), len(layers) * len(levels)):
        raise ValueError(
            f"{path} has {found[0]} bottlenecks and {found[1]} mixing weights, but its "
            f"configuration names {len(layers)} layers and {len(levels)} timesteps"
        )
    return HeadSettings(
        layers,
        tuple(shape[1] for shape in shapes["conv1"]),
        levels,
        grid,
        width=shapes["conv3"][0][0],
        middle=shapes["conv1"][0][0],
        groups=GROUPS,
    )


def levels_of(config: Mapping[str, Any]) -> tuple[int, ...]:
    """The level of each timestep that a released configuration saves, in the order of its mixing
    weights.

    There a step is counted from noise: number s of n is position n - 1 - s of a path.
    """
    n, path = config["num_timesteps"], {"inversion": inversion, "generation": generation}
    steps = path[config.get("diffusion_mode", "inversion")](n, "released")
    at = {step.position: step.t for step in steps}
    return tuple(at[n - 1 - s] for s in config["save_timestep"])
