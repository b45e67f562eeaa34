"""Unpacking an archive that nobody vouches for: names stay inside, nothing but files and folders is
made, and sizes are bounded.

Neither `tarfile.extractall` nor `zipfile.extractall` is used: no link is ever created, so no file
can be written through one.
"""

import bz2
import errno
import gzip
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from corrlib.data.sources import human
from data_scripts.fetching import FetchError

MEMBERS = 2_000_000  # more than any benchmark has
HEADER = 1 << 20  # bytes of one of tar's long headers
_CHUNK = 1 << 17
_JUNK = ("__MACOSX", ".DS_Store")
_TOP = PurePosixPath()
_TRAILING = 64 << 20  # bytes after a tar's end: padding
_DAMAGE = (
    (
        tarfile.TarError,
        zipfile.BadZipFile,
        gzip.BadGzipFile,
        zlib.error,
        lzma.LZMAError,
        EOFError,
    )  # bad bytes
    + (NotImplementedError, RuntimeError)  # zipfile, of a password and of a method that it has not
)


class UnsafeArchive(FetchError):
    """The archive asks for something that no data set needs."""


@dataclass(frozen=True)
class Member:
    """One entry: name, declared bytes, what it is ("file", "folder", "copy", "link" or words for
    worse), and how to read it.
    """

    name: str
    size: int
    kind: str
    target: str = ""
    open: Callable[[], IO[bytes]] | None = None


@dataclass
class Unpacked:
    """What was written: files, their bytes, and the links that were left out."""

    files: int = 0
    size: int = 0
    left_out: int = 0


def unpack(archive: Path, into: Path, most: int) -> Unpacked:
    """Unpack `archive` (zip, or tar plain or compressed by gzip, bzip2, xz) into the new folder
    `into`, `most` bytes in all.

    Raises UnsafeArchive on a name that leaves the folder, an absolute name, a link that points
    outside, a device, or more bytes than `most`, declared or met; FetchError on a damaged one. Then
    `into` is gone. Links that stay inside are left out, counted.
    """
    done = Unpacked()
    into.mkdir(parents=True)
    try:
        for member in _members(archive, most):
            _take(member, into, most, done)
            if done.files + done.left_out > MEMBERS:
                raise UnsafeArchive(f"{archive.name} has more than {MEMBERS:,} entries")
        if not done.files:
            raise FetchError(f"{archive.name} holds no file")
    except BaseException as error:
        shutil.rmtree(into, ignore_errors=True)
        if isinstance(error, _DAMAGE) and not isinstance(error, FetchError):
            raise FetchError(
                f"{archive.name} is damaged or cut off: {error or type(error).__name__}"
            ) from error
        if isinstance(
            error, (FileExistsError, NotADirectoryError, IsADirectoryError, UnicodeError)
        ):
            raise UnsafeArchive(
                f"{archive.name} has entries that are in each other's way: {error}"
            ) from error
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            raise UnsafeArchive(
                f"{archive.name} has an entry whose name is too long for this disk: "
                f"...{str(error.filename)[-60:]}"
            ) from error
        raise
    return done


def _take(member: Member, into: Path, most: int, done: Unpacked) -> None:
    """Write one entry below `into`, or leave it out."""
    name = _inside(member.name, "has an entry")
    if not name.parts or name.name in _JUNK or name.parts[0] in _JUNK or name.name.startswith("._"):
        return
    path = into / name
    if member.kind == "folder":
        path.mkdir(parents=True, exist_ok=True)
        return
    if member.kind in ("link", "copy"):
        base = name.parent if member.kind == "link" else _TOP
        target = into / _inside(member.target, f"has a link {member.name!r}", base)
        if member.kind == "link" or not target.is_file():
            done.left_out += 1
            return
        member = Member(member.name, target.stat().st_size, "file", open=lambda: target.open("rb"))
    if member.kind != "file" or member.open is None or member.size < 0:
        raise UnsafeArchive(
            f"has {member.name!r}, which is {member.kind}; wanted files and folders only"
        )
    _bounded(done.size + member.size, most, f"declares that its entries up to {member.name!r} take")
    path.parent.mkdir(parents=True, exist_ok=True)
    with member.open() as source, open(path, "wb") as out:
        while chunk := source.read(_CHUNK):
            done.size += len(chunk)
            _bounded(done.size, most, f"gives, up to {member.name!r},")
            out.write(chunk)
    done.files += 1


