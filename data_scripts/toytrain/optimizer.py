"""What the toy diffusion model's weights are moved by: AdamW, or Muon for its matrices."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import distributed, nn

NAMES = ("adamw", "muon")


class Optimizer:
    """AdamW for all weights or, as `muon`, for those alone that are no matrices inside of a net:
    biases, norms, embeddings, and the U-Net's first and last layer.

    Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) makes a matrix's momentum
    orthogonal before it is taken as a step; a convolution is a matrix of outputs by all else, and
    steps are as long as AdamW's (0.2 root-mean-square, Liu et al. 2025, arXiv:2502.16982), so that
    one rate goes for both. Of several processes each makes its share of the matrices orthogonal and
    sends them to the others; a checkpoint keeps the first one's momentum, and the others gather
    theirs anew.
    """

    def __init__(self, nets: nn.Module, name: str, rate: float, rank: int = 0, world: int = 1):
        if name not in NAMES:
            raise ValueError(f"no optimizer {name!r}; there are {', '.join(NAMES)}")
        self.matrices = list(matrices_of(nets)) if name == "muon" else []
        ours = {id(p) for p in self.matrices}
        rest = [p for p in nets.parameters() if id(p) not in ours]
        adamw = torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
        self.parts: dict[str, torch.optim.Optimizer] = {"adamw": adamw}
        self.rank, self.world = rank, world
        # views: a step of one moves the weight itself
        self.flat = [nn.Parameter(p.detach().view(len(p), -1)) for p in self.matrices]
        if self.matrices:
            self.parts["muon"] = torch.optim.Muon(
                self._share(rank), lr=rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"
            )

    def _share(self, rank: int) -> list[nn.Parameter]:
        """The matrices of one process: dealt in the order of what they cost."""
        by_cost = sorted(self.flat, key=lambda p: -min(p.shape) * p.numel())
        return by_cost[rank :: self.world]

    def step(self, rate: float) -> None:
        """One step of length `rate` along the gradients."""
        for flat, weight in zip(self.flat, self.matrices, strict=True):
            flat.grad = None if weight.grad is None else weight.grad.view_as(flat)
        for part in self.parts.values():
            for group in part.param_groups:
                group["lr"] = rate
            part.step()
        if self.world > 1 and self.flat:
            self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        """Every process's share to all others, one flat message each."""
        for rank in range(self.world):
            share = [p.data for p in self._share(rank)]
            message = torch._utils._flatten_dense_tensors(share)
            distributed.broadcast(message, src=rank)
            if rank != self.rank:
                new = torch._utils._unflatten_dense_tensors(message, share)
                torch._foreach_copy_(share, new)

    def state_dict(self) -> dict[str, Any]:
        return {name: part.state_dict() for name, part in self.parts.items()}

    def load_state_dict(self, state: dict[str, Any]) -> bool:
        """Take up what `state_dict` gave; False where it is another optimizer's, and this one
        begins anew.
        """
        if set(state) != set(self.parts):
            return False
        self.parts["adamw"].load_state_dict(state["adamw"])
        if "muon" in self.parts:
            momenta = state["muon"]["state"].values()
            held = [momentum["momentum_buffer"].shape for momentum in momenta]
            if held == [matrix.shape for matrix in self._share(self.rank)]:
                self.parts["muon"].load_state_dict(state["muon"])
        return True


def matrices_of(nets: nn.Module) -> Iterable[nn.Parameter]:
    """The weights of two and more dimensions but embeddings and a U-Net's first and last layer."""
    for name, weight in nets.named_parameters():
        edge = any(word in name for word in ("embedding.", "conv_in.", "conv_out."))
        if weight.ndim > 1 and not edge:
            yield weight
