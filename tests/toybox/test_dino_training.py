"""Training the toy DINO: a killed run gives the same numbers, losses fall, crops and masks are what
they say, and one command writes a folder that loads offline.
"""

import json
import math
import sys
from dataclasses import replace

import pytest
import torch

from data_scripts import train_toy_dino
from data_scripts.toydino import crops, observe, training
from data_scripts.toydino.model import Head, make_vit
from data_scripts.toydino.training import Recipe, Trainer
from data_scripts.toytrain import checkpoint, pool, validation

RECIPE = Recipe(images=64, batch=4, warmup=2, wide=16, narrow=8, narrows=2, still=2, points=6)


def make_trainer(recipe: Recipe = RECIPE) -> Trainer:
    torch.manual_seed(0)
    return Trainer(make_vit(16, 4, 32, 2), Head(32, 24, 32, 16), recipe, "cpu")


@pytest.fixture
def images() -> torch.Tensor:
    blobs = torch.rand(12, 3, 5, 5, generator=torch.Generator().manual_seed(5))
    large = torch.nn.functional.interpolate(blobs, size=20, mode="bicubic").clamp(0, 1)
    return (255 * large).round().to(torch.uint8)


def test_a_killed_run_goes_on_as_if_nothing_had_happened(images, tmp_path):
    whole = make_trainer()
    losses = [whole.step(images) for _ in range(8)]
    half = make_trainer()
    for _ in range(4):
        half.step(images)
    half.save(tmp_path / "x.pt")
    resumed = make_trainer()
    assert resumed.resume(tmp_path / "x.pt") and resumed.seen == 16
    again = [resumed.step(images) for _ in range(4)]
    assert torch.equal(torch.stack(again), torch.stack(losses[4:]))
    for a, b in zip(whole.teacher.parameters(), resumed.teacher.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not make_trainer().resume(tmp_path / "nothing.pt")


def test_a_seed_decides_all_numbers(images):
    first, second = (make_trainer().step(images) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, make_trainer(replace(RECIPE, seed=1)).step(images))


def test_the_student_learns_and_the_teacher_does_not_collapse(images, tmp_path):
    trainer = make_trainer(replace(RECIPE, images=1200, rate=3e-3, keep=0.9, batch=8))
    seen = []
    trainer.run(images, tmp_path / "x.pt", observe=lambda t: seen.append(t.seen) or {"pck": {}})
    assert seen == [0, 1000, 1200]
    assert [row["images"] for row in trainer.record] == seen and trainer.record[0]["losses"] is None
    first, last = trainer.curve[0], trainer.record[-1]["losses"]
    assert sum(last) < 0.9 * sum(first[1:])
    x = crops.recolour(images.float() / 255, torch.Generator().manual_seed(0))
    with torch.no_grad():
        tokens = trainer.teacher(x[:, :, :16, :16])
        chosen = trainer.teacher.head(tokens[:, 0]) / RECIPE.sharp
    means = training._balanced(chosen).mean(0)
    entropy = -(means * means.clamp(min=1e-9).log()).sum()
    assert entropy > 0.3 * math.log(24), "one prototype for all pictures"
    again = make_trainer(trainer.recipe)
    again.resume(tmp_path / "x.pt")
    again.run(images, tmp_path / "x.pt", observe=lambda t: pytest.fail("nothing is left to do"))


def test_balanced_rows_use_all_prototypes_alike():
    logits = torch.randn(200, 10, generator=torch.Generator().manual_seed(0)) + 5 * torch.eye(10)[0]
    rows = training._balanced(logits, rounds=50)
    torch.testing.assert_close(rows.sum(1), torch.ones(200))
    torch.testing.assert_close(rows.mean(0), torch.full((10,), 0.1), atol=1e-4, rtol=0)
    assert training._balanced(logits[:0]).shape == (0, 10)


def test_only_the_student_is_taught_and_the_teacher_is_its_average(images):
    trainer = make_trainer(replace(RECIPE, keep=0.75))
    before = [p.clone() for p in trainer.teacher.parameters()]
    prototypes = trainer.student.head.prototypes.clone()
    trainer.step(images)
    weight = 0.25 * (1 + math.cos(math.pi * trainer.seen / trainer.recipe.images)) / 2
    for old, now, student in zip(
        before, trainer.teacher.parameters(), trainer.student.parameters(), strict=True
    ):
        torch.testing.assert_close(now, old + weight * (student - old))
    assert torch.equal(trainer.student.head.prototypes, prototypes), "still for two steps"
    trainer.step(images), trainer.step(images)
    assert not torch.equal(trainer.student.head.prototypes, prototypes)


def test_crops_are_parts_of_the_picture_of_the_area_asked_for():
    ramp = torch.arange(64).float()
    picture = torch.stack([ramp.expand(64, 64), ramp[:, None].expand(64, 64), ramp.expand(64, 64)])
    images = (picture * 4).round().to(torch.uint8).expand(200, 3, 64, 64)
    box = crops.boxes(200, (0.25, 0.25), torch.Generator().manual_seed(0), "cpu")
    cut = crops.cut(images, box, 32) * 255 / 4
    width = (cut[:, 0, 16, -1] - cut[:, 0, 16, 0]) * 32 / 31 / 64
    height = (cut[:, 1, -1, 16] - cut[:, 1, 0, 16]) * 32 / 31 / 64
    assert ((width * height - 0.25).abs() < 0.03).all() and cut.min() >= 0 and cut.max() < 64
    assert 0.7 < (width / height).min() < 0.85 and 1.2 < (width / height).max() < 1.4
    places = cut[:, 0, 16, 16]
    assert places.min() < 20 and places.max() > 44
    whole = crops.boxes(1, (1.0, 1.0), torch.Generator().manual_seed(3), "cpu")
    assert crops.cut(images[:1], whole, 64).shape == (1, 3, 64, 64)


def test_a_patch_is_found_at_its_place_in_the_other_crop():
    ramp = torch.arange(64).float()
    picture = torch.stack([ramp.expand(64, 64), ramp[:, None].expand(64, 64), ramp.expand(64, 64)])
    images = (picture * 4).round().to(torch.uint8).expand(40, 3, 64, 64)
    generator = torch.Generator().manual_seed(1)
    here, there = (crops.boxes(40, (0.3, 0.9), generator, "cpu") for _ in range(2))
    places = crops.across(here, there, 8)
    inside = (places.abs() < 0.9).all(-1)
    assert 0.2 < inside.float().mean() < 1
    mine = crops.cut(images, here, 8).flatten(2).transpose(1, 2)
    theirs = training._read(crops.cut(images, there, 32).flatten(2).transpose(1, 2), places)
    assert ((mine - theirs)[inside].abs() * 255 / 4 < 1.5).all(), "pixels of the picture"
    torch.testing.assert_close(crops.across(here, here, 8)[0, 0], torch.full((2,), -0.875))


def test_hue_turns_about_grey():
    gray = torch.full((1, 3, 2, 2), 0.4)
    angle = torch.full((1, 1, 1, 1), 2 * math.pi / 3)
    torch.testing.assert_close(crops._turn_hue(gray, angle), gray)
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    turned = crops._turn_hue(red, angle).flatten()
    torch.testing.assert_close(turned, torch.tensor([0.0, 1.0, 0.0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(crops._turn_hue(red, 0 * angle), red)


def test_masks_are_blocks_in_half_of_the_pictures():
    hidden = crops.masks(400, 8, torch.Generator().manual_seed(0), "cpu")
    share = hidden.float().mean(1)
    assert 0.4 < (share > 0).float().mean() < 0.6
    assert share.max() <= 0.65 and share[share > 0].mean() > 0.15
    assert not crops.masks(9, 8, torch.Generator().manual_seed(0), "cpu", share=0).any()


@pytest.fixture
def small_world(monkeypatch):
    monkeypatch.setattr(pool, "EACH", 1)
    for module in (pool, validation):
        monkeypatch.setattr(module, "CATEGORIES", ("cat", "bus"))
    monkeypatch.setattr(observe, "IMAGES", 2)


def test_one_command_trains_resumes_and_writes_a_folder_that_loads_offline(
    small_world, tmp_path, monkeypatch, capsys
):
    from transformers import Dinov2Model

    sizes = {"image": 24, "patch": 4, "width": 32, "depth": 2, "wide": 16, "narrow": 8}
    work = {"narrows": 1, "batch": 4, "images": 24, "chunks": 1, "threads": 1, "warmup": 2}
    options = [f"--{name}={value}" for name, value in (sizes | work).items()]
    run = ["train_toy_dino.py", f"--out={tmp_path / 'out'}", "--device=cpu", *options]
    monkeypatch.setattr(sys, "argv", [*run, "--seconds=0"])
    assert train_toy_dino.main() == 0
    monkeypatch.setattr(sys, "argv", run)
    assert train_toy_dino.main() == 0
    assert "going on from 0 images" in capsys.readouterr().out
    folder = tmp_path / "out" / "dino"
    record = json.loads((folder / "training.json").read_text())
    assert [row["images"] for row in record["record"]] == [0, 24] and record["steps"] == 6
    assert set(record["record"][0]["pck"]) == {"token@0", "key@0", "token@1", "key@1"}
    assert (folder / "training.png").stat().st_size > 5000
    card = (folder / "README.md").read_text()
    assert "| 24 | " in card and "patches of 4 x 4 pixels at 24 x 24" in card
    model = Dinov2Model.from_pretrained(folder, local_files_only=True)
    state = checkpoint.load(tmp_path / "out" / "dino.pt", "cpu")["teacher"]
    kept = model.state_dict()["encoder.layer.1.attention.k_proj.weight"]
    torch.testing.assert_close(
        kept.float(), state["vit.encoder.layer.1.attention.k_proj.weight"], rtol=1e-3, atol=1e-4
    )


def test_the_observer_scores_pixels_and_every_layer_alike(small_world):
    watch = observe.Observer(24, "cpu")
    assert watch.validation.score(torch.rand(4, 3, 6, 6)) <= 100
    shown = watch(make_trainer())
    assert set(shown["pck"]) == {"token@0", "key@0", "token@1", "key@1"}
    assert shown["pixels"] == watch.pixels
    patches = observe._patches(torch.arange(48.0).view(1, 3, 4, 4))
    assert patches.shape == (1, 192, 1, 1)
