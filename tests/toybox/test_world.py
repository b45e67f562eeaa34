"""The toy world: rays against known answers, cameras, exact correspondence, and what a picture's
annotations claim.
"""

import math

import pytest
import torch

from corrlib.toybox import shapes
from corrlib.toybox.captions import captions, view_name
from corrlib.toybox.items import generator_for, item
from corrlib.toybox.render import BACKGROUND, OCCLUDER, picture, project, render
from corrlib.toybox.scene import Knobs, draw
from corrlib.toybox.things import CATEGORIES, TOYS, keypoints
from corrlib.toybox.truth import correspond, flags, keypoint_truth, locate, toy_box

PLAIN = Knobs(truncation=0.0, occluder=0.0, shift=0.0, roll=0.0, clutter=0.0)
SIZE = (96, 72)


def scene_of(
    category: str,
    key: object = 0,
    *,
    azimuth: float | int | None = None,
    elevation: float = 12.0,
    knobs: Knobs = PLAIN,
):
    scene = draw(category, 1, generator_for("test", category, key), knobs)
    changes = {"elevation": torch.tensor([elevation])}
    return scene.seen_from(
        **changes, **({} if azimuth is None else {"azimuth": torch.tensor([float(azimuth)])})
    )


@pytest.mark.parametrize(
    ("kind", "x", "taper", "expected"),
    [
        (shapes.ELLIPSOID, 0.0, 0.0, 4.0),  # the ball's near pole, five away from z = 5
        (shapes.ELLIPSOID, 0.6, 0.0, 5 - 0.8),
        (shapes.ELLIPSOID, 1.01, 0.0, math.inf),
        (shapes.BOX, 0.99, 0.0, 4.0),
        (shapes.BOX, 1.01, 0.0, math.inf),
        (shapes.FRUSTUM, 0.99, 0.0, 4.0),  # the cap
        (shapes.FRUSTUM, 0.75, -0.5, 5 - 0.5),  # a cone's side: radius 1 - z / 2 is 0.75 at z = 0.5
        (shapes.FRUSTUM, 1.6, -0.5, math.inf),
    ],
)
def test_rays_down_the_z_axis_meet_each_solid_where_geometry_says(kind, x, taper, expected):
    origin, direction = torch.tensor([[[x, 0.0, 5.0]]]), torch.tensor([[[0.0, 0.0, -1.0]]])
    t = shapes.hit(kind, origin, direction, torch.tensor([[taper]]))
    assert t.item() == pytest.approx(expected, abs=1e-5)


def test_normals_point_away_from_each_solid():
    u = torch.tensor([[[0.6, 0.0, 0.8], [1.0, 0.3, -0.2], [0.3, 0.4, 1.0], [1.0, 0.0, 0.0]]])
    found = shapes.normal(torch.tensor([[0, 1, 2, 2]]), u, torch.zeros(1, 4))
    expected = torch.tensor([[[0.6, 0.0, 0.8], [1.0, 0, 0], [0, 0, 1.0], [1.0, 0, 0]]])
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("category", CATEGORIES)
def test_keypoints_are_stable_named_places_on_parts(category):
    scene = draw(category, 1, generator_for(0))
    table = keypoints(category)
    assert 10 <= len(table) <= 20
    for name, (part, u) in table.items():
        assert part in scene.parts.names, name
        assert max(abs(v) for v in u) <= 1, name
    seen = torch.stack(
        [
            keypoint_truth(scene_of(category, i, azimuth=az), SIZE).visible
            for i in range(2)
            for az in range(0, 360, 60)
        ]
    )
    assert seen.any(0).all(), (
        f"never seen: {[n for n, v in zip(table, seen.any(0), strict=True) if not v]}"
    )


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_toy_fits_its_ball_and_its_part_names_are_unique(category):
    parts = draw(category, 3, generator_for(1)).parts
    assert len(set(parts.names)) == len(parts.names)
    corners = torch.tensor([[x, y, z] for x in (-1.0, 1) for y in (-1.0, 1) for z in (-1.0, 1)])
    reach = torch.stack(
        [parts.place(p, corners).norm(dim=-1).amax(1) for p in range(len(parts.names))], 1
    )
    assert (
        reach[parts.half.amin(-1) > 1e-5] < 1.3
    ).all()  # tapered parts' boxes may stick out a little


@pytest.mark.parametrize("category", ["cat", "bus", "bottle"])
def test_every_pixel_of_the_toy_finds_itself(category):
    scene = scene_of(category, "self")
    drawn = render(scene, SIZE)
    pixels, found, visible = correspond(scene, drawn, scene, SIZE)
    assert len(pixels) > 200
    assert visible.all()
    torch.testing.assert_close(found, pixels, atol=2e-3, rtol=0)


def test_correspondence_between_views_is_symmetric():
    one, two = scene_of("car", 3, azimuth=20.0), scene_of("car", 3, azimuth=60.0)
    drawn = render(one, SIZE)
    pixels, there, visible = correspond(one, drawn, two, SIZE)
    assert 0.2 < visible.float().mean() < 1.0
    seen = drawn.part[0, pixels[:, 1].long(), pixels[:, 0].long()]
    places = drawn.place[0, :, pixels[:, 1].long(), pixels[:, 0].long()].T
    again, _ = locate(one, seen, places, SIZE)
    torch.testing.assert_close(again, pixels, atol=2e-3, rtol=0)
    # the same toy point, seen by both cameras, has the same depth along the target's ray as the
    # target's own picture there
    assert not torch.allclose(there[visible], pixels[visible], atol=3.0)


