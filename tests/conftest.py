"""Shared by all tests: one thread, no network, and a tiny Stable Diffusion folder with random
weights.
"""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import json
import string
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from corrlib.types import View

torch.set_num_threads(1)


def pytest_collection_modifyitems(config, items):
    """Full-size tests run only when asked for by `-m slow`."""
    if "slow" not in config.option.markexpr:
        skip = pytest.mark.skip(
            reason="full-size models with random weights, minutes and 8 GB of memory: add -m slow"
        )
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(skip)


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """A smooth colourful random picture: no two places look alike."""
    noise = np.random.default_rng(seed).integers(
        0, 256, (max(height // 8, 2), max(width // 8, 2), 3), dtype=np.uint8
    )
    return (
        Image.fromarray(noise)
        .resize((width, height), Image.Resampling.BICUBIC)
        .filter(ImageFilter.GaussianBlur(1))
    )


def picture_view(width: int, height: int, seed: int = 0, category: str | None = None) -> View:
    """`picture` as a view whose id names its seed and size."""
    return View(
        f"picture-{seed}-{width}x{height}",
        (width, height),
        category,
        pixels=picture(width, height, seed),
    )


def tiny_networks(vae_levels: int = 3, seed: int = 0):
    """U-Net (channels 32, 32, 64, 64), VAE with factor 2^(levels - 1), and CLIP text model, all
    random; a character tokenizer.
    """
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(seed)
    unet = UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(32, 32, 64, 64),
        layers_per_block=2,
        cross_attention_dim=32,
        attention_head_dim=2,
        norm_num_groups=16,
    )
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * vae_levels,
        up_block_types=("UpDecoderBlock2D",) * vae_levels,
        block_out_channels=(16,) * vae_levels,
        norm_num_groups=8,
        layers_per_block=1,
        latent_channels=4,
        sample_size=64,
    )
    letters = string.ascii_lowercase + string.digits + string.punctuation
    tokens = [
        *letters,
        *(letter + "</w>" for letter in letters),
        "<|startoftext|>",
        "<|endoftext|>",
    ]
    tokenizer = CLIPTokenizer(
        vocab={token: i for i, token in enumerate(tokens)}, merges=[], model_max_length=77
    )
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokens),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=77,
            bos_token_id=len(tokens) - 2,
            eos_token_id=len(tokens) - 1,
            pad_token_id=len(tokens) - 1,
        )
    )
    betas = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    scheduler = DDIMScheduler(
        **betas, clip_sample=False, steps_offset=1, prediction_type="v_prediction"
    )
    return {
        "vae": vae,
        "unet": unet,
        "text_encoder": text,
        "tokenizer": tokenizer,
        "scheduler": scheduler,
    }


def save_folder(folder: Path, parts: dict, half: bool = False) -> Path:
    """Save the parts in diffusers' layout, the networks in float16 if `half`."""
    for name, part in parts.items():
        if half and isinstance(part, torch.nn.Module):
            part = part.half()
        part.save_pretrained(folder / name)
    return folder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory) -> Path:
    """A folder in diffusers' layout: VAE factor 4, U-Net channels 32, 32, 64, 64, float32."""
    return save_folder(tmp_path_factory.mktemp("tiny"), tiny_networks())


@pytest.fixture(scope="session")
def tiny_diffuser(tiny_folder):
    """The tiny model, loaded once."""
    from corrlib.backbones.diffusion import Diffuser

    return Diffuser.load(tiny_folder)


@pytest.fixture
def env(tiny_diffuser):
    """What methods share in a run, with the tiny model for the toybox's."""
    from corrlib.methods.base import Env

    return Env(models={"toybox": tiny_diffuser})


@pytest.fixture(scope="session")
def tiny_vit_folder(tmp_path_factory) -> Path:
    """A random `Dinov2Model` as `save_pretrained` writes it: patches of 4 at 48 pixels, 3 layers of
    32 channels.
    """
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(0)
    config = Dinov2Config(
        image_size=48, patch_size=4, hidden_size=32, num_hidden_layers=3, num_attention_heads=4
    )
    folder = tmp_path_factory.mktemp("vit")
    Dinov2Model(config).save_pretrained(folder)
    return folder


@pytest.fixture
def profile(tmp_path):
    """A profile in a folder of its own, with one executed notebook and one table."""
    import yaml

    from corrlib.experiments.profiles import load_profile

    for name in (
        "profiles",
        "corrlib",
        "build/toybox/notebooks",
        "build/toybox/values",
        "build/toybox/tables",
    ):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "profiles/toybox.yml").write_text(
        yaml.safe_dump({"about": "a test", "front": {"one": "First", "two": "Second"}})
    )
    cells = [{"cell_type": "markdown", "metadata": {}, "source": ["# A title\n", "\n", "Text."]}]
    (tmp_path / "build/toybox/notebooks/03_dift.ipynb").write_text(json.dumps({"cells": cells}))
    (tmp_path / "build/toybox/values/03_dift.json").write_text(
        json.dumps({"values": {"pck_all": "41.3"}})
    )
    (tmp_path / "build/toybox/tables/results.csv").write_text(
        "name,per point,per image,per category\none,1.0,2.0,3.0\n"
    )
    return load_profile("toybox", tmp_path)


def toy_dogs(folder: Path):
    """Six pairs of four toy dogs, written in SPair-71k's layout under `folder` and read again."""
    from corrlib import data
    from corrlib.toybox.sets import spair
    from corrlib.toybox.writing.spair import write_split

    root = folder / "SPair-71k"
    few = spair.World("calibrated", {"val": spair.Plan(4, 6)})
    chosen = spair.work(few, root, ("val", "dog"), 0)
    write_split(root, "val", chosen, small=1)
    return data.load("spair", root, "val")


@pytest.fixture(scope="session")
def calls():
    """Counts the functions that `work` calls: a measure of cost that no busy machine changes. Work
    on whole columns calls as many for a hundred thousand rows as for a few.
    """

    def count(work) -> int:
        found = 0

        def see(frame, event, argument):
            nonlocal found
            found += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(see)
        try:
            work()
        finally:
            sys.setprofile(before)
        return found

    return count
