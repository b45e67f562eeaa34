"""What moves the toy diffusion model's weights: which of them are matrices, how long steps are,
and processes that share the work.
"""

import pytest
import torch
from torch import distributed, multiprocessing, nn

from data_scripts.toytrain.optimizer import Optimizer, matrices_of


def nets() -> nn.ModuleDict:
    """A few weights of every kind."""
    torch.manual_seed(0)
    unet = nn.Sequential()
    unet.add_module("conv_in", nn.Conv2d(4, 8, 3))
    unet.add_module("middle", nn.Conv2d(8, 16, 3))
    unet.add_module("norm", nn.GroupNorm(4, 16))
    unet.add_module("proj", nn.Linear(16, 24))
    unet.add_module("conv_out", nn.Conv2d(24, 4, 3))
    return nn.ModuleDict({"unet": unet, "text": nn.ModuleDict({"embedding": nn.Embedding(50, 8)})})


def steps(optimizer: Optimizer, weights: nn.Module, count: int = 3, rate: float = 0.01) -> None:
    """The same gradients for whoever asks."""
    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        for weight in weights.parameters():
            weight.grad = torch.randn(weight.shape, generator=generator)
        optimizer.step(rate)


def test_matrices_are_what_is_inside():
    weights = nets()
    names = {id(p): name for name, p in weights.named_parameters()}
    found = {names[id(p)] for p in matrices_of(weights)}
    assert found == {"unet.middle.weight", "unet.proj.weight"}


def test_a_step_of_muon_is_orthogonal_and_as_long_as_one_of_adamw():
    weights = nets()
    before = {name: p.detach().clone() for name, p in weights.named_parameters()}
    steps(Optimizer(weights, "muon", 0.01), weights, count=1)
    for name, p in weights.named_parameters():
        moved = (p.detach() - before[name] * (1 - 0.01 * 0.01)).flatten(1) if p.ndim > 1 else None
        if name in ("unet.middle.weight", "unet.proj.weight"):
            # Newton-Schulz leaves singular values between 0.7 and 1.2 and so
            values = torch.linalg.svdvals(moved) / (0.01 * 0.2 * max(moved.shape) ** 0.5)
            assert 0.5 < values.min() and values.max() < 1.5
        elif moved is not None:
            torch.testing.assert_close(moved.abs(), torch.full_like(moved, 0.01), rtol=1e-3, atol=0)


def test_another_optimizers_state_is_left():
    weights = nets()
    muon, adamw = (Optimizer(weights, name, 0.01) for name in ("muon", "adamw"))
    assert not muon.load_state_dict(adamw.state_dict()) and not adamw.load_state_dict({})
    assert adamw.load_state_dict(adamw.state_dict())


def test_an_unknown_name():
    with pytest.raises(ValueError, match="no optimizer 'lion'; there are adamw, muon"):
        Optimizer(nets(), "lion", 0.01)


def one_of_two(rank: int, folder) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2
    )
    weights = nets()
    steps(Optimizer(weights, "muon", 0.01, rank, 2), weights)
    torch.save(weights.state_dict(), folder / f"{rank}.pt")
    distributed.destroy_process_group()


def test_two_processes_share_the_matrices_and_have_the_same_weights_as_one(tmp_path):
    multiprocessing.spawn(one_of_two, (tmp_path,), nprocs=2)
    weights = nets()
    steps(Optimizer(weights, "muon", 0.01), weights)
    for rank in range(2):
        theirs = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for name, wanted in weights.state_dict().items():
            torch.testing.assert_close(theirs[name], wanted, msg=name)
