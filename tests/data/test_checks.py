"""What all checks of whole copies share: options, findings told once, litter, no stop."""

from pathlib import Path

import pytest

from corrlib.cli import main
from corrlib.data import check_tree
from corrlib.data.checks.findings import Notice, walk
from corrlib.data.files import box_of, once
from corrlib.data.jhmdb import JHMDB
from tests.data.spair_tree import spair_tree


def test_the_command_takes_the_options_of_the_data_set(capsys, tmp_path):
    tree = spair_tree(tmp_path)
    assert main(["data", "check", "spair", str(tree), "--option", "size=small"]) == 0
    assert "test pairs" not in capsys.readouterr().out  # the large list alone has published counts
    assert main(["data", "check", "spair", str(tree), "--option", "siez=small"]) == 2
    assert "has no option 'siez'" in capsys.readouterr().err


def test_an_unknown_data_set_is_refused_at_once():
    with pytest.raises(KeyError, match="did you mean 'spair'"):
        check_tree("spiar", "nowhere")


def test_no_item_stops_the_rest():
    class Odd:
        names, split, unit = ("a", "b", "c", "d"), "test", "items"

        def item(self, name):
            if name == "a":
                raise IndexError("list index out of range")
            if name == "b":
                raise ValueError("b.txt is empty")
            return name

    def about(name, item):
        if name == "c":
            raise ZeroDivisionError("division by zero")
        yield f"{name} was {item}"

    assert list(walk(Odd(), about)) == [
        "a cannot be read (IndexError: list index out of range); unpack the data set again",
        "a was None",
        "b.txt is empty",
        "b was None",
        "c cannot be read (ZeroDivisionError: division by zero); unpack the data set again",
        "d was d",
    ]


def test_boxes_and_lists():
    assert box_of([1, 2, 3.5, 4], "x") == (1.0, 2.0, 3.5, 4.0)
    for box in ("abcd", 7, [1, 2, 1, 5], [1, 2, 3, float("nan")]):
        with pytest.raises(ValueError, match="here is .*; wanted .x1, y1, x2, y2."):
            box_of(box, "here")
    assert once(["b", "a"], Path("x")) == ["b", "a"]


def test_litter_and_repetition_in_the_lists_of_jhmdb(tmp_path):
    (tmp_path / "Rename_Images/jump/a").mkdir(parents=True)
    (tmp_path / "joint_positions").mkdir()
    (tmp_path / "splits").mkdir()
    path = tmp_path / "splits/jump_test_split1.txt"
    path.write_text("a.avi 2\n")
    path.with_name(f"._{path.name}").write_bytes(b"\xff\xfe")
    assert JHMDB(tmp_path).names == ("jump/a",)
    path.write_text("a.avi 2\na.avi 2\n")
    with pytest.raises(ValueError, match="lists 1 of 1 names more than once; the first is jump/a"):
        JHMDB(tmp_path)
    assert any(
        "more than once" in f and not isinstance(f, Notice) for f in check_tree("jhmdb", tmp_path)
    )
