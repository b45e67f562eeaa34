"""Training the toy model: a killed run goes on where it stood, and losses fall."""

import pytest
import torch
from torch import nn

from data_scripts.toytrain import checkpoint, models, pool
from data_scripts.toytrain.diffusion import Latents, Recipe, Trainer

RECIPE = Recipe(images=64, batch=4, warmup=2, rate=1e-3)


class Text(nn.Module):
    """A one-layer stand-in for the text encoder: what the trainer needs of it is
    `.last_hidden_state`.
    """

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.embedding = nn.Embedding(50, 32)

    def forward(self, ids):
        return type("Output", (), {"last_hidden_state": self.embedding(ids)})


def make_trainer() -> Trainer:
    from diffusers import UNet2DConditionModel

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 16),
        layers_per_block=1,
        cross_attention_dim=32,
        norm_num_groups=8,
        attention_head_dim=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )
    return Trainer(
        unet,
        Text(),
        models.make_scheduler().alphas_cumprod,
        torch.zeros(77, dtype=torch.long),
        RECIPE,
        "cpu",
    )


@pytest.fixture
def data() -> Latents:
    g = torch.Generator().manual_seed(5)
    ids = torch.randint(50, (10, 77), generator=g).to(torch.int16)
    return Latents(torch.randn(10, 4, 8, 8, generator=g).half(), torch.full((4, 1, 1), 0.05), ids)


def test_a_killed_run_goes_on_as_if_nothing_had_happened(data, tmp_path):
    whole = make_trainer()
    for _ in range(8):
        whole.step(data)
    half = make_trainer()
    for _ in range(4):
        half.step(data)
    half.save(tmp_path / "x.pt")
    resumed = make_trainer()
    assert resumed.resume(tmp_path / "x.pt") and resumed.seen == 16
    for _ in range(4):
        resumed.step(data)
    for a, b in zip(whole.average.parameters(), resumed.average.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not make_trainer().resume(tmp_path / "nothing.pt")


def test_training_lowers_the_loss_and_records_each_doubling(data, tmp_path):
    trainer = make_trainer()
    trainer.recipe = Recipe(images=2400, batch=4, warmup=2, rate=3e-3)
    trainer.run(data, tmp_path / "x.pt", observe=lambda t: {"pck": {"up@1": 0.0}})
    assert [row["images"] for row in trainer.record] == [1000, 2000, 2400]
    assert trainer.record[-1]["loss"] < 0.8 * trainer.curve[0][1]
    assert (tmp_path / "x.pt").exists()


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
