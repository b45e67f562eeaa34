"""Training the toy model: a killed run goes on where it stood, and losses fall."""

import pytest
import torch
from torch import nn

from data_scripts import (
    pilot_training,
    train_on_accelerator,
    train_sd_dino_head,
    train_toy_diffusion,
    train_toy_dino,
)
from data_scripts.toytrain import checkpoint, export, latents, models, optimizer, pool
from data_scripts.toytrain.begin import autoencoder_of, begin
from data_scripts.toytrain.diffusion import Latents, Recipe, due_after
from tests.tiny_trainer import RECIPE, Watch, make_trainer, tiny_latents


@pytest.fixture
def data() -> Latents:
    return tiny_latents()


@pytest.mark.parametrize("name", optimizer.NAMES)
def test_a_killed_run_goes_on_as_if_nothing_had_happened(data, tmp_path, name):
    whole = make_trainer(name)
    for _ in range(8):
        whole.step(data)
    half = make_trainer(name)
    for _ in range(4):
        half.step(data)
    half.save(tmp_path / "x.pt")
    resumed = make_trainer(name)
    assert resumed.resume(tmp_path / "x.pt") and resumed.seen == 16
    for _ in range(4):
        resumed.step(data)
    for a, b in zip(whole.average.parameters(), resumed.average.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not make_trainer().resume(tmp_path / "nothing.pt")


@pytest.mark.parametrize("name", optimizer.NAMES)
def test_training_lowers_the_loss_and_records_each_doubling(data, tmp_path, name):
    trainer = make_trainer(name)
    trainer.recipe = Recipe(images=2400, batch=4, warmup=2, rate=3e-3)
    trainer.run(data, tmp_path / "x.pt", observe=Watch("hard"))
    assert [row["images"] for row in trainer.record] == [1000, 2000, 2400]
    assert trainer.record[-1]["loss"] < 0.8 * trainer.curve[0][1]
    assert (tmp_path / "x.pt").exists()


def test_a_run_goes_on_in_another_world_and_the_record_says_so(data, tmp_path):
    trainer = make_trainer()
    trainer.run(data, tmp_path / "x.pt", observe=Watch("hard"))
    trainer.recipe = Recipe(images=128, batch=4, warmup=2)
    trainer.run(data, tmp_path / "x.pt", observe=Watch("calibrated"), every=24)
    found = [(row["images"], row["world"]) for row in trainer.record]
    # 64 images twice: the same weights, seen by pictures of the one world and of the other
    assert found == [
        (64, "hard"),
        (64, "calibrated"),
        (72, "calibrated"),
        (96, "calibrated"),
        (120, "calibrated"),
        (128, "calibrated"),
    ]
    assert [(start["from"], start["world"]) for start in trainer.history] == [
        (0, "hard"),
        (64, "calibrated"),
    ]


def test_the_record_waits_for_doublings_and_for_what_it_is_told():
    assert [due_after(n) for n in (0, 999, 1000, 3999, 4000)] == [1000, 1000, 2000, 4000, 8000]
    assert [due_after(n, 1500) for n in (0, 1000, 1500, 2000)] == [1000, 1500, 2000, 3000]


def export_of(folder, trainer) -> None:
    """A folder as the exporter writes it, from tiny nets."""
    from diffusers import AutoencoderKL
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(9)
    tokenizer = models.make_tokenizer(["a photo of a red cat"] * 4)
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            projection_dim=32,
            eos_token_id=tokenizer.eos_token_id,
        )
    )
    vae = AutoencoderKL(
        block_out_channels=(8,), norm_num_groups=4, latent_channels=4, scaling_factor=0.25
    )
    export.write(folder, vae, trainer.nets["unet"], text, tokenizer)
    record = {"images_seen": 64, "steps": 16, "seconds": 5, "record": [], "curve": [[4, 1.0]]}
    export.write_record(folder, {**record, "history": [], "autoencoder": {"steps": 1}})


def test_a_run_begins_with_an_exported_model(data, tmp_path):
    first = make_trainer()
    export_of(tmp_path / "model", first)
    begin(tmp_path / "model", tmp_path)
    assert latents.scale_of(tmp_path) == 0.25
    assert latents.tokenizer_of(tmp_path).tokenize("a red cat") == ["a</w>", "red</w>", "cat</w>"]
    state = checkpoint.load(tmp_path / "diffusion.pt", "cpu")
    assert (state["seen"], state["steps"]) == (64, 16)
    second = make_trainer()
    second.nets = nn.ModuleDict({"unet": second.nets["unet"]})
    second.average = nn.ModuleDict({"unet": second.average["unet"]})
    for part in ("nets", "average"):
        state[part] = {k: v for k, v in state[part].items() if k.startswith("unet")}
    checkpoint.save(state, tmp_path / "unet.pt")
    assert second.resume(tmp_path / "unet.pt") and second.seen == 64
    for one, two in zip(
        first.nets["unet"].parameters(), second.nets["unet"].parameters(), strict=True
    ):
        assert torch.equal(one.half().float(), two)
    assert second.rate() == pytest.approx(RECIPE.rate / 2 / 100)  # warms up again, at the end
    with pytest.raises(SystemExit, match="neither the --out of a run"):
        begin(tmp_path / "nothing", tmp_path / "elsewhere")


