"""J, F and their statistics by hand, against OpenCV's dilation, and on a real sequence with a known
score.
"""

import math
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from corrlib import metrics
from corrlib.metrics import masks

REAL = (
    Path(os.environ.get("CORRLIB_DATA", Path(__file__).parents[3] / "shared" / "data"))
    / "davis_car_shadow"
)
real = pytest.mark.skipif(
    not REAL.is_dir(), reason=f"real DAVIS bytes are not at {REAL}; set CORRLIB_DATA"
)


def square(x, y, side=4, size=(20, 16)):
    mask = np.zeros(size[::-1], bool)
    mask[y : y + side, x : x + side] = True
    return mask


def test_jaccard_by_hand():
    assert metrics.jaccard(square(2, 2), square(2, 2)) == 1
    assert metrics.jaccard(square(2, 2), square(4, 2)) == pytest.approx(8 / 24)
    assert metrics.jaccard(square(2, 2), square(10, 2)) == 0
    empty = np.zeros((16, 20), bool)
    assert metrics.jaccard(empty, empty) == 1 and metrics.jaccard(empty, square(2, 2)) == 0
    void = square(2, 2, 2)  # a quarter of the first square: neither for nor against
    assert metrics.jaccard(square(2, 2), square(2, 2) & ~void, void) == 1
    assert (
        metrics.jaccard(torch.tensor(square(2, 2)), square(4, 2), square(0, 0, 16)) == 1
    )  # nothing left to count


def test_boundaries():
    edge = masks.boundary(square(5, 5, 3))
    # half a pixel up and left: a 4 x 4 ring from (4, 4)
    assert (
        edge.sum() == 12
        and edge[4, 4:8].all()
        and edge[7, 4:8].all()
        and not edge[5:7, 5:7].any()
        and not edge[8].any()
    )
    whole = np.ones((6, 6), bool)
    assert not masks.boundary(whole).any()  # the image's border is none
    half = whole.copy()
    half[:, 3:] = False
    assert np.array_equal(np.nonzero(masks.boundary(half))[1], [2] * 6)


@pytest.mark.parametrize("radius", [0, 1, 2, 3, 8])
def test_near_is_dilation_by_a_disk(radius):
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = (x * x + y * y <= radius * radius).astype(np.uint8)
    edge = np.random.default_rng(radius).random((37, 53)) < 0.02
    assert np.array_equal(masks._near(edge, radius), cv2.dilate(edge.astype(np.uint8), disk) > 0)


def test_boundary_f_by_hand():
    a, empty = square(6, 6), np.zeros((16, 20), bool)
    assert metrics.boundary_f(a, a) == 1 and metrics.boundary_f(empty, empty) == 1
    assert metrics.boundary_f(empty, a) == metrics.boundary_f(a, empty) == 0
    assert metrics.boundary_f(a, square(7, 6)) == 1  # one pixel: ceil(0.008 * hypot(16, 20)) = 1
    assert (
        metrics.boundary_f(a, square(8, 6)) < 1
        and metrics.boundary_f(a, square(8, 6), tolerance=2) == 1
    )
    # a ring of 16 against the ring of the same square moved by 2 with no tolerance of theirs beyond
    # 1 pixel, by brute force
    ours, theirs = (masks.boundary(m) for m in (a, square(8, 6)))

    def share(these, those):
        return np.mean(
            [min(math.dist(p, q) for q in np.argwhere(those)) <= 1 for p in np.argwhere(these)]
        )

    precision, recall = share(ours, theirs), share(theirs, ours)
    assert metrics.boundary_f(a, square(8, 6)) == pytest.approx(
        2 * precision * recall / (precision + recall)
    )
    assert metrics.boundary_f(a, square(6, 6, 8), void=square(6, 6, 8) & ~a) == 1


def test_statistics_of_frames():
    assert metrics.frame_statistics([1, 1, 1, 1]) == (1, 1, 0)
    mean, recall, decay = metrics.frame_statistics([1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.0])
    assert mean == pytest.approx(3.8 / 8) and recall == 3 / 8  # 0.5 itself is not above 0.5
    assert decay == pytest.approx(
        (1.0 + 0.8 + 0.6) / 3 - (0.3 + 0.2 + 0.0) / 3
    )  # quarters end at frames 1, 3, 5(4.5), 6, 8
    assert metrics.frame_statistics([0.7]) == (pytest.approx(0.7), 1, 0)
    with pytest.raises(ValueError, match="no frame"):
        metrics.frame_statistics([])


def clip(n=6):
    """Two squares, ids 1 and 2; the second moves."""
    frames = []
    for i in range(n):
        frame = np.zeros((16, 20), np.uint8)
        frame[square(1, 1)], frame[square(8 + i, 8)] = 1, 2
        frames.append(frame)
    return frames


