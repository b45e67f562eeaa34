"""Where weights are looked for, what is fetched, and that a revision is never another one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from corrlib.backbones import weights
from corrlib.backbones.known_weights import MODELS, Model, Source


def test_offline_names_every_address_and_the_command(tmp_path):
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path),
        "CORRLIB_WEIGHTS": "",
    }
    code = "from corrlib.backbones.weights import resolve; resolve('sd1-5')"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert run.returncode == 1
    for wanted in (
        "stable-diffusion-v1-5/stable-diffusion-v1-5@",
        "runwayml/stable-diffusion-v1-5@",
        "hf download ",
        "CORRLIB_W",
    ):
        assert wanted in run.stderr


def test_a_preset_is_found_where_the_environment_says(tmp_path, tiny_folder, monkeypatch):
    shutil.copytree(tiny_folder, tmp_path / "sd2-1")
    monkeypatch.setenv("CORRLIB_WEIGHTS", str(tmp_path))
    assert weights.resolve("sd2-1") == tmp_path / "sd2-1"


def test_fingerprint_follows_content_not_place(tmp_path, tiny_folder):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_folder, copy)
    before = weights.fingerprint(tiny_folder)
    assert before == weights.fingerprint(copy) and len(before) == 12
    config = copy / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace("0.012", "0.02"))
    assert weights.fingerprint(copy) != before


COMMIT, OTHER = "a" * 40, "b" * 40


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    """An empty cache of the hub's client."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("CORRLIB_WEIGHTS", raising=False)
    return tmp_path / "hub"


def cached(hub: Path, repo: str, commit: str, folder: Path, *refs: str) -> Path:
    """A snapshot in the hub's cache of what fetching takes: no .bin, no fp16 copy, no
    feature_extractor.
    """
    home = hub / f"models--{repo.replace('/', '--')}"
    shutil.copytree(folder, home / "snapshots" / commit)
    (home / "refs").mkdir(exist_ok=True)
    for ref in refs:
        (home / "refs" / ref).write_text(commit)
    return home / "snapshots" / commit


def test_what_was_fetched_is_found_again_without_a_network(hub, tiny_folder, monkeypatch):
    monkeypatch.setattr("huggingface_hub.snapshot_download", forbidden)
    source = MODELS["sd2-1"].sources[0]
    assert weights.locate("sd2-1") is None and weights.present(MODELS["sd2-1"]) is None
    place = cached(hub, source.repo, source.revision, tiny_folder)
    assert weights.locate("sd2-1") == weights.resolve("sd2-1") == place
    assert weights.present(MODELS["sd2-1"]) == place
    second = MODELS["sd1-5"].sources[1]
    place = cached(hub, second.repo, second.revision, tiny_folder)
    assert weights.resolve("sd1-5") == place


def forbidden(*_, **__):
    raise AssertionError("the network was asked")


def test_a_revision_is_never_served_from_another(hub, tiny_folder, monkeypatch):
    place = cached(hub, "me/model", COMMIT, tiny_folder, "main", "v1")
    for name in ("me/model", f"me/model@{COMMIT}", "me/model@main", "me/model@v1"):
        assert weights.resolve(name) == place
    asked = []

    def snapshot_download(repo, revision, **_):
        asked.append((repo, revision))
        raise OSError("no route to the hub")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    for revision in (OTHER, "v2"):
        assert weights.locate(f"me/model@{revision}") is None
        with pytest.raises(weights.WeightsError, match=f"me/model@{revision}.*not be fetched"):
            weights.resolve(f"me/model@{revision}")
    assert asked == [("me/model", OTHER), ("me/model", "v2")]
    cached(hub, MODELS["sd1-4"].sources[0].repo, COMMIT, tiny_folder, "main")
    assert weights.locate("sd1-4") is None  # the list names another commit


def test_a_fetching_that_broke_off_is_taken_up(hub, tiny_folder):
    place = cached(hub, "me/model", COMMIT, tiny_folder, "main")
    (place / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    assert weights.locate("me/model") is None
    shutil.copy(place / "vae" / "diffusion_pytorch_model.safetensors", place / "unet")
    path = place / "unet" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(weights.WeightsError, match="is truncated.*delete this folder"):
        weights.locate("me/model")
    assert weights.present(Model("me/model", 0, 0.0, (Source("me/model"),))) is None


def test_another_kind_is_refused_before_its_gigabytes_are_fetched(hub, tmp_path, monkeypatch):
    asked = []

    def snapshot_download(repo, allow_patterns, **_):
        asked.append(allow_patterns)
        (tmp_path / "xl" / "unet").mkdir(parents=True)
        config = '{"addition_embed_type": "text_time", "cross_attention_dim": 2048}'
        (tmp_path / "xl" / "unet" / "config.json").write_text(config)
        return str(tmp_path / "xl")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    with pytest.raises(weights.WeightsError, match="me/xl@main holds Stable Diffusion XL"):
        weights.resolve("me/xl")
    assert asked == [weights.SMALL_FILES]
    assert all(name.endswith((".json", "merges.txt")) for name in weights.SMALL_FILES)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sdxl", "Stable Diffusion XL is not supported"),
        ("SD-XL-turbo", "Stable Diffusion XL is not supported"),
        ("sd-turbo", "SD-Turbo has no name here.*stabilityai/sd-turbo@REVISION"),
        ("sd3.5", "diffusion transformers have no U-Net"),
        ("flux", "diffusion transformers have no U-Net"),
    ],
)
def test_names_that_people_try_are_answered(name, said):
    with pytest.raises(weights.WeightsError, match=f"no model {name!r}: {said}"):
        weights.resolve(name)
