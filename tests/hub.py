"""A stand-in for the Hugging Face Hub on loopback: one data set, in a folder."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest

__all__ = ["ADDRESS", "REPOSITORY", "Hub", "hub_serving"]

REPOSITORY = "recursionpharma/rxrx3-core"
ADDRESS = f"hf://datasets/{REPOSITORY}"
COMMIT = "c" * 40
_CHUNK = 1 << 16


@dataclass
class Hub:
    """What the stand-in serves, how, and what it was asked.

    Attributes
    ----------
    token : str
        Who does not show it is sent away, as from a gated data set; anybody is let in if empty.
    echoed : str
        Who asks for a path with this part is refused, in words that hold all that was told.
    sent : list of (path, start, stop)
        The parts of files that were sent.
    after, part : int
        Of the file called `slow` what begins at a multiple of `part` is sent up to the byte
        `after`; from there on it waits until `let_go` is set.
    """

    root: Path
    url: str = ""
    token: str = ""
    signature: str = "Signature=signed-by-the-stand-in"
    echoed: str = ""
    slow: str = ""
    after: int = 0
    part: int = 1
    asked: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    sent: list[tuple[str, int, int]] = field(default_factory=list)
    is_waiting: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)

    def entries(self, folder: str = "", deep: bool = True) -> list[dict[str, Any]]:
        found = sorted((self.root / folder).rglob("*") if deep else (self.root / folder).iterdir())
        return [self.entry(path.relative_to(self.root).as_posix()) for path in found]

    def entry(self, name: str) -> dict[str, Any]:
        path = self.root / name
        mark = hashlib.sha1(path.read_bytes() if path.is_file() else b"").hexdigest()
        kind = "file" if path.is_file() else "directory"
        return {"type": kind, "oid": mark, "size": path.stat().st_size, "path": name}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        path, query = unquote(url.path), parse_qs(url.query)
        self.hub.asked.append(path)
        with suppress(OSError):
            if self.hub.echoed and self.hub.echoed in path:
                said = f"no {self.path} to {dict(self.headers)}"
                self._json({"error": said}, 403, {"X-Error-Message": said})
                return
            if path.startswith("/cdn/"):
                self._send(path.removeprefix("/cdn/"), url.query)
                return
            login = self.headers.get("Authorization", "").removeprefix("Bearer ")
            self.hub.tokens.add(login)
            if self.hub.token not in ("", login):
                self._refuse()
                return
            self._route(path, query, body)

    def _route(self, path: str, query: dict[str, list[str]], body: bytes) -> None:
        api = f"/api/datasets/{REPOSITORY}"
        if path == api or path.startswith(f"{api}/revision/"):
            names = [{"rfilename": e["path"]} for e in self.hub.entries() if e["type"] == "file"]
            about = {"id": REPOSITORY, "sha": COMMIT, "siblings": names, "tags": []}
            self._json({**about, "_id": "1", "private": False, "gated": False})
            return
        _, is_tree, rest = path.partition(f"{api}/tree/")
        if is_tree:
            folder = rest.partition("/")[2]
            deep = query.get("recursive", [""])[0].lower() == "true"
            self._json(self.hub.entries(folder, deep))
            return
        if path.startswith(f"{api}/paths-info/"):
            names = parse_qs(body.decode()).get("paths") or json.loads(body)["paths"]
            names = [names] if isinstance(names, str) else names
            there = [name for name in names if (self.hub.root / name).exists()]
            self._json([self.hub.entry(name) for name in there])
            return
        _, is_file, rest = path.partition(f"/datasets/{REPOSITORY}/resolve/")
        name = rest.partition("/")[2]
        if is_file and (self.hub.root / name).is_file():
            self._move(name)
            return
        self._json({"error": "not found"}, 404, {"X-Error-Code": "EntryNotFound"})
        return

    def _refuse(self) -> None:
        said = f"Access to dataset {REPOSITORY} is restricted. Please log in."
        headers = {"X-Error-Code": "GatedRepo", "X-Error-Message": said}
        self._json({"error": said}, 401, headers)

    def _json(self, answer: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _move(self, name: str) -> None:
        entry = self.hub.entry(name)
        self.send_response(302)
        self.send_header("Location", f"{self.hub.url}/cdn/{quote(name)}?{self.hub.signature}")
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("X-Linked-Size", str(entry["size"]))
        self.send_header("X-Linked-Etag", f'"{entry["oid"]}"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, name: str, signature: str) -> None:
        if signature != self.hub.signature:
            self._json({"error": "not signed"}, 403)
            return
        data = (self.hub.root / name).read_bytes()
        start, stop = 0, len(data)
        wanted = self.headers.get("Range", "").removeprefix("bytes=")
        if wanted:
            first, _, last = wanted.partition("-")
            start, stop = int(first), min(int(last) + 1 if last else stop, stop)
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(stop - start))
        self.send_header("ETag", f'"{self.hub.entry(name)["oid"]}"')
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
        self.end_headers()
        if self.command == "HEAD":
            return
        if name == self.hub.slow and start >= self.hub.after and start % self.hub.part == 0:
            self.hub.is_waiting.set()
            self.hub.let_go.wait(120)
        for at in range(start, stop, _CHUNK):
            self.wfile.write(data[at : min(at + _CHUNK, stop)])
        self.hub.sent.append((name, start, stop))


@contextmanager
def hub_serving(root: Path) -> Iterator[Hub]:
    """Have the Hub's own package ask a stand-in that serves a folder."""
    hf = pytest.importorskip("huggingface_hub", reason="the Hub is read by its own package")
    constants = import_module("huggingface_hub.constants")
    hub = Hub(root)
    handler = type("Handler", (_Handler,), {"hub": hub})
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
        pytest.MonkeyPatch.context() as m,
    ):
        server.daemon_threads = True
        hub.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        for owner, name in (("ENDPOINT", hub.url), ("HUGGINGFACE_CO_URL_TEMPLATE", "")):
            value = name or f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
            m.setattr(constants, owner, value)
        m.setenv("HF_ENDPOINT", hub.url)
        hf.HfFileSystem.clear_instance_cache()
        yield hub
        hub.let_go.set()
        time.sleep(0.05)
        server.shutdown()
        hf.HfFileSystem.clear_instance_cache()
