"""A diffusion model together with the layers that are read."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from corrlib.backbones.diffusion import Diffuser
from corrlib.methods.prompt_optimization.attention_maps import Layer, choose, token_maps
from corrlib.methods.prompt_optimization.settings import PromptSettings


@dataclass(frozen=True)
class Network:
    """A diffusion model and the layers of it that are read."""

    diffuser: Diffuser
    layers: tuple[Layer, ...]

    @classmethod
    def of(cls, diffuser: Diffuser, settings: PromptSettings) -> "Network":
        """Raises ValueError when the size, a layer or a head does not fit the model."""
        diffuser.require_size((settings.size, settings.size))
        latent = settings.size // diffuser.factor
        layers = choose(
            diffuser.unet,
            settings.layers,
            latent,
            largest_map=settings.largest_map,
            heads=settings.heads,
        )
        return cls(diffuser, tuple(layers))

    def maps(
        self,
        z: Float[Tensor, "b z h w"],
        t: int,
        embeddings: Float[Tensor, "b tokens d"],
        settings: PromptSettings,
        query_scale: int = 1,
    ) -> dict[str, Float[Tensor, "b _ _"]]:
        """The attention maps of one pass over noisy latents, by layer; gradients reach `embeddings`
        only.
        """
        d = self.diffuser
        with token_maps(
            d.unet, self.layers, token=settings.token, heads=settings.heads, query_scale=query_scale
        ) as found:
            d.unet(
                z.to(d.device, d.dtype), t, encoder_hidden_states=embeddings.to(d.device, d.dtype)
            )
        return found
