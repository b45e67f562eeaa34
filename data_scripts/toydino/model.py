"""The toy DINO: DINOv2's architecture with small numbers, and the projection head that only its
training needs.
"""

import torch
from torch import nn
from torch.nn.functional import linear, normalize
from transformers import Dinov2Config, Dinov2Model


def make_vit(image: int = 96, patch: int = 6, width: int = 96, depth: int = 4) -> Dinov2Model:
    """A `Dinov2Model` with heads of 32 channels; `image` and `patch` are pixels a side.

    It begins with weights that keep the variance of a small network's activations, and knows from
    the start which patches are neighbours: at DINOv2's own beginning (0.02 everywhere) a short
    training spends itself on finding that out.
    """
    config = Dinov2Config(
        image_size=image,
        patch_size=patch,
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=width // 32,
        mlp_ratio=4,
        layerscale_value=1.0,
        use_mask_token=True,
        initializer_range=0.8 * width**-0.5,
    )
    vit = Dinov2Model(config)
    with torch.no_grad():
        vit.embeddings.position_embeddings[0, 1:] = 0.5 * _waves(image // patch, width)
    return vit


def _waves(grid: int, width: int) -> torch.Tensor:
    """Sines and cosines of the row and the column of each patch: grid^2 x width.

    *Source:* Vaswani et al., with wavelengths for small grids; in two dimensions as in MAE.
    """
    speeds = 100.0 ** -(torch.arange(width // 4) / (width // 4))
    angles = torch.arange(grid)[:, None] * speeds
    line = torch.cat([angles.sin(), angles.cos()], 1)
    rows, columns = line[:, None].expand(grid, grid, -1), line.expand(grid, grid, -1)
    return torch.cat([rows, columns], -1).flatten(0, 1)


class Head(nn.Module):
    """Tokens to logits over prototypes: three layers, unit length, then cosines with prototypes of
    unit length.

    *Source:* DINO's projection head; class and patch tokens share it, as in iBOT. Its layers keep
    the variance of what they are given (DINO's begin at 0.02, where all tokens look alike to the
    prototypes for the first thousands of pictures).
    """

    def __init__(self, width: int, prototypes: int = 1024, hidden: int = 512, middle: int = 128):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, middle),
        )
        self.prototypes = nn.Parameter(torch.randn(prototypes, middle))
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.orthogonal_(layer.weight, gain=2**0.5)
                nn.init.zeros_(layer.bias)

    def described(self, x: torch.Tensor) -> torch.Tensor:
        """Tokens as vectors of unit length, in the space of the prototypes."""
        return normalize(self.layers(x), dim=-1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Cosines of tokens with all prototypes."""
        return linear(self.described(x), normalize(self.prototypes, dim=-1))


class Net(nn.Module):
    """Student or teacher: the vision transformer and its head."""

    def __init__(self, vit: Dinov2Model, head: Head):
        super().__init__()
        self.vit, self.head = vit, head

    def forward(self, x: torch.Tensor, masks: torch.Tensor | None = None) -> torch.Tensor:
        """Tokens after the last norm, class token first: b x (1 + patches) x width."""
        return self.vit(pixel_values=x, bool_masked_pos=masks).last_hidden_state
