"""One file from one address: broken transfers go on, wrong files are refused, and nothing
half-written has the file's name.
"""

import hashlib
import random

import pytest

from corrlib.data.sources import Mirror
from data_scripts.fetching import FetchError, transfer
from tests.mirrors import mirrors_fixture, tree

mirrors = mirrors_fixture
CONTENT = random.Random(0).randbytes(1_000_000)
SHA = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
MOST = 2_000_000
FIRST, SECOND = 20 * transfer.CHUNK, 45 * transfer.CHUNK  # what has come when a transfer breaks


def fetch(mirror: Mirror, folder) -> bytes:
    return transfer.retrieve(mirror, folder, MOST, quiet=True).read_bytes()


def test_a_file_is_fetched_and_then_not_again(mirrors, tmp_path):
    mirror = Mirror(mirrors.put("a/data.bin", CONTENT), size=len(CONTENT), hash=SHA)
    assert fetch(mirror, tmp_path) == CONTENT and tree(tmp_path) == ["data.bin"]
    assert fetch(mirror, tmp_path) == CONTENT and mirrors.asked == [("a/data.bin", 0)]


@pytest.mark.parametrize("known", [SHA, None])
def test_a_broken_transfer_goes_on_where_it_broke(mirrors, tmp_path, known):
    mirror = Mirror(mirrors.put("data.bin", CONTENT, breaks=(FIRST, SECOND)), hash=known)
    assert fetch(mirror, tmp_path) == CONTENT and tree(tmp_path) == ["data.bin"]
    assert mirrors.asked == [("data.bin", 0), ("data.bin", FIRST), ("data.bin", SECOND)]


