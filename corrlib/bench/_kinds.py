"""A small network that names the kind of toy in a picture, trained on renders of the toybox."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

from corrlib.toybox.items import generator_for
from corrlib.toybox.photograph import photograph
from corrlib.toybox.render import picture

SIDE = 48  # pixels a side of what it sees
WIDTHS = (32, 64, 128)


def renders(
    kinds: Sequence[str], each: int, *key: object
) -> tuple[Float[Tensor, "n 3 h w"], Int[Tensor, "n"]]:
    """`each` photographs of every kind, squeezed to SIDE x SIDE, in [0, 1], and which kind each is;
    from a generator keyed on `key`.
    """
    images, labels = [], []
    for label, kind in enumerate(kinds):
        scene, size = photograph(kind, each, generator_for("kinds", kind, *key))
        aspect = size[:, 0] / size[:, 1]
        for i in range(each):
            images.append(picture(scene[i], (SIDE, SIDE), aspect=aspect[i : i + 1]))
        labels += [label] * each
    return torch.cat(images), torch.tensor(labels)


def network(kinds: int) -> nn.Module:
    """Three halvings of the picture and a mean over what is left: places hardly count."""
    layers, before = [], 3
    for width in WIDTHS:
        layers += [nn.Conv2d(before, width, 3, 2, 1), nn.GroupNorm(8, width), nn.ReLU()]
        before = width
    layers += [nn.Conv2d(before, before, 3, 1, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2), nn.Linear(before, kinds))


def train(
    images: Float[Tensor, "n 3 h w"], labels: Int[Tensor, "n"], epochs: int, *, seed: int = 0
) -> nn.Module:
    """The network after `epochs` passes. Brightness and contrast vary, since a generative model's
    colours are not exactly those of renders.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = network(int(labels.max()) + 1)
        batches = -(-len(images) // 64)
        optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.02)
        plan = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=epochs * batches)
        for _ in range(epochs):
            for pick in torch.randperm(len(images)).split(64):
                x = images[pick]
                gain = 1 + 0.2 * (torch.rand(len(x), 3, 1, 1) - 0.5)
                x = (x * gain + 0.1 * (torch.rand(len(x), 1, 1, 1) - 0.5)).clamp(0, 1)
                loss = cross_entropy(net(x * 2 - 1), labels[pick])
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                plan.step()
    return net.eval()


@torch.no_grad()
def name(net: nn.Module, images: Float[Tensor, "n 3 h w"]) -> Int[Tensor, "n"]:
    """Which kind each picture (in [0, 1], any square size) shows, to the network's mind."""
    small = interpolate(images, (SIDE, SIDE), mode="bilinear", antialias=True)
    return net(small * 2 - 1).argmax(1)
