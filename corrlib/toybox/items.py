"""The toybox data set before it is written: which scene is item i of a category in a split. Splits
never share an instance, nor do worlds: `calibrated` is framed as SPair-71k's pictures are, `hard`
shows toys of about one size from anywhere.
"""

import hashlib

import torch

from corrlib.coords import Size
from corrlib.toybox.photograph import photograph
from corrlib.toybox.scene import Knobs, Scene, draw

WORLDS = ("calibrated", "hard")
SIZES: tuple[Size, ...] = ((192, 192), (224, 168), (168, 224))


def generator_for(*key: object, device: str | torch.device = "cpu") -> torch.Generator:
    """A generator seeded by a stable hash of `key`: the same key gives the same toy on any machine
    of one device type.
    """
    digest = hashlib.sha256(repr(key).encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:7], "big"))


def item(
    split: str, category: str, index: int, *, seed: int = 0, knobs: Knobs | None = None
) -> tuple[Scene, Size]:
    """The scene and image size (width, height) of one item: a batch of one, on the CPU."""
    generator = generator_for("toybox", seed, split, category, index)
    size = SIZES[int(torch.randint(len(SIZES), (1,), generator=generator))]
    return draw(category, 1, generator, knobs or Knobs()), size


def photo(split: str, category: str, index: int, *, seed: int = 0) -> tuple[Scene, Size]:
    """The scene and image size (width, height) of one picture of the calibrated world: a batch of
    one, on the CPU.
    """
    scene, size = photograph(category, 1, generator_for("photo", seed, split, category, index))
    width, height = size[0].int().tolist()
    return scene, (width, height)


def item_of(world: str, split: str, category: str, index: int, seed: int) -> tuple[Scene, Size]:
    """Item i of one of WORLDS. Raises ValueError for another world."""
    if world not in WORLDS:
        raise ValueError(f"no toy world {world!r}; there are {', '.join(WORLDS)}")
    draw_item = photo if world == "calibrated" else item
    return draw_item(split, category, index, seed=seed)
