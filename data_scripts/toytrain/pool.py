"""Training pictures: renders the toybox in bulk, in chunks on disk, on whatever device trains."""

from pathlib import Path

import torch
from tqdm import tqdm

from corrlib.toybox import shapes
from corrlib.toybox.captions import captions
from corrlib.toybox.items import generator_for
from corrlib.toybox.photograph import photograph
from corrlib.toybox.render import picture
from corrlib.toybox.things import CATEGORIES
from data_scripts.toytrain import checkpoint

EACH = 64  # pictures of each category in a chunk
CHUNK = EACH * len(CATEGORIES)


def fuse_intersections() -> None:
    """Compile the three intersection functions: they are chains of small operations, which fusion
    speeds up on a GPU.
    """
    for name in ("_hit_ball", "_hit_cube", "_hit_frustum"):
        setattr(shapes, name, torch.compile(getattr(shapes, name), dynamic=True))


@torch.no_grad()
def pictures(
    category: str, count: int, size: int, *key: object, device: str
) -> tuple[torch.Tensor, list[str]]:
    """`count` pictures of one category (count x 3 x size x size, uint8) and their captions, from a
    generator keyed on `key`.
    """
    generator = generator_for("training", category, *key, device=device)
    scene, shape = photograph(category, count, generator)
    aspect = shape[:, 0] / shape[:, 1]  # a model sees every picture squeezed to a square
    if device == "cpu":  # one by one: a CPU casts only the rays that can meet a part
        rgb = torch.cat(
            [picture(scene[i], (size, size), aspect=aspect[i : i + 1]) for i in range(count)]
        )
    else:
        rgb = picture(scene, (size, size), aspect=aspect)
    return (rgb * 255).round().to(torch.uint8), captions(scene, generator)


def chunk_path(folder: Path, index: int) -> Path:
    return folder / "pool" / f"{index:04d}.pt"


def render_chunks(
    folder: Path, count: int, size: int, *, device: str, shard: tuple[int, int] = (0, 1)
) -> None:
    """Render the chunks of a pool that are not there yet; `shard` (i, n) takes every n-th, for
    several processes side by side. Raises ValueError where the pool is of another size.
    """
    there = next((i for i in range(count) if chunk_path(folder, i).exists()), None)
    if there is not None and (found := load_chunk(folder, there, "cpu")[0].shape[-1]) != size:
        raise ValueError(
            f"{chunk_path(folder, there)} holds pictures of {found} pixels, wanted {size}; name "
            f"another --out, or type --image {found}"
        )
    todo = [i for i in range(shard[0], count, shard[1]) if not chunk_path(folder, i).exists()]
    for i in tqdm(todo, desc="render", mininterval=10):
        images, lines = chunk(i, size, device)
        checkpoint.save({"images": images.cpu(), "captions": lines}, chunk_path(folder, i))


def chunk(index: int, size: int, device: str) -> tuple[torch.Tensor, list[str]]:
    """One chunk's pictures, on the device, and captions: EACH of every category."""
    parts = [pictures(category, EACH, size, index, device=device) for category in CATEGORIES]
    return torch.cat([rgb for rgb, _ in parts]), [line for _, text in parts for line in text]


def load_chunk(folder: Path, index: int, device: str) -> tuple[torch.Tensor, list[str]]:
    state = checkpoint.load(chunk_path(folder, index), device)
    if state is None:
        raise FileNotFoundError(
            f"{chunk_path(folder, index)} is not rendered yet; run this script with --stage "
            "render first"
        )
    return state["images"], state["captions"]
