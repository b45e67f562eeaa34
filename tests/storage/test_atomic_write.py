"""Files that appear whole or not at all."""

import pytest

from corrlib.storage.atomic_write import atomic_write


def test_the_file_appears_at_the_end(tmp_path):
    path = tmp_path / "a" / "b.txt"
    with atomic_write(path) as part:
        part.write_text("one")
        assert not path.exists() and part.parent == path.parent and part.name.startswith(".")
    assert path.read_text() == "one" and list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "b.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_write(path) as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_two_writers_do_not_share_a_file(tmp_path):
    path = tmp_path / "b.txt"
    with atomic_write(path) as first, atomic_write(path) as second:
        first.write_text("first"), second.write_text("second")
        assert first != second
    assert path.read_text() == "first"  # the block that ended last


def test_a_block_that_writes_nothing_says_so(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "b.txt"):
        pass
