"""A training carried from machine to machine: its weights to eight bits, its record whole."""

import pytest
import torch

from data_scripts import carry_training
from data_scripts.toytrain import checkpoint, latents

RUN = {"seen": 64, "steps": 16, "seconds": 5.0, "record": [], "curve": [[4, 1.0]], "history": []}


def test_what_is_packed_comes_back(tmp_path):
    generator = torch.Generator().manual_seed(0)
    shapes = {"linear": (6, 50), "conv": (4, 3, 3, 3), "bias": (6,), "empty_row": (2, 3)}
    nets = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    nets["empty_row"][1] = 0
    (tmp_path / "from").mkdir()
    checkpoint.save({"average": nets, "nets": {}, **RUN}, tmp_path / "from/diffusion.pt")
    carry_training.pack(tmp_path / "from", tmp_path / "carried")
    carry_training.unpack(tmp_path / "to", tmp_path / "carried")
    state = checkpoint.load(tmp_path / "to/diffusion.pt", "cpu")
    assert {key: state[key] for key in RUN} == RUN and "optimizer" not in state
    for part in ("nets", "average"):
        assert torch.equal(state[part]["bias"], nets["bias"])
        for name in ("linear", "conv", "empty_row"):
            step = nets[name].flatten(1).abs().amax(1) / 127
            off = (state[part][name] - nets[name]).flatten(1).abs().amax(1)
            assert (off <= 0.501 * step).all(), name
    assert latents.scale_of(tmp_path / "to") > 0 and (tmp_path / "to/vae.pt").is_file()
    with pytest.raises(SystemExit, match="has a run of its own"):
        carry_training.unpack(tmp_path / "to", tmp_path / "carried")


def test_nothing_to_pack_or_to_begin_with(tmp_path):
    with pytest.raises(SystemExit, match="has no diffusion.pt; train first"):
        carry_training.pack(tmp_path, tmp_path / "carried")
    with pytest.raises(SystemExit, match="nothing is carried in .*; begin with --begin"):
        carry_training.unpack(tmp_path, tmp_path / "carried")
