"""Two processes that share every step's pairs give one process' prompt."""

import os
import subprocess
import sys
from pathlib import Path

import torch

from corrlib.heads.bank import Item
from corrlib.heads.prompt_training import PromptFit, teach
from corrlib.heads.prompts import FixedPrompts, PromptSettings

ROOT = Path(__file__).parents[2]
FIT = PromptFit(pairs=3, at_once=1)


def run(steps: int = 3) -> tuple[FixedPrompts, list[float]]:
    """A training whose loss is written out here: items pull at the vectors by their points."""
    items = [Item("a", "b", *torch.full((2, 1, 2), float(i))) for i in range(4)]
    settings = PromptSettings("class", 3, tokens=2, categories=("a", "b"))
    prompts = FixedPrompts(settings, torch.ones(2, 2, 3))

    def loss(part, step):
        pulls = torch.stack([item.source_points.sum() - 2 for item in part])
        rows = torch.stack([prompts.vectors[int(pull) % 4 // 2].sum() for pull in pulls])
        return ((rows - pulls) ** 2).sum()

    return prompts, teach(prompts, items, steps, FIT, loss, progress=False).losses


def test_processes_share_the_pairs_of_a_step(tmp_path):
    prompts, losses = run()
    code = (
        "import torch; torch.distributed.init_process_group('gloo');"
        "from tests.heads.test_prompt_processes import run;"
        "prompts, losses = run();"
        f"torch.save((prompts.vectors.detach(), losses), r'{tmp_path}/' + "
        "str(torch.distributed.get_rank()) + '.pt')"
    )
    ports = {"MASTER_ADDR": "localhost", "MASTER_PORT": "29577", "WORLD_SIZE": "2"}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, **ports, "RANK": str(rank), "PYTHONPATH": str(ROOT)},
        )
        for rank in range(2)
    ]
    assert [process.wait(timeout=240) for process in started] == [0, 0]
    for rank in range(2):
        vectors, found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        torch.testing.assert_close(vectors, prompts.vectors.detach())
        torch.testing.assert_close(torch.tensor(found), torch.tensor(losses))