def test_a_command_that_was_stopped_goes_on_when_typed_again(mirrors, tmp_path, monkeypatch):
    mirror = Mirror(mirrors.put("data.bin", CONTENT, breaks=(FIRST,)), hash=SHA)

    def stop(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setattr(transfer.time, "sleep", stop)
        fetch(mirror, tmp_path)
    left = tree(tmp_path)
    assert "data.bin" not in left and all(".part" in name for name in left)
    assert transfer.part_of(mirror, tmp_path).read_bytes() == CONTENT[:FIRST]
    assert fetch(mirror, tmp_path) == CONTENT and tree(tmp_path) == ["data.bin"]
    assert mirrors.asked == [("data.bin", 0), ("data.bin", FIRST)]


def test_a_server_that_knows_no_ranges_sends_the_whole_again(mirrors, tmp_path):
    mirror = Mirror(mirrors.put("data.bin", CONTENT, breaks=(FIRST,)))
    mirrors.plain.add("data.bin")
    assert fetch(mirror, tmp_path) == CONTENT


def test_a_file_that_changed_meanwhile_is_not_patched_together(mirrors, tmp_path, monkeypatch):
    url = mirrors.put("data.bin", CONTENT, breaks=(FIRST,))

    def change(_):
        mirrors.put("data.bin", CONTENT[::-1])

    monkeypatch.setattr(transfer.time, "sleep", change)
    assert fetch(Mirror(url), tmp_path) == CONTENT[::-1]


@pytest.mark.parametrize("known, second", [(SHA, FIRST), (None, 0)])
def test_without_a_version_only_a_checksum_lets_it_go_on(mirrors, tmp_path, known, second):
    mirror = Mirror(mirrors.put("data.bin", CONTENT, breaks=(FIRST,), ETag=""), hash=known)
    assert fetch(mirror, tmp_path) == CONTENT and [begin for _, begin in mirrors.asked] == [
        0,
        second,
    ]


def test_a_transfer_that_never_gets_on_is_given_up_and_kept(mirrors, tmp_path):
    mirror = Mirror(mirrors.put("data.bin", CONTENT, breaks=(FIRST,) * 20), hash=SHA)
    with pytest.raises(FetchError):
        fetch(mirror, tmp_path)
    assert (
        len(mirrors.asked) == 1 + transfer.TRIES
        and transfer.part_of(mirror, tmp_path).stat().st_size == FIRST
    )


def test_a_wrong_checksum_is_refused_and_nothing_stays(mirrors, tmp_path):
    wrong = CONTENT[:-1] + b"?"
    mirror = Mirror(mirrors.put("data.bin", wrong), size=len(CONTENT), hash=SHA)
    with pytest.raises(FetchError, match="wrong checksum"):
        fetch(mirror, tmp_path)
    assert tree(tmp_path) == []


def test_a_wrong_size_is_refused_before_it_comes(mirrors, tmp_path):
    mirror = Mirror(mirrors.put("data.bin", CONTENT[:-1]), size=len(CONTENT))
    with pytest.raises(FetchError, match="999,999 bytes; wanted 1,000,000"):
        fetch(mirror, tmp_path)
    assert tree(tmp_path) == []


def test_a_stream_without_end_is_cut(mirrors, tmp_path):
    mirror = Mirror(mirrors.put("data.bin", CONTENT * 3, Content_Length=""))
    with pytest.raises(FetchError, match=r"expected 2.0 MB at most"):
        fetch(mirror, tmp_path)
    assert tree(tmp_path) == []


def test_a_web_page_is_not_the_file(mirrors, tmp_path):
    mirror = Mirror(
        mirrors.put("data.bin", b"<html>sign in</html>", Content_Type="text/html; charset=utf-8")
    )
    with pytest.raises(FetchError, match="a web page"):
        fetch(mirror, tmp_path)
    assert tree(tmp_path) == []


def test_an_encoding_that_a_server_adds_by_mistake_is_ignored(mirrors, tmp_path):
    mirror = Mirror(mirrors.put("data.tgz", CONTENT, Content_Encoding="x-gzip"), hash=SHA)
    assert fetch(mirror, tmp_path) == CONTENT


def test_what_is_not_found_is_asked_for_once(mirrors, tmp_path):
    with pytest.raises(FetchError, match="404"):
        fetch(Mirror(f"{mirrors.address}/absent.bin"), tmp_path)
    assert mirrors.asked == [("absent.bin", 0)] and tree(tmp_path) == []


def test_a_server_that_is_away_is_asked_twice(tmp_path, monkeypatch):
    waited = []
    monkeypatch.setattr(transfer.time, "sleep", waited.append)
    with pytest.raises(FetchError, match="refused"):
        fetch(Mirror("http://127.0.0.1:9/data.bin"), tmp_path)
    assert waited == [4.0] and tree(tmp_path) == []


def test_a_full_disk_is_foreseen(mirrors, tmp_path, monkeypatch):
    mirror = Mirror(mirrors.put("data.bin", CONTENT))
    monkeypatch.setattr(transfer, "RESERVE", 10**18)
    with pytest.raises(FetchError, match="free on the disk"):
        fetch(mirror, tmp_path)
    assert len(mirrors.asked) == 1


def test_partial_files_of_two_addresses_are_two(mirrors, tmp_path):
    one, other = (Mirror(f"{mirrors.address}/{place}/data.bin") for place in "ab")
    assert transfer.part_of(one, tmp_path) != transfer.part_of(other, tmp_path)


def test_a_partial_file_that_is_longer_than_the_file_is_dropped(mirrors, tmp_path):
    mirror = Mirror(mirrors.put("data.bin", CONTENT), hash=SHA)
    transfer.part_of(mirror, tmp_path).write_bytes(CONTENT + b"more")
    assert fetch(mirror, tmp_path) == CONTENT and tree(tmp_path) == ["data.bin"]
    assert [begin for _, begin in mirrors.asked] == [len(CONTENT) + 4, 0]


def test_a_stop_while_the_checksum_is_computed_loses_nothing(mirrors, tmp_path, monkeypatch):
    mirror = Mirror(mirrors.put("data.bin", CONTENT), hash=SHA)

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setattr("pooch.core.hash_matches", stop)
        fetch(mirror, tmp_path)
    assert not (tmp_path / "data.bin").exists()
    assert fetch(mirror, tmp_path) == CONTENT and tree(tmp_path) == ["data.bin"]
    assert [begin for _, begin in mirrors.asked] == [0, len(CONTENT)]
