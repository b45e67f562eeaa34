"""The pretended GPU refuses what CUDA refuses, and computes what the CPU computes."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = """
import torch
from tests.rehearsal import pretend_cuda

pretend_cuda.install()


def refused(words, call):
    try:
        call()
    except (TypeError, RuntimeError) as error:
        assert words in str(error), error
        return
    raise AssertionError(f"{words}: not refused")


x = torch.arange(6.0, device="cuda").reshape(2, 3)
assert x.device == torch.device("cuda:0") and x.is_cuda and (x + 1).device.type == "cuda"
refused("to numpy", (x + 1).numpy)
refused("same device", lambda: x + torch.ones(2, 3))
refused("same device", lambda: torch.cat([x, torch.ones(2, 3)]))
refused("generator", lambda: torch.randn(3, device="cuda", generator=torch.Generator()))
refused("indices", lambda: torch.ones(3)[torch.tensor([0], device="cuda")])
assert (x * torch.tensor(2.0)).sum().item() == 30 and x.cpu().numpy().sum() == 15
x[0] = torch.tensor([1.0, 2.0, 3.0])
assert x.tolist()[0] == [1, 2, 3] and x.to("cpu").device.type == "cpu"
assert torch.zeros(2).to(x).device.type == "cuda" and torch.zeros_like(x, device="cpu").sum() == 0
layer = torch.nn.Linear(3, 1).to("cuda")
refused("same device", lambda: layer(torch.ones(1, 3)))
assert torch.nn.Linear(3, 1).to(device="cuda", dtype=torch.float16).weight.device.type == "cuda"
before = layer.weight.detach().clone()
optimizer = torch.optim.Adam(layer.parameters())
layer(x).sum().backward()
optimizer.step()
assert layer.weight.grad.device.type == "cuda" and not torch.equal(before, layer.weight)
print("done")
"""


# What a torch that was built for CUDA says of itself on a machine without a GPU.
BUILT_FOR_CUDA = """
import torch
torch._C._accelerator_getAccelerator = lambda: torch.device("cuda")
torch.version.cuda = torch.version.cuda or "13.0"
"""


@pytest.mark.parametrize("before", ["", BUILT_FOR_CUDA], ids=["this build", "a CUDA build"])
def test_what_cuda_refuses_is_refused(before):
    words = sys.executable, "-c", before + CODE
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "done\n", done.stderr
