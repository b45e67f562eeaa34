"""What may be written where: nothing of the user's is overwritten."""

import os

import pytest

from corrlib.storage import atomic_write
from corrlib.storage.outputs import LIST, claim_files, claim_folder, require_new, tree_digest


def test_a_file_that_is_there_needs_force_and_an_input_is_never_overwritten(tmp_path):
    mine, link = tmp_path / "mine.png", tmp_path / "link.png"
    require_new(mine)
    mine.write_text("mine")
    os.link(mine, link)
    with pytest.raises(FileExistsError, match="mine.png is there already; .* or add --force"):
        require_new(mine)
    require_new(mine, force=True, inputs=[tmp_path / "other.png"])
    for name in (mine, link, tmp_path / "." / "mine.png"):
        with pytest.raises(FileExistsError, match="is read by this very command"):
            require_new(name, force=True, inputs=[mine])
    with pytest.raises(FileExistsError, match="is a folder"):
        require_new(tmp_path, force=True)


def test_files_that_were_written_here_are_written_again(tmp_path):
    out = tmp_path / "tables"
    claim_files(out, ["a.csv", "b.csv"])
    (out / "a.csv").write_text("ours"), (out / "c.csv").write_text("mine")
    claim_files(out, ["a.csv"])
    with pytest.raises(FileExistsError, match="c.csv is there already"):
        claim_files(out, ["a.csv", "c.csv", "d.csv"])
    assert "d.csv" not in (out / LIST).read_text(), "nothing is claimed of a refused table"
    claim_files(out, ["c.csv"], force=True)
    claim_files(out, ["c.csv"])


def test_a_folder_is_filled_by_who_began_it(tmp_path):
    claim_folder(tmp_path / "new")
    (tmp_path / "new/half").write_text("ours")
    claim_folder(tmp_path / "new")
    with pytest.raises(FileExistsError, match="holds new and was not begun by this command"):
        claim_folder(tmp_path)
    claim_folder(tmp_path, force=True)
    claim_folder(tmp_path)


def test_a_folder_is_known_by_every_byte(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below/a").write_text("1")
    whole = tree_digest(tmp_path)
    assert whole == tree_digest(tmp_path)
    (tmp_path / "below/a").write_text("2")
    assert tree_digest(tmp_path) != whole
    (tmp_path / "below/a").write_text("1"), (tmp_path / "b").mkdir()
    assert tree_digest(tmp_path) != whole


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_of_two_writers_the_first_keeps_its_text(tmp_path, monkeypatch, links):
    if not links:

        def refuse(*_):
            raise PermissionError("no hard links here")

        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "run.json"
    assert atomic_write.write_first(path, "first") and not atomic_write.write_first(path, "second")
    assert path.read_text() == "first" and [p.name for p in tmp_path.iterdir()] == ["run.json"]
