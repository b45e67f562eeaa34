"""What every way of training shares: a folder's trainer, what watches it, and its export."""

import json
import os
import platform
from pathlib import Path

import torch

from data_scripts.toytrain import card, export, latents, models
from data_scripts.toytrain.diffusion import Recipe, Trainer
from data_scripts.toytrain.record import Observer


def trainer_of(
    out: Path, recipe: Recipe, image: int, device: str, *, compiled: bool = False
) -> Trainer:
    """The trainer of the folder `out`, where its checkpoint stands; nets for `image` pixels."""
    tokenizer = latents.tokenizer_of(out)
    torch.manual_seed(recipe.seed)
    unet, text = models.make_unet(image), models.make_text_encoder(tokenizer)
    alphas, empty = models.make_scheduler().alphas_cumprod, models.tokens(tokenizer, [""])[0]
    trainer = Trainer(unet, text, alphas, empty, recipe, device)
    if compiled:
        trainer.nets["unet"].compile()
    if trainer.resume(out / "diffusion.pt"):
        print(f"going on from {trainer.seen} images", flush=True)
    return trainer


def observer_of(out: Path, autoencoder, image: int, device: str) -> Observer:
    """What takes the validation PCK of the run in `out`."""
    tokenizer = latents.tokenizer_of(out)
    alphas = models.make_scheduler().alphas_cumprod
    scale = latents.scale_of(out)
    return Observer(
        autoencoder, lambda s: models.tokens(tokenizer, s), alphas, scale, image, device
    )


def export_run(out: Path, autoencoder, trainer: Trainer) -> None:
    """Write the averaged nets as a pipeline to `out`/diffusion, with the record and the card."""
    autoencoder.register_to_config(scaling_factor=latents.scale_of(out))
    unet, text = trainer.average["unet"], trainer.average["text"]
    sizes = {
        name: sum(p.numel() for p in net.parameters())
        for name, net in (("autoencoder", autoencoder), ("U-Net", unet), ("text encoder", text))
    }
    export.write(out / "diffusion", autoencoder, unet, text, latents.tokenizer_of(out))
    run = {
        "recipe": vars(trainer.recipe),
        "pool": trainer.history[-1]["pool"],
        "hardware": hardware(trainer.device),
        "torch": torch.__version__,
        "images_seen": trainer.seen,
        "steps": trainer.steps,
        "seconds": round(trainer.seconds),
        "autoencoder": json.loads((out / "autoencoder.json").read_text()),
        "history": trainer.history,
        "record": trainer.record,
        "curve": trainer.curve,
    }
    export.write_record(out / "diffusion", run)
    card.write_card(out / "diffusion", sizes)
    print(f"wrote {out / 'diffusion'}: {trainer.seen} images seen", flush=True)


def hardware(device: str) -> str:
    """What a run was done on, in words."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{os.cpu_count()} cores of a {platform.machine()} CPU"