def _bounded(size: int, most: int, what: str) -> None:
    if size > most:
        raise UnsafeArchive(
            f"{what} {human(size)}; expected {human(most)} at most, so it is not unpacked"
        )


def _inside(name: str, what: str, base: PurePosixPath = _TOP) -> PurePosixPath:
    """The name as a path below the folder. Raises UnsafeArchive on one that is absolute or climbs
    out of it.
    """
    drive = len(name) > 2 and name[1] == ":" and name[0].isalpha() and name[2] in "/\\"
    if name.startswith(("/", "\\")) or drive or "\0" in name:
        raise UnsafeArchive(f"{what} with the absolute path {name!r}")
    parts = list(base.parts)
    for part in name.replace("\\", "/").split("/"):
        if part == "..":
            if not parts:
                raise UnsafeArchive(f"{what} that leaves the folder: {name!r}")
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return PurePosixPath(*parts)


def _members(archive: Path, most: int) -> Iterator[Member]:
    """The entries of an archive, whose kind is told by its first bytes. Raises FetchError on
    something else.
    """
    with open(archive, "rb") as file:
        begin = file.read(512)
    if begin.startswith(b"PK"):
        yield from _zip_members(archive, most)
        return
    openers = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
    opener = next((opener for magic, opener in openers.items() if begin.startswith(magic)), None)
    if opener is None and begin[257:262] != b"ustar":
        raise FetchError(f"{archive.name} is no archive: it begins with {begin[:24]!r}")
    with (opener or open)(archive, "rb") as stream:
        yield from _tar_members(stream)


class _Header(tarfile.TarInfo):
    """A tar header that refuses long headers which would be read into memory whole, and notes the
    archive's end.
    """

    ended = False

    @classmethod
    def frombuf(cls, buf, encoding, errors):
        cls.ended |= len(buf) == tarfile.BLOCKSIZE and not any(buf)
        header = super().frombuf(buf, encoding, errors)
        if not header.isreg() and header.size > HEADER:
            raise UnsafeArchive(f"has a header of {human(header.size)}")
        return header


def _tar_members(stream: IO[bytes]) -> Iterator[Member]:
    kinds = {tarfile.DIRTYPE: "folder", tarfile.SYMTYPE: "link", tarfile.LNKTYPE: "copy"}
    header = type("Header", (_Header,), {})  # a class of its own: `ended` is of this archive
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=header) as tar:
        for info in tar:
            if info.isfile() and not info.issparse():
                yield Member(
                    info.name, info.size, "file", open=lambda info=info: tar.extractfile(info)
                )
            else:
                kind = (
                    "a sparse file"
                    if info.issparse()
                    else kinds.get(info.type, "a device or a pipe")
                )
                yield Member(info.name, info.size, kind, info.linkname)
            tar.members = []  # a stream's entries would pile up
    if not header.ended:  # tarfile takes a cut header for the end
        raise EOFError("it ends without the mark of a tar's end")
    rest = 0
    while chunk := stream.read(_CHUNK):  # to the end, where the checksum of the compressed bytes is
        rest += len(chunk)
        _bounded(rest, _TRAILING, "goes on after its end with")


def _zip_members(archive: Path, most: int) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as file:
        _bounded(sum(info.file_size for info in file.infolist()), most, "declares")
        for info in file.infolist():
            mode = info.external_attr >> 16
            if stat.S_ISLNK(mode):
                _bounded(info.file_size, 4096, f"has a link {info.filename!r} of")
                yield Member(info.filename, 0, "link", file.read(info).decode(errors="replace"))
            elif info.is_dir():
                yield Member(info.filename, 0, "folder")
            elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
                yield Member(
                    info.filename, info.file_size, "file", open=lambda info=info: file.open(info)
                )
            else:
                yield Member(info.filename, 0, "a device or a pipe")
