"""Heads in the authors' layout, played by a file of the same keys and random weights."""

import pytest
import torch

from corrlib.heads import files, published, published_files
from corrlib.heads.aggregation import HeadSettings
from corrlib.heads.published import levels_of

INVERSION = {
    "num_timesteps": 50,
    "save_timestep": [49, 45, 40, 35, 30, 25, 20, 15, 10, 5, 0],
    "projection_dim": 64,
    "diffusion_mode": "inversion",
    "model_id": "runwayml/stable-diffusion-v1-5",
    "prompt": "",
    "lr": 1e-3,
}
LEVELS = (-1, 60, 160, 260, 360, 460, 560, 660, 760, 860, 960)
LAYERS = tuple(f"up_blocks.{i}.resnets.{j}.conv2" for i in range(4) for j in range(3))
CHANNELS = (16,) * 6 + (12,) * 3 + (8,) * 3


def state(steps: int = 11) -> dict:
    """A state dict as the released network has it, written out here by its names and shapes."""
    g = torch.Generator().manual_seed(0)
    found = {"mixing_weights": torch.randn(12 * steps, generator=g)}
    for i, c in enumerate(CHANNELS):
        for conv, shape in {
            "conv1": (32, c, 1, 1),
            "conv2": (32, 32, 3, 3),
            "conv3": (64, 32, 1, 1),
            "shortcut": (64, c, 1, 1),
        }.items():
            name = f"bottleneck_layers.{i}.0.{conv}"
            found[f"{name}.weight"] = torch.randn(shape, generator=g)
            found[f"{name}.norm.weight"] = torch.randn(shape[0], generator=g)
            found[f"{name}.norm.bias"] = torch.randn(shape[0], generator=g)
    return found


def write(path, **held):
    torch.save({"config": INVERSION, "aggregation_network": state(), "step": 4000, **held}, path)
    return path


def test_a_published_file_is_a_head_of_ours(tmp_path):
    head = published.load(write(tmp_path / "a.pt"), (16, 16))
    assert head.settings == HeadSettings(LAYERS, CHANNELS, LEVELS, (16, 16), 64, 32, 32)
    assert not head.training
    for name, values in state().items():
        assert torch.equal(head.state_dict()[name], values)
    again = files.load(files.save(head, tmp_path / "a.safetensors"))
    assert again.settings == head.settings and files.fingerprint(again) == files.fingerprint(head)


def test_its_weights_run_over_layers_first_from_clean_to_noisy(tmp_path):
    weights = state()["mixing_weights"]
    head = published.load(write(tmp_path / "a.pt"))
    number, layer = divmod(int(weights.argmax()), 12)
    assert head.largest(1) == [(number, LAYERS[layer])]
    assert head.settings.cells[int(weights.argmax())] == (LAYERS[layer], LEVELS[number])


def test_the_levels_of_other_configurations():
    one = {**INVERSION, "num_timesteps": 1, "save_timestep": [0]}
    assert levels_of(one) == (-1,)
    drawn = {**INVERSION, "diffusion_mode": "generation"}
    assert levels_of(drawn) == (0, 80, 180, 280, 380, 480, 580, 680, 780, 880, 980)
    drawn["save_timestep"] = INVERSION["save_timestep"][::-1]
    assert levels_of(drawn)[0] == 980


def test_one_step_and_fewer_layers(tmp_path):
    config = {**INVERSION, "num_timesteps": 1, "save_timestep": [0]}
    path = write(tmp_path / "a.pt", config=config, aggregation_network=state(1))
    assert published.load(path).settings.timesteps == (-1,)
    few = {k: v for k, v in state(1).items() if "layers." not in k or ".layers.0." in k}
    few = {k: v for k, v in state(1).items() if not k.startswith("bottleneck") or "s.0.0." in k}
    few["mixing_weights"] = torch.ones(1)
    path = write(tmp_path / "b.pt", config={**config, "idxs": [[1, 0]]}, aggregation_network=few)
    assert published.load(path).settings.layers == ("up_blocks.1.resnets.0.conv2",)


class Anything:
    """What must not be unpickled."""


def test_wrong_files_are_explained(tmp_path):
    with pytest.raises(FileNotFoundError, match="no head at .*published-one-step"):
        published.load(tmp_path / "none.pt")
    (tmp_path / "text.pt").write_text("no")
    with pytest.raises(ValueError, match="text.pt is no PyTorch file"):
        published.load(tmp_path / "text.pt")
    with pytest.raises(ValueError, match="bad.pt is no PyTorch file of tensors and plain values"):
        published.load(write(tmp_path / "bad.pt", config=Anything()))
    torch.save(state(), tmp_path / "bare.pt")
    with pytest.raises(ValueError, match="lacks aggregation_network, config"):
        published.load(tmp_path / "bare.pt")
    for changes, words in (
        ({"config": {}}, "lacks num_timesteps, save_timestep"),
        ({"config": {**INVERSION, "save_timestep": [0]}}, "132 mixing weights, but .* 1 timesteps"),
        ({"aggregation_network": {"mixing_weights": torch.ones(1)}}, "no aggregation head"),
        ({"aggregation_network": {**state(), "extra": torch.ones(1)}}, "of another network"),
    ):
        with pytest.raises(ValueError, match=words):
            published.load(write(tmp_path / "wrong.pt", **changes))


def test_a_name_says_how_to_fetch_it(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(FileNotFoundError) as error:
        published_files.locate("published-one-step")
    command = "python data_scripts/fetch.py weights published-one-step --out FOLDER"
    assert command in str(error.value) and "\n" not in str(error.value)


def test_a_head_that_was_copied_here_is_found_without_a_network(monkeypatch, tmp_path):
    file = tmp_path / published_files.FOLDER / published_files.PUBLISHED["published"]
    file.parent.mkdir(parents=True)
    write(file)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CORRLIB_WEIGHTS", str(tmp_path))
    assert published_files.locate("published") == file
    assert published_files.cached("published", tmp_path / "other") is None
    assert published_files.cached("published-one-step") is None
