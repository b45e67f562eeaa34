"""What the toy benchmarks are made of: flow between toys, boards before cameras, limbs that bend,
films with several toys.
"""

import math

import numpy as np
import pytest
import torch
from einops import rearrange

from corrlib.toybox import gait
from corrlib.toybox.boards import FINE, Board, paint_board, photograph, pose
from corrlib.toybox.dense import clicked, counterparts, dense_flow
from corrlib.toybox.film import Actor, foot, frame, joints, look, stand
from corrlib.toybox.items import generator_for
from corrlib.toybox.render import render
from corrlib.toybox.scene import Knobs, draw
from corrlib.toybox.sets.davis import FILMS, act, stage_of, toy_of
from corrlib.toybox.sets.hpatches import cameras
from corrlib.toybox.things import keypoints

PLAIN = Knobs(truncation=0.0, occluder=0.0, shift=0.0, roll=0.0, clutter=0.0)
SIZE = (96, 72)


def scene_of(toy, key=0, *, azimuth=60.0, **changes):
    scene = draw(toy, 1, generator_for("test", toy, key), PLAIN)
    return scene.seen_from(
        azimuth=torch.tensor([azimuth]), elevation=torch.tensor([12.0]), **changes
    )


# ---------------------------------------------------------------- flow


@pytest.mark.parametrize("toy", ["car", "bottle", "boat"])
def test_a_symmetric_toy_and_its_mirrored_view_have_the_mirrors_flow(toy):
    one, two = scene_of(toy, azimuth=60.0), scene_of(toy, azimuth=-60.0)
    if toy == "boat":  # its boom swings to one side, and nothing else does
        one, two = (s.seen_from(parts=_straight(s.parts, "boom")) for s in (one, two))
    flow, _ = dense_flow(one, drawn := render(one, SIZE), two, SIZE, mirrored=True)
    known = np.isfinite(flow).all(2)
    rows, columns = np.nonzero(known)
    assert known.sum() > 0.98 * int((drawn.part >= 0).sum())
    np.testing.assert_allclose(flow[known][:, 0], SIZE[0] - 1 - 2 * columns, atol=2e-2)
    np.testing.assert_allclose(flow[known][:, 1], 0, atol=2e-2)


def _straight(parts, name):
    from dataclasses import replace

    p = parts.names.index(name)
    half = parts.half.clone()
    half[:, p] = 0  # an optional part that this instance lacks
    return replace(parts, half=half)


def test_flow_leads_to_where_the_keypoints_are():
    one, two = scene_of("cow", 1, azimuth=50.0), scene_of("cow", 2, azimuth=70.0)
    flow, seen = dense_flow(one, render(one, (192, 144)), two, (192, 144))
    here, there = clicked((one, (192, 144)), (two, (192, 144)), keypoints("cow"))
    assert len(here) >= 5
    x, y = here.round().long().T.numpy()
    far = np.linalg.norm(flow[y, x] - (there - here).numpy(), axis=1)
    far = far[np.isfinite(far)]
    assert len(far) >= 4 and np.median(far) < 1.5
    assert 0.5 < seen.sum() / np.isfinite(flow).all(2).sum() <= 1


def test_a_door_on_one_side_has_no_answer_on_the_other():
    one, two = scene_of("bus", 1), scene_of("bus", 2)
    plain, flipped = (
        counterparts(one.parts, two.parts),
        counterparts(one.parts, two.parts, mirrored=True),
    )
    names = one.parts.names
    assert (plain.part >= 0).all() and (plain.sign == 1).all()
    assert [name for name, p in zip(names, flipped.part.tolist(), strict=True) if p < 0] == ["door"]
    assert names[flipped.part[names.index("front_left_hub")]] == "front_right_hub"
    assert flipped.sign[names.index("front_left_hub")].tolist() == [
        1,
        1,
        -1,
    ]  # a wheel's own z is the toy's y
    assert flipped.sign[names.index("body")].tolist() == [1, -1, 1]


# ---------------------------------------------------------------- boards


