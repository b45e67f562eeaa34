"""Folders with float16 files, and fp16 copies."""

import shutil

import torch
from conftest import save_folder, tiny_networks

from corrlib.backbones.diffusion import Diffuser


def test_float16_files_load_as_float32_and_bfloat16(tmp_path, tiny_diffuser):
    folder = save_folder(tmp_path / "half", tiny_networks(), half=True)
    model = Diffuser.load(folder)
    assert {
        p.dtype for net in (model.unet, model.vae, model.text_encoder) for p in net.parameters()
    } == {torch.float32}
    reference, ours = next(tiny_diffuser.unet.parameters()), next(model.unet.parameters())
    assert torch.equal(reference.half().float(), ours)
    assert len(model.tokenizer) == len(tiny_diffuser.tokenizer) > 100
    low = Diffuser.load(folder, dtype=torch.bfloat16)
    z, layers = torch.randn(1, 4, 16, 16), ["up_blocks.1"]
    a, b = (
        m.features(z, 101, m.condition("a cat"), layers)["up_blocks.1"].float()
        for m in (model, low)
    )
    assert 0 < (a - b).norm() / a.norm() < 0.05


def test_fp16_variant_files_are_found(tmp_path, tiny_folder):
    folder = tmp_path / "variant"
    shutil.copytree(tiny_folder, folder)
    for path in folder.glob("*/*.safetensors"):
        path.rename(path.with_name(path.stem + ".fp16.safetensors"))
    assert Diffuser.load(folder).unet.config.cross_attention_dim == 32
