"""PCK by hand, the published definitions that differ, and intervals that mean what they say."""

import numpy as np
import pandas as pd
import pytest

from corrlib import metrics


def table(rows, tolerance=100.0, **columns):
    """rows: (pair, category, keypoint, distance)."""
    frame = pd.DataFrame(rows, columns=["pair", "category", "keypoint", "distance_px"])
    return frame.assign(tolerance_px=tolerance, **columns)


SMALL = table(
    [
        ("p1", "cat", "nose", 5.0),
        ("p1", "cat", "tail", 20.0),
        ("p1", "cat", "ear", 10.0),
        ("p1", "cat", "paw", 11.0),
        ("p2", "cat", "nose", 0.0),
        ("p3", "dog", "nose", 30.0),
        ("p3", "dog", "tail", 1.0),
    ]
)


def test_three_averages_by_hand():
    assert metrics.pck(SMALL, by="point") == pytest.approx(100 * 4 / 7)
    assert metrics.pck(SMALL, by="image") == pytest.approx(100 * (2 / 4 + 1 + 1 / 2) / 3)
    assert metrics.pck(SMALL, by="category") == pytest.approx(100 * (3 / 5 + 1 / 2) / 2)


def test_the_limit_itself_counts_unless_strict():
    assert metrics.pck(SMALL, alpha=0.1, strict=True) == pytest.approx(100 * 3 / 7)
    assert metrics.pck(SMALL, alpha=0.11) == pytest.approx(100 * 5 / 7)
    assert metrics.pck(SMALL, alpha=0.0) == pytest.approx(100 / 7)
    # as in the released code, the limit is alpha * tolerance in double precision
    assert metrics.correct(table([("p", "c", "k", 0.1 * 3.0)], tolerance=3.0)).all()


def test_tidy_table_and_groups():
    two = pd.concat([SMALL.assign(method="a"), SMALL.assign(method="b", distance_px=0.0)])
    tidy = metrics.pck_table(two, alphas=(0.1,), group=("method",))
    assert (
        list(tidy.columns) == ["method", "by", "alpha", "pck", "keypoints", "pairs"]
        and len(tidy) == 6
    )
    assert tidy.query("method == 'b'")["pck"].tolist() == [100.0] * 3
    categories = metrics.pck_table(two, alphas=(0.1,), by=("point",), group=("method", "category"))
    assert categories["pck"].tolist() == pytest.approx([60, 50, 100, 100]) and categories[
        "keypoints"
    ].tolist() == [5, 2, 5, 2]
    with pytest.raises(ValueError, match="several values of 'method'; group it first"):
        metrics.pck(two)


def test_bad_tables_are_refused():
    with pytest.raises(ValueError, match="no column tolerance_px"):
        metrics.pck(SMALL.drop(columns="tolerance_px"))
    with pytest.raises(ValueError, match="empty"):
        metrics.pck(SMALL.iloc[:0])
    with pytest.raises(ValueError, match=r"row 2 \(pair p1\) has distance nan"):
        metrics.pck(SMALL.assign(distance_px=[1, 1, np.nan, 1, 1, 1, 1]))
    with pytest.raises(ValueError, match="row 0 .* tolerance 0 px"):
        metrics.pck(SMALL.assign(tolerance_px=0.0))
    with pytest.raises(ValueError, match="wanted 'point'"):
        metrics.pck(SMALL, by="pixel")
    assert metrics.pck(SMALL.assign(distance_px=np.inf)) == 0


POINTS = [(10.0, 20.0), (40.0, 25.0), (15.0, 60.0), (np.nan, np.nan)]


def test_tolerances():
    pair = dict(
        target_box=(1, 25, 333, 494),
        source_box=(0, 0, 50, 20),
        target_size=(640, 480),
        target_points=POINTS,
    )
    wanted = {
        "box": 469,
        "image": 640,
        "keypoints": 40,
        "padded_keypoints_compat": 61,
        "source_box": 50,
    }
    wanted |= {"box_x_factor_compat": 469, "box_y_factor_compat": 469}
    assert {base: metrics.tolerance_px(base, **pair) for base in metrics.BASES} == wanted
    full = np.stack(
        [np.arange(40.0) + 7, np.full(40, 3.0)], 1
    )  # forty points leave no room for padding
    assert metrics.tolerance_px("padded_keypoints_compat", target_points=full) == 39
    with pytest.raises(ValueError, match="needs source_box"):
        metrics.tolerance_px("source_box", target_box=(0, 0, 1, 1))
    with pytest.raises(ValueError, match="wanted one of box"):
        metrics.tolerance_px("bbox", **pair)