def test_a_run_may_take_the_autoencoder_alone(tmp_path):
    export_of(tmp_path / "model", make_trainer())
    (tmp_path / "out").mkdir()
    record = autoencoder_of(tmp_path / "model", tmp_path / "out")
    assert record["images_seen"] == 64 and latents.scale_of(tmp_path / "out") == 0.25
    assert checkpoint.load(tmp_path / "out/vae.pt", "cpu")["vae"]
    assert not (tmp_path / "out/diffusion.pt").exists()  # the U-Net begins at nothing
    with pytest.raises(SystemExit, match="corrlib/assets/toybox/diffusion for one"):
        autoencoder_of(tmp_path, tmp_path / "out")


def test_latents_are_encoded_chunk_by_chunk(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "EACH", 2)
    monkeypatch.setattr(pool, "CATEGORIES", ("cat",))
    pool.render_chunks(tmp_path, 2, 16, device="cpu")
    with pytest.raises(ValueError, match="0000.pt holds pictures of 16 pixels, wanted 24; name"):
        pool.render_chunks(tmp_path, 2, 24, device="cpu")
    vae = models.make_vae(16).eval()
    with pytest.raises(FileNotFoundError, match="--stage latents"):
        latents.load(tmp_path, "cpu")
    latents.encode(vae, tmp_path, 2, "cpu", (1, 2))
    latents.encode(vae, tmp_path, 2, "cpu")
    found = latents.load(tmp_path, "cpu")
    assert found.mean.shape == (4, 4, 4, 4) and found.ids.shape == (4, 77)
    first = checkpoint.load(tmp_path / "latents/0000.pt", "cpu")["mean"].float()
    assert latents.scale_of(tmp_path) == pytest.approx(1 / first.std().item())
    torch.testing.assert_close(
        found.mean[:2].float(), first * latents.scale_of(tmp_path), atol=2e-3, rtol=2e-3
    )


def test_the_rate_warms_up_holds_and_falls():
    trainer = make_trainer()
    rates = []
    for steps, seen in ((0, 0), (1, 4), (5, 20), (13, 52), (16, 64)):
        trainer.steps, trainer.seen = steps, seen
        rates.append(trainer.rate())
    assert rates[0] == pytest.approx(5e-4) and rates[1] == rates[2] == pytest.approx(1e-3)
    assert rates[2] > rates[3] > rates[4] == pytest.approx(1e-5)


def test_a_broken_write_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "x.pt"
    checkpoint.save({"step": 1}, path)

    def breaks(state, aside):
        aside.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", breaks)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save({"step": 2}, path)
    assert checkpoint.load(path, "cpu") == {"step": 1}


def test_chunks_of_the_pool_are_rendered_once_and_do_not_depend_on_the_shards(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(pool, "EACH", 1)
    monkeypatch.setattr(pool, "CATEGORIES", ("cat", "bus"))
    pool.render_chunks(tmp_path / "one", 2, 16, device="cpu")
    pool.render_chunks(tmp_path / "two", 2, 16, device="cpu", shard=(1, 2))
    pool.render_chunks(tmp_path / "two", 2, 16, device="cpu", shard=(0, 2))
    for i in range(2):
        (images, lines), (others, same) = (
            pool.load_chunk(tmp_path / name, i, "cpu") for name in ("one", "two")
        )
        assert torch.equal(images, others) and lines == same and images.shape == (2, 3, 16, 16)
    with pytest.raises(FileNotFoundError, match="--stage render"):
        pool.load_chunk(tmp_path / "one", 7, "cpu")


def test_the_tokenizer_is_learned_from_the_captions():
    lines = ["a photo of a red cat", "a photo of a blue bus seen from the left"] * 20
    tokenizer = models.make_tokenizer(lines)
    assert tokenizer.tokenize("a red bus") == ["a</w>", "red</w>", "bus</w>"]
    ids = models.tokens(tokenizer, ["", "a red bus"])
    assert (
        ids.shape == (2, 77)
        and ids[0, 0] == tokenizer.bos_token_id
        and ids[0, 1] == tokenizer.eos_token_id
    )


SCRIPTS = [pilot_training, train_on_accelerator, train_sd_dino_head]
SCRIPTS += [train_toy_diffusion, train_toy_dino]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda module: module.__name__)
def test_a_folder_of_one_s_own_is_left_alone(script, tmp_path, capsys):
    (tmp_path / "vae.pt").write_text("mine")
    device = [] if script is pilot_training else ["--device", "cpu"]
    assert script.main(["--out", str(tmp_path), *device]) == 2
    said = capsys.readouterr().err
    assert "holds vae.pt and was not begun by this command" in said and said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["vae.pt"]
    (tmp_path / "out").write_text("mine")
    assert script.main(["--out", str(tmp_path / "out"), *device]) == 2
    assert "out is a file; wanted a folder" in capsys.readouterr().err


@pytest.mark.parametrize("left", [0, 100, -100])
def test_a_damaged_checkpoint_is_named(tmp_path, left):
    path = tmp_path / "vae.pt"
    assert checkpoint.load(path, "cpu") is None
    checkpoint.save({"x": torch.arange(100)}, path)
    assert torch.equal(checkpoint.load(path, "cpu")["x"], torch.arange(100))
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(ValueError, match="vae.pt is no checkpoint that can be read .*delete it"):
        checkpoint.load(path, "cpu")
