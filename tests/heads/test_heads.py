"""Heads: convolutions that commute, mixing weights in order, the gathered loss, training that
resumes, files that explain.
"""

import dataclasses
import math

import pytest
import torch
from torch.nn.functional import cross_entropy, interpolate, normalize

from corrlib.coords import Frame
from corrlib.heads.aggregation import AggregationHead, HeadSettings
from corrlib.heads.bank import Item, fill
from corrlib.heads.bottleneck import Bottleneck, parameters, seeded
from corrlib.heads.loss import correspondence_loss, to_cells
from corrlib.heads.training import Fit, train
from corrlib.types import FeatureMap, View

SMALL = HeadSettings(("low", "high"), (6, 8), (1, 51), grid=(6, 4), width=8, middle=4, groups=2)


SIZES = {"low": (6, 2, 3), "high": (8, 4, 6)}


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def maps(batch: int = 2, seed: int = 0) -> dict:
    g = rng(seed)
    return {(layer, t): torch.randn(batch, *SIZES[layer], generator=g) for layer, t in SMALL.cells}


def bank_of(ids: str, seed: int = 0) -> dict:
    g = rng(seed)

    def cells(view: View) -> dict:
        return {
            (layer, t): FeatureMap(
                torch.randn(SIZES[layer], generator=g), Frame(view.size, SIZES[layer][:0:-1])
            )
            for layer, t in SMALL.cells
        }

    return fill([View(id, (60, 40)) for id in ids], cells, progress=False)


def items(n: int = 3) -> list[Item]:
    points = torch.tensor([[5.0, 5.0], [30.0, 20.0], [55.0, 35.0]])
    return [Item("abc"[i % 3], "abc"[(i + 1) % 3], points, points.flip(0)) for i in range(n)]


@pytest.mark.parametrize("grid", [(12, 10), (3, 3), (6, 4)])
@pytest.mark.parametrize("inputs", [6, 8])
def test_convolutions_before_enlarging_give_what_convolutions_behind_it_give(inputs, grid):
    block = seeded(lambda: Bottleneck(inputs, 8, 4, 2), 0).double()
    for module in block.modules():
        if isinstance(module, torch.nn.GroupNorm):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5, generator=rng(1))
    x = torch.randn(2, inputs, 4, 6, generator=rng(), dtype=torch.float64)
    big = interpolate(
        x, grid[::-1], mode="bilinear", align_corners=False
    )  # as released: enlarge, then convolve
    y = block.conv3(block.conv2(block.conv1(big).relu()).relu())
    wanted = (y + (big if block.shortcut is None else block.shortcut(big))).relu()
    torch.testing.assert_close(block(x, grid), wanted, rtol=1e-12, atol=1e-12)
    assert (block.shortcut is None) == (inputs == 8)


def test_the_paper_s_head_has_the_released_number_of_parameters_under_the_released_names():
    channels = (1280,) * 6 + (640,) * 3 + (320,) * 3
    layers = tuple(f"up_blocks.{i // 3}.resnets.{i % 3}.conv2" for i in range(12))
    head = AggregationHead(HeadSettings(layers, channels, tuple(range(0, 1100, 100))[:11]))
    assert parameters(head) == 6_529_668
    assert parameters(AggregationHead(HeadSettings(layers, channels, (0,)))) == 6_529_548
    names = set(head.state_dict())
    parts = [
        f"{conv}.{what}"
        for conv in ("conv1", "conv2", "conv3", "shortcut")
        for what in ("weight", "norm.weight", "norm.bias")
    ]
    assert names == {"mixing_weights"} | {
        f"bottleneck_layers.{i}.0.{part}" for i in range(12) for part in parts
    }


def test_weights_begin_by_kaiming_s_rule_and_do_not_touch_the_caller_s_random_state():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    head = AggregationHead(dataclasses.replace(SMALL, channels=(512, 512), width=256, middle=128))
    assert torch.equal(torch.get_rng_state(), before)
    weight = head.bottleneck_layers[0][0].conv2.weight
    assert weight.std().item() == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)
    assert torch.equal(head.bottleneck_layers[0][0].conv3.norm.weight, torch.ones(256))
    again = AggregationHead(head.settings)
    assert all(
        torch.equal(a, b) for a, b in zip(head.parameters(), again.parameters(), strict=True)
    )


