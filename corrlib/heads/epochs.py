"""Whose turn it is: an endless row of epochs, each an order of its own."""

import torch

from corrlib.backbones.noise import noise_key


def turn(step: int, count: int, n: int, seed: int) -> list[int]:
    """The `count` items (of `n`) of a step: the next ones of an endless row of epochs, each a
    permutation drawn for it from `seed`. It depends on nothing before it.
    """
    places = range(step * count, (step + 1) * count)
    order = {epoch: _order(epoch, n, seed) for epoch in {place // n for place in places}}
    return [order[place // n][place % n] for place in places]


def _order(epoch: int, n: int, seed: int) -> list[int]:
    return torch.randperm(
        n, generator=torch.Generator().manual_seed(noise_key(seed, "order", epoch))
    ).tolist()
