"""A vision transformer of the DINO family as a source of features: tokens, keys, queries and values
of any layer, in one pass that ends after the last of them.

*Grid and frame.* A network with patches of p pixels sees floor(W / p) x floor(H / p) patches of its
input. What remains at the right and at the bottom of an input that is no multiple of p is not seen,
and the frame of the features says so: it ends where the last whole patch ends.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from corrlib.backbones import vit_weights
from corrlib.backbones.canvas import Canvas
from corrlib.backbones.capture import capture
from corrlib.backbones.loading import load_network, quiet_libraries
from corrlib.coords import Size
from corrlib.types import FeatureMap

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as all of DINO's weights
FACETS = ("token", "normed", "key", "query", "value")
POSITIONS = ("exact", "offset")
OFFSET = 0.1  # what DINO's own code adds to the target size, against rounding

Tap = tuple[int, str]  # (layer from 0, facet)

# kind of model: the path of its list of layers
_LAYERS = {"dinov2": "encoder.layer", "dinov2_with_registers": "encoder.layer", "vit": "layers"}
_PROJECTIONS = {"key": "k_proj", "query": "q_proj", "value": "v_proj"}


class ViT:
    """A frozen `Dinov2Model`, `Dinov2WithRegistersModel` or `ViTModel` in evaluation mode.

    `positions` says how position embeddings reach another grid than the network's own: "exact" is
    the library's way; "offset" is that of DINO's and DINOv2's own code, which adds 0.1 to the size
    of the grid. Raises ValueError on another kind of model.
    """

    def __init__(
        self,
        model: Any,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        positions: Literal["exact", "offset"] = "exact",
        name: str = "",
        fingerprint: str = "",
    ):
        kind = model.config.model_type
        if kind not in _LAYERS:
            raise ValueError(f"got a model of kind {kind!r}; wanted one of {', '.join(_LAYERS)}")
        self.model = model.to(device=device, dtype=dtype).eval().requires_grad_(False)
        self.device, self.dtype, self.name = torch.device(device), dtype, name
        self.fingerprint, self.kind, self.positions = fingerprint, kind, positions

    @classmethod
    def load(
        cls,
        name: str | Path,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        positions: Literal["exact", "offset"] = "exact",
    ) -> "ViT":
        """Load a preset ("dinov2-base", "dino-vits8", ...), a folder of `save_pretrained`, or a hub
        id. Raises weights.WeightsError that says what is missing and how to fetch it.
        """
        folder = vit_weights.resolve(str(name))
        quiet_libraries()
        from transformers import AutoModel

        # DINO's published files lack the pooling layer, which no feature passes
        options = {"unused": "pooler.", "dtype": dtype}
        model = load_network(AutoModel, folder, "fetch them again", **options)
        mark = vit_weights.fingerprint(folder)
        settings = {"device": device, "dtype": dtype, "positions": positions}
        return cls(model, **settings, name=str(name), fingerprint=mark)

    @property
    def patch(self) -> int:
        """Pixels a side of a patch."""
        size = self.model.config.patch_size
        return size if isinstance(size, int) else size[0]

    @property
    def depth(self) -> int:
        """The number of layers; valid ones are 0 to depth - 1."""
        return self.model.config.num_hidden_layers

    def grid(self, size: Size) -> Size:
        """Whole patches (across, down) of an input of `size`. Raises ValueError where there is
        none.
        """
        found = (size[0] // self.patch, size[1] // self.patch)
        if not min(found):
            raise ValueError(
                f"input size is {size[0]} x {size[1]}; wanted at least one patch of {self.patch} x "
                f"{self.patch} pixels"
            )
        return found

    def maps(self, canvas: Canvas, taps: Sequence[Tap]) -> dict[Tap, FeatureMap]:
        """Features of one prepared image as maps on that image, one a tap."""
        values = self.describe(canvas.tensor()[None], taps)
        grid = self.grid(canvas.size)
        frame = canvas.frame(grid, covered=(grid[0] * self.patch, grid[1] * self.patch))
        return {tap: FeatureMap(found[0], frame) for tap, found in values.items()}

    @torch.no_grad()
    def describe(
        self, images: Float[Tensor, "b 3 H W"], taps: Sequence[Tap]
    ) -> dict[Tap, Float[Tensor, "b c h w"]]:
        """Features at the patches for each (layer, facet), float32; `images` are in [0, 1].

        Facets: "token" is the layer's output before the network's last norm, "normed" after it;
        "key", "query" and "value" are the projections inside of the layer's attention, heads one
        after the other (DINO's own extractor interleaves them: the same numbers in another order).
        Raises ValueError on an unknown layer or facet.
        *Source:* `extractor_dino.py` of the released code of "A Tale of Two Features".
        """
        self._require(taps)
        width, height = grid = self.grid((images.shape[3], images.shape[2]))
        moved = self._moved_positions(grid, (images.shape[3], images.shape[2]))
        handle = self.model.embeddings.register_forward_hook(moved) if moved else None
        try:
            with capture(self.model, [self._path(tap) for tap in taps]) as found:
                self.model(pixel_values=self._prepared(images), **self._options)
        finally:
            if handle is not None:
                handle.remove()
        first = 1 + getattr(self.model.config, "num_register_tokens", 0)
        result = {}
        for tap in taps:
            tokens = found[self._path(tap)]
            tokens = self.model.layernorm(tokens) if tap[1] == "normed" else tokens
            result[tap] = rearrange(
                tokens[:, first:].float(), "b (h w) c -> b c h w", h=height, w=width
            ).contiguous()
        return result

    @torch.no_grad()
    def summary(
        self, images: Float[Tensor, "b 3 H W"]
    ) -> tuple[Float[Tensor, "b c"], Float[Tensor, "b patches c"]]:
        """The class token and the patches' tokens, both after the last norm, float32; `images` are
        in [0, 1]. Patches are in row-major order.
        """
        tokens = self.model(pixel_values=self._prepared(images), **self._options).last_hidden_state
        first = 1 + getattr(self.model.config, "num_register_tokens", 0)
        return tokens[:, 0].float(), tokens[:, first:].float()

    def _prepared(self, images: Float[Tensor, "b 3 H W"]) -> Float[Tensor, "b 3 H W"]:
        mean, std = (images.new_tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
        return ((images - mean) / std).to(self.device, self.dtype)

    @property
    def _options(self) -> dict[str, bool]:
        return {"interpolate_pos_encoding": True} if self.kind == "vit" else {}

    def _path(self, tap: Tap) -> str:
        layer = f"{_LAYERS[self.kind]}.{tap[0]}"
        return f"{layer}.attention.{_PROJECTIONS[tap[1]]}" if tap[1] in _PROJECTIONS else layer

    def _require(self, taps: Sequence[Tap]) -> None:
        if not taps:
            raise ValueError("got no taps; name at least one (layer, facet), as in [(11, 'token')]")
        for layer, facet in taps:
            if facet not in FACETS:
                raise ValueError(f"facet is {facet!r}; wanted one of {', '.join(FACETS)}")
            if not 0 <= layer < self.depth:
                raise ValueError(f"layer is {layer}; this network has layers 0 to {self.depth - 1}")

    def _moved_positions(self, grid: Size, size: Size) -> Any:
        """A hook that puts DINO's own interpolation in the place of the library's, or None where
        the two are one.
        """
        if self.positions == "exact":
            return None
        embeddings = self.model.embeddings
        kept = embeddings.position_embeddings
        side = round((kept.shape[1] - 1) ** 0.5)
        if grid == (side, side):
            return None
        square = rearrange(kept[:, 1:].float(), "1 (h w) c -> 1 c h w", h=side)
        scale = ((grid[1] + OFFSET) / side, (grid[0] + OFFSET) / side)
        moved = interpolate(square, scale_factor=scale, mode="bicubic")
        moved = rearrange(moved, "1 c h w -> 1 (h w) c")
        like = kept.new_empty(1, 1 + grid[0] * grid[1], kept.shape[2])
        exact = embeddings.interpolate_pos_encoding(like, size[1], size[0])
        change = (moved - exact[:, 1:].float()).to(kept.dtype)

        def hook(module: Any, inputs: Any, output: Tensor) -> Tensor:
            output = output.clone()
            output[:, -change.shape[1] :] += change  # registers, if any, lie in front of patches
            return output

        return hook
