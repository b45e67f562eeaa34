"""Beginning a run with another's weights: its checkpoints, or the pipeline that it exported."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from data_scripts.toytrain import checkpoint

NEEDED = ("vae.pt", "diffusion.pt")
CARRIED = (*NEEDED, "autoencoder.json", "scale.json")


def begin(folder: Path, out: Path) -> None:
    """Take over the weights in `folder` where `out` has none: both nets are convolutional, so that
    pictures of another size go on with them. Raises SystemExit where there are none.
    """
    if all((out / name).exists() for name in NEEDED):
        return
    if (folder / "model_index.json").is_file():
        from_export(folder, out)
    elif all((folder / name).is_file() for name in NEEDED):
        for name in CARRIED:
            if (folder / name).is_file():
                shutil.copyfile(folder / name, out / name)
        if (folder / "tokenizer").is_dir():
            shutil.copytree(folder / "tokenizer", out / "tokenizer", dirs_exist_ok=True)
    else:
        raise SystemExit(
            f"--begin: {folder} is neither the --out of a run that trained both nets "
            f"({', '.join(NEEDED)}) nor an exported pipeline (model_index.json)"
        )


def from_export(folder: Path, out: Path) -> None:
    """Checkpoints from an exported pipeline and its training.json: weights, tokenizer, the latents'
    scale and the record so far. The optimiser begins anew.
    """
    record = autoencoder_of(folder, out)
    unet = UNet2DConditionModel.from_pretrained(folder / "unet", torch_dtype=torch.float32)
    text = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32)
    nets = torch.nn.ModuleDict({"unet": unet, "text": text}).state_dict()
    kept = {key: record[key] for key in ("steps", "seconds", "record", "curve", "history")}
    checkpoint.save(
        {"nets": nets, "average": nets, "seen": record["images_seen"], **kept}, out / "diffusion.pt"
    )


def autoencoder_of(folder: Path, out: Path) -> dict[str, Any]:
    """Take the autoencoder, the latents' scale and the tokenizer of an exported pipeline, so that
    `out` trains a U-Net and a text encoder of its own on the same latents; its training.json.
    Raises SystemExit where `folder` is none.
    """
    if not (folder / "training.json").is_file():
        raise SystemExit(
            f"{folder} has no training.json: name a pipeline that train_toy_diffusion.py exported, "
            "corrlib/assets/toybox/diffusion for one"
        )
    record = json.loads((folder / "training.json").read_text())
    vae = AutoencoderKL.from_pretrained(folder / "vae", torch_dtype=torch.float32)
    CLIPTokenizer.from_pretrained(folder / "tokenizer").save_pretrained(out / "tokenizer")
    (out / "scale.json").write_text(json.dumps(vae.config.scaling_factor))
    of = {**record["autoencoder"], "taken_from": folder.as_posix()}
    (out / "autoencoder.json").write_text(json.dumps(of))
    checkpoint.save({"vae": vae.state_dict()}, out / "vae.pt")
    return record
