"""Views whose pixels are made from a file when they are asked for: mirrored, or cropped and resized."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from PIL import Image

from corrlib.types import View


@dataclass(frozen=True)
class Edited(View):
    """A view of `path` after `edit`, which makes an image of `size` of the file's; the id tells it from the file's own view."""

    edit: Callable[[Image.Image], Image.Image] = field(default=lambda image: image, compare=False, repr=False)

    def image(self) -> Image.Image:
        """The edited pixels as an RGB Pillow image of `size`. Raises ValueError on a truncated or corrupt file."""
        image = self.edit(super().image())
        if image.size != self.size:
            raise ValueError(f"the edit of view {self.id!r} gave an image of {image.size}; wanted {self.size} (width, height)")
        return image

    def digest(self) -> str:
        """Sixteen hex digits of the file and of what was made of it."""
        return hashlib.sha256(f"{super().digest()} {self.id} {self.size}".encode()).hexdigest()[:16]
