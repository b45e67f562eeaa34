"""The calibrated world: rectangles known exactly, fills as on SPair-71k, cuts and hiders that are
there when the flags say so.
"""

import numpy as np
import pytest
import torch

from corrlib.toybox.captions import captions
from corrlib.toybox.items import generator_for, item, item_of, photo
from corrlib.toybox.photograph import FILL, SHAPES, photograph
from corrlib.toybox.render import outline, picture, render
from corrlib.toybox.scene import Knobs, draw
from corrlib.toybox.things import CATEGORIES
from corrlib.toybox.truth import flags, toy_box

WHOLE = Knobs(truncation=0.0, occluder=0.0, shift=0.0, size=(0.6, 0.6))


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_outline_is_the_rectangle_that_the_rays_see(category):
    scene, side = draw(category, 1, generator_for("outline", category), WHOLE), 160
    low, high = outline(scene)
    pixels = torch.cat([low, high - 0.0], 1)[0] * scene.scale + torch.cat([scene.shift] * 2, 1)[0]
    x1, y1, x2, y2 = (pixels * side + side / 2).tolist()  # edges of pixels, not centres
    box = toy_box(render(scene, (side, side), supersample=1))
    # a pixel is in the box when its centre's ray meets the toy: never beyond the rectangle, and
    # thin ends may be missed by all rays
    assert x1 - 0.51 < box[0] - 0.5 < x1 + 2.5 and y1 - 0.51 < box[1] - 0.5 < y1 + 2.5
    assert x2 - 2.5 < box[2] - 0.5 < x2 + 0.51 and y2 - 2.5 < box[3] - 0.5 < y2 + 0.51


def test_whole_toys_fill_what_they_were_asked_to():
    fills, shapes = [], set()
    for category in CATEGORIES:
        scene, size = photograph(category, 64, generator_for("fill", category))
        low, high = outline(scene)
        room = size / size.amin(1, keepdim=True)
        corners = [
            (v * scene.scale[:, None] + scene.shift).clamp(-room / 2, room / 2) for v in (low, high)
        ]
        fills.append((corners[1] - corners[0]).amax(1) / room.amax(1))
        shapes |= {tuple(row) for row in size.int().tolist()}
    found = np.quantile(torch.cat(fills), [q for q, _ in FILL[1:-1]])
    # a toy that lies across its picture cannot fill as much as was drawn
    assert found == pytest.approx([fill for _, fill in FILL[1:-1]], abs=0.035)
    assert shapes == set(SHAPES)


def test_a_photographer_likes_some_views_better():
    azimuth = photograph("car", 4000, generator_for("views"))[0].azimuth
    pairs = azimuth.view(2, -1)
    gap = ((pairs[0] - pairs[1] + 180) % 360 - 180).abs()
    easy, medium, hard = (
        float(((gap >= a) & (gap < b)).float().mean()) for a, b in ((0, 35), (35, 80), (80, 181))
    )
    assert easy == pytest.approx(0.48, abs=0.04)  # of pairs that share a point, more
    assert medium == pytest.approx(0.33, abs=0.04)
    assert hard == pytest.approx(0.19, abs=0.04)


def test_the_flags_find_what_the_frame_cut_and_hid():
    scenes, sizes = photograph("train", 40, generator_for("cut"))
    low, high = outline(scenes)
    room = sizes / sizes.amin(1, keepdim=True) / 2
    beyond = torch.maximum(
        -room - (low * scenes.scale[:, None] + scenes.shift),
        high * scenes.scale[:, None] + scenes.shift - room,
    ).amax(1)
    hidden = scenes.occluder[:, 2] > 0
    told = []
    for i in range(len(scenes)):
        size = tuple(sizes[i].int().tolist())
        told.append(flags(scenes[i], render(scenes[i], size, supersample=1), size))
    cut, covered = (torch.tensor(v) for v in zip(*told, strict=True))
    assert 5 < int(cut.sum()) < 25 and 4 < int(covered.sum()) < 20
    assert not cut[beyond <= 0].any() and cut[beyond > 0.1].float().mean() > 0.9
    assert not covered[~hidden].any() and covered[hidden].float().mean() > 0.7


def test_a_batch_is_framed_on_the_generators_device_and_repeats():
    one, two = (photograph("cow", 3, generator_for("again")) for _ in range(2))
    assert torch.equal(one[0].shift, two[0].shift) and torch.equal(one[1], two[1])
    assert len(one[0]) == 3 and one[1].shape == (3, 2)


def test_items_of_both_worlds():
    scene, size = photo("val", "cat", 1)
    again, same = item_of("calibrated", "val", "cat", 1, 0)
    hard, _ = item_of("hard", "val", "cat", 1, 0)
    assert size == same and torch.equal(scene.shift, again.shift) and size in SHAPES
    assert torch.equal(hard.shift, item("val", "cat", 1)[0].shift)
    assert not torch.equal(hard.azimuth, scene.azimuth)
    with pytest.raises(ValueError, match="no toy world 'easy'; there are calibrated, hard"):
        item_of("easy", "val", "cat", 1, 0)


@pytest.mark.parametrize("category", CATEGORIES)
def test_pictures_are_drawn_on_the_device_of_their_generator(category):
    # a tensor that a function makes without saying where lands on "meta", and cannot meet the rest
    with torch.device("meta"):
        generator = torch.Generator("cpu").manual_seed(0)
        scene, size = photograph(category, 2, generator)
        drawn = picture(scene, (8, 8), aspect=size[:, 0] / size[:, 1])
        lines = captions(scene, generator)
    assert drawn.device.type == size.device.type == "cpu" and len(lines) == 2
