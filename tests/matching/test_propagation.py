"""Labels through a video: against the published form by brute force, and where the answer is
known.
"""

import math

import numpy as np
import pytest
import torch

from corrlib.coords import Frame
from corrlib.matching.propagation import (
    Rule,
    joint_labels,
    joints_of_labels,
    mask_labels,
    mask_of_labels,
    propagate,
)
from corrlib.types import FeatureMap

FRAME = Frame((28, 20), (7, 5))


def features(count, seed=0, channels=6):
    generator = torch.Generator().manual_seed(seed)
    return [
        FeatureMap(torch.randn(channels, 5, 7, generator=generator), FRAME) for _ in range(count)
    ]


def published(maps, first, rule):
    """Affinities exp(cos / T) of all context cells, 0 outside of the window, all but the k largest
    0, divided by their sum: written as DIFT's eval_davis.py has it.
    """
    values = [m.values.flatten(1).double().numpy() for m in maps]
    values = [v / np.linalg.norm(v, axis=0) for v in values]
    y, x = np.divmod(np.arange(35), 7)
    dy, dx = abs(y[:, None] - y), abs(x[:, None] - x)
    inside = (dy <= rule.radius) & (dx <= rule.radius)
    if rule.window == "disc":
        inside = dy**2 + dx**2 < rule.radius**2
    labels = [first.flatten(1).double().numpy()]
    for i in range(1, len(maps)):
        frames = [0, *range(max(1, i - rule.context), i)]
        affinity = np.concatenate(
            [
                np.exp(values[j].T @ values[i] / rule.temperature)
                * (inside if rule.first_near or j else 1)
                for j in frames
            ]
        )
        kth = np.sort(affinity, axis=0)[-rule.top]
        affinity = np.where(affinity >= kth, affinity, 0)
        affinity /= affinity.sum(0)
        labels.append(np.concatenate([labels[j] for j in frames], axis=1) @ affinity)
    return labels[1:]


@pytest.mark.parametrize(
    "rule",
    [
        Rule(top=4, context=2, radius=2),
        Rule(temperature=0.1, top=3, context=3, radius=3, window="disc", first_near=False),
        Rule(top=5, context=0, radius=9),
    ],
)
def test_equal_to_the_published_form(rule, monkeypatch):
    monkeypatch.setattr("corrlib.matching.propagation.CHUNK", 11)
    maps, first = features(6), torch.rand(3, 5, 7, generator=torch.Generator().manual_seed(1))
    found = list(propagate(maps, first, rule))
    for ours, theirs in zip(found, published(maps, first, rule), strict=True):
        assert np.allclose(ours.flatten(1), theirs, atol=1e-5)


def test_what_moves_takes_its_label_along():
    # every cell has a feature of its own, and the picture moves one cell to the right a frame
    base = torch.eye(35).reshape(35, 5, 7)
    maps = [FeatureMap(base.roll(i, dims=2), FRAME) for i in range(4)]
    ids = torch.zeros(20, 28, dtype=torch.long)
    ids[4:12, 0:8], ids[12:20, 8:16] = 1, 2
    first = mask_labels(ids, 2, FRAME)
    assert first.sum(0).eq(1).all() and first[1].sum() == 4 and first[2].sum() == 4
    rule = Rule(temperature=0.01, top=1, context=2, radius=2)
    for i, labels in enumerate(propagate(maps, first, rule), 1):
        assert torch.allclose(labels[:, :, i:], first.roll(i, dims=2)[:, :, i:], atol=1e-6)
    mask = mask_of_labels(first, FRAME)
    assert mask[5:11, 1:7].eq(1).all() and mask[13:19, 9:15].eq(2).all() and mask[0, 20] == 0


def test_a_label_that_is_nowhere_is_nowhere_in_the_mask():
    first = mask_labels(torch.zeros(20, 28, dtype=torch.long), 2, FRAME)
    assert mask_of_labels(first, FRAME).eq(0).all()


def test_joints_come_back_from_their_labels():
    joints = torch.tensor([[5.5, 9.5], [math.nan, math.nan], [17.5, 1.5], [13.5, 9.5]])
    labels = joint_labels(joints, FRAME, 0.5)
    back = joints_of_labels(labels, FRAME, top=1)
    assert torch.allclose(back[[0, 2, 3]], joints[[0, 2, 3]].double()) and back[1].isnan().all()
    between = joint_labels(torch.tensor([[7.5, 9.5]]), FRAME, 0.5)  # half way between two cells
    assert torch.allclose(
        joints_of_labels(between, FRAME, top=2), torch.tensor([[7.5, 9.5]]).double()
    )


def test_grids_that_do_not_fit_are_refused():
    maps = features(2)
    with pytest.raises(ValueError, match="labels lie on .4, 7. cells"):
        next(propagate(maps, torch.zeros(1, 4, 7), Rule()))
    maps[1] = FeatureMap(torch.zeros(6, 5, 5), Frame((20, 20), (5, 5)))
    with pytest.raises(ValueError, match="wanted frames of one size"):
        next(propagate(maps, torch.zeros(1, 5, 7), Rule()))