def test_mixing_weights_run_over_layers_first_and_sum_to_one():
    head, given = AggregationHead(SMALL), maps()
    assert SMALL.cells == [("low", 1), ("high", 1), ("low", 51), ("high", 51)]
    torch.testing.assert_close(head.mixture, torch.full((4,), 0.25))
    for i, (layer, t) in enumerate(SMALL.cells):
        with torch.no_grad():
            head.mixing_weights.fill_(-1e4)[i] = 0.0
            block = head.bottleneck_layers[SMALL.layers.index(layer)][0]
            torch.testing.assert_close(head(given), block(given[layer, t], SMALL.grid))


def test_the_output_is_a_weighted_sum_on_the_grid_and_an_image_does_not_depend_on_its_batch():
    head, given = AggregationHead(SMALL), maps(3)
    out = head(given)
    assert out.shape == (3, 8, 4, 6) and (out >= 0).all()
    alone = head({cell: x[1:2] for cell, x in given.items()})
    torch.testing.assert_close(out[1:2], alone)
    with pytest.raises(KeyError, match="no features at .*51"):
        head({cell: x for cell, x in given.items() if cell != ("low", 51)})


def test_timesteps_may_come_one_after_the_other():
    head, given = AggregationHead(SMALL), maps()
    head.mixing_weights.data = torch.tensor([0.1, 2.0, -1.0, 2.0])
    with torch.no_grad():
        total = None
        for number, t in enumerate(SMALL.timesteps):
            one = {layer: given[layer, t] for layer in SMALL.layers}
            total = head.add(total, number, one)
        torch.testing.assert_close(total, head(given))
        part = head.add(None, 1, {"high": given["high", 51]})
    wanted = head.mixture[3] * head.bottleneck_layers[1][0](given["high", 51], SMALL.grid)
    torch.testing.assert_close(part, wanted)
    assert head.largest(3) == [(0, "high"), (1, "high"), (0, "low")]  # of equals the earlier


def test_points_in_cells_as_released():
    frame = Frame((60, 40), (6, 4))
    points = torch.tensor([[0.0, 0.0], [4.9, 0.0], [5.1, 0.0], [59.0, 39.0], [25.0, 14.9]])
    wanted = [round(x * 6 / 60) + 6 * round(y * 4 / 40) for x, y in points[:3].tolist()]
    assert to_cells(points, frame, released=True).tolist() == [*wanted, 23, 8]  # 2.5 rounds to 2


def test_observers_see_every_loss_and_other_features_are_another_run(tmp_path):
    bank, todo, seen = bank_of("abc"), items(), []
    file = tmp_path / "head.safetensors"
    options = {"checkpoint": file, "every": 2, "progress": False}
    losses = train(
        AggregationHead(SMALL),
        bank,
        todo,
        5,
        observe=lambda so_far: seen.append(list(so_far)),
        about={"features": "these"},
        **options,
    )
    assert seen == [losses[:2], losses[:4], losses]
    with pytest.raises(ValueError, match="another training: features differ"):
        train(AggregationHead(SMALL), bank, todo, 5, about={"features": "those"}, **options)


def test_describe_puts_the_map_on_its_image():
    head = AggregationHead(SMALL)
    found = head.describe(bank_of("a")["a"])
    assert found.frame == Frame((60, 40), (6, 4)) and not found.values.requires_grad
    mixed = bank_of("a")["a"] | {
        ("low", 1): FeatureMap(torch.zeros(6, 2, 3), Frame((61, 40), (3, 2)))
    }
    with pytest.raises(ValueError, match="2 different regions"):
        head.describe(mixed)


@pytest.mark.parametrize(
    "changes",
    [
        {"channels": (6,)},
        {"timesteps": ()},
        {"timesteps": (1, 1)},
        {"groups": 3},
        {"layers": ("a", "a")},
    ],
)
def test_wrong_settings_are_refused(changes):
    with pytest.raises(ValueError, match="wanted|must divide"):
        dataclasses.replace(SMALL, **changes)


