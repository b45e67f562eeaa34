"""Fetching SPair-71k, against an archive of our own in its layout; no network."""

import sys
import tarfile

import pytest

from data_scripts import fetch_spair


def archive(folder, pairs: dict[str, int]):
    """A tar of a SPair-71k folder that lists so many pairs."""
    layout = folder / "made/SPair-71k/Layout/large"
    layout.mkdir(parents=True)
    for split, n in pairs.items():
        (layout / f"{split}.txt").write_text("a-b-c:d\n" * n)
    path = folder / "served.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder / "made/SPair-71k", "SPair-71k")
    return path


def run(monkeypatch, out, url):
    monkeypatch.setattr(sys, "argv", ["fetch_spair.py", "--out", str(out), "--url", url])
    fetch_spair.main()


def test_fetches_unpacks_and_then_rests(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fetch_spair, "PAIRS", {"trn": 3, "val": 1, "test": 2})
    url = archive(tmp_path, fetch_spair.PAIRS).as_uri()
    run(monkeypatch, tmp_path / "out", url)
    assert fetch_spair.count(tmp_path / "out/SPair-71k") == fetch_spair.PAIRS
    assert "sha256" in capsys.readouterr().out
    run(monkeypatch, tmp_path / "out", "https://nowhere.invalid")  # all there: nothing is fetched
    assert "is there" in capsys.readouterr().out


def test_says_what_to_do_when_the_publisher_is_away(tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match="put it at"):
        run(monkeypatch, tmp_path / "out", (tmp_path / "absent").as_uri())


def test_a_part_of_the_data_set_is_refused(tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match="not the whole SPair-71k"):
        run(monkeypatch, tmp_path / "out", archive(tmp_path, {"trn": 1}).as_uri())
