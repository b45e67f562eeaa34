"""Archives of every bad kind are refused, and nothing of them stays; good ones of every kind are
unpacked.
"""

import gzip
import io
import struct
import tarfile
import zipfile

import pytest

from data_scripts.fetching import FetchError, unpack
from tests.mirrors import entry, tar, tree, zipped

MOST = 1_000_000
GOOD = {"set/a/one.txt": b"one", "set/two:cat.txt": b"two" * 1000}


def unpacked(tmp_path, content: bytes, most: int = MOST):
    archive = tmp_path / "archive"
    archive.write_bytes(content)
    return unpack.unpack(archive, tmp_path / "into/tree", most)


def refused(
    tmp_path, content: bytes, match: str, kind=unpack.UnsafeArchive, most: int = MOST
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with pytest.raises(kind, match=match):
        unpacked(tmp_path, content, most)
    assert tree(tmp_path) == ["archive"], "something of a refused archive stayed"


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz", "zip"])
def test_good_archives_of_every_kind(tmp_path, mode):
    done = unpacked(tmp_path, zipped(GOOD) if mode == "zip" else tar(GOOD, mode=mode))
    into = tmp_path / "into/tree"
    assert {name: (into / name).read_bytes() for name in tree(into)} == GOOD
    assert (done.files, done.size, done.left_out) == (2, 3003, 0)


NAMES = [
    "../evil",
    "set/../../evil",
    "/evil",
    "//evil",
    "C:/evil",
    "\\evil",
    "..\\evil",
    "set\\..\\..\\evil",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_leave_the_folder_are_refused(tmp_path, name):
    refused(tmp_path, tar({**GOOD, name: b"x"}), "leaves the folder|absolute path")


@pytest.mark.parametrize("name", NAMES)
def test_names_in_a_zip_that_leave_the_folder_are_refused(tmp_path, name):
    refused(tmp_path, zipped({**GOOD, name: b"x"}), "leaves the folder|absolute path")


@pytest.mark.parametrize("name", ["set/" + 300 * "x", 20 * "folder/" + 300 * "y" + "/z"])
def test_names_that_are_too_long_for_the_disk_are_refused(tmp_path, name):
    said = "archive has an entry whose name is too long for this disk: ...(x|.*/y|y)"
    refused(tmp_path, tar({**GOOD, name: b"x"}), said)


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "..\\..\\outside"])
@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_that_point_outside_are_refused(tmp_path, target, kind):
    refused(
        tmp_path,
        tar(GOOD, entry("set/link", kind, target)),
        "has a link .* (absolute path|leaves the folder)",
    )


def test_a_zip_s_link_that_points_outside_is_refused(tmp_path):
    refused(tmp_path, zipped(GOOD, {"set/link": "../../outside"}), "has a link")


def test_no_file_is_written_through_a_link(tmp_path):
    """The way out in two steps: a link to a folder of the archive's own, moved away afterwards by a
    chain of them.
    """
    chain = [
        entry("a/b/up", tarfile.SYMTYPE, "../.."),
        entry("a/b/out", tarfile.SYMTYPE, "up/../outside"),
    ]
    content = tar(GOOD, *chain, entry("a/b/out/evil", size=3))
    done = unpacked(tmp_path, content)
    assert done.left_out == 2 and not any(path.is_symlink() for path in tmp_path.rglob("*"))
    assert (tmp_path / "into/tree/a/b/out/evil").read_bytes() == b"\0\0\0"


def test_links_inside_are_left_out_and_hard_links_become_copies(tmp_path):
    links = (
        entry("set/soft", tarfile.SYMTYPE, "a/one.txt"),
        entry("set/hard", tarfile.LNKTYPE, "set/a/one.txt"),
    )
    done = unpacked(tmp_path, tar(GOOD, *links))
    assert done.left_out == 1 and not (tmp_path / "into/tree/set/soft").exists()
    assert (tmp_path / "into/tree/set/hard").read_bytes() == b"one"


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_are_refused(tmp_path, kind):
    refused(tmp_path, tar(GOOD, entry("set/device", kind)), "a device or a pipe")


