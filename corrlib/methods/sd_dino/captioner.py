"""The implicit captioner: what a picture's CLIP embedding adds to the null prompt and to the time
embedding. Optional: its weights are part of ODISE's checkpoint, whose licence forbids commercial
use, and are not fetched here.

*Source:* Xu et al., ODISE, as the released code of "A Tale of Two Features" runs it.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate

from corrlib.backbones.vit_weights import fingerprint
from corrlib.backbones.weights import VARIABLE, WeightsError

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
PREFIX = "backbone.feature_extractor."  # of the captioner's tensors in ODISE's checkpoint
WEIGHTS = "captioner.safetensors"


class PositionalLinear(nn.Module):
    """One vector to a row of vectors: a linear layer, and an embedding added at each place."""

    def __init__(self, inputs: int, outputs: int, places: int):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.positional_embedding = nn.Parameter(torch.zeros(1, places, outputs))

    def forward(self, x: Float[Tensor, "b d"]) -> Float[Tensor, "b places e"]:
        """The row of each vector."""
        return self.linear(x)[:, None] + self.positional_embedding


class Captioner(nn.Module):
    """ctx = null + tanh(A) (W c + b + P), and tanh(a) (W2 c + b2 + p2) for the time embedding;
    c is the picture's CLIP embedding, not normalised. Parameters are named as in the checkpoint.
    """

    def __init__(self, clip: Any, tokens: int, width: int, time: int):
        super().__init__()
        inputs = clip.config.projection_dim
        self.clip_project = PositionalLinear(inputs, width, tokens)
        self.time_embed_project = PositionalLinear(inputs, time, 1)
        self.alpha_cond = nn.Parameter(torch.zeros(1, tokens, width))
        self.alpha_cond_time_embed = nn.Parameter(torch.zeros(time))
        self.clip, self.fingerprint = clip, ""

    @torch.no_grad()
    def embed(self, images: Float[Tensor, "b 3 H W"]) -> Float[Tensor, "b d"]:
        """CLIP's embedding of square pictures in [0, 1], brought to its size without antialiasing,
        as the released code's library did.
        """
        side = self.clip.config.image_size
        x = interpolate(images, (side, side), mode="bicubic", antialias=False, align_corners=False)
        mean, std = (x.new_tensor(v).view(1, 3, 1, 1) for v in (CLIP_MEAN, CLIP_STD))
        return self.clip(pixel_values=((x - mean) / std).to(self.clip.dtype)).image_embeds

    @torch.no_grad()
    def forward(
        self, images: Float[Tensor, "b 3 H W"], null: Float[Tensor, "tokens d"]
    ) -> tuple[Float[Tensor, "b tokens d"], Float[Tensor, "b time"]]:
        """The context of each picture, and what its time embedding gains."""
        c = self.embed(images.to(self.alpha_cond)).to(self.alpha_cond)
        context = null + self.alpha_cond.tanh() * self.clip_project(c)
        return context, (self.alpha_cond_time_embed.tanh() * self.time_embed_project(c))[:, 0]


@contextmanager
def added_time(unet: nn.Module, gain: Float[Tensor, "b time"]) -> Iterator[None]:
    """In the block every pass of `unet` has `gain` added to its time embedding."""
    handle = unet.time_embedding.register_forward_hook(
        lambda module, inputs, output: output + gain.to(output)
    )
    try:
        yield
    finally:
        handle.remove()


def load(name: str, tokens: int, width: int, time: int, device: str | torch.device) -> Captioner:
    """The captioner in folder `name`, or in that folder of $CORRLIB_WEIGHTS: captioner.safetensors
    (or a .pth checkpoint of ODISE) and clip/, a CLIP vision model with projection.

    Raises WeightsError that says what is missing and what to type, ValueError where the weights do
    not fit the diffusion model.
    """
    from transformers import CLIPVisionModelWithProjection

    folder = _folder(name)
    clip = CLIPVisionModelWithProjection.from_pretrained(folder / "clip", local_files_only=True)
    captioner = Captioner(clip, tokens, width, time)
    path, tensors = _tensors(folder)
    wanted = {key for key, _ in captioner.named_parameters() if not key.startswith("clip.")}
    if missing := sorted(wanted - tensors.keys()):
        raise WeightsError(f"{path} lacks {', '.join(missing)}; it is no captioner's file")
    try:
        captioner.load_state_dict({key: tensors[key] for key in wanted}, strict=False)
    except RuntimeError as error:
        raise ValueError(f"{path} does not fit this diffusion model: {error}") from error
    with path.open("rb") as file:
        own = hashlib.file_digest(file, "sha256").hexdigest()[:12]
    captioner.fingerprint = f"{fingerprint(folder / 'clip')}-{own}"
    return captioner.to(device).eval().requires_grad_(False)


def _folder(name: str) -> Path:
    root = os.environ.get(VARIABLE)
    places = [Path(name).expanduser(), *([Path(root) / name] if root else [])]
    for folder in places:
        if folder.is_dir() and (folder / "clip" / "config.json").is_file():
            return folder
    raise WeightsError(
        f"no captioner {name!r} at {' or '.join(map(str, places))}; wanted a folder with {WEIGHTS} "
        "(or ODISE's .pth checkpoint) and clip/ (openai/clip-vit-large-patch14-336). Without it, "
        "set captioner='' and the prompt stands in"
    )


def _tensors(folder: Path) -> tuple[Path, dict[str, Tensor]]:
    if (path := folder / WEIGHTS).is_file():
        from safetensors.torch import load_file

        return path, load_file(path)
    if path := next(iter(sorted(folder.glob("*.pth"))), None):
        whole = torch.load(path, map_location="cpu", weights_only=True)
        whole = whole.get("model", whole)
        mine = {k.removeprefix(PREFIX): v for k, v in whole.items() if k.startswith(PREFIX)}
        return path, mine
    raise WeightsError(f"{folder} holds neither {WEIGHTS} nor a .pth checkpoint of ODISE")