def test_a_sequence():
    true = clip()
    scores = metrics.score_objects(true, true, sequence="s")
    assert scores["frame"].unique().tolist() == [1, 2, 3, 4] and scores[
        "object"
    ].unique().tolist() == [1, 2]
    table = metrics.object_table(scores)
    assert (table[["J", "F", "J&F", "J_recall", "F_recall"]] == 1).all(axis=None) and (
        table[["J_decay", "F_decay"]] == 0
    ).all(axis=None)
    assert metrics.mask_summary(table)["J&F"] == 1 and metrics.mask_summary(table)["objects"] == 2
    lazy = metrics.score_objects(lambda i: torch.tensor(true[i]), lambda i: true[i], 6, trim=False)
    assert lazy["frame"].max() == 5 and (lazy["J"] == 1).all()


def test_an_object_that_is_missing_counts_as_empty():
    only_first = [np.where(frame == 1, frame, 0) for frame in clip()]
    scores = metrics.score_objects(only_first, clip(), sequence="a")
    one = metrics.score_objects(
        [f == 1 for f in clip()], [(f == 1).astype(np.uint8) for f in clip()], sequence="b"
    )
    table = metrics.object_table(scores)
    assert table["J"].tolist() == [1, 0] and table["F"].tolist() == [1, 0]
    import pandas as pd

    both = metrics.mask_summary(metrics.object_table(pd.concat([scores, one])))
    assert both["J"] == pytest.approx(2 / 3)  # a mean over objects; over sequences it would be 3/4


def test_void_pixels():
    true = clip()
    for frame in true[1:]:
        frame[square(1, 1, 2)] = 255  # a quarter of object 1 is undecided
    ours = clip()
    zeroed = metrics.score_objects(ours, true).query("object == 1")["J"]
    ignored = metrics.score_objects(ours, true, void="ignored").query("object == 1")["J"]
    assert (zeroed == 12 / 16).all() and (ignored == 1).all()
    ours[0][:2] = 255  # a first mask with void beside its objects, propagated as it is
    for frame in ours[1:]:
        frame[square(12, 12, 2)] = 255
    assert ours[0].max() == 255 and (set(np.unique(ours[1])) == {0, 1, 2, 255})
    again = metrics.score_objects(ours, true).query("object == 1")["J"]
    assert (again == zeroed).all()  # undecided in a prediction is background, not a refusal
    with pytest.raises(ValueError, match="wanted 'zeroed'"):
        metrics.score_objects(ours, true, void="skip")


def test_what_does_not_fit_is_refused():
    true = clip()
    extra = clip()
    extra[2][0, 0] = 3
    with pytest.raises(ValueError, match="cats, frame 2: predicted id 3, but there are 2 objects"):
        metrics.score_objects(extra, true, sequence="cats")
    with pytest.raises(ValueError, match="0 and 255 alone, as DAVIS 2016's do: of one object"):
        metrics.score_objects([(f > 0).astype(np.uint8) * 255 for f in true], true)
    with pytest.raises(ValueError, match="first true frame holds no object; masks of 0 and 255"):
        metrics.score_objects(true, [(f > 0).astype(np.uint8) * 255 for f in true])
    with pytest.raises(ValueError, match="5 predicted frames and 6 true"):
        metrics.score_objects(true[1:], true)
    with pytest.raises(ValueError, match="2 frames leave none"):
        metrics.score_objects(true[:2], true[:2])
    with pytest.raises(ValueError, match="frame 1: predicted .16, 10., true .16, 20."):
        metrics.score_objects([f[:, ::2] for f in true], true)
    with pytest.raises(ValueError, match="wanted H x W integer ids"):
        metrics.score_objects([f.astype(float) for f in true], true)
    with pytest.raises(ValueError, match="wanted one H x W"):
        metrics.jaccard(true[0], true[0][1:])
    with pytest.raises(ValueError, match="no object was scored"):
        metrics.mask_summary(metrics.object_table(metrics.score_objects(true, true)).iloc[:0])


@real
def test_known_score_of_a_real_sequence():
    """RVOS, label 1, frames 1 to 38: J 0.9219, F 0.9622 by the official package."""
    annotation = sorted((REAL / "DAVIS" / "Annotations" / "480p" / "car-shadow").glob("*.png"))
    result = sorted((REAL / "predictions_rvos" / "car-shadow").glob("*.png"))
    assert len(annotation) == len(result) == 40

    def true(i):  # DAVIS 2016 style: 0 and 255
        return (np.array(Image.open(annotation[i])) > 0).astype(np.uint8)

    def predicted(i):
        return (np.array(Image.open(result[i])) == 1).astype(np.uint8)

    table = metrics.object_table(metrics.score_objects(predicted, true, 40, sequence="car-shadow"))
    assert (round(table["J"][0], 4), round(table["F"][0], 4), table["frames"][0]) == (
        0.9219,
        0.9622,
        38,
    )
    assert round(table["J&F"][0], 4) == 0.9421 and table["J_recall"][0] == table["F_recall"][0] == 1
    osvos = REAL / "predictions_osvos" / "car-shadow"
    if osvos.is_dir():
        files = sorted(osvos.glob("*.png"))
        other = metrics.object_table(
            metrics.score_objects(
                lambda i: (np.array(Image.open(files[i])) > 0).astype(np.uint8), true, 40
            )
        )
        assert (round(other["J"][0], 4), round(other["F"][0], 4)) == (0.9284, 0.9174)
