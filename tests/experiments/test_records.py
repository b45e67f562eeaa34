"""A record is what was computed; a sample of it finds what is not."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from corrlib.experiments import records
from corrlib.experiments.records import Recipe, Record, Tolerance


def block(number, shift=0.0):
    """Three points of one pair."""
    rows = {"pair": f"p{number}", "keypoint": ["a", "b", "c"], "category": "cat"}
    return pd.DataFrame({**rows, "predicted_x": [number + 0.25, 2.0, 3.0 + shift]})


def recipe(compute=block, **changes):
    keys, numbers = ("pair", "keypoint"), ("predicted_x",)
    plain = Recipe("tiny", {"settings": "x=1", "seed": 0}, "data", 6, compute, keys, numbers)
    return replace(plain, **changes)


def made(tmp_path, **changes):
    records.make(recipe(**changes), tmp_path / "tiny", tmp_path / "work")
    return tmp_path / "tiny"


def test_a_record_says_where_it_comes_from(tmp_path):
    record = Record.open(made(tmp_path))
    assert len(record.table) == 18 and record.table["block"].tolist()[:4] == [0, 0, 0, 1]
    wanted = {"command", "date", "seconds", "described", "data", "sources", "machine", "table"}
    assert wanted <= set(record.run) and "seconds" not in record.table
    assert record.run["command"] == "python -m corrlib record make tiny"
    assert "No part of it was computed again" in record.line()
    checked = tmp_path / "tiny.json"
    checked.write_text(json.dumps(records.check(recipe(), tmp_path / "tiny", 2)))
    line = Record.open(tmp_path / "tiny", checked).line()
    assert (
        "2 of its 6 parts again on the same kind of machine, 6 rows: none of them differs" in line
    )
    assert record.run["date"] in line and "\n" not in line


def test_the_key_chooses_the_blocks(tmp_path):
    seen = {tuple(records.sample(6, 2, key)) for key in "abcdefgh"}
    assert len(seen) > 3 and {i for blocks in seen for i in blocks} == set(range(6))
    assert records.sample(6, 2, "a") == records.sample(6, 2, "a")
    assert records.sample(6, 9, "a") == list(range(6))
    with pytest.raises(ValueError, match="blocks is 0; wanted"):
        records.check(recipe(), made(tmp_path), 0)
    found = records.check(recipe(), made(tmp_path), 2, key="a")
    assert found["blocks"] == records.sample(6, 2, "a") and found["rows"] == 6
    assert found["worst"] == 0 and found["beyond"] == 0 and found["same_machine"]


def test_a_tampered_table_is_caught(tmp_path):
    """By its digest at once; and where that was made to fit, by whoever computes its block."""
    folder = made(tmp_path)
    table = pd.read_parquet(folder / "table.parquet")
    table.loc[7, "predicted_x"] += 0.02  # of block 2
    table.to_parquet(folder / "table.parquet", index=False)
    with pytest.raises(ValueError, match="not the table that run.json describes.*record make tiny"):
        Record.open(folder)
    run = json.loads((folder / "run.json").read_text())
    run["table"] = records.digest(folder / "table.parquet")
    (folder / "run.json").write_text(json.dumps(run))
    with pytest.raises(ValueError, match=r"1 of 18 rows .*block 2, p2 b: 0.02 off.*make tiny"):
        records.check(recipe(), folder, 6)
    keys = {key: records.sample(6, 2, key) for key in "abcdefgh"}
    hit, missed = (next(k for k, of in keys.items() if (2 in of) == inside) for inside in (1, 0))
    with pytest.raises(ValueError, match="1 of 6 rows"):
        records.check(recipe(), folder, 2, key=hit)
    assert records.check(recipe(), folder, 2, key=missed)["beyond"] == 0


def test_another_answer_is_caught_and_a_rounding_is_not(tmp_path):
    folder = made(tmp_path)
    assert records.check(recipe(lambda i: block(i, 0.009)), folder, 6)["beyond"] == 0
    with pytest.raises(ValueError, match=r"6 of 18 rows that were computed again differ"):
        records.check(recipe(lambda i: block(i, 0.011)), folder, 6)
    with pytest.raises(ValueError, match=r"p0 a: inf off"):  # a row that is not there any more
        records.check(recipe(lambda i: block(i).iloc[1:]), folder, 6)
    with pytest.raises(ValueError, match=r"seed is 1 now, 0 in the record; if that is meant"):
        records.check(recipe(described={"settings": "x=1", "seed": 1}), folder, 1)
    with pytest.raises(ValueError, match="from other data"):
        records.check(recipe(data="others"), folder, 1)


def test_another_kind_of_machine_is_granted_what_the_recipe_says(tmp_path, monkeypatch):
    folder = made(tmp_path)
    monkeypatch.setattr(records, "processor", lambda: "another")
    drifts = recipe(lambda i: block(i, 5.0 if i == 0 else 0.3), elsewhere=Tolerance(0.5, 0.1))
    found = records.check(drifts, folder, 6)
    assert not found["same_machine"] and found["beyond"] == 1 and found["within"] == 0.5
    with pytest.raises(ValueError, match="2 of 18 rows"):
        records.check(replace(drifts, block=lambda i: block(i, 5.0 * (i < 2))), folder, 6)
    assert not records.check(recipe(data="rendered there"), folder, 6)["same_machine"]


def test_a_killed_make_goes_on(tmp_path):
    calls = []

    def dies(number):
        calls.append(number)
        if number == 3 and calls.count(3) == 1:
            raise KeyboardInterrupt
        return block(number)

    for _ in range(2):
        try:
            folder = made(tmp_path, block=dies)
        except KeyboardInterrupt:
            assert not (tmp_path / "tiny" / "run.json").exists()
    assert calls == [0, 1, 2, 3, 3, 4, 5]
    pd.testing.assert_frame_equal(
        Record.open(folder).table.drop(columns="block"),
        pd.concat([block(i) for i in range(6)], ignore_index=True),
    )
    with pytest.raises(ValueError, match="results of another run"):
        made(tmp_path, described={"settings": "x=2", "seed": 0})


def test_a_missing_record_says_what_to_type(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no record at .*python -m corrlib record make no"):
        Record.open(tmp_path / "no")
    folder = made(tmp_path)
    (folder / "table.parquet").unlink()
    with pytest.raises(FileNotFoundError, match=r"table.parquet.*record make tiny"):
        records.check(recipe(), folder, 1)


def test_what_cannot_be_cut_is_made_at_once_and_checked_in_part(tmp_path):
    """As times are: made whole, and of their blocks only the counts are compared."""
    times = pd.DataFrame({"pair": ["t"], "keypoint": [""], "predicted_x": [0.7], "block": [-1]})

    def whole():
        counts = [block(i).assign(block=i) for i in range(6)]
        return pd.concat([times, *counts], ignore_index=True)

    folder = made(tmp_path, whole=whole)
    found = records.check(recipe(), folder, 6)
    assert found["rows"] == 18 and len(Record.open(folder).table) == 19


def test_a_table_keeps_thousandths_of_a_pixel_and_nothing_finer(tmp_path):
    def third(number):
        return block(number, 1 / 3).assign(score=2 / 3, seconds_of_it=1 / 3)

    found = Record.open(made(tmp_path, compute=third)).table.iloc[2]
    assert (found["predicted_x"], found["score"], found["seconds_of_it"]) == (3.333, 0.6667, 1 / 3)
    assert records.check(recipe(third), tmp_path / "tiny", 6)["beyond"] == 0


def test_a_block_may_be_without_a_row(tmp_path):
    def some(number):
        rows = block(number)
        columns = {"pair": float, "keypoint": float, "predicted_x": float}
        return rows if number % 2 else rows[list(columns)].head(0).astype(columns)

    found = records.check(recipe(some), made(tmp_path, compute=some), 6)
    assert (found["rows"], found["beyond"]) == (9, 0)
    with pytest.raises(ValueError, match="9 of 18 rows that were computed again differ"):
        records.check(recipe(), tmp_path / "tiny", 6)


def test_machines_of_one_name_may_be_of_two_kinds(monkeypatch, tmp_path):
    from corrlib.storage import machine

    first = "model name\t: AMD EPYC\ncpu family\t: 26\nmodel\t\t: 2\nflags\t\t: sse avx avx512f\n"
    found = []
    for text in (first, first.replace(" avx512f", ""), first.replace("avx avx512f", "avx512f avx")):
        monkeypatch.setattr(machine.Path, "read_text", lambda path, text=text: text)
        found.append((machine.processor(), machine.design()))
    assert {name for name, _ in found} == {"AMD EPYC"}
    assert found[0][1] != found[1][1] and found[0][1] == found[2][1]
    assert found[0][1].startswith("cpu family 26, model 2, instructions ")
