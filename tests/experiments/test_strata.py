"""A sample has the mix of what it was drawn from, and says so."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import picture_view

from corrlib.experiments.strata import balanced, by_view, joined, mix, own_and_other, same_points
from corrlib.types import Pair


def pair(number, category, viewpoint, occlusion=0):
    tags = {"viewpoint": viewpoint, "occlusion": occlusion}
    view, points = picture_view(4, 4, 0), torch.zeros(1, 2)
    return Pair(f"{number}", view, view, points, points, ("nose",), category, tags=tags)


def world(seed=0, categories="abcdefghi"):
    """Sixty pairs a category: a fifth easy, a third medium, the rest hard; one in ten occluded."""
    rng = np.random.default_rng(seed)
    found = []
    for kind in categories:
        views = rng.permutation(np.repeat([0, 1, 2], [12, 20, 28]))
        hidden = rng.random(60) < 0.1
        found += [
            pair(len(found) + i, kind, int(v), int(h))
            for i, (v, h) in enumerate(zip(views, hidden, strict=True))
        ]
    return found


@pytest.mark.parametrize(("size", "count"), [(1, 27), (3, 9), (3, 36)])
def test_views_and_categories_of_a_sample_are_those_of_all(size, count):
    pairs = world()
    groups = [list(range(i, i + size)) for i in range(0, len(pairs), size)]
    chosen = balanced(groups, pairs, count)
    assert len(set(chosen)) == count
    inside = [pairs[i] for number in chosen for i in groups[number]]
    kinds = Counter(one.category for one in inside)
    assert len(kinds) == min(9, count) and max(kinds.values()) - min(kinds.values()) <= size
    views = Counter(one.tags["viewpoint"] for one in inside)
    for view, share in enumerate((0.2, 1 / 3, 7 / 15)):
        assert abs(views[view] - share * len(inside)) <= 1.5
    hidden = np.mean([one.tags["occlusion"] for one in pairs]) * len(inside)
    assert abs(sum(one.tags["occlusion"] for one in inside) - hidden) <= 1.5


def test_a_larger_sample_holds_the_smaller_and_no_order_matters():
    pairs = world()
    groups = [[i] for i in range(len(pairs))]
    large = balanced(groups, pairs, 60)
    assert balanced(groups, pairs, 20) == large[:20]
    assert sorted(balanced(groups, pairs, 10_000)) == list(range(len(pairs)))
    names = {pairs[i].id for i in large}
    backwards = pairs[::-1]
    assert {backwards[i].id for i in balanced(groups, backwards, 60)} == names


def test_the_first_categories_of_the_alphabet_are_not_preferred():
    pairs = world(categories="abcdefghijklmnopqr")
    groups = [[i] for i in range(len(pairs))]
    kinds = {pairs[i].category for i in balanced(groups, pairs, 8)}
    assert len(kinds) == 8 and kinds != set("abcdefgh")


def test_the_mix_in_words():
    pairs = [pair(i, "a", view) for i, view in enumerate([0, 0, 1, 2, 2, 2, 2, 2, 2, 2])]
    assert mix(pairs, [0, 2, 9]) == "viewpoint 1 easy, 1 medium, 1 hard; of all 20, 10, 70 %"
    assert mix([replace(pairs[0], tags={})], [0]) == ""


def test_pck_by_view():
    rows = {
        "pair": list("aabc"),
        "category": "x",
        "keypoint": list("1211"),
        "viewpoint": [0, 0, 2, 2],
    }
    table = pd.DataFrame({**rows, "distance_px": [1.0, 99, 1, 1], "tolerance_px": 100.0})
    found = by_view({"one": table, "none": table.assign(distance_px=99.0)})
    assert found.index.name == "PCK by viewpoint"
    assert [repr(count) for count in found.loc["pairs"]] == ["1", "0", "2", "3"]  # not 1.0
    assert found.loc["one"].astype(float).fillna(-1).tolist() == [50, -1, 100, 75]
    assert found.loc["none"].astype(float).fillna(-1).tolist() == [0, -1, 0, 0]
    with pytest.raises(ValueError, match="'two' has other pairs"):
        by_view({"one": table, "two": table.iloc[:2]})
    with pytest.raises(ValueError, match="no column viewpoint"):
        by_view({"one": table.drop(columns="viewpoint")})


def test_the_same_questions_in_the_own_category_and_in_others():
    rows = [
        ("cat/1", target, key, i)
        for i, (target, key) in enumerate(
            (t, k) for t in ("cat/2", "dog/3", "cow/4") for k in ("ear", "tail")
        )
    ]
    table = pd.DataFrame(rows, columns=["source_image", "target_image", "keypoint", "distance_px"])
    home, away = own_and_other(table.assign(pair=table["target_image"]))
    assert away["target_image"].tolist() == ["dog/3"] * 2 + ["cow/4"] * 2
    assert home["target_image"].tolist() == ["cat/2"] * 4
    assert (home["keypoint"] == away["keypoint"]).all() and (home["pair"] == away["pair"]).all()
    assert home["distance_px"].tolist() == [0, 1, 0, 1]
    with pytest.raises(KeyError):
        own_and_other(table[table["target_image"] != "cat/2"].assign(pair="p"))


def test_the_same_points_of_two_sets_of_tables():
    rows = [("a", "nose", 1.0), ("a", "tail", 2.0), ("b", "nose", 3.0)]
    clicked = pd.DataFrame(rows, columns=["pair", "keypoint", "distance_px"])
    surface = clicked.iloc[[2, 0]].assign(distance_px=9.0)
    found = same_points({"one": clicked, "alone": clicked}, {"one": surface, "x": surface})
    assert list(found) == ["one"]
    assert found["one"]["distance_px"].tolist() == [1.0, 3.0]  # the first's rows, in its order


def test_a_study_and_the_same_on_further_pairs():
    first = pd.DataFrame({"pair": ["a", "b"], "distance_px": [1.0, 2.0]})
    more = pd.DataFrame({"pair": ["c"], "distance_px": [3.0]})
    found = joined({"one": first, "alone": first}, {"one": more, "x": more})
    assert found["one"]["distance_px"].tolist() == [1.0, 2.0, 3.0]
    assert found["alone"] is first and list(found) == ["one", "alone"]
    assert joined({"one": first}, {}) == {"one": first}  # a profile without further pairs
    with pytest.raises(ValueError, match="'one' has the pair b in both"):
        joined({"one": first}, {"one": more.assign(pair="b")})
