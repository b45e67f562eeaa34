"""One file from one address: resumed when a transfer breaks, refused when it is not what was
announced.

`pooch.retrieve` checks the checksum and gives the file its name in one step; what pooch has not,
going on with a partial file, is the downloader below. The partial file is `NAME.DIGITS.part` beside
the file, with digits of the address: bytes of two addresses are never mixed. It stays until the
file has its name, so that a stop while the checksum is computed loses nothing.
"""

import errno
import hashlib
import os
import shutil
import time
from pathlib import Path

import pooch
from tqdm import tqdm

from corrlib.data.sources import Mirror, human
from data_scripts.fetching import FetchError

TRIES, FIRST_TRIES = (
    5,
    2,
)  # in a row that bring no new byte: of an address that has given some, and of one that never has
RESERVE = 200_000_000  # bytes of disk that are always left free
CHUNK = 1 << 14  # bytes; of what is lost when a transfer breaks, the most
WAIT = 2.0  # seconds before the second try, doubled before each further one


def part_of(mirror: Mirror, folder: Path) -> Path:
    """The partial file of this address."""
    return folder / f"{mirror.file}.{hashlib.sha256(mirror.url.encode()).hexdigest()[:8]}.part"


def retrieve(mirror: Mirror, folder: Path, most: int, quiet: bool = False) -> Path:
    """The file of `mirror` in `folder`, at most `most` bytes; one that is there is taken if its
    checksum is right or unknown.

    Raises FetchError that says why the address is of no use; nothing then has the file's name, and
    what has come and is wrong is gone. After a broken transfer the partial file stays, and the next
    call goes on with it.
    """
    pooch.get_logger().setLevel("WARNING")  # it would advise to write the checksum into the code
    path = folder / mirror.file
    try:
        pooch.retrieve(
            mirror.url,
            known_hash=mirror.hash,
            fname=path.name,
            path=folder,
            downloader=_Resuming(mirror, most, quiet),
        )
    except OSError as error:  # requests' errors too
        if isinstance(error, Refused):
            forget(mirror, folder)
        raise FetchError(_words(error)) from error
    except ValueError as error:
        forget(mirror, folder)
        raise FetchError(f"wrong checksum: {error}") from error
    forget(mirror, folder)
    return path


def forget(mirror: Mirror, folder: Path) -> None:
    """Remove the partial file of an address, and what is remembered of it."""
    for path in folder.glob(f"{part_of(mirror, folder).name}*"):
        path.unlink(missing_ok=True)


def _words(error: OSError) -> str:
    """What an error says, without the address and the names of the programs that passed it on."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return str(reason or error).split(" for url:")[0].split("): ", 1)[-1]


class _Resuming:
    """A downloader for pooch that keeps what has come and asks for the rest."""

    def __init__(self, mirror: Mirror, most: int, quiet: bool):
        self.mirror, self.most, self.quiet = mirror, most, quiet

    def __call__(self, url: str, output_file: str, _) -> None:
        part, fruitless = part_of(self.mirror, Path(output_file).parent), 0
        while True:
            before = part.stat().st_size if part.is_file() else 0
            try:
                if before == 0 or before != self.mirror.size:
                    self._go_on(url, part)
                break
            except OSError as error:
                fruitless = 0 if part.is_file() and part.stat().st_size > before else fruitless + 1
                if _final(error) or fruitless >= (TRIES if part.is_file() else FIRST_TRIES):
                    raise
                time.sleep(WAIT * 2**fruitless)
        os.unlink(output_file)
        try:
            os.link(part, output_file)
        except OSError:  # a disk without hard links
            os.replace(part, output_file)

    def _go_on(self, url: str, part: Path) -> None:
        """One request: the whole file, or what is missing of it. Raises OSError when it ends too
        early.
        """
        validator, begun = (
            part.with_name(part.name + ".version"),
            part.stat().st_size if part.is_file() else 0,
        )
        version = validator.read_text() if validator.is_file() else ""
        if begun and not version and not self.mirror.hash:
            begun = 0  # nothing would tell if the rest came from another version of the file
        headers = {"Accept-Encoding": "identity", "User-Agent": "corrlib (pooch)"}
        if begun:
            headers |= {"Range": f"bytes={begun}-"} | ({"If-Range": version} if version else {})
        with open(part, "ab") as file:
            file.truncate(begun)
            sink = _Sink(file, begun, self, validator)
            get = pooch.HTTPDownloader(
                chunk_size=CHUNK, headers=headers, hooks={"response": sink.begin}, timeout=60
            )
            try:
                get(url, sink, None)
            except OSError:
                if not sink.whole:
                    raise
            finally:
                sink.close()
                if not file.seek(0, 2):
                    forget(self.mirror, part.parent)
        if sink.total is not None and sink.have != sink.total:
            raise OSError(f"the transfer ended after {sink.have:,} of {sink.total:,} bytes")
        if self.mirror.size and sink.have != self.mirror.size:
            raise Refused(f"sent {sink.have:,} bytes; the file has {self.mirror.size:,}")


class Refused(OSError):
    """The address gives something else than what is wanted: no use to ask again."""


def _final(error: OSError) -> bool:
    """Whether asking again would be no use: refused, not found, forbidden, disk full."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    gone = status is not None and 400 <= status < 500 and status not in (408, 416, 425, 429)
    return (
        gone
        or isinstance(error, Refused)
        or error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS)
    )


