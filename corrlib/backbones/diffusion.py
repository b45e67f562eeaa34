"""A latent diffusion model as a source of features: VAE, U-Net, text encoder and noise schedule,
all plain diffusers components.

One pass of the U-Net yields every layer below the last one wanted. Features of a view are computed
in batches that hold exactly the ensemble members of that view at one timestep, never another view
or timestep. So no result depends on what else is computed, in which order, or on which machine of a
cluster.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from corrlib.backbones import weights
from corrlib.backbones.capture import capture, modules_of
from corrlib.backbones.loading import load_parts
from corrlib.backbones.memory import require_memory
from corrlib.backbones.noise import noise_for
from corrlib.coords import Size

Condition = Float[Tensor, "tokens d"]


@dataclass(frozen=True)
class Posterior:
    """What the VAE says of one image: mean and standard deviation of its latent, already in the
    U-Net's scale.
    """

    mean: Float[Tensor, "z h w"]
    std: Float[Tensor, "z h w"]


def pixels(image: Image.Image, size: Size) -> Float[Tensor, "3 H W"]:
    """The image resized to `size` (width, height), bicubic with antialiasing, aspect ratio not
    kept; values in [-1, 1].

    *Source:* DIFT, `eval_spair.py`: Pillow's default filter for RGB images.
    """
    array = np.array(image.convert("RGB").resize(size, Image.Resampling.BICUBIC), dtype=np.float32)
    return rearrange(torch.from_numpy(array), "H W c -> c H W").contiguous() / 127.5 - 1


class Diffuser:
    """VAE, U-Net, text encoder, tokenizer and schedule on one device in one dtype, frozen and in
    evaluation mode.
    """

    def __init__(
        self,
        vae,
        unet,
        text_encoder,
        tokenizer,
        scheduler,
        *,
        device="cpu",
        dtype=torch.float32,
        name="",
        fingerprint="",
    ):
        self.device, self.dtype = torch.device(device), dtype
        self.name, self.fingerprint = name, fingerprint
        for net in (vae, unet, text_encoder):
            net.to(device).eval().requires_grad_(False)
            if net.dtype != dtype:
                net.to(dtype=dtype)
        self.vae, self.unet, self.text_encoder = vae, unet, text_encoder
        self.tokenizer, self.scheduler = tokenizer, scheduler
        self._conditions: dict[str, Condition] = {}

    @classmethod
    def load(
        cls,
        name: str | Path,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> "Diffuser":
        """Load a preset ("toybox", "sd2-1", ...), a folder in diffusers' layout, or a hub id; in
        `dtype`, whatever the files hold.

        Raises weights.WeightsError (a FileNotFoundError) that says what is missing and how to fetch
        it.
        """
        folder = weights.resolve(str(name))
        return cls(
            **load_parts(folder, dtype),
            device=device,
            dtype=dtype,
            name=str(name),
            fingerprint=weights.fingerprint(folder),
        )

    @property
    def factor(self) -> int:
        """How many image pixels one latent pixel stands for along each axis: 8 in Stable
        Diffusion.
        """
        return 2 ** (len(self.vae.config.block_out_channels) - 1)

    @property
    def timesteps(self) -> int:
        """The number of timesteps; valid t are 0 .. timesteps - 1."""
        return self.scheduler.config.num_train_timesteps

    def noise_level(self, t: int) -> tuple[float, float]:
        """(sqrt(abar), sqrt(1 - abar)) at timestep `t`: the shares of image and noise."""
        abar = self.scheduler.alphas_cumprod[self._timestep(t)].item()
        return abar**0.5, (1 - abar) ** 0.5

    def encode(self, image: Image.Image, size: Size) -> Posterior:
        """The posterior of `image` resized to `size` (width, height), whose sides must be multiples
        of `factor`.
        """
        self.require_size(size)
        return self.posterior(pixels(image, size)[None])

    @torch.no_grad()
    def posterior(self, image: Float[Tensor, "1 3 H W"]) -> Posterior:
        """The posterior of one image given as pixel values in [-1, 1], whose sides must be
        multiples of `factor`.
        """
        moments = self.vae.encode(image.to(self.device, self.dtype)).latent_dist
        shift, scale = (
            getattr(self.vae.config, "shift_factor", None) or 0.0,
            self.vae.config.scaling_factor,
        )
        return Posterior(((moments.mean - shift) * scale)[0], (moments.std * scale)[0])

    @torch.no_grad()
    def decode(self, z: Float[Tensor, "b z h w"]) -> Float[Tensor, "b 3 H W"]:
        """Latents in the U-Net's scale back to images, values in [-1, 1]."""
        shift = getattr(self.vae.config, "shift_factor", None) or 0.0
        return self.vae.decode(
            (z / self.vae.config.scaling_factor + shift).to(self.device, self.dtype)
        ).sample.clamp(-1, 1)

    @torch.no_grad()
    def condition(self, prompt: str) -> Condition:
        """The text encoder's output for `prompt` ("" is the null prompt): tokens x d. Computed once
        a prompt and kept.
        """
        if prompt not in self._conditions:
            length = self.text_encoder.config.max_position_embeddings
            tokens = self.tokenizer(
                prompt,
                padding="max_length",
                max_length=length,
                truncation=True,
                return_tensors="pt",
            )
            self._conditions[prompt] = self.text_encoder(tokens.input_ids.to(self.device))[0][0]
        return self._conditions[prompt]

    def noised(
        self, z: Float[Tensor, "b z h w"], t: int, noise: Float[Tensor, "b z h w"]
    ) -> Float[Tensor, "b z h w"]:
        """sqrt(abar_t) z + sqrt(1 - abar_t) noise."""
        steps = torch.full((len(z),), self._timestep(t), dtype=torch.long, device=z.device)
        return self.scheduler.add_noise(z, noise.to(z), steps)

    @torch.no_grad()
    def features(
        self,
        z: Float[Tensor, "b z h w"],
        t: int,
        condition: Condition | Float[Tensor, "b tokens d"],
        layers: Sequence[str],
    ) -> dict[str, Float[Tensor, "b c h2 w2"]]:
        """Outputs of the named modules of the U-Net at timestep `t`; the pass ends after the last
        of them.

        `layers` are module paths: "up_blocks.1", "mid_block", "up_blocks.1.attentions.0", ...
        Raises KeyError on an unknown one.
        """
        condition = condition.to(self.device, self.dtype)
        condition = condition if condition.ndim == 3 else condition.expand(len(z), -1, -1)
        with capture(self.unet, layers) as found:
            self.unet(
                z.to(self.device, self.dtype), self._timestep(t), encoder_hidden_states=condition
            )
        return dict(found)

    @torch.no_grad()
    def describe(
        self,
        posterior: Posterior,
        view_id: str,
        condition: Condition,
        *,
        layers: Sequence[str],
        timesteps: Sequence[int],
        ensemble: int = 8,
        sample: bool = True,
        noise: bool = True,
        seed: int = 0,
        noises: Tensor | None = None,
        at_once: int = 8,
    ) -> dict[tuple[str, int], Float[Tensor, "c h w"]]:
        """Features of one view at every (layer, timestep): the mean over `ensemble` members,
        `at_once` of which share a pass.

        Each member has its own posterior sample (`sample=False`: the mean) and its own noise
        (`noise=False`: the clean latent is fed at t, an ablation), drawn from (seed, view_id,
        member, t); or `noises`, 2 x ensemble x z x h x w (posterior, diffusion), serves every
        timestep. The mean is over raw features, summed in float32. *Source:* DIFT, `dift_sd.py`.
        """
        shape, result = tuple(posterior.mean.shape), {}
        members = range(
            ensemble if sample or noise else 1
        )  # without randomness all members are one
        for t in timesteps:
            if noises is None:
                draw = {
                    kind: torch.stack(
                        [noise_for(seed, view_id, m, t, shape, kind=kind) for m in members]
                    )
                    for kind, wanted in (("posterior", sample), ("diffusion", noise))
                    if wanted
                }
            else:
                draw = dict(zip(("posterior", "diffusion"), noises, strict=True))
            z = posterior.mean.expand(len(members), *shape)
            z = z + posterior.std * draw["posterior"].to(z) if sample else z
            z = self.noised(z, t, draw["diffusion"]) if noise else z
            passes = [
                self.features(part.contiguous(), t, condition, layers) for part in z.split(at_once)
            ]
            for layer in layers:
                result[layer, t] = torch.cat([found[layer].float() for found in passes]).mean(0)
        return result

    def require_size(self, size: Size) -> None:
        """Raise ValueError unless sides are positive multiples of `factor`, and memory suffices."""
        if all(side > 0 and side % self.factor == 0 for side in size):
            first = self.vae.config.block_out_channels[0]
            return require_memory(size, first * self.dtype.itemsize, self.device)
        near = tuple(max(self.factor, round(side / self.factor) * self.factor) for side in size)
        raise ValueError(
            f"input size is {size[0]} x {size[1]}; this model wants multiples of {self.factor}, "
            f"for example {near[0]} x {near[1]}"
        )

    def require_layers(self, layers: Sequence[str]) -> None:
        """Raise KeyError on a layer that this U-Net has not, with the nearest names."""
        modules_of(self.unet, layers)

    def _timestep(self, t: int) -> int:
        if not (isinstance(t, int | np.integer) and 0 <= t < self.timesteps):
            raise ValueError(
                f"timestep is {t!r}; wanted an integer from 0 (least noise) to "
                f"{self.timesteps - 1} (almost only noise)"
            )
        return int(t)

    def pipeline(self) -> Any:
        """The same networks as a StableDiffusionPipeline, to sample images from; its schedule is a
        copy, for sampling sets steps on it.
        """
        from diffusers import StableDiffusionPipeline

        pipe = StableDiffusionPipeline(
            self.vae,
            self.text_encoder,
            self.tokenizer,
            self.unet,
            type(self.scheduler).from_config(self.scheduler.config),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        pipe.set_progress_bar_config(disable=True)
        return pipe


def decoder_layers(unet: Any) -> list[str]:
    """The decoder's layers in order, as DIFT's sweep counts them: each resnet (with its attention),
    then each block's upsampler.

    Fifteen in Stable Diffusion: numbers 3, 7, 11 and 14 are the blocks' own outputs, so they are
    called "up_blocks.0" to ".3".
    """
    names = []
    for i, block in enumerate(unet.up_blocks):
        kind = "attentions" if getattr(block, "has_cross_attention", False) else "resnets"
        names += [f"up_blocks.{i}.{kind}.{j}" for j in range(len(block.resnets))]
        if getattr(block, "upsamplers", None):
            names.append(f"up_blocks.{i}")
        else:
            names[-1] = f"up_blocks.{i}"
    return names
