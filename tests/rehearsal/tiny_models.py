"""Tiny random models in the structure and layout of what lies on the hub: Stable Diffusion 1.4, 1.5
and 2.1, DINOv2, and the heads of Diffusion Hyperfeatures. Names, shapes of the architecture, file
names and quirks are the published ones; channels are few, and weights are random.
"""

import json
import string
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from corrlib.heads.published_files import PUBLISHED

BETAS = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
SCHEDULE = BETAS | {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}
ONE = {
    "unet": {"attention_head_dim": 8, "cross_attention_dim": 32},
    "text": {"hidden_size": 32, "hidden_act": "quick_gelu"},
    "scheduler": SCHEDULE | {"_class_name": "PNDMScheduler", "skip_prk_steps": True},
}
TWO = {
    "unet": {
        "attention_head_dim": [1, 2, 4, 4],
        "cross_attention_dim": 64,
        "use_linear_projection": True,
    },
    "text": {"hidden_size": 64, "hidden_act": "gelu"},
    "scheduler": SCHEDULE | {"_class_name": "DDIMScheduler", "prediction_type": "v_prediction"},
}
KINDS = {"sd1-4": ONE, "sd1-5": ONE, "sd2-1": TWO, "sd2-1-base": TWO}
# What lies beside and must not be fetched: pickles, halves, other states, whole checkpoints.
NOT_WANTED = (
    "unet/diffusion_pytorch_model.bin",
    "unet/diffusion_pytorch_model.fp16.safetensors",
    "unet/diffusion_pytorch_model.non_ema.safetensors",
    "text_encoder/pytorch_model.bin",
    "safety_checker/model.safetensors",
    "model-pruned.safetensors",
)


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def tokenizer(folder: Path) -> int:
    """CLIP's tokenizer with letters for words; how many tokens it has."""
    letters = string.ascii_lowercase + string.digits + string.punctuation
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    ends = ["<|startoftext|>", "<|endoftext|>"]
    write_json(folder / "vocab.json", {word: i for i, word in enumerate([*words, *ends])})
    (folder / "merges.txt").write_text("#version: 0.2\n")
    special = {"bos_token": ends[0], "eos_token": ends[1], "unk_token": ends[1]}
    settings = {"model_max_length": 77, "pad_token": ends[1], "tokenizer_class": "CLIPTokenizer"}
    write_json(folder / "tokenizer_config.json", special | settings)
    write_json(folder / "special_tokens_map.json", special | {"pad_token": ends[1]})
    return len(words) + 2


def networks(kind: dict, words: int) -> dict[str, tuple[Any, dict]]:
    """U-Net, VAE and text encoder, each with its configuration."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    down, up = "CrossAttnDownBlock2D", "CrossAttnUpBlock2D"
    unet = {"_class_name": "UNet2DConditionModel", "sample_size": 32, "layers_per_block": 2}
    unet |= {"block_out_channels": [16, 32, 64, 64], "norm_num_groups": 8, "norm_eps": 1e-05}
    unet |= {"down_block_types": [down] * 3 + ["DownBlock2D"], **kind["unet"]}
    unet |= {"up_block_types": ["UpBlock2D"] + [up] * 3, "in_channels": 4, "out_channels": 4}
    vae = {"_class_name": "AutoencoderKL", "sample_size": 256, "layers_per_block": 2}
    vae |= {"block_out_channels": [8, 8, 16, 16], "norm_num_groups": 4, "latent_channels": 4}
    vae |= {"down_block_types": ["DownEncoderBlock2D"] * 4, "in_channels": 3, "out_channels": 3}
    vae |= {"up_block_types": ["UpDecoderBlock2D"] * 4}
    text = {"model_type": "clip_text_model", "architectures": ["CLIPTextModel"], **kind["text"]}
    text |= {"vocab_size": words, "num_hidden_layers": 2, "num_attention_heads": 4}
    text |= {"intermediate_size": 64, "max_position_embeddings": 77}
    text |= {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}
    config = CLIPTextConfig(**{k: v for k, v in text.items() if k != "architectures"})
    return {
        "unet": (UNet2DConditionModel.from_config(unet), unet),
        "vae": (AutoencoderKL.from_config(vae), vae),
        "text_encoder": (CLIPTextModel(config), text),
    }


def enliven(network: torch.nn.Module, seed: int) -> None:
    """Weights that keep the scale of what passes, so that no map is constant and none overflows."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in network.named_parameters():
        if weight.ndim > 1:
            weight.data.normal_(0, weight[0].numel() ** -0.5, generator=generator)
        elif name.endswith("bias"):
            weight.data.normal_(0, 0.1, generator=generator)


