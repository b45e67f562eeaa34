"""What a network's shape alone gives: the same model with a U-Net that was never trained."""

import torch

from corrlib.backbones.diffusion import Diffuser


def untrained(trained: Diffuser, seed: int = 0) -> Diffuser:
    """`trained` with a U-Net of the same shape, its weights drawn from `seed`; autoencoder and text
    encoder are the trained ones. The caller's random state stays as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet = type(trained.unet).from_config(trained.unet.config)
    return Diffuser(
        trained.vae,
        unet,
        trained.text_encoder,
        trained.tokenizer,
        trained.scheduler,
        device=trained.device,
        dtype=trained.dtype,
        fingerprint=trained.fingerprint,
    )