def test_the_loss_is_the_full_symmetric_one_read_at_the_points():
    a, b = (
        torch.randn(5, 4, 6, generator=rng(), dtype=torch.float64),
        torch.randn(5, 3, 7, generator=rng(1), dtype=torch.float64),
    )
    ours, theirs = torch.tensor([0, 7, 23, 7]), torch.tensor([20, 3, 3, 11])
    full = (
        normalize(a.flatten(1), dim=0).T @ normalize(b.flatten(1), dim=0) / 0.07
    )  # every cell against every cell
    wanted = (cross_entropy(full[ours], theirs) + cross_entropy(full.T[theirs], ours)) / 2
    torch.testing.assert_close(correspondence_loss(a, b, ours, theirs, 0.07), wanted)
    torch.testing.assert_close(correspondence_loss(b, a, theirs, ours, 0.07), wanted)  # symmetric
    with pytest.raises(ValueError, match="without a label"):
        correspondence_loss(a, b, ours[:0], theirs[:0])


def test_equal_descriptors_have_the_loss_of_a_blind_guess():
    one = torch.ones(5, 4, 6)
    assert correspondence_loss(
        one, one, torch.tensor([3]), torch.tensor([9])
    ).item() == pytest.approx(math.log(24), rel=1e-6)


def test_points_belong_to_the_nearest_cell():
    frame = Frame((60, 40), (6, 4))  # cells of 10 x 10 pixels, centres at 4.5, 14.5, ...
    points = torch.tensor(
        [[0.0, 0.0], [9.4, 0.0], [9.6, 0.0], [59.5, 39.5], [-0.5, 14.5], [24.5, 4.5]]
    )
    assert to_cells(points, frame).tolist() == [0, 0, 1, 23, 6, 2]


def test_training_learns_and_a_seed_gives_the_same_bits():
    bank, todo = bank_of("abc"), items(2)  # a third would contradict these two
    first, second = AggregationHead(SMALL), AggregationHead(SMALL)
    losses = train(first, bank, todo, 30, Fit(learning_rate=0.01), progress=False)
    assert losses[-1] < 0.5 * losses[0] and not first.training
    assert train(second, bank, todo, 30, Fit(learning_rate=0.01), progress=False) == losses
    assert all(
        torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True)
    )
    assert (
        train(
            AggregationHead(SMALL), bank, todo, 3, Fit(learning_rate=0.01, seed=1), progress=False
        )
        != losses[:3]
    )


@pytest.mark.parametrize("pairs", [1, 2])
def test_a_run_that_was_stopped_ends_in_the_same_bits(pairs, tmp_path):
    bank, todo, fit = bank_of("abc"), items(), Fit(learning_rate=0.01, pairs=pairs)
    whole, parts = AggregationHead(SMALL), [AggregationHead(SMALL), AggregationHead(SMALL)]
    losses = train(whole, bank, todo, 9, fit, progress=False)
    file = tmp_path / "run" / "head.safetensors"
    train(parts[0], bank, todo, 5, fit, checkpoint=file, every=2, progress=False)
    assert train(parts[1], bank, todo, 9, fit, checkpoint=file, progress=False) == losses
    assert all(
        torch.equal(a, b) for a, b in zip(whole.parameters(), parts[1].parameters(), strict=True)
    )
    with pytest.raises(ValueError, match="another training: items"):
        train(AggregationHead(SMALL), bank, todo[:2], 9, fit, checkpoint=file, progress=False)
    with pytest.raises(ValueError, match="another training: maps differ"):
        train(AggregationHead(SMALL), bank_of("abc", 1), todo, 9, fit, checkpoint=file)
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(ValueError, match="head.safetensors is no checkpoint that can be read"):
        train(AggregationHead(SMALL), bank, todo, 9, fit, checkpoint=file, progress=False)
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_every_epoch_visits_every_item_once():
    from corrlib.heads.epochs import turn

    seen = [i for step in range(6) for i in turn(step, 2, 4, 0)]
    assert [sorted(seen[k : k + 4]) for k in (0, 4, 8)] == [[0, 1, 2, 3]] * 3
    assert seen[:4] != seen[4:8] or seen[4:8] != seen[8:]


def test_training_says_what_is_missing():
    with pytest.raises(ValueError, match="no item"):
        train(AggregationHead(SMALL), bank_of("ab"), [], 1)
    with pytest.raises(ValueError, match="no features of c"):
        train(AggregationHead(SMALL), bank_of("ab"), items(), 1)
    with pytest.raises(ValueError, match="2 and 1 points"):
        Item("a", "b", torch.zeros(2, 2), torch.zeros(1, 2))