def published(part: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors under the names that the published files have, older than the libraries'."""
    old = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    found = {}
    for name, tensor in state.items():
        if part == "vae":
            for new, before in old.items():
                name = name.replace(new, before)
        if part == "text_encoder" and not name.startswith("text_model."):
            name = f"text_model.{name}"
        found[name] = tensor.contiguous()
    if part == "text_encoder":
        found["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    return found


def write_diffusion(folder: Path, name: str) -> None:
    """The repository of a Stable Diffusion, with what must not be fetched beside the rest."""
    kind, words = KINDS[name], tokenizer(folder / "tokenizer")
    for number, (part, (network, config)) in enumerate(networks(kind, words).items()):
        enliven(network, 10 * sorted(KINDS).index(name) + number)
        write_json(folder / part / "config.json", config)
        stem = "model" if part == "text_encoder" else "diffusion_pytorch_model"
        state = published(part, network.state_dict())
        save_file(state, folder / part / f"{stem}.safetensors", metadata={"format": "pt"})
    write_json(folder / "scheduler" / "scheduler_config.json", kind["scheduler"])
    write_json(folder / "feature_extractor" / "preprocessor_config.json", {"size": 224})
    write_json(folder / "model_index.json", {"_class_name": "StableDiffusionPipeline"})
    for file in NOT_WANTED:
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_bytes(b"not wanted")


def write_dino(folder: Path, name: str) -> None:
    """The repository of a DINOv2: patches of 14 at 518 pixels, twelve layers, few channels."""
    from transformers import Dinov2Config, Dinov2Model

    sizes = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 12}
    network = Dinov2Model(Dinov2Config(image_size=518, patch_size=14, mlp_ratio=2, **sizes))
    enliven(network, len(name))
    network.save_pretrained(folder)
    (folder / "pytorch_model.bin").write_bytes(b"not wanted")


def write_heads(folder: Path) -> None:
    """The heads that the authors of Diffusion Hyperfeatures published, for the tiny models: mixing
    weights of every level, and a bottleneck of three convolutions and a shortcut a layer.
    """
    widths, middle, width = (64, 64, 32, 16), 32, 96  # none of which is the width
    for number, (name, file) in enumerate(sorted(PUBLISHED.items())):
        steps, saved = (1, [0]) if "one-step" in name else (50, [49, *range(45, -1, -5)])
        generator = torch.Generator().manual_seed(number)
        state = {"mixing_weights": torch.randn(12 * len(saved), generator=generator)}
        for i in range(12):
            channels = widths[i // 3]
            shapes = {"conv1": (middle, channels, 1, 1), "conv2": (middle, middle, 3, 3)}
            shapes |= {"conv3": (width, middle, 1, 1), "shortcut": (width, channels, 1, 1)}
            for conv, shape in shapes.items():
                begin = f"bottleneck_layers.{i}.0.{conv}"
                drawn = torch.randn(shape, generator=generator)
                state[f"{begin}.weight"] = drawn / shape[1] ** 0.5
                state[f"{begin}.norm.weight"] = torch.ones(shape[0])
                state[f"{begin}.norm.bias"] = torch.zeros(shape[0])
        config = {"num_timesteps": steps, "save_timestep": saved, "diffusion_mode": "inversion"}
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        torch.save({"config": config, "aggregation_network": state}, folder / file)