def gradient() -> Board:
    """A board whose colour is its own place: pixel (x, y) of image 1 is x / 1000, y / 1000."""
    y, x = np.meshgrid(np.arange(180 * FINE), np.arange(240 * FINE), indexing="ij")
    raster = np.stack([(x - 60 * FINE) / FINE / 1000, (y - 45 * FINE) / FINE / 1000, 0 * x], -1)
    return Board(raster.astype(np.float64), (60.0 * FINE, 45.0 * FINE))


def test_a_photograph_shows_at_each_pixel_centre_what_its_homography_says():
    turned = pose(SIZE, yaw=20, pitch=-8, roll=5, zoom=1.1, shift=(0.02, -0.03))
    affine = np.array([[1.1, 0.1, 3.25], [0.05, 0.9, -1.5], [0, 0, 1]])
    for homography, bound in ((np.eye(3), 1e-9), (affine, 1e-9), (turned, 0.02)):
        seen = photograph(gradient(), homography, SIZE)[..., :2] * 1000
        x, y = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
        place = np.linalg.inv(homography) @ np.stack([x, y, np.ones_like(x)]).reshape(3, -1)
        place = rearrange(place[:2] / place[2], "c (h w) -> h w c", w=SIZE[0])
        inside = (np.abs(place - np.array([48, 36])) < (40, 30)).all(-1)  # well within the board
        np.testing.assert_allclose(seen[inside], place[inside], atol=bound)


def test_cameras_look_at_the_board():
    np.testing.assert_allclose(
        pose(SIZE, yaw=0, pitch=0, roll=0, zoom=1, shift=(0, 0)), np.eye(3), atol=1e-12
    )
    twice = pose(SIZE, yaw=0, pitch=0, roll=0, zoom=2, shift=(0, 0))
    np.testing.assert_allclose(
        twice @ [50.5, 35.5, 1], [53.5, 35.5, 1]
    )  # three right of the centre (47.5, 35.5), twice as far
    h = pose(SIZE, yaw=30, pitch=12, roll=-20, zoom=0.9, shift=(0.1, -0.05))
    u, v, w = h @ [47.5, 35.5, 1]
    np.testing.assert_allclose([u / w, v / w], [47.5 + 9.6, 35.5 - 3.6])
    assert h[2, 2] == 1 and all(np.linalg.det(k) > 0 for k in cameras((0, "v_x"), SIZE))


def test_the_true_homography_aligns_better_than_its_neighbours():
    """By half a pixel: a photograph taken from corner to corner instead of centre to centre would
    lie that far off.
    """
    import cv2

    board, h = (
        paint_board(("test",), SIZE),
        pose(SIZE, yaw=14, pitch=5, roll=4, zoom=1.1, shift=(0.0, 0.02)),
    )
    first, second = (photograph(board, k, SIZE).mean(-1).astype(np.float32) for k in (np.eye(3), h))
    assert first.std() > 0.1  # detail

    def agreement(dx, dy):
        moved = np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1]]) @ h
        warped = cv2.warpPerspective(
            first, moved, SIZE, flags=cv2.INTER_CUBIC, borderValue=float("nan")
        )
        good = np.isfinite(warped)
        return np.corrcoef(warped[good], second[good])[0, 1]

    true = agreement(0, 0)
    assert true > 0.95
    assert all(
        agreement(dx, dy) < true
        for dx, dy in ((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5), (0.5, 0.5), (-0.5, -0.5))
    )


# ---------------------------------------------------------------- limbs


@pytest.mark.parametrize("toy", ["person", "horse"])
def test_bent_limbs_stay_joined_and_keep_their_length(toy):
    parts = scene_of(toy).parts
    limbs = gait.PERSON if toy == "person" else gait.ANIMAL
    bent = gait.stride(parts, 0.7)
    assert torch.equal(bent.half, parts.half)
    start, end = torch.tensor([[0.0, 0.0, -1.0]]), torch.tensor([[0.0, 0.0, 1.0]])
    for upper, lower, hung in limbs.values():
        one, two, last = (parts.names.index(name) for name in (upper, lower, hung))
        before = parts.place(one, end) - parts.place(two, start)  # zero where the two meet exactly
        after = bent.place(one, end) - bent.place(two, start)
        assert (after.norm() - before.norm()).abs() < 1e-5
        torch.testing.assert_close(
            bent.place(one, start), parts.place(one, start)
        )  # shoulder and hip stay
        was, now = ((p.centre[:, last] - p.place(two, end)[:, 0]).norm() for p in (parts, bent))
        torch.testing.assert_close(was, now, atol=1e-5, rtol=0)
    upright = gait.bend(parts, next(iter(limbs.values())), 0.0, math.pi / 2)
    thigh, shin = (
        upright.rotation[0, parts.names.index(name), :, 2]
        for name in next(iter(limbs.values()))[:2]
    )
    assert abs(thigh[0]) < 1e-6 and thigh[2] < 0  # straight down
    assert abs(shin[2]) < 1e-6 and shin[0] > 0.5  # level, forward


