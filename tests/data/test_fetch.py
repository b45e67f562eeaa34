"""Benchmarks fetched whole, from mirrors of which some fail, and the command."""

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from corrlib.data import sources
from corrlib.data.sources import Benchmark, Mirror, Part
from corrlib.data.sources.table import BENCHMARKS
from data_scripts import fetch
from data_scripts.fetching import FetchError, assemble
from tests.mirrors import mirrors_fixture, tar, tree, zipped

mirrors = mirrors_fixture

FILES = {"Set/images/a.jpg": b"a" * 5000, "Set/images/b.jpg": b"b" * 5000, "Set/points.txt": b"1 2"}
LIST = b"source_image,target_image\na.jpg,b.jpg\nb.jpg,a.jpg\n"
HOLDS = {"images/*.jpg": 2, "points.txt": 1}


def benchmark(*urls: str, hash: str | None = None, holds=HOLDS) -> Benchmark:
    """A small benchmark of one archive with these mirrors."""
    return Benchmark(
        "small",
        "Small",
        "Set",
        "https://small.org",
        (Part(tuple(Mirror(u, hash=hash) for u in urls), 0.1, 0.1, "", holds),),
    )


def run(one: Benchmark, out: Path, *options: str, monkeypatch) -> int:
    monkeypatch.setattr(fetch, "BENCHMARKS", {one.name: one})
    return fetch.main([one.name, "--out", str(out), "--quiet", "--yes", *options])