def test_tolerances_from_the_table():
    known = SMALL.assign(
        box_px=50.0,
        image_px=200.0,
        target_x=[0, 30, 10, 5, 4, 0, 8.0],
        target_y=[0, 10, 10, 5, 4, 0, 6.0],
    )
    assert metrics.with_tolerance(known, "image")["tolerance_px"].eq(200).all()
    pairs = known[known["pair"] != "p2"]  # one keypoint has no extent
    both = pd.concat([pairs.assign(method="a"), pairs.assign(method="b")])
    assert (
        metrics.with_tolerance(both, "keypoints")["tolerance_px"].tolist()
        == [30, 30, 30, 30, 8, 8] * 2
    )
    assert metrics.with_tolerance(known, "padded_keypoints_compat")["tolerance_px"].tolist() == [
        31,
        31,
        31,
        31,
        5,
        9,
        9,
    ]
    with pytest.raises(ValueError, match="no column source_box_px"):
        metrics.with_tolerance(known, "source_box")


def simulated(pairs=400, seed=0, p=0.6, categories=4, points=8):
    """Pairs of differing difficulty around p."""
    rng = np.random.default_rng(seed)
    chance = np.clip(rng.normal(p, 0.2, pairs), 0, 1).repeat(points)
    pair = np.arange(pairs).repeat(points)
    return pd.DataFrame(
        {
            "pair": np.char.add("pair", pair.astype(str)),
            "category": np.char.add("c", (pair % categories).astype(str)),
            "keypoint": np.tile(np.arange(points), pairs).astype(str),
            "distance_px": np.where(rng.random(pairs * points) < chance, 1.0, 99.0),
            "tolerance_px": 100.0,
            "source_image": np.char.add("i", (pair % 40).astype(str)),
            "target_image": np.char.add("i", (pair // 10 % 40).astype(str)),
        }
    )


def test_certainty_and_levels():
    data = simulated()
    sure = metrics.pck_interval(data.assign(distance_px=0.0))
    assert sure == pytest.approx((100, 100, 100))
    narrow, wide = metrics.pck_interval(data, level=0.5), metrics.pck_interval(data)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_interval_covers_the_truth():
    covered = sum(
        low <= 60 <= high
        for _, low, high in (
            metrics.pck_interval(simulated(100, s), over="pair") for s in range(100)
        )
    )
    assert (
        88 <= covered <= 100
    )  # nominal 95; the clipped normal's mean is 0.6 by symmetry up to 0.3 points


def test_pictures_in_common():
    data = simulated()
    by_pair, by_image = metrics.pck_interval(data, over="pair"), metrics.pck_interval(data)
    assert by_image.value == by_pair.value and by_image.low < by_image.value < by_image.high
    # a table in which an image decides over all its pairs is far less certain than its number of
    # pairs suggests
    fate = data.assign(
        distance_px=np.where(data["source_image"].str[1:].astype(int) % 2, 1.0, 99.0)
    )
    pair, image = metrics.pck_interval(fate, over="pair"), metrics.pck_interval(fate)
    assert image.high - image.low > 1.5 * (pair.high - pair.low)
    with pytest.raises(ValueError, match="no column source_image"):
        metrics.pck_interval(SMALL)


def test_paired_difference_is_sharper_than_two_intervals():
    a = simulated()
    worse = (np.random.default_rng(9).random(len(a)) < 0.03) & (a["distance_px"] < 10)
    b = a.assign(distance_px=a["distance_px"].where(~worse, 99.0)).sample(
        frac=1, random_state=0
    )  # another order
    difference, low, high = metrics.paired_interval(a, b)
    assert (
        difference == pytest.approx(metrics.pck(a) - metrics.pck(b)) and 0 < low < difference < high
    )
    one = metrics.pck_interval(a)
    assert high - low < 0.5 * (one.high - one.low)
    assert metrics.paired_interval(a, a.iloc[::-1]) == (0, 0, 0)


def test_paired_tables_must_hold_the_same_keypoints():
    with pytest.raises(ValueError, match=r"only the first table has keypoint \('p1', 'nose'\)"):
        metrics.paired_interval(SMALL, SMALL.iloc[1:], over="pair")
    with pytest.raises(ValueError, match="only the second"):
        metrics.paired_interval(SMALL.iloc[:-1], SMALL)
    with pytest.raises(ValueError, match="second table has keypoint .* twice"):
        metrics.paired_interval(SMALL, pd.concat([SMALL, SMALL]))


@pytest.mark.parametrize("by", metrics.BY)
def test_a_hundred_thousand_rows_take_no_more_calls_than_a_few(by, calls):
    few, many = (simulated(pairs=pairs, categories=18) for pairs in (500, 12500))
    assert len(many) == 100_000
    metrics.pck(few, by=by)  # what is imported at the first call is not counted
    assert calls(lambda: metrics.pck(many, by=by)) <= 2 * calls(lambda: metrics.pck(few, by=by))
