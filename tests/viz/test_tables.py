"""Tables as pages show them: one row of headings, meant decimals, a dash for what is not there."""

import re

import numpy as np
import pandas as pd

from corrlib.viz.tables import as_html


def cells(html: str) -> list[list[str]]:
    rows = re.findall(r"<tr.*?>(.*?)</tr>", html, re.S)
    return [re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.S) for row in rows]


def test_a_named_index_is_a_column_and_there_is_one_row_of_headings():
    frame = pd.DataFrame({"pairs": [12.0, 3.0], "PCK": [28.03, np.nan]}, index=["near", "far"])
    found = cells(as_html(frame.rename_axis("view")))
    assert found == [["view", "pairs", "PCK"], ["near", "12", "28.03"], ["far", "3", "–"]]


def test_an_index_of_plain_numbers_is_left_out_and_labels_are_not():
    frame = pd.DataFrame({"a": ["x", "y"]})
    assert cells(as_html(frame)) == [["a"], ["x"], ["y"]]
    assert cells(as_html(frame.set_axis(["one", "two"])))[1] == ["one", "x"]


def test_a_name_of_several_rows_is_said_once():
    index = pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 2)], names=["law", "part"])
    found = cells(as_html(pd.DataFrame({"x": [1, 2, 3]}, index=index)))
    assert found[1:] == [["a", "1", "1"], ["", "2", "2"], ["b", "2", "3"]]


def test_decimals_are_those_that_are_meant():
    frame = pd.DataFrame(
        {"half": [0.5, 1.0], "zero": [-0.0, 2.5], "long": [112.160004, 5.63], "tiny": [5e-7, 0.0]}
    )
    assert cells(as_html(frame))[1:] == [
        ["0.5", "0.0", "112.16", "5.0e-07"],
        ["1.0", "2.5", "5.63", "0.0e+00"],
    ]
    assert cells(as_html(pd.DataFrame({"p": [1 / 3, np.inf]})))[1:] == [["0.333"], ["–"]]


def test_two_columns_of_one_name_and_two_levels_are_kept():
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    assert cells(as_html(twice)) == [["a", "a"], ["1", "2"]]
    levels = twice.set_axis(pd.MultiIndex.from_tuples([("b", "x"), ("b", "y")]), axis=1)
    assert "<th" in as_html(levels) and len(as_html(pd.DataFrame({"a": range(99)}))) < 9000


def test_a_table_of_nothing_is_a_table():
    assert "<table" in as_html(pd.DataFrame()) and "<table" in as_html(pd.DataFrame(index=["a"]))
    empty = pd.DataFrame({"pck": []}).rename_axis("method")
    assert cells(as_html(empty)) == [["method", "pck"]]


def test_a_pivots_name_of_columns_is_no_heading_and_single_precision_has_the_digits_it_means():
    rows = pd.DataFrame({"a": ["x", "y"], "t": [1, 1], "pck": [2.5, 3.0]})
    pivot = rows.pivot_table(index="a", columns="t", values="pck")
    assert cells(as_html(pivot)) == [["a", "1"], ["x", "2.5"], ["y", "3.0"]]
    assert pivot.columns.name == "t", "the table itself is not changed"
    assert cells(as_html(pd.DataFrame({"p": np.float32([0.64, 1.11])})))[1:] == [["0.64"], ["1.11"]]
