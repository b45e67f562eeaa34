"""The layers of a U-Net in the order of the pass, drawn from its configuration: an hourglass of
grids, each with its name, its channels and its cells.
"""

from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.axes import Axes

from corrlib.backbones.capture import capture, modules_of
from corrlib.backbones.diffusion import decoder_layers
from corrlib.coords import Size
from corrlib.viz.style import BLUE, GREY, INK, SAND, bare

FILL = {"encoder": "#dfe7ef", "middle": "#efe6cf", "decoder": "#cfe0f3", "ends": "#eeeeee"}


@dataclass(frozen=True)
class Layer:
    """A module of the U-Net: its path, the channels and the grid (width, height) of what it puts
    out, and whether cells read the prompt in it.
    """

    name: str
    channels: int
    grid: Size
    reads_prompt: bool

    @property
    def part(self) -> str:
        """Which part of the U it is of."""
        starts = {"down": "encoder", "mid": "middle", "up": "decoder"}
        return starts.get(self.name.split("_")[0], "ends")


def layers(unet: Any, latent: Size) -> list[Layer]:
    """All layers that this book names, in the order of the pass over a latent of this size; the
    network's weights are not touched when it is a skeleton (`backbones.skeletons`).
    """
    names = ["conv_in", *(f"down_blocks.{i}" for i in range(len(unet.down_blocks))), "mid_block"]
    names += [*decoder_layers(unet), "conv_out"]
    device = next(unet.parameters()).device
    z = torch.zeros(1, unet.config.in_channels, *latent[::-1], device=device)
    tokens = torch.zeros(1, 77, unet.config.cross_attention_dim, device=device)
    with torch.no_grad(), capture(unet, names, stop=False) as found:
        unet(z, torch.zeros((), device=device), encoder_hidden_states=tokens)
    rows = []
    for name, module in zip(names, modules_of(unet, names), strict=True):
        channels, height, width = found[name].shape[1:]
        block = modules_of(unet, [".".join(name.split(".")[:2])])[0] if "." in name else module
        reads = bool(getattr(block, "has_cross_attention", False)) or name == "mid_block"
        rows.append(Layer(name, channels, (width, height), reads))
    return rows


def unet(ax: Axes, rows: list[Layer], *, marked: str = "") -> Axes:
    """Draw `layers` from top to bottom, each as wide as its grid; the one named `marked` is framed.

    A dot says that cells read the prompt there (cross-attention). Returns `ax`.
    """
    widest = max(row.grid[0] for row in rows)
    for y, row in enumerate(rows):
        half = 0.18 + 0.32 * row.grid[0] / widest
        own = row.name == marked
        edge = {"edgecolor": BLUE if own else GREY, "linewidth": 2 if own else 0.5}
        ax.barh(y, 2 * half, left=-half, height=0.86, color=FILL[row.part], **edge)
        text = f"{row.channels} × {row.grid[0]} × {row.grid[1]}"
        ax.text(0.53, y, text, va="center", ha="left", fontsize=7.5, color=INK)
        name = row.name.replace("attentions", "attn").replace("resnets", "res")
        weight = "bold" if own else "normal"
        ax.text(-0.53, y, name, va="center", ha="right", fontsize=7.5, color=INK, weight=weight)
        if row.reads_prompt:
            ax.plot(0, y, "o", color=SAND, markersize=4)
    ax.set(xlim=(-1.32, 1.12), ylim=(len(rows) - 0.4, -0.6))
    return bare(ax)
