"""A local server that plays the hub of models and the mirrors of the benchmarks: the few addresses
that the hub's client and our own fetching ask for.
"""

import hashlib
import json
import re
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Hub:
    """Repositories (name: folder and commit), files by path, and every path that was asked for."""

    def __init__(self):
        self.repos: dict[str, tuple[Path, str]] = {}
        self.files: dict[str, Path] = {}
        self.asked: list[str] = []
        self.address = ""

    def fetched(self) -> set[str]:
        """Names of the files of repositories that were sent."""
        return {
            path.split("/resolve/")[1].split("/", 1)[1] for path in self.asked if "resolve" in path
        }

    def answer(self, path: str) -> tuple[bytes, dict[str, str]]:
        """Body and further heads. Raises FileNotFoundError where there is nothing."""
        if path.lstrip("/") in self.files:
            content = self.files[path.lstrip("/")].read_bytes()
            return content, {"ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?", path):
            folder, commit = self.at(found[1], found[3])
            names = sorted(
                f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file()
            )
            told = {"id": found[1], "sha": commit, "siblings": [{"rfilename": n} for n in names]}
            if found[2] == "tree":
                told = [entry(folder, name) for name in names]
            return json.dumps(told).encode(), {"Content-Type": "application/json"}
        if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            folder, commit = self.at(found[1], found[2])
            content = (folder / found[3]).read_bytes()
            heads = {"X-Repo-Commit": commit, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
            return content, heads
        raise FileNotFoundError("RepoNotFound")

    def at(self, repo: str, revision: str | None) -> tuple[Path, str]:
        """Folder and commit of a repository at a revision."""
        if repo not in self.repos:
            raise FileNotFoundError("RepoNotFound")
        folder, commit = self.repos[repo]
        if revision not in (None, "main", commit):
            raise FileNotFoundError("RevisionNotFound")
        return folder, commit


def entry(folder: Path, name: str) -> dict:
    """A file as the hub lists it."""
    content = (folder / name).read_bytes()
    told = {
        "type": "file",
        "path": name,
        "size": len(content),
        "oid": hashlib.sha1(content).hexdigest(),
    }
    if name.endswith((".safetensors", ".bin")):
        sha = hashlib.sha256(content).hexdigest()
        told["lfs"] = {"oid": sha, "size": len(content), "pointerSize": 134}
    return told


@contextmanager
def served():
    """A running server; gone when left, so that what comes after is offline."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            path = unquote(urlsplit(self.path).path)
            if self.command == "GET":
                hub.asked.append(path)
            try:
                body, heads = hub.answer(path)
                status = 200
            except OSError as error:
                why = error.args[0] if isinstance(error.args[0], str) else "EntryNotFound"
                body, heads, status = b"", {"X-Error-Code": why, "X-Error-Message": why}, 404
            begin = int(re.sub(r"\D.*", "", self.headers.get("Range", "bytes=0-")[6:]) or 0)
            if begin and status == 200:
                status = 206
                heads["Content-Range"] = f"bytes {begin}-{len(body) - 1}/{len(body)}"
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body) - begin), **heads}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                with suppress(ConnectionError):
                    self.wfile.write(body[begin:])

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
