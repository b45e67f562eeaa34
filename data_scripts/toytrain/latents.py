"""The pool as the U-Net sees it: every chunk's pictures encoded once, with its captions' tokens."""

import json
from pathlib import Path

import torch
from tqdm import tqdm
from transformers import CLIPTokenizer

from data_scripts.toytrain import checkpoint, models, pool
from data_scripts.toytrain.diffusion import Latents


def tokenizer_of(out: Path) -> CLIPTokenizer:
    """That of the run it began with, or learned from the first chunk's captions, which hold every
    word of the grammar many times.
    """
    if not (out / "tokenizer").is_dir():
        models.make_tokenizer(pool.load_chunk(out, 0, "cpu")[1]).save_pretrained(out / "tokenizer")
    return CLIPTokenizer.from_pretrained(out / "tokenizer")


def scale_of(out: Path) -> float:
    """What latents are multiplied by: that of the run it began with, or one over the deviation of
    the first chunk's.
    """
    path = out / "scale.json"
    if not path.is_file():
        first = checkpoint.load(_path(out, 0), "cpu")
        path.write_text(json.dumps(1 / first["mean"].float().std().item()))
    return json.loads(path.read_text())


@torch.no_grad()
def encode(
    autoencoder, out: Path, chunks: int, device: str, shard: tuple[int, int] = (0, 1)
) -> None:
    """Encode the chunks that are not yet: posterior means in half precision, not scaled; `shard`
    (i, n) takes every n-th.
    """
    tokenizer = tokenizer_of(out)
    todo = [i for i in range(shard[0], chunks, shard[1]) if not _path(out, i).exists()]
    for i in tqdm(todo, desc="encode", mininterval=10):
        images, lines = pool.load_chunk(out, i, device)
        mean, spread = posteriors(autoencoder, images)
        state = {"mean": mean, "spread": spread, "ids": ids_of(tokenizer, lines, "cpu")}
        checkpoint.save(state, _path(out, i))


@torch.no_grad()
def posteriors(autoencoder, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of uint8 pictures: the means in half precision, and the mean spread of each channel."""
    parts = [autoencoder.encode(x.float() / 127.5 - 1).latent_dist for x in images.split(32)]
    mean = torch.cat([part.mean for part in parts]).half()
    return mean, torch.cat([part.std.mean((2, 3)) for part in parts]).mean(0)


def ids_of(tokenizer: CLIPTokenizer, lines: list[str], device: str) -> torch.Tensor:
    """Captions' tokens (n x 77), as small as they can be kept."""
    return models.tokens(tokenizer, lines).to(torch.int16).to(device)


def load(out: Path, device: str) -> Latents:
    """All chunks that are encoded. Raises FileNotFoundError where there is none."""
    paths = sorted((out / "latents").glob("*.pt"))
    if not paths:
        raise FileNotFoundError(f"{out / 'latents'} is empty; run this script with --stage latents")
    chunks = [checkpoint.load(path, device) for path in paths]
    means, spreads, ids = ([chunk[key] for chunk in chunks] for key in ("mean", "spread", "ids"))
    return scaled(means, spreads, torch.cat(ids), out)


def scaled(
    means: list[torch.Tensor], spreads: list[torch.Tensor], ids: torch.Tensor, out: Path
) -> Latents:
    """The chunks as one pool, in the scale of the run in `out`."""
    scale = scale_of(out)
    spread = torch.stack(spreads).mean(0) * scale
    return Latents(torch.cat(means) * scale, spread[:, None, None], ids)


def _path(out: Path, index: int) -> Path:
    return out / "latents" / f"{index:04d}.pt"
