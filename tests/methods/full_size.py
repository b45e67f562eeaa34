"""Stable Diffusion and DINOv2-B at their published sizes with random weights, for slow tests."""

import torch
from conftest import tiny_networks

from corrlib.backbones.diffusion import Diffuser
from corrlib.backbones.skeletons import published
from corrlib.backbones.vit import ViT


def diffuser(name: str, width: int, layers: int = 1, inner: int = 64, heads: int = 12) -> Diffuser:
    """The published U-Net and autoencoder of a preset; a text encoder of the U-Net's `width`, small
    where the test does not read it.
    """
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    unet, vae = published(name, "cpu")
    parts = tiny_networks()
    small = {"hidden_size": width, "intermediate_size": inner, "num_hidden_layers": layers}
    kept = parts["text_encoder"].config.to_dict()
    text = CLIPTextModel(CLIPTextConfig(**kept | small | {"num_attention_heads": heads}))
    return Diffuser(vae, unet, text, parts["tokenizer"], parts["scheduler"])


def vit() -> ViT:
    """DINOv2-B as it is published."""
    from transformers import Dinov2Config, Dinov2Model

    size = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}
    torch.manual_seed(1)
    return ViT(Dinov2Model(Dinov2Config(**size, image_size=518, patch_size=14)))
