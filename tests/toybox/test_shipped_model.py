"""The shipped toy diffusion model: its architecture is Stable Diffusion's in small, and it still
does what its record says.
"""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from corrlib.backbones.diffusion import Diffuser
from corrlib.backbones.known_weights import MODELS
from data_scripts.toytrain.models import tokens
from data_scripts.toytrain.record import Observer
from data_scripts.toytrain.vae import quality

FOLDER = Path(__file__).parents[2] / "corrlib/assets/toybox/diffusion"
RECORD = json.loads((FOLDER / "training.json").read_text())
SECOND = FOLDER.parent / "second"  # another seed, on the same autoencoder
IMAGE = json.loads((FOLDER / "vae/config.json").read_text())["sample_size"]  # pixels a side


@pytest.fixture(scope="module")
def diffuser() -> Diffuser:
    return Diffuser.load("toybox")


def test_the_architecture_is_stable_diffusions_with_small_numbers(diffuser):
    unet, vae, text, scheduler = (
        diffuser.unet.config,
        diffuser.vae.config,
        diffuser.text_encoder.config,
        diffuser.scheduler.config,
    )
    assert tuple(unet.down_block_types) == ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",)
    assert tuple(unet.up_block_types) == ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3
    assert unet.layers_per_block == 2 and unet.cross_attention_dim == text.hidden_size
    assert vae.latent_channels == unet.in_channels == 4 and diffuser.factor in (4, 8)
    assert text.max_position_embeddings == 77
    assert (scheduler.beta_start, scheduler.beta_end, scheduler.beta_schedule) == (
        0.00085,
        0.012,
        "scaled_linear",
    )
    assert scheduler.num_train_timesteps == 1000


def test_the_tokenizer_knows_its_words_and_falls_back_to_bytes(diffuser):
    words = diffuser.tokenizer.tokenize("a photo of a turquoise and black striped pottedplant")
    assert words == [
        f"{w}</w>" for w in "a photo of a turquoise and black striped pottedplant".split()
    ]
    assert len(diffuser.tokenizer.tokenize("zebra")) > 1
    assert not torch.equal(
        diffuser.condition("a photo of a cat"), diffuser.condition("a photo of a bus")
    )


def test_all_assets_together_are_small_and_in_half_precision():
    files = [path for path in FOLDER.parent.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 50e6
    for path in files:
        if path.suffix == ".safetensors":
            kinds = {str(tensor.dtype) for tensor in load_file(path).values()}
            # prompts are small, and kept as they were taught
            whole = {"torch.float32"} if "prompts" in path.parts else set()
            assert kinds <= {"torch.float16", "torch.int64"} | whole, path
    assert {path.suffix for path in files} <= {
        ".safetensors",
        ".json",
        ".csv",
        ".md",
        ".png",
        ".parquet",
    }  # nothing that unpickles


@pytest.mark.parametrize("folder", [FOLDER, SECOND], ids=["first", "second"])
def test_the_card_states_what_the_record_holds(folder):
    record = json.loads((folder / "training.json").read_text())
    card = (folder / "README.md").read_text()
    assert f"{record['images_seen']:,} pictures seen" in card and record["hardware"] in card
    assert "python data_scripts/train_toy_diffusion.py" in card
    seen = [row["images"] for row in record["record"]]
    doublings = [1000 * 2**k for k in range(20) if 1000 * 2**k <= record["images_seen"]]
    assert (
        all(any(n <= row <= 1.05 * n for row in seen) for n in doublings)
        and seen[-1] == record["images_seen"]
    )


def test_the_second_run_has_another_seed_and_the_same_autoencoder(diffuser):
    record = json.loads((SECOND / "training.json").read_text())
    assert RECORD["recipe"]["seed"] != record["recipe"]["seed"]
    assert record["images_seen"] == pytest.approx(RECORD["images_seen"] / 4, rel=0.01)
    assert MODELS["toybox-second"].remake.removeprefix("python ") in " ".join(
        (SECOND / "README.md").read_text().replace(" --out build/train", "").split()
    )
    second = Diffuser.load("toybox-second")
    for one, other in zip(diffuser.vae.parameters(), second.vae.parameters(), strict=True):
        assert torch.equal(one, other)
    weights = (net.unet.conv_in.weight for net in (diffuser, second))
    assert not torch.allclose(*weights, atol=1e-2)


def test_the_autoencoder_keeps_more_than_a_linear_code_of_twice_its_size(diffuser):
    from corrlib.toybox.things import CATEGORIES
    from data_scripts.toytrain.pool import pictures

    images = torch.cat([pictures(c, 2, IMAGE, "held out", device="cpu")[0] for c in CATEGORIES])
    kept = quality(diffuser.vae, images)
    assert kept["vae"] == pytest.approx(RECORD["autoencoder"]["kept_percent"]["vae"], abs=1.0)
    assert kept["vae"] > kept["pca_8"]


def test_correspondence_is_what_the_training_record_ends_with(diffuser):
    """The record's last row, taken with full-precision weights while training, comes out of the
    shipped half-precision ones.
    """

    class Shipped:
        average = {"unet": diffuser.unet, "text": diffuser.text_encoder}

    observer = Observer(
        diffuser.vae,
        lambda lines: tokens(diffuser.tokenizer, lines),
        diffuser.scheduler.alphas_cumprod,
        diffuser.vae.config.scaling_factor,
        IMAGE,
        "cpu",
        RECORD["record"][-1].get("world", "hard"),
    )
    found, recorded = observer(Shipped)["pck"], RECORD["record"][-1]["pck"]
    assert recorded and found.keys() >= recorded.keys()
    for cell, value in recorded.items():
        assert found[cell] == pytest.approx(value, abs=1.5), cell
