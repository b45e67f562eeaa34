"""What hyperfeatures cost, counted on networks without weights (`corrlib.backbones.skeletons`)."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from corrlib.backbones.capture import capture
from corrlib.backbones.skeletons import multiply_adds
from corrlib.heads.aggregation import AggregationHead, HeadSettings
from corrlib.methods.hyperfeatures.frozen import decoder_taps
from corrlib.methods.hyperfeatures.settings import HyperfeatureSettings


@dataclass(frozen=True)
class Cost:
    """Multiply-adds of one image: `encode`, the VAE; a `whole` call of the U-Net; the `last` one,
    which stops at the last map read; the `head`, on all maps; and how many `calls` there are of the
    U-Net. `maps` counts the numbers that the maps read hold.
    """

    encode: int
    whole: int
    last: int
    head: int
    calls: int
    maps: int

    @property
    def image(self) -> int:
        """An image from pixels to its hyperfeature."""
        return self.frozen + self.head

    @property
    def frozen(self) -> int:
        """The same without the head."""
        return self.encode + (self.calls - 1) * self.whole + self.last

    def training(self, images: int, steps: int, pairs: int = 1) -> int:
        """A head's training: every image once, and the head forth and back (twice as much as forth)
        on both images of each pair.
        """
        return images * self.frozen + 3 * self.head * 2 * pairs * steps


def cost(settings: HyperfeatureSettings, unet: nn.Module, vae: nn.Module) -> Cost:
    """The cost under `settings`, of networks on "meta". "noised" paths have as many calls as
    positions, each of which stops.
    """
    s, z_side = settings, 2 ** (len(vae.config.block_out_channels) - 1)
    width, height = s.size
    z = torch.empty(1, unet.config.in_channels, height // z_side, width // z_side, device="meta")
    text = torch.empty(1, 77, unet.config.cross_attention_dim, device="meta")
    t = torch.zeros((), dtype=torch.long, device="meta")
    layers = tuple(decoder_taps(unet)[i - 1] for i in s.numbers)
    seen: dict[str, Any] = {}

    def stopped() -> None:
        with capture(unet, layers) as found:
            unet(z, t, encoder_hidden_states=text)
        seen.update(found)

    with torch.no_grad():
        image = torch.empty(1, 3, height, width, device="meta")
        encode = multiply_adds(lambda: vae.encode(image))
        whole = multiply_adds(lambda: unet(z, t, encoder_hidden_states=text))
        last = multiply_adds(stopped)
        maps = {(layer, 0): seen[layer] for layer in layers}
        channels = tuple(seen[layer].shape[1] for layer in layers)
        with torch.device("meta"):
            given = HeadSettings(layers, channels, (0,), s.grid, s.width, s.middle, s.groups)
            head = AggregationHead(given)
        once = multiply_adds(lambda: head(maps))
    n, numbers = len(s.places), sum(values.numel() for values in maps.values())
    if s.path == "noised":
        return Cost(encode, last, last, once * n, n, numbers * n)
    up = s.steps - (s.rule == "consistent")  # its last level is where the walk up ends
    calls = up + s.steps - min(s.places) if s.path == "generation" else max(s.places) + 1
    return Cost(encode, whole, last, once * n, calls, numbers * n)
