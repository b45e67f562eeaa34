"""Challenges: exact points, each kind asks what it says, and no toy of another set is shown."""

import numpy as np
import pytest
import torch

from corrlib.experiments.trials import blocks
from corrlib.toybox.challenges import KINDS, Challenges
from corrlib.toybox.render import render


@pytest.fixture(scope="module")
def dogs():
    return Challenges(categories=("dog",), each=2, points=6)


def test_each_kind_of_each_category(dogs):
    assert len(dogs) == 2 * len(KINDS) and len(Challenges(each=2)) == 18 * 2 * len(KINDS)
    assert {pair.tags["challenge"] for pair in dogs} == set(KINDS)
    assert all(pair.category == "dog" and len(pair.keypoints) <= 6 for pair in dogs)
    assert len(blocks(dogs, None, 1)) == len(dogs)
    with pytest.raises(ValueError, match="no challenge 'part'; there are same, mask, other, side"):
        Challenges(kinds=("part",))


@pytest.mark.parametrize("kind", ["same", "other"])
def test_points_lie_on_the_same_part_of_both_toys(dogs, kind):
    pair, toys = dogs.item(f"{kind}/dog/0"), dogs.toys(f"{kind}/dog/0")
    names = [toy.scene.parts.names for toy in toys]
    drawn = [render(toy.scene, toy.size, supersample=1) for toy in toys]
    agree = []
    for p, q in zip(pair.source_points.long(), pair.target_points.round().long(), strict=True):
        here, there = int(drawn[0].part[0, p[1], p[0]]), int(drawn[1].part[0, q[1], q[0]])
        agree.append(there >= 0 and names[0][here] == names[1][there])
    assert np.mean(agree) >= 0.8  # the target's point is rounded to a pixel here
    same = torch.equal(toys[0].scene.palette, toys[1].scene.palette)
    assert same == (kind == "same")


def test_a_silhouette_has_two_colours_and_the_points_of_its_picture(dogs):
    mask, same = dogs.item("mask/dog/1"), dogs.item("same/dog/1")
    pixels = np.asarray(mask.source.image())
    assert set(np.unique(pixels)) == {0, 255}
    inside = dogs.toys("mask/dog/1")[0].mask.numpy()
    assert ((pixels[..., 0] == 255) == inside).all()
    assert mask.target_box == same.target_box
    x, y = mask.source_points.long().T
    assert inside[y, x].all()


def test_points_of_kind_side_have_a_twin_part(dogs):
    pair, toys = dogs.item("side/dog/0"), dogs.toys("side/dog/0")
    names = toys[0].scene.parts.names
    for x, y in pair.source_points.long():
        part = names[int(toys[0].drawn.part[0, y, x])]
        assert "left" in part or "right" in part


def test_the_same_points_every_time(dogs):
    again = Challenges(categories=("dog",), each=2, points=6)
    assert again[3].content() == dogs[3].content()
