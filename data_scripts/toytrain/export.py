"""Writing the trained parts as a folder that `StableDiffusionPipeline.from_pretrained` loads
offline, in half precision.
"""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from data_scripts.toytrain.models import make_scheduler


def write(
    folder: Path,
    vae: AutoencoderKL,
    unet: UNet2DConditionModel,
    text: CLIPTextModel,
    tokenizer: CLIPTokenizer,
) -> None:
    """Save the pipeline to `folder`."""
    pipeline = StableDiffusionPipeline(
        vae=vae,
        unet=unet,
        text_encoder=text,
        tokenizer=tokenizer,
        scheduler=make_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        image_encoder=None,
        requires_safety_checker=False,
    )
    pipeline.to(torch.float16).save_pretrained(folder, safe_serialization=True)


def write_record(folder: Path, record: dict) -> None:
    (folder / "training.json").write_text(json.dumps(record, indent=1) + "\n")
