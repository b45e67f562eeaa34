"""Points that nobody clicked: exact, seen in both pictures, away from keypoints."""

import pytest
import torch
from conftest import toy_dogs

from corrlib.experiments.profiles import Profile
from corrlib.experiments.studies import Study
from corrlib.experiments.trials import blocks
from corrlib.toybox.items import item_of
from corrlib.toybox.render import render
from corrlib.toybox.surface_pairs import SurfacePairs, _all_keypoints


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return toy_dogs(tmp_path_factory.mktemp("toys"))


def test_points_are_the_same_place_of_the_same_part(pairs):
    found = SurfacePairs(pairs)
    assert len(found) == len(pairs) and "surface points" in repr(found)
    pair, known = found[0], pairs[0]
    assert pair.id == known.id and pair.target_box == known.target_box
    assert set(pair.keypoints) <= set(known.keypoints) and len(pair.keypoints) >= 1
    drawn = []
    for view in (pair.source, pair.target):
        note = pairs.annotation(view)
        scene, size = item_of("calibrated", "val", note["category"], note["index"], note["seed"])
        drawn.append((scene, size, render(scene, size, supersample=1)))
    (source, size, a), (target, _, b) = drawn
    for p, q in zip(pair.source_points.long(), pair.target_points.round().long(), strict=True):
        part = int(a.part[0, p[1], p[0]])
        other = int(b.part[0, q[1], q[0]])
        assert part >= 0
        if other >= 0 and source.parts.names[part] == target.parts.names[other]:
            place = a.place[0, :, p[1], p[0]] - b.place[0, :, q[1], q[0]]
            assert place.norm() < 0.5  # the target's point is rounded to a pixel here
    x1, y1, x2, y2 = pair.source_box
    near = torch.cdist(pair.source_points, _all_keypoints(source, size)).amin(1)
    assert (near >= 0.1 * max(x2 - x1, y2 - y1)).all()
    assert torch.equal(SurfacePairs(pairs)[0].source_points, pair.source_points)


def test_a_sample_of_them_is_that_of_their_pairs(pairs):
    assert blocks(SurfacePairs(pairs), 2, 1) == blocks(pairs, 2, 1)


def test_farther_away_leaves_fewer(pairs):
    near, far = (sum(len(p.keypoints) for p in SurfacePairs(pairs, away=a)) for a in (0.0, 0.4))
    assert far < near <= sum(len(p.keypoints) for p in pairs)


def test_photographs_have_no_surface_points(pairs):
    name = pairs[0].source.id
    pairs._annotations[name] = {**pairs.annotation(name), "src_database": "VOC"}
    with pytest.raises(ValueError, match="a photograph, not a toy"):
        SurfacePairs(pairs)[0]
    del pairs._annotations[name]


def test_a_study_may_ask_for_them_or_for_another_benchmark(pairs, tmp_path):
    settings = {
        "preset": "toybox",
        "split": "val",
        "data": {"name": "spair", "root": str(pairs.root)},
        "benchmarks": {"spair": str(pairs.root)},
    }
    profile = Profile("toybox", tmp_path, settings)
    described = {"method": "copy_position", "trials": {"base": {}}}
    own = Study(profile, described, tmp_path / "store").pairs
    other = Study(profile, {**described, "surface": {"away": 0.2}}, tmp_path / "store").pairs
    named = {"name": "spair", "categories": "dog"}
    bench = Study(profile, {**described, "benchmark": named}, tmp_path / "store").pairs
    assert own.names == other.names == bench.names and isinstance(other, SurfacePairs)
    assert other.away == 0.2 and "surface" not in own.heading()