def test_a_declared_bomb_is_refused_before_a_byte_of_it_is_written(tmp_path, monkeypatch):
    refused(
        tmp_path,
        tar({**GOOD, "bomb": bytes(2 * MOST)}),
        "declares .* 2.0 MB; expected 1.0 MB at most",
    )


def test_a_zip_bomb_is_refused(tmp_path):
    bomb = zipped({f"bomb{i}": bytes(600_000) for i in range(2)})
    assert len(bomb) < 10_000
    refused(tmp_path, bomb, "declares 1.2 MB")


def test_many_small_files_that_are_too_much_together_are_refused(tmp_path):
    refused(tmp_path, tar({f"{i}": bytes(300_000) for i in range(4)}), "take 1.2 MB")


def test_a_zip_that_lies_about_its_size_is_refused(tmp_path):
    content = bytearray(zipped({"bomb": bytes(3 * MOST)}))
    place = content.rindex(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", 1000)
    refused(tmp_path, bytes(content), "damaged|declares", FetchError)


def test_what_comes_is_counted_whatever_was_declared(tmp_path):
    lie = unpack.Member("lie", 10, "file", open=lambda: io.BytesIO(bytes(2 * MOST)))
    with pytest.raises(unpack.UnsafeArchive, match="gives, up to 'lie', 1.0 MB; expected"):
        unpack._take(lie, tmp_path, MOST, unpack.Unpacked())
    assert (tmp_path / "lie").stat().st_size <= MOST


def test_a_bomb_after_the_end_of_a_tar_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "_TRAILING", 1 << 20)
    refused(tmp_path, gzip.compress(tar(GOOD, mode="w") + bytes(4 << 20)), "goes on after its end")


def test_a_header_that_would_fill_the_memory_is_refused(tmp_path):
    header = entry("header", tarfile.XHDTYPE, size=50 << 20).tobuf()
    refused(tmp_path, gzip.compress(header + bytes(50 << 20)), "has a header of 52 MB")


def test_a_sparse_file_is_refused(tmp_path):
    info = tarfile.TarInfo("sparse")
    info.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.realsize": str(10**12),
    }
    info.size = 512
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as file:
        file.addfile(info, io.BytesIO(b"1\n0\n512\n".ljust(512, b"\0")))
    refused(tmp_path, out.getvalue(), "a sparse file")


def test_too_many_entries_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "MEMBERS", 20)
    refused(tmp_path, tar({f"{i}": b"" for i in range(22)}), "more than 20 entries")


@pytest.mark.parametrize(
    "content",
    [tar(GOOD)[:-60], zipped(GOOD)[:-60], tar(GOOD, mode="w")[:1200]],
    ids=["gz", "zip", "tar"],
)
def test_a_cut_archive_is_refused(tmp_path, content):
    refused(tmp_path, content, "damaged or cut off", FetchError)


def test_a_damaged_archive_is_refused(tmp_path):
    content = bytearray(tar(GOOD))
    content[-6] ^= 1  # in the checksum that ends a gzip
    refused(tmp_path, bytes(content), "damaged or cut off", FetchError)


def test_a_zip_with_a_password_is_refused(tmp_path):
    content = bytearray(zipped(GOOD))
    for magic, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(magic) + place] |= 1
    refused(tmp_path, bytes(content), "encrypted", FetchError)


@pytest.mark.parametrize(
    "content", [b"<html>quota</html>", b"", tar({})], ids=["page", "nothing", "empty tar"]
)
def test_what_is_no_archive_or_empty_is_refused(tmp_path, content):
    refused(tmp_path, content, "no archive|holds no file", FetchError)


def test_entries_in_each_other_s_way_are_refused(tmp_path):
    refused(tmp_path, tar({"set": b"a file", "set/file": b"below it"}), "in each other's way")


def test_the_litter_of_a_system_is_left_out(tmp_path):
    unpacked(
        tmp_path,
        zipped({**GOOD, "__MACOSX/set/._one.txt": b"x", "set/.DS_Store": b"x", "set/._two": b"x"}),
    )
    assert tree(tmp_path / "into/tree") == sorted(GOOD)


def test_a_folder_s_entry_makes_the_folder(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.mkdir("set/empty")
        file.writestr("set/file", "x")
    unpacked(tmp_path, out.getvalue())
    assert (tmp_path / "into/tree/set/empty").is_dir()