# ---------------------------------------------------------------- films


def test_who_is_nearer_hides_who_is_farther():
    stage = stage_of(("test",), post=(0.3, 0.05))
    near, far = (toy_of(("test",), toy, 0.36) for toy in ("person", "dog"))
    person = stand(stage, near, x=0.0, far=0.0, ground=0.36)
    dog = stand(stage, far.seen_from(azimuth=torch.tensor([90.0])), x=0.05, far=0.6, ground=0.36)
    size = (112, 64)
    both, swapped = frame([person, dog], size), frame([dog, person], size)
    alone = [frame([actor], size)[1] for actor in (person, dog)]
    assert torch.equal(both[1] == 1, alone[0] == 1)
    assert torch.equal(both[1] == 2, (alone[1] == 1) & (alone[0] == 0))
    assert 0 < int((both[1] == 2).sum()) < int((alone[1] == 1).sum())
    assert torch.equal(swapped[1] == 1, both[1] == 2) and torch.equal(swapped[1] == 2, both[1] == 1)
    x = torch.full((1, 5), 0.3)
    assert (
        look([person, dog], x, torch.linspace(-0.4, 0.4, 5)[None])[1] == 0
    ).all()  # behind the post


def test_toys_stand_on_the_floor():
    stage, toy = stage_of(("test",)), toy_of(("test",), "horse", 0.4)
    low = torch.tensor([[0.0, 0.0, foot(toy.parts)]])
    for far in (0.0, 0.7):
        actor = stand(stage, toy, x=0.2, far=far, ground=0.3)
        down = -float(actor.scene.camera[0, 1] @ low[0]) * 0.4 + float(actor.scene.shift[0, 1])
        away = -float(actor.scene.camera[0, 2] @ low[0]) * 0.4 + actor.away
        sin, cos = math.sin(math.radians(14)), math.cos(math.radians(14))
        assert down == pytest.approx(0.3 - far * sin, abs=1e-6) and away == pytest.approx(
            far * cos, abs=1e-6
        )


def test_the_camera_that_follows_moves_pictures_and_joints_alike():
    stage, toy = stage_of(("test",)), toy_of(("test",), "person", 0.4)
    actor = stand(stage, toy, x=0.0, far=0.0, ground=0.4)
    still, panned = (frame([actor], (64, 64), pan=pan)[1] for pan in (0.0, 0.125))  # 8 pixels
    assert torch.equal(panned[:, :-8], still[:, 8:])
    places = [("head", (0.0, 0.0, 0.0))]
    moved = joints(actor, places, (64, 64)) - joints(actor, places, (64, 64), pan=0.125)
    torch.testing.assert_close(moved, torch.tensor([[8.0, 0.0]]))
    x, y = joints(actor, places, (64, 64))[0].round().long().tolist()
    assert still[y, x] == 1


def test_every_film_begins_with_all_its_toys_in_view():
    assert {film.split for film in FILMS.values()} == {"train", "val"} and max(
        len(f.roles) for f in FILMS.values()
    ) >= 3
    for name, film in FILMS.items():
        stage = stage_of(("davis", 0, name), post=film.post)
        toys = [
            toy_of(("davis", 0, name, i), role.toy, role.scale) for i, role in enumerate(film.roles)
        ]
        actors: list[Actor] = [
            act(stage, toy, role, 0) for toy, role in zip(toys, film.roles, strict=True)
        ]
        counts = torch.bincount(
            frame(actors, (112, 64))[1].flatten().long(), minlength=len(actors) + 1
        )
        assert (counts[1:] > 60).all(), f"{name}: {counts.tolist()}"
