"""JHMDB's PCK: exact answers, what missing joints cost, and a real clip against a plain recount."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import loadmat

from corrlib import metrics

REAL = (
    Path(os.environ.get("CORRLIB_DATA", Path(__file__).parents[3] / "shared" / "data"))
    / "jhmdb_sample"
)
real = pytest.mark.skipif(
    not REAL.is_dir(), reason=f"real JHMDB bytes are not at {REAL}; set CORRLIB_DATA"
)


def body(frames=5):
    """Three joints whose box is 30 x 40, so its diagonal 50 and the body's size 30."""
    return np.tile(np.array([[10.0, 10.0], [40.0, 50.0], [20.0, 30.0]]), (frames, 1, 1))


def mean_of(table):
    return table.set_index("joint").loc["mean"]


def test_the_truth_is_all_right_and_the_limit_itself_counts():
    assert metrics.body_size(body()).tolist() == [30] * 5
    table = metrics.score_joints([body()], [torch.tensor(body())], names=("a", "b", "c"))
    assert table["joint"].tolist() == ["a", "b", "c", "mean"] and table["count"].tolist() == [
        4,
        4,
        4,
        12,
    ]
    assert (table[["0.1", "0.2", "0.3", "0.4", "0.5"]] == 100).all(axis=None) and (
        table["missing"] == 0
    ).all()
    moved = body()
    moved[:, 0, 0] += 3  # 0.1 of the body's size
    moved[:, 1, 1] += 3.001
    shares = metrics.score_joints([moved], [body()]).set_index("joint")
    assert (
        shares["0.1"].tolist() == [100, 0, 100, pytest.approx(200 / 3)]
        and shares.loc["mean", "0.2"] == 100
    )


def test_the_first_frame_is_given():
    wrong_first = body()
    wrong_first[0] += 1000
    assert mean_of(metrics.score_joints([wrong_first], [body()]))["0.1"] == 100
    assert mean_of(metrics.score_joints([wrong_first], [body()], given=0))["0.1"] == pytest.approx(
        80
    )


def test_mean_of_joints_not_of_places():
    """Joint 0 is annotated in one frame only: it weighs as much as the others."""
    true, predicted = body(), body()
    true[2:, 0] = np.nan
    predicted[1, 0] += 500
    table = metrics.score_joints([predicted], [true])
    assert table["0.5"].tolist() == [0, 100, 100, pytest.approx(200 / 3)] and table[
        "count"
    ].tolist() == [1, 4, 4, 9]


def test_missing_answers_are_wrong_unless_the_published_code_is_asked_for():
    predicted = body()
    predicted[1:3, 1] = np.nan  # joint 1 in two of four frames
    counted = metrics.score_joints([predicted], [body()])
    assert counted["0.5"].tolist() == [100, 50, 100, pytest.approx(250 / 3)] and counted[
        "missing"
    ].tolist() == [0, 2, 0, 2]
    dropped = metrics.score_joints([predicted], [body()], missing="dropped_compat")
    assert dropped["0.5"].tolist() == [100] * 4 and dropped["count"].tolist() == [4, 2, 4, 10]
    # the box loses the joint too, so the tolerance of the others shrinks: 0.6 * hypot(10, 20)
    # instead of 30
    predicted[1, 0, 0] += 2.9
    near = [
        metrics.score_joints([predicted], [body()], missing=m).set_index("joint").loc["0", "0.1"]
        for m in ("wrong", "dropped_compat")
    ]
    assert near == [100, 75]
    outside = body()
    outside[
        1, 2, 0
    ] = -4  # an honest answer left of the image; the published code takes it for a missing one
    assert metrics.score_joints([outside], [body()])["missing"].sum() == 0
    assert (
        metrics.score_joints([outside], [body()], missing="dropped_compat")
        .set_index("joint")
        .loc["2", "count"]
        == 3
    )


def test_clips_are_pooled():
    long, short = body(9), body(3)
    table = metrics.score_joints([long, short + 100], [long, short])
    assert mean_of(table)["0.5"] == pytest.approx(80) and mean_of(table)["count"] == 30


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="clip 1: predicted .4, 3, 2., true .5, 3, 2."):
        metrics.score_joints([body(), body(4)], [body(), body()])
    with pytest.raises(ValueError, match="0 predicted clips and 1 true"):
        metrics.score_joints([], [body()])
    with pytest.raises(ValueError, match="3. joints and 2 names"):
        metrics.score_joints([body()], [body()], names=("a", "b"))
    with pytest.raises(ValueError, match="no joint can be scored"):
        metrics.score_joints([body(1)], [body(1)])
    with pytest.raises(ValueError, match="wanted one of wrong, dropped_compat"):
        metrics.score_joints([body()], [body()], missing="dropped")


@real
def test_a_real_clip_with_the_first_frame_held():
    """The pose of the first frame kept for all of them, against a recount with loops in the
    published order.
    """
    true = (
        loadmat(next(REAL.rglob("joint_positions.mat")))["pos_img"].transpose(2, 1, 0) - 1
    )  # frames x joints x 2
    assert true.shape == (40, 15, 2)
    held = np.tile(true[:1], (40, 1, 1))
    assert mean_of(metrics.score_joints([true], [true]))["0.1"] == 100
    table = metrics.score_joints([held], [true]).set_index("joint")
    for alpha in (0.1, 0.2, 0.3, 0.4, 0.5):
        right = np.zeros(15)
        for frame in range(1, 40):
            low, high = true[frame].min(0), true[frame].max(0)
            size = 0.6 * np.linalg.norm(high - low)
            for joint in range(15):
                right[joint] += (
                    np.linalg.norm(held[frame, joint] - true[frame, joint]) / size <= alpha
                )
        assert table[f"{alpha:g}"].to_numpy() == pytest.approx(
            [*100 * right / 39, (100 * right / 39).mean()]
        )
    assert 0 < table.loc["mean", "0.1"] < table.loc["mean", "0.5"] < 100
