"""The same predictions under several protocols, by hand."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from corrlib import metrics
from corrlib.metrics.protocol import Protocol
from tests.metrics.keypoint_rows import rows_of

DATA = Path(os.environ.get("CORRLIB_DATA", Path(__file__).parents[3] / "shared" / "data"))
WILLOW, CUB, SPAIR = (
    DATA / "pf_willow" / "PF-dataset-WILLOW",
    DATA / "cub200_subset",
    DATA / "spair71k_subset",
)


def real(folder):
    return pytest.mark.skipif(
        not folder.is_dir(), reason=f"real bytes are not at {folder}; set CORRLIB_DATA"
    )


HAND = rows_of(
    "p",
    source=[(0, 0), (1, 1), (2, 2)],
    target=[(10, 10), (110, 30), (60, 90)],
    predicted=[(30, 10), (110, 50), (60, 90)],
    sizes=((400, 100), (200, 100)),
    boxes=((0, 0, 80, 60), (0, 0, 120, 90)),
)


def lengths(frame=None, origin=0):
    """Each base's tolerance of the table above."""
    return {
        base: metrics.measured(HAND, Protocol(base=base, frame=frame, origin=origin))[
            "tolerance_px"
        ].iloc[0]
        for base in metrics.BASES
    }


def test_lengths_by_hand():
    assert lengths() == {
        "box": 120,
        "image": 200,
        "keypoints": 100,
        "padded_keypoints_compat": 111,
        "source_box": 80,
        "box_x_factor_compat": 120,
        "box_y_factor_compat": 120,
    }
    # to 100 x 100: the target's x halves; the source's is a quarter
    assert lengths((100, 100)) == {
        "box": 90,
        "image": 100,
        "keypoints": 80,
        "padded_keypoints_compat": 91,
        "source_box": 60,
        "box_x_factor_compat": 60,
        "box_y_factor_compat": 120,
    }
    # the padded box alone remembers that annotators counted from 1
    assert {b: v for b, v in lengths((100, 100), 1).items() if v != lengths((100, 100))[b]} == {
        "padded_keypoints_compat": 92
    }


def test_one_pair_and_the_table_agree():
    given = dict(
        target_box=(0, 0, 120, 90),
        source_box=(0, 0, 80, 60),
        target_size=(200, 100),
        source_size=(400, 100),
        target_points=HAND[["target_x", "target_y"]].to_numpy(),
    )
    for frame in (None, (100, 100), (512, 384)):
        for origin in (0, 1):
            assert {
                b: metrics.tolerance_px(b, **given, frame=frame, origin=origin)
                for b in metrics.BASES
            } == pytest.approx(lengths(frame, origin))
    with pytest.raises(ValueError, match="'source_box' in a frame needs source_size"):
        metrics.tolerance_px("source_box", source_box=(0, 0, 1, 1), frame=(9, 9))


def test_distances_in_a_frame_are_per_axis():
    assert metrics.measured(HAND, Protocol())["distance_px"].tolist() == [20, 20, 0]
    framed = metrics.measured(HAND, Protocol(base="image", frame=(100, 100)))
    assert framed["distance_px"].tolist() == [10, 20, 0] and (framed["tolerance_px"] == 100).all()
    # at 0.1 the frame makes the first answer right; of the original 200 pixels both are
    assert (
        metrics.pck(framed) == pytest.approx(200 / 3)
        and metrics.pck(metrics.measured(HAND, Protocol(base="image"))) == 100
    )


def test_perfect_answers_are_100_under_every_protocol():
    perfect = HAND.assign(predicted_x=HAND["target_x"], predicted_y=HAND["target_y"])
    for base in metrics.BASES:
        for frame in (None, (240, 240)):
            for by in metrics.BY:
                for strict in (False, True):
                    assert metrics.pck_under(
                        perfect, Protocol(base, by, (0.01,), strict, 1, frame)
                    )["pck"].tolist() == [100]


def test_no_answer_is_a_wrong_one():
    silent = HAND.assign(predicted_x=[np.nan, 110, 60])
    assert metrics.measured(silent, Protocol())["distance_px"].tolist() == [np.inf, 20, 0]
    assert metrics.pck_under(silent, Protocol(alphas=(1e6,)))["pck"].item() == pytest.approx(
        200 / 3
    )


def test_results_say_their_rules():
    protocol = Protocol(
        base="keypoints", by="point", alphas=(0.1, 0.2), strict=True, frame=(240, 240), origin=1
    )
    table = metrics.pck_under(HAND.assign(method="m"), protocol, group=("method",), over="pair")
    assert list(table.columns) == [
        "method",
        "alpha",
        "pck",
        "low",
        "high",
        "pairs",
        "keypoints",
        "base",
        "by",
        "strict",
        "origin",
        "frame",
    ]
    assert table.iloc[0][["base", "by", "strict", "origin", "frame"]].tolist() == [
        "keypoints",
        "point",
        True,
        1,
        "240x240",
    ]
    side = metrics.compare(
        HAND,
        {"right": protocol, "padded": protocol.but(base="padded_keypoints_compat", strict=False)},
    )
    assert (
        side["protocol"].tolist() == ["right", "right", "padded", "padded"]
        and side["base"].nunique() == 2
    )
    with pytest.raises(ValueError, match="several values of 'method'"):
        metrics.pck_under(pd.concat([HAND.assign(method="a"), HAND.assign(method="b")]), protocol)


def test_tables_that_cannot_be_measured():
    with pytest.raises(ValueError, match="no column predicted_y"):
        metrics.measured(HAND.drop(columns="predicted_y"), Protocol())
    with pytest.raises(ValueError, match="no column target_width"):
        metrics.measured(HAND.drop(columns="target_width"), Protocol(frame=(9, 9)))
    boxless = rows_of("q", [(0, 0)], [(1, 1)], [(1, 1)], ((9, 9), (9, 9)))
    for base, side in (("box", "target"), ("source_box", "source")):
        for frame in (None, (9, 9)):
            with pytest.raises(ValueError, match=f"pair q has no {side} box; choose base 'image'"):
                metrics.measured(pd.concat([HAND, boxless]), Protocol(base=base, frame=frame))
    with pytest.raises(ValueError, match="tolerance 0 px"):  # one keypoint has no extent
        metrics.pck_under(boxless, Protocol(base="keypoints"))


def test_one_table_of_several_methods_shares_the_keypoints_box():
    two = pd.concat([HAND.assign(method="a"), HAND.assign(method="b")])
    assert (metrics.tolerances(two, "padded_keypoints_compat") == 111).all()
    places = np.c_[np.arange(40.0) + 7, np.full(40, 3.0)]
    full = rows_of("full", places, places, places, ((90, 90), (90, 90)))
    both = pd.concat(
        [
            full.assign(method="a"),
            full.assign(method="b"),
            full.iloc[:39].assign(pair="39", method="a"),
        ]
    )
    found = metrics.tolerances(both, "padded_keypoints_compat")
    assert set(found[:80]) == {39} and set(found[80:]) == {
        46
    }  # forty points leave no room for padding, 39 do


# ---------------- real annotations
