"""Processes that train together stop at the same step."""

import itertools
from dataclasses import replace

import torch
from torch import distributed, multiprocessing

from tests.tiny_trainer import RECIPE, Watch, make_trainer, tiny_latents


def one_of_two(rank: int, folder) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2
    )
    trainer = make_trainer()
    trainer.recipe = replace(RECIPE, images=10**6)
    ticks = itertools.count()  # the second process's clock stands still
    trainer.run(
        tiny_latents(),
        folder / f"{rank}.pt",
        observe=Watch("hard"),
        seconds=3,
        clock=lambda: 0 if rank else next(ticks),
    )
    (folder / f"{rank}.txt").write_text(f"{trainer.steps} {trainer.seen}")
    distributed.destroy_process_group()


def test_processes_stop_at_the_same_step_whatever_their_clocks_say(tmp_path):
    multiprocessing.spawn(one_of_two, (tmp_path,), nprocs=2)
    said = [(tmp_path / f"{rank}.txt").read_text() for rank in range(2)]
    assert said == ["2 16", "2 16"]
