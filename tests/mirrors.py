"""A local HTTP server that plays the mirrors of a benchmark, and archives of every good and bad
kind. No network.
"""

import io
import stat
import tarfile
import threading
import zipfile
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from data_scripts.fetching import transfer


class Mirrors:
    """Files by path, what is to go wrong with each, and every request as (path, first byte asked
    for).
    """

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.broken: dict[
            str, list[int]
        ] = {}  # path: after how many bytes each of the next transfers breaks
        self.heads: dict[str, dict[str, str]] = {}  # path: further headers, or others
        self.plain: set[str] = set()  # paths for which a range is ignored
        self.asked: list[tuple[str, int]] = []
        self.address = ""

    def put(self, path: str, content: bytes, *, breaks: tuple[int, ...] = (), **heads: str) -> str:
        """Serve `content` under `path`; the address."""
        self.files[path], self.broken[path] = content, list(breaks)
        self.heads[path] = {name.replace("_", "-"): value for name, value in heads.items()}
        return f"{self.address}/{path}"


@contextmanager
def served():
    """A running server."""
    mirrors = Mirrors()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path = self.path.lstrip("/").split("?")[0]
            begin = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
            mirrors.asked.append((path, begin))
            if path not in mirrors.files:
                self.send_error(404)
                return
            content, heads = mirrors.files[path], mirrors.heads[path]
            tag = heads.get("ETag", f'"{hash(content)}"')
            if begin and (path in mirrors.plain or self.headers.get("If-Range", tag) != tag):
                begin = 0
            if begin and begin >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206 if begin else 200)
            if begin:
                self.send_header(
                    "Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}"
                )
            for name, value in (
                {"Content-Length": str(len(content) - begin), "ETag": tag} | heads
            ).items():
                if value:
                    self.send_header(name, value)
            self.end_headers()
            until = mirrors.broken[path].pop(0) if mirrors.broken[path] else len(content)
            self.close_connection = True
            with suppress(ConnectionError):
                self.wfile.write(content[begin:until])

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    mirrors.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield mirrors
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(name="mirrors")
def mirrors_fixture(monkeypatch):
    """A running server, no waiting between tries, and any disk is large enough."""
    monkeypatch.setattr(transfer, "WAIT", 0.0)
    monkeypatch.setattr(transfer, "RESERVE", 0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with served() as mirrors:
        yield mirrors


def tar(files: dict[str, bytes], *extra: tarfile.TarInfo, mode: str = "w:gz") -> bytes:
    """A tar of these files, and entries of other kinds after them."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as file:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
        for info in extra:
            file.addfile(info, io.BytesIO(bytes(info.size)) if info.isreg() else None)
    return out.getvalue()


def entry(
    name: str, type: bytes = tarfile.REGTYPE, target: str = "", size: int = 0
) -> tarfile.TarInfo:
    """One tar entry of any kind."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = type, target, size
    return info


def zipped(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    """A zip of these files and symbolic links."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        for name, target in (links or {}).items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            file.writestr(info, target)
    return out.getvalue()


def tree(folder: Path) -> list[str]:
    """Every file below a folder, hidden ones too, but for the lock."""
    files = [str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()]
    return sorted(name for name in files if name != ".fetching/lock")
