"""Folders of results: whose run they hold, and what is said of those that do not say it."""

import json
import multiprocessing

import pandas as pd
import pytest

from corrlib.storage.content import difference, digest_of, gathered, plain
from corrlib.storage.result_folder import ResultFolder

CONTENT = {"image a": "1", "answers of a": "2"}
TABLE = pd.DataFrame({"x": [1.0, 2.0]})


def begin(root, number: int, gate, answers) -> None:
    """Another process: begins run `number` when all others are ready to."""
    gate.wait()
    try:
        ResultFolder.start(root, {"number": number}, 1)
    except ValueError:
        number = None
    answers.put(number)


def test_of_runs_that_begin_at_once_one_does(tmp_path):
    context, racers = multiprocessing.get_context("fork"), 4
    for turn in range(25):
        root, gate, answers = tmp_path / str(turn), context.Barrier(racers), context.Queue()
        several = [
            context.Process(target=begin, args=(root, number, gate, answers))
            for number in range(racers)
        ]
        for process in several:
            process.start()
        won = [
            number for number in (answers.get(timeout=60) for _ in several) if number is not None
        ]
        for process in several:
            process.join()
        assert len(won) == 1, f"turn {turn}: runs {won} both hold {root}"
        assert json.loads((root / "run.json").read_text())["number"] == won[0]
        assert [path.name for path in root.iterdir()] == ["run.json"]


def test_the_same_run_is_taken_up_again_and_numpy_numbers_are_numbers(tmp_path):
    import numpy as np

    ResultFolder.start(tmp_path, {"seed": np.int64(0)}, 1, CONTENT).write(0, TABLE)
    again = ResultFolder.start(tmp_path, {"seed": 0}, 1, CONTENT)
    assert again.todo((0, 1)) == []
    pd.testing.assert_frame_equal(again.read(), TABLE)
    assert again.read().attrs == {}
    assert (type(plain(np.int64(3))), type(plain(np.float32(0.5)))) == (int, float)
    assert plain("3") == "3" and plain((1,)) == (1,)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({**CONTENT, "image a": "3"}, "changed: image a)"),
        ({**CONTENT, "image b": "3"}, "new: image b)"),
        ({"image a": "1"}, "gone: answers of a)"),
        (dict(reversed(CONTENT.items())), "the same items come in another order)"),
    ],
)
def test_other_content_is_another_run_and_says_what_changed(tmp_path, content, said):
    ResultFolder.start(tmp_path, {}, 1, CONTENT)
    with pytest.raises(ValueError, match="holds the results of another run") as error:
        ResultFolder.start(tmp_path, {}, 1, content)
    assert said in str(error.value) and "name another --out" in str(error.value)


def test_content_in_words():
    assert gathered([{"a": "1", "b": "2"}, {"a": "1"}, {"b": "3"}]) == {"a": "1", "b": "2+3"}
    many = {name: "1" for name in "abcdef"}
    assert difference(many, {name: "2" for name in many}) == "changed: a, b, c and 3 more"
    assert digest_of({"ab": "c"}) != digest_of({"a": "bc"})


@pytest.mark.parametrize("text", ['{"parts": 1, "cont', "[1, 2]", "", '{"name": "not a run"}'])
def test_a_run_that_does_not_say_what_it_is(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    for act in (ResultFolder.open, lambda root: ResultFolder.start(root, {}, 1)):
        with pytest.raises(
            ValueError, match="run.json does not say what run this is .*another --out"
        ):
            act(tmp_path)
    assert (tmp_path / "run.json").read_text() == text


def test_a_run_of_an_older_version(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"settings": "s", "parts": 1}))
    for act in (ResultFolder.open, lambda root: ResultFolder.start(root, {"settings": "s"}, 1)):
        with pytest.raises(ValueError, match="was written by an older version.*name another --out"):
            act(tmp_path)


def test_a_part_that_is_not_one(tmp_path):
    parts = ResultFolder.start(tmp_path / "one", {}, 2)
    for part in (0, 1):
        parts.write(part, TABLE)
    parts.path(1).write_bytes(b"PAR1 and no more")
    with pytest.raises(ValueError, match="part-00001.parquet is no Parquet file.*delete it"):
        parts.read()
    TABLE.to_parquet(parts.path(1))
    with pytest.raises(ValueError, match="part-00001.parquet is not a part of this run"):
        parts.read()
    other = ResultFolder.start(tmp_path / "two", {"seed": 1}, 2)
    other.write(1, TABLE)
    parts.path(1).write_bytes(other.path(1).read_bytes())
    with pytest.raises(ValueError, match="part-00001.parquet is not a part of this run"):
        parts.read()
    parts.path(1).unlink()
    parts.write(1, TABLE)
    assert len(parts.read()) == 4


def test_a_part_is_whole_or_not_there(tmp_path, monkeypatch):
    parts = ResultFolder.start(tmp_path, {}, 1)

    def cut(self, file, **options):
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(pd.DataFrame, "to_parquet", cut)
    with pytest.raises(KeyboardInterrupt):
        parts.write(0, pd.DataFrame({"a": [1]}))
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize("name", ["part-00000.parquet", "pairs.csv"])
def test_a_folder_of_something_else_is_left_alone(tmp_path, name):
    (tmp_path / name).write_text("mine")
    (tmp_path / ".begun").write_text("the build's")
    with pytest.raises(FileExistsError, match=f"holds {name} and no run.json.*another --out"):
        ResultFolder.start(tmp_path, {}, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".begun", name]
    (tmp_path / name).unlink()
    assert ResultFolder.start(tmp_path, {}, 1).count == 1


def test_a_file_in_the_folder_s_place(tmp_path):
    (tmp_path / "out").write_text("mine")
    for root in (tmp_path / "out", tmp_path / "out/below"):
        with pytest.raises(NotADirectoryError, match="out is a file; wanted a folder"):
            ResultFolder.start(root, {}, 1)
    assert (tmp_path / "out").read_text() == "mine"
