"""Homographies: the known one comes back in all four ways, failures are wrong, and real sequences
agree with what is known.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from corrlib import metrics

REAL = (
    Path(os.environ.get("CORRLIB_DATA", Path(__file__).parents[3] / "shared" / "data"))
    / "oxford_graf"
    / "test-graf"
)
real = pytest.mark.skipif(
    not REAL.is_dir(), reason=f"real Oxford bytes are not at {REAL}; set CORRLIB_DATA"
)

WARP = np.array([[0.9, 0.15, 20.0], [-0.1, 1.05, 12.0], [1e-4, -5e-5, 1.0]])
SIZE = (313, 257)


def plane(n=200, seed=0, outliers=0.3):
    """Points of image 1, their places in image 2, and descriptors that agree except for some that
    are swapped around.
    """
    rng = np.random.default_rng(seed)
    source = rng.uniform(0, 1, (n, 2)) * SIZE
    features = rng.normal(size=(n, 32))
    target, other = (
        metrics.apply_homography(WARP, source),
        features + rng.normal(scale=0.01, size=(n, 32)),
    )
    wrong = rng.choice(n, int(outliers * n), replace=False)
    other[wrong] = other[np.roll(wrong, 1)]
    return source, features, target, other


def test_points_under_a_homography():
    points = np.array([[0.0, 0.0], [10.0, 4.0]])
    assert np.array_equal(metrics.apply_homography(np.eye(3), points), points)
    assert metrics.apply_homography(np.diag([2, 3, 1]), points)[1].tolist() == [20, 12]
    assert metrics.apply_homography(5 * WARP, points) == pytest.approx(
        metrics.apply_homography(WARP, points)
    )
    away = np.array(
        [[1, 0, 0], [0, 1, 0], [-0.1, 0, 1]]
    )  # x = 10 lies on the line that goes to infinity
    assert np.isnan(metrics.apply_homography(away, points)).tolist() == [[False] * 2, [True] * 2]
    assert np.isinf(metrics.reprojection_error(points, points, away)).tolist() == [False, True]
    with pytest.raises(ValueError, match="wanted .3, 3."):
        metrics.apply_homography(np.eye(2), points)


def test_corner_error():
    assert metrics.corner_error(np.eye(3), np.eye(3), SIZE) == 0
    shift = np.array([[1, 0, 3], [0, 1, 4], [0, 0, 1]])
    assert metrics.corner_error(shift, np.eye(3), SIZE) == 5
    assert (
        metrics.corner_error(np.diag([2, 1, 1]), np.eye(3), (11, 7)) == 5
    )  # corners' centres move by 0, 0, 10, 10
    assert metrics.corner_error(None, np.eye(3), SIZE) == np.inf
    away = np.array([[1, 0, 0], [0, 1, 0], [-0.1, 0, 1]])
    assert metrics.corner_error(away, np.eye(3), (11, 7)) == np.inf
    with pytest.raises(ValueError, match="true homography sends a corner"):
        metrics.corner_error(np.eye(3), away, (11, 7))


def test_flow_of_a_homography():
    shift = np.array([[1, 0, 3], [0, 1, -1], [0, 0, 1]])
    flow = metrics.homography_flow(shift, (10, 6), (10, 6))
    assert flow[2, 4].tolist() == [3, -1]
    assert (
        np.isnan(flow[0]).all() and np.isnan(flow[:, 7:]).all() and not np.isnan(flow[1:, :7]).any()
    )  # what leaves the image
    assert metrics.score_flow(flow + [0.3, 0.4], flow, (10, 6))["epe_px"] == pytest.approx(0.5)
    # both images resized: points, then the homography of the original sizes, are where the resized
    # flow says
    small = metrics.homography_flow(WARP, (40, 30), (50, 20), original=(SIZE, (330, 300)))
    at = np.array([13.0, 11.0])
    there = (
        metrics.apply_homography(WARP, [at * SIZE / (40, 30)])[0] * (50, 20) / np.array([330, 300])
    )
    assert small[11, 13] + at == pytest.approx(there)
    assert np.allclose(metrics.homography_flow(np.eye(3), (5, 4), (5, 4)), 0)


def test_mutual_neighbours():
    a = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    b = np.array([[0.0, 2.0], [3.0, 0.1], [0.1, 0.9]])
    # the nearest of a[2] is b[2], whose own nearest is a[1]: not mutual
    assert metrics.mutual_neighbours(a, b, "cosine").tolist() == [[0, 1], [1, 0]]
    for metric in ("cosine", "l2"):
        same = metrics.mutual_neighbours(a, a[[2, 0, 1]], metric)
        assert same.tolist() == [[0, 1], [1, 2], [2, 0]]
    # lengths matter to l2 only
    long = np.array([[10.0, 0.0], [0.9, 0.5]])
    assert metrics.mutual_neighbours(a[:1], long, "cosine").tolist() == [[0, 0]]
    assert metrics.mutual_neighbours(a[:1], long, "l2").tolist() == [[0, 1]]
    assert metrics.mutual_neighbours(a[:0], b).shape == (0, 2)
    half = metrics.mutual_neighbours(torch.tensor(a).half(), torch.tensor(a).half())
    assert half.tolist() == [[0, 0], [1, 1], [2, 2]] and half.dtype == np.int64


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_mutual_neighbours_by_brute_force(metric):
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(40, 8)), rng.normal(size=(50, 8))

    def far(x, y):
        return (
            1 - x @ y / np.linalg.norm(x) / np.linalg.norm(y)
            if metric == "cosine"
            else np.linalg.norm(x - y)
        )

    distance = np.array([[far(x, y) for y in b] for x in a])
    wanted = [
        [i, j]
        for i in range(40)
        for j in [int(distance[i].argmin())]
        if distance[:, j].argmin() == i
    ]
    assert metrics.mutual_neighbours(a, b, metric).tolist() == wanted and 5 < len(wanted) < 40


def test_the_known_homography_comes_back_in_all_four_ways():
    ways = metrics.four_ways(*plane(), WARP, SIZE)
    assert ways[["metric", "estimator"]].agg(" ".join, axis=1).tolist() == [
        "cosine ransac",
        "cosine lmeds",
        "l2 ransac",
        "l2 lmeds",
    ]
    assert (ways["error_px"] < 0.01).all() and (ways["matches"] >= 140).all()
    again = metrics.four_ways(*plane(), WARP, SIZE)
    pd.testing.assert_frame_equal(ways, again, check_exact=True)
    identity = plane(outliers=0)
    exact = metrics.four_ways(identity[0], identity[1], identity[0], identity[1], np.eye(3), SIZE)
    assert (exact["error_px"] < 1e-3).all() and (exact["matches"] == 200).all()
    # lmeds stands less than half of wrong matches, ransac more
    hard = metrics.four_ways(*plane(outliers=0.7), WARP, SIZE).set_index(["metric", "estimator"])[
        "error_px"
    ]
    assert hard["cosine", "ransac"] < 0.01


def test_points_given_twice_count_once():
    source, features, target, other = plane(outliers=0)
    twice = [np.concatenate([x, x[:50]]) for x in (source, features)]
    assert (metrics.four_ways(*twice, target, other, WARP, SIZE)["matches"] == 200).all()


def test_failures_are_wrong_at_every_threshold():
    source, features, target, other = plane()
    few = metrics.four_ways(source[:3], features[:3], target[:3], other[:3], WARP, SIZE)
    assert (
        np.isinf(few["error_px"]).all() and metrics.find_homography(source[:3], target[:3]) is None
    )
    one_place = np.zeros((10, 2))
    for estimator in ("ransac", "lmeds"):
        found = metrics.find_homography(one_place, one_place, estimator)
        assert found is None or found.shape == (3, 3)  # no exception, whatever OpenCV makes of it
    table = pd.DataFrame(
        {"sequence": ["i_a", "i_a", "v_b", "v_b"], "error_px": [0.5, 3.0, 4.0, np.inf]}
    )
    accuracy = metrics.homography_accuracy(table, group=()).set_index("part")
    assert accuracy.loc["all", ["1 px", "3 px", "5 px"]].tolist() == [25, 50, 75]
    assert accuracy.loc["i", ["1 px", "3 px", "5 px"]].tolist() == [50, 100, 100]
    assert accuracy.loc["v", ["1 px", "3 px", "5 px", "pairs", "failed"]].tolist() == [
        0,
        0,
        50,
        2,
        1,
    ]


def test_accuracy_of_each_way():
    table = pd.concat(
        [metrics.four_ways(*plane(seed=k), WARP, SIZE).assign(sequence=f"v_{k}") for k in range(3)]
    )
    accuracy = metrics.homography_accuracy(table)
    assert (
        len(accuracy) == 8 and accuracy["part"].tolist() == ["all", "v"] * 4
    )  # no part "i": there is no such sequence
    assert (accuracy[["1 px", "3 px", "5 px"]] == 100).all(axis=None) and (
        accuracy["pairs"] == 3
    ).all()


def test_matching_accuracy():
    points = np.zeros((4, 2))
    errors = [
        metrics.reprojection_error(points, points + [[0, d] for d in (0, 1, 1.5, 20)], np.eye(3)),
        [],
        [0.5],
    ]
    assert errors[0].tolist() == [0, 1, 1.5, 20]
    # shares at 1, 2, 15: 2/4, 3/4, 3/4; the pair without a match counts as 0
    assert metrics.matching_accuracy(errors, (1, 2, 15)) == pytest.approx([50, 175 / 3, 175 / 3])
    assert metrics.matching_accuracy([np.zeros(5)]).tolist() == [100] * 15
    with pytest.raises(ValueError, match="no pair"):
        metrics.matching_accuracy([])


def test_what_does_not_fit_is_refused():
    source, features, target, other = plane(20)
    with pytest.raises(ValueError, match="wanted one of cosine, l2"):
        metrics.mutual_neighbours(features, other, "dot")
    with pytest.raises(ValueError, match=r"shapes \(20, 32\) and \(20, 31\)"):
        metrics.mutual_neighbours(features, other[:, 1:])
    with pytest.raises(ValueError, match="not finite"):
        metrics.mutual_neighbours(features * np.nan, other)
    with pytest.raises(ValueError, match="wanted one of ransac, lmeds"):
        metrics.find_homography(source, target, "magsac")
    with pytest.raises(ValueError, match="20 source and 19 target"):
        metrics.find_homography(source, target[1:])
    with pytest.raises(ValueError, match="20 target points and 19 target descriptors"):
        metrics.four_ways(source, features, target, other[1:], WARP, SIZE)
    with pytest.raises(ValueError, match="n x 2"):
        metrics.find_homography(source.T, target.T)
    with pytest.raises(ValueError, match="no column sequence, estimator"):
        metrics.homography_accuracy(pd.DataFrame({"metric": ["l2"], "error_px": [1.0]}))
    with pytest.raises(ValueError, match="1 without a number; a failed pair has error_px inf"):
        metrics.homography_accuracy(
            pd.DataFrame({"sequence": ["v_a"], "error_px": [np.nan]}), group=()
        )


@real
@pytest.mark.parametrize("k", [2, 3, 4, 5, 6])
def test_real_homographies(k):
    """Matches made from a published homography give it back, and the next sequence's is far off."""
    true, size = np.loadtxt(REAL / f"H1to{k}p"), (800, 640)
    source = np.random.default_rng(k).uniform(0, 1, (300, 2)) * size
    target = metrics.apply_homography(true, source) + np.random.default_rng(k + 10).normal(
        scale=0.3, size=(300, 2)
    )
    for estimator in ("ransac", "lmeds"):
        assert (
            metrics.corner_error(metrics.find_homography(source, target, estimator), true, size) < 2
        )
    assert metrics.corner_error(np.eye(3), true, size) > 50


@real
def test_a_real_pair_with_sift():
    """Graffiti 1 to 2 with 1,000 SIFT points each: every way is within 3 px, and matches are mostly
    right.
    """
    import cv2

    images = [cv2.imread(str(REAL / f"img{k}.png"), cv2.IMREAD_GRAYSCALE) for k in (1, 2)]
    found = [cv2.SIFT_create(nfeatures=1000).detectAndCompute(image, None) for image in images]
    points, features = [cv2.KeyPoint_convert(kp) for kp, _ in found], [f for _, f in found]
    true = np.loadtxt(REAL / "H1to2p")
    ways = metrics.four_ways(
        points[0], features[0], points[1], features[1], true, images[0].shape[::-1]
    ).assign(sequence="v_graffiti")
    assert (ways["error_px"] < 3).all() and (ways["matches"] > 200).all()
    assert (metrics.homography_accuracy(ways)["3 px"] == 100).all()
    matches = metrics.mutual_neighbours(*features, "l2")
    errors = metrics.reprojection_error(points[0][matches[:, 0]], points[1][matches[:, 1]], true)
    accuracy = metrics.matching_accuracy([errors])
    assert (np.diff(accuracy) >= 0).all() and accuracy[2] > 50