def test_quadrupeds_correspond_across_categories_by_part_name():
    cat, horse = scene_of("cat", azimuth=40.0), scene_of("horse", azimuth=40.0)
    pixels, there, visible = correspond(cat, render(cat, SIZE), horse, SIZE)
    assert visible.float().mean() > 0.4
    horn, _, _ = correspond(scene_of("cow"), render(scene_of("cow"), SIZE), horse, SIZE)
    assert len(horn) > 0  # a cow's horns have no place on a horse, the rest has


def test_the_camera_stands_where_the_azimuth_says():
    front, left, back = (
        keypoint_truth(scene_of("bus", azimuth=a), SIZE) for a in (0.0, 90.0, 180.0)
    )
    at = {name: i for i, name in enumerate(front.names)}
    assert front.visible[at["left headlight"]] and not back.visible[at["left headlight"]]
    assert back.visible[at["left taillight"]] and not front.visible[at["left taillight"]]
    assert left.visible[at["front left wheel"]] and not left.visible[at["front right wheel"]]
    # seen from the front, the bus's left is on the picture's right; seen from its left, its front
    # is on the picture's left
    assert front.points[at["left headlight"], 0] > front.points[at["right headlight"], 0]
    assert left.points[at["front left wheel"], 0] < left.points[at["back left wheel"], 0]


def test_projection_agrees_with_the_rays():
    scene = scene_of("chair", 5)
    drawn = render(scene, SIZE)
    rows, columns = (drawn.part[0] >= 0).nonzero().T
    points, _ = locate(
        scene, drawn.part[0, rows, columns], drawn.place[0, :, rows, columns].T, SIZE
    )
    torch.testing.assert_close(points, torch.stack([columns, rows], -1).float(), atol=2e-3, rtol=0)
    centre, depth = project(scene, torch.zeros(1, 1, 3), SIZE)
    torch.testing.assert_close(centre[0, 0], torch.tensor([SIZE[0] / 2 - 0.5, SIZE[1] / 2 - 0.5]))
    assert depth.abs().item() < 1e-6


def test_what_stands_in_front_hides():
    scene = scene_of("person", 2, azimuth=10.0)
    before = keypoint_truth(scene, SIZE)
    block = scene.occluder.clone()
    block[:, :6] = torch.tensor([0.0, 0.0, 0.6, 0.6, 0.0, 0.0])
    covered = scene.seen_from(occluder=block)
    assert before.visible.any() and not keypoint_truth(covered, SIZE).visible.any()
    drawn = render(covered, SIZE)
    assert (drawn.part == OCCLUDER).any() and toy_box(drawn) is None
    assert flags(covered, drawn, SIZE)[1]


def test_flags_tell_a_cut_toy_from_a_whole_one():
    whole = scene_of("train", 1).seen_from(scale=torch.tensor([0.35]))
    cut = whole.seen_from(shift=torch.tensor([[0.6, 0.0]]))
    assert flags(whole, render(whole, SIZE), SIZE) == (False, False)
    assert flags(cut, render(cut, SIZE), SIZE) == (True, False)
    x1, y1, x2, y2 = toy_box(render(whole, SIZE))
    assert 1 < x1 < x2 < SIZE[0] and 1 < y1 < y2 < SIZE[1]


def test_a_batch_draws_what_its_scenes_draw_alone():
    scenes = draw("boat", 3, generator_for("batch"))
    together = picture(scenes, (48, 48))
    for i in range(3):
        torch.testing.assert_close(
            picture(scenes[i], (48, 48)), together[i : i + 1], atol=1e-5, rtol=0
        )


def test_items_are_the_same_every_time_and_differ_between_splits():
    one, size = item("test", "dog", 4)
    again, same_size = item("test", "dog", 4)
    other, _ = item("val", "dog", 4)
    assert size == same_size and torch.equal(picture(one, (48, 48)), picture(again, (48, 48)))
    assert not torch.equal(one.azimuth, other.azimuth)


def test_pictures_and_ground_truth_have_their_ranges():
    drawn = render(draw("bird", 2, generator_for(9)), SIZE)
    assert drawn.rgb.shape == (2, 3, 72, 96) and 0 <= drawn.rgb.min() and drawn.rgb.max() <= 1
    toy = drawn.part >= 0
    assert (
        torch.isfinite(drawn.depth[toy]).all()
        and torch.isinf(drawn.depth[drawn.part == BACKGROUND]).all()
    )
    assert (drawn.place.movedim(1, -1)[toy].abs() <= 1.6).all()
    facing = drawn.normal.movedim(1, -1)[toy]
    assert (facing.norm(dim=-1) - 1).abs().max() < 1e-3
    assert (facing[:, 2] > -0.05).float().mean() > 0.99  # seen surfaces look at the camera


def test_captions_say_what_is_drawn():
    scenes = draw("sheep", 64, generator_for("captions"))
    lines = captions(scenes, generator_for("words"))
    assert len(lines) == 64 and all(
        line.startswith("a photo of a ") and "sheep" in line for line in lines
    )
    assert "a photo of a sheep" in lines  # the bare form that DIFT prompts with
    for line, azimuth in zip(lines, scenes.azimuth.tolist(), strict=True):
        if "seen from the" in line:
            assert f"seen from the {view_name(azimuth)}" in line
    assert [view_name(a) for a in (0.0, 44.0, 90.0, 181.0, 359.0)] == [
        "front",
        "front left",
        "left",
        "back",
        "front",
    ]


def test_an_unknown_toy_is_named_with_those_there_are():
    with pytest.raises(KeyError, match="aeroplane"):
        draw("unicorn", 1, generator_for(0))
    with pytest.raises(ValueError, match="batch of one scene"):
        keypoint_truth(draw("cat", 2, generator_for(0)), SIZE)


def test_there_are_eighteen_toys_with_the_names_of_spair():
    assert len(TOYS) == 18 and {"aeroplane", "pottedplant", "tvmonitor"} <= set(TOYS)