class _Sink:
    """What the downloader writes to: the partial file, with a bar, that looks at the answer before
    taking it.
    """

    def __init__(self, file, begun: int, wanted: _Resuming, validator: Path):
        self.file, self.have, self.wanted, self.validator = file, begun, wanted, validator
        self.total, self.bar, self.whole = None, None, False

    def begin(self, answer, **_) -> None:
        """Called with the answer's head. Raises Refused when it is a web page, too large, or
        another version of the file.
        """
        headers, mirror = answer.headers, self.wanted.mirror
        if (
            answer.status_code == 416
        ):  # there is nothing more: the partial file is all of it, or longer than it
            self.whole = headers.get("Content-Range", "").strip() == f"bytes */{self.have}"
            if not self.whole:
                self.file.truncate(0)
        if answer.status_code not in (200, 206):
            return  # a redirection, or an error that the caller raises
        if "text/html" in headers.get("Content-Type", "") and not mirror.file.endswith(
            (".html", ".htm")
        ):
            raise Refused(
                "answered with a web page, not with the file (a login, a quota, or a page about "
                "large files)"
            )
        answer.raw.headers.discard(
            "content-encoding"
        )  # of an archive it is a server's mistake: the bytes are the file
        begins = headers.get("Content-Range", "").removeprefix("bytes").strip().split("-")[0]
        if answer.status_code == 200:
            self.have = 0
            self.file.truncate(0)
        elif begins != str(self.have):
            raise Refused(f"sent the file from byte {begins or '?'}; asked for {self.have}")
        if (length := headers.get("Content-Length", "")).isdigit():
            self.total = self.have + int(length)
            if mirror.size and self.total != mirror.size:
                raise Refused(f"has a file of {self.total:,} bytes; wanted {mirror.size:,}")
            self._fits(self.total)
            free = shutil.disk_usage(self.validator.parent).free
            if int(length) + RESERVE > free:
                raise OSError(
                    errno.ENOSPC,
                    f"{human(int(length))} are to come, and {human(free)} are free on the disk",
                )
        version = headers.get("ETag", "")
        self.validator.write_text(
            version
            if version and not version.startswith("W/")
            else headers.get("Last-Modified", "")
        )
        self.bar = tqdm(
            total=self.total,
            initial=self.have,
            unit="B",
            unit_scale=True,
            desc=mirror.file,
            disable=self.wanted.quiet,
        )

    def _fits(self, size: int) -> None:
        if size > self.wanted.most:
            raise Refused(
                f"sends {human(size)} or more; expected {human(self.wanted.most)} at most"
            )

    def write(self, chunk: bytes) -> None:
        self._fits(self.have + len(chunk))
        self.file.write(chunk)
        self.have += len(chunk)
        if self.bar is not None:
            self.bar.update(len(chunk))

    def flush(self) -> None:
        """pooch flushes after each chunk, which is not needed here."""

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