def sha(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_fetched_unpacked_noted_and_then_at_rest(mirrors, tmp_path, monkeypatch, capsys):
    content = tar(FILES)
    one = benchmark(mirrors.put("small.tar.gz", content, breaks=(100,)), hash=sha(content))
    assert run(one, tmp_path, monkeypatch=monkeypatch) == 0
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == FILES
    assert tree(tmp_path) == sorted([*FILES, sources.RECEIPTS])
    receipt = json.loads((tmp_path / sources.RECEIPTS).read_text())["small/small.tar.gz"]
    assert receipt["sha256"] == sha(content)[7:] and receipt["url"] == one.parts[0].mirrors[0].url
    assert (receipt["bytes"], receipt["unpacked"], receipt["files"]) == (len(content), 10_003, 3)
    asked = len(mirrors.asked)
    assert run(one, tmp_path, monkeypatch=monkeypatch) == 0 and len(mirrors.asked) == asked
    assert "is there, nothing to do" in capsys.readouterr().out


def test_the_second_mirror_when_the_first_has_not_got_it(mirrors, tmp_path, monkeypatch):
    good = mirrors.put("b/small.tar.gz", tar(FILES))
    assert (
        run(benchmark(f"{mirrors.address}/a/small.tar.gz", good), tmp_path, monkeypatch=monkeypatch)
        == 0
    )
    assert [path for path, _ in mirrors.asked] == ["a/small.tar.gz", "b/small.tar.gz"]


@pytest.mark.parametrize(
    "first",
    [tar({"../evil": b"x"}), tar(FILES)[:-40], b"<html>", tar({"Other/x": b"x"})],
    ids=["evil", "cut", "page", "other"],
)
def test_the_second_mirror_when_the_first_gives_something_bad(
    mirrors, tmp_path, monkeypatch, first
):
    urls = mirrors.put("a/small.tar.gz", first), mirrors.put("b/small.tar.gz", tar(FILES))
    assert run(benchmark(*urls), tmp_path, monkeypatch=monkeypatch) == 0
    assert tree(tmp_path) == sorted([*FILES, sources.RECEIPTS])


def test_when_no_mirror_lives_it_says_what_to_do_by_hand(mirrors, tmp_path, monkeypatch, capsys):
    dead = "http://127.0.0.1:9/small.tar.gz"
    one = benchmark(f"{mirrors.address}/small.tar.gz", dead)
    assert run(one, tmp_path, monkeypatch=monkeypatch) == 1
    said = capsys.readouterr().err
    assert "404" in said and dead in said and "https://small.org" in said
    assert (
        f"put it at {tmp_path / 'small.tar.gz'}, and type again: python data_scripts/fetch.py "
        f"small --out {tmp_path}" in said
    )
    assert tree(tmp_path) == []
    (tmp_path / "small.tar.gz").write_bytes(tar(FILES))  # by hand
    assert run(one, tmp_path, monkeypatch=monkeypatch) == 0
    assert tree(tmp_path) == sorted(
        [*FILES, sources.RECEIPTS, "small.tar.gz"]
    )  # what we did not fetch we do not remove


def test_a_file_put_there_by_hand_is_checked_and_never_removed(
    mirrors, tmp_path, monkeypatch, capsys
):
    one = benchmark(f"{mirrors.address}/small.tar.gz", hash=sha(tar(FILES)))
    (tmp_path / "small.tar.gz").write_bytes(b"other")
    assert (
        run(one, tmp_path, monkeypatch=monkeypatch) == 1
        and tree(tmp_path) == ["small.tar.gz"]
        and mirrors.asked == []
    )
    said = capsys.readouterr().err
    assert "which was there (delete it to fetch it anew)" in said and "its sha256 is" in said


def test_a_wrong_checksum_leaves_nothing(mirrors, tmp_path, monkeypatch, capsys):
    one = benchmark(mirrors.put("small.tar.gz", tar(FILES)), hash=sha(b"other"))
    assert run(one, tmp_path, monkeypatch=monkeypatch) == 1 and tree(tmp_path) == []
    assert "wrong checksum" in capsys.readouterr().err


def test_bytes_that_are_known_to_be_bad_are_not_fetched_twice(mirrors, tmp_path, monkeypatch):
    bad = tar({"/evil": b"x"})
    one = benchmark(
        mirrors.put("a/small.tar.gz", bad), mirrors.put("b/small.tar.gz", bad), hash=sha(bad)
    )
    assert (
        run(one, tmp_path, monkeypatch=monkeypatch) == 1
        and tree(tmp_path) == []
        and len(mirrors.asked) == 1
    )


def test_a_part_of_the_data_set_is_refused(mirrors, tmp_path, monkeypatch, capsys):
    one = benchmark(
        mirrors.put("small.tar.gz", tar({name: FILES[name] for name in list(FILES)[1:]}))
    )
    assert run(one, tmp_path, monkeypatch=monkeypatch) == 1 and tree(tmp_path) == []
    assert "1 of images/*.jpg; wanted 2" in capsys.readouterr().err


def test_a_bomb_is_refused_and_nothing_stays(mirrors, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(assemble, "SLACK", 1_000_000)
    bomb = zipped({**FILES, "Set/bomb": bytes(5_000_000)})
    assert run(benchmark(mirrors.put("small.zip", bomb)), tmp_path, monkeypatch=monkeypatch) == 1
    assert tree(tmp_path) == [] and "declares 5.0 MB" in capsys.readouterr().err


@pytest.mark.parametrize("top", ["", "Set/", "Renamed-by-others/", "outer/inner/"])
def test_the_data_set_is_found_whatever_its_folders_are_called(mirrors, tmp_path, monkeypatch, top):
    files = {name.replace("Set/", top): content for name, content in FILES.items()}
    assert (
        run(benchmark(mirrors.put("small.zip", zipped(files))), tmp_path, monkeypatch=monkeypatch)
        == 0
    )
    assert tree(tmp_path / "Set") == sorted(name.removeprefix("Set/") for name in FILES)


def test_what_is_there_and_incomplete_is_not_touched_unless_asked(
    mirrors, tmp_path, monkeypatch, capsys
):
    one = benchmark(mirrors.put("small.tar.gz", tar(FILES)))
    (tmp_path / "Set/images").mkdir(parents=True)
    (tmp_path / "Set/notes.txt").write_text("mine")
    assert run(one, tmp_path, monkeypatch=monkeypatch) == 1 and mirrors.asked == []
    assert "Move it away, or add --replace" in capsys.readouterr().err
    assert run(one, tmp_path, "--replace", monkeypatch=monkeypatch) == 0
    assert (tmp_path / "Set/notes.txt").read_text() == "mine" and one.missing(tmp_path) == {}


def test_further_parts_come_and_go_by_themselves(mirrors, tmp_path, monkeypatch, capsys):
    (main,) = benchmark(mirrors.put("small.tar.gz", tar(FILES))).parts
    lists = Part((Mirror(mirrors.put("pairs.csv", LIST)),), 0.1, 0.1, "list.csv", rows=2)
    masks = Part(
        (Mirror(f"{mirrors.address}/masks.zip"),), 0.1, 0.1, "masks", {"*.png": 1}, extra="masks"
    )
    one = Benchmark(
        "small",
        "Small",
        "Set",
        "https://small.org",
        (replace(main, mirrors=(Mirror(f"{mirrors.address}/x"),)), lists, masks),
    )
    assert (
        run(one, tmp_path, monkeypatch=monkeypatch) == 1
    )  # the archive was not to be had, the list was
    assert tree(tmp_path) == ["Set/list.csv", sources.RECEIPTS]
    one = replace(one, parts=(main, lists, masks))
    capsys.readouterr()
    assert (
        run(one, tmp_path, monkeypatch=monkeypatch) == 0
    )  # an optional part that cannot be had is no failure
    assert "without masks" in capsys.readouterr().err
    mirrors.put("masks.zip", zipped({"a.png": b"m"}))
    assert run(one, tmp_path, monkeypatch=monkeypatch) == 0
    assert tree(tmp_path) == sorted([*FILES, "Set/list.csv", "Set/masks/a.png", sources.RECEIPTS])
    (tmp_path / "Set/list.csv").unlink()
    assert (
        run(one, tmp_path, "--no-extras", monkeypatch=monkeypatch) == 0
        and (tmp_path / "Set/list.csv").read_bytes() == LIST
    )


@pytest.mark.parametrize(
    "content", [b"<html>\na, b\nc, d\n</html>", LIST.splitlines()[0] + b"\n", b"\0\1,\n\n"]
)
def test_a_list_that_is_none_is_refused(mirrors, tmp_path, monkeypatch, content):
    part = Part((Mirror(mirrors.put("pairs.csv", content)),), 0.1, 0.1, "list.csv", rows=2)
    assert (
        run(Benchmark("small", "S", "Set", "page", (part,)), tmp_path, monkeypatch=monkeypatch) == 1
        and tree(tmp_path) == []
    )


def test_too_small_a_disk_is_said_before_anything_comes(mirrors, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(assemble, "free_bytes", lambda folder: 150_000)
    assert (
        run(benchmark(mirrors.put("small.zip", zipped(FILES))), tmp_path, monkeypatch=monkeypatch)
        == 2
    )
    assert "200 kB are needed" in capsys.readouterr().err and mirrors.asked == []


def test_it_asks_before_it_downloads(mirrors, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        fetch, "BENCHMARKS", {"small": benchmark(mirrors.put("small.zip", zipped(FILES)))}
    )
    assert fetch.main(["small", "--out", str(tmp_path)]) == 2  # nobody to ask
    assert "add --yes" in capsys.readouterr().err
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    for answer, fetched in (("", False), ("n", False), ("y", True)):
        monkeypatch.setattr("builtins.input", lambda _, answer=answer: answer)
        assert (fetch.main(["small", "--out", str(tmp_path), "--quiet"]) == 0) is fetched
        assert bool(mirrors.asked) is fetched


def test_two_at_once_do_not_mix(tmp_path):
    with (
        fetch.alone(tmp_path),
        pytest.raises(FetchError, match="another fetching"),
        fetch.alone(tmp_path),
    ):
        pass


def test_all_goes_on_after_a_failure(mirrors, tmp_path, monkeypatch, capsys):
    dead = replace(benchmark(f"{mirrors.address}/absent"), name="dead", folder="Dead")
    good = benchmark(mirrors.put("small.zip", zipped(FILES)))
    monkeypatch.setattr(fetch, "BENCHMARKS", {"dead": dead, "small": good})
    assert fetch.main(["all", "--yes", "--quiet", "--out", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert (tmp_path / "Set/points.txt").is_file() and "none of 1 addresses" in said.err
    assert f"data check small {tmp_path / 'Set'}" in said.out and "data check dead" not in said.out


@pytest.mark.parametrize(
    "words",
    [
        ["nothing"],
        ["weights"],
        ["weights", "toybox"],
        ["list", "spair"],
        ["all", "spair"],
        ["spair", "all"],
    ],
)
def test_words_that_are_not_understood(words, capsys):
    with pytest.raises(SystemExit):
        fetch.main(words)


def test_list_says_all(tmp_path, capsys):
    assert fetch.main(["list", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert all(
        name in said
        for name in (*BENCHMARKS, "sd2-1", "sd1-4", "no checksum published", "not there")
    )
