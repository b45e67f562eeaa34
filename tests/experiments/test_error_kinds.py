"""Kinds of wrong answers on a pair where each is known, and the control that draws from a mask."""

import numpy as np
import pandas as pd
import pytest

from corrlib.experiments import errors

BASE = {"pair": "p", "category": "toy", "target_image": "b", "tolerance_px": 100.0}
TRUTH = {"a": (20.0, 20.0), "b": (60.0, 20.0), "c": (20.0, 60.0), "d": (60.0, 60.0)}
ANSWER = {"a": (22.0, 20.0), "b": (22.0, 20.0), "c": (20.0, 75.0), "d": (99.0, 99.0)}


@pytest.fixture
def table() -> pd.DataFrame:
    rows = []
    for name, (x, y) in TRUTH.items():
        px, py = ANSWER[name]
        row = {"keypoint": name, "target_x": x, "target_y": y, "predicted_x": px, "predicted_y": py}
        rows.append(BASE | row | {"distance_px": float(np.hypot(px - x, py - y))})
    return pd.DataFrame(rows)


def test_each_kind_is_counted_once(table):
    assert errors.kinds(table).to_dict() == dict.fromkeys(errors.KINDS, 25.0)


def test_the_kinds_do_not_hang_on_the_order_of_rows(table):
    assert errors.kinds(table.iloc[::-1]).equals(errors.kinds(table))


def test_random_answers_lie_on_the_object_and_can_be_right(table):
    mask = np.zeros((100, 100), bool)
    mask[15:30, 15:70] = True
    found = errors.random_on_object(table, lambda image: mask, seed=3)
    at = found[["predicted_y", "predicted_x"]].to_numpy().astype(int)
    assert mask[at[:, 0], at[:, 1]].all() and found["distance_px"].ge(0).all()
    again = errors.random_on_object(table.iloc[::-1], lambda image: mask, seed=3)
    assert again.sort_index().equals(found)
    one = np.zeros((100, 100), bool)
    one[20, 20] = True
    assert errors.kinds(errors.random_on_object(table, lambda image: one))["right"] == 25.0


def test_an_empty_mask_is_refused(table):
    with pytest.raises(ValueError, match="mask of b is empty"):
        errors.random_on_object(table, lambda image: np.zeros((4, 4), bool))


def test_the_centre_and_what_lies_on_the_object(table):
    mask = np.zeros((100, 90), bool)
    mask[18:23, 20:25] = True
    found = errors.centre_of_object(table, lambda image: mask)
    assert found[["predicted_x", "predicted_y"]].drop_duplicates().values.tolist() == [[22.0, 20.0]]
    assert found["distance_px"].tolist() == [2.0, 38.0, np.hypot(2, 40), np.hypot(38, 40)]
    assert errors.on_object(table, lambda image: mask).tolist() == [True, True, False, False]
