"""A web server behind a long line: python -m benchmarks.slow_line FOLDER; it says its port.

It answers ranges, each question after `LATENCY_S`, each connection with `MBIT` megabits a second,
and counts: GET /count tells "requests bytes" since the last time, GET /fail/10 lets each tenth
request fail from then on, GET /fail/0 none. To the Hub's own package it is the Hub, with
`REPOSITORY` in that folder.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = ["LATENCY_S", "MBIT", "REPOSITORY"]

REPOSITORY = "recursionpharma/rxrx3-core"
_API, _FILES = f"/api/datasets/{REPOSITORY}", f"/datasets/{REPOSITORY}/resolve/"

LATENCY_S, MBIT = 0.08, 200
_PIECE = 1 << 17

_lock = threading.Lock()
_count = [0, 0]
_fails = [0, 0]
"""Each how many-th request fails, and how many there were."""


class _Line(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        if self.path == "/count":
            with _lock:
                said = f"{_count[0]} {_count[1]}"
                _count[:] = [0, 0]
            self._say(said.encode())
        elif self.path.startswith("/fail/"):
            with _lock:
                _fails[:] = [int(self.path.removeprefix("/fail/")), 0]
            self._say(b"")
        else:
            self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        time.sleep(LATENCY_S)
        with _lock:
            _count[0] += 1
            _fails[1] += 1
            is_failing = _fails[0] and _fails[1] % _fails[0] == 0
        path = unquote(urlsplit(self.path).path)
        if is_failing:
            self._say(b"", 503)
        elif path.startswith(_API):
            self._say(json.dumps(self._of_hub(path.removeprefix(_API), body)).encode())
        elif path.startswith(_FILES):
            name = path.removeprefix(_FILES).partition("/")[2]
            self._say(b"", 302, {"Location": f"/{name}?Signature=signed"})
        else:
            self._send(Path(self.translate_path(self.path)))

    def _send(self, path: Path) -> None:
        wanted = self.headers.get("Range", "").removeprefix("bytes=")
        if wanted and path.is_file():
            self._send_part(path, wanted)
        else:
            super().do_GET()

    def _say(self, data: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _of_hub(self, question: str, body: bytes) -> Any:
        """What the Hub answers about a data set, its folders and its files."""
        root = Path(self.directory)
        if question.startswith("/tree/"):
            folder = root / question.removeprefix("/tree/").partition("/")[2]
            return [_entry(root, path) for path in sorted(folder.iterdir())]
        if question.startswith("/paths-info/"):
            names = parse_qs(body.decode()).get("paths") or json.loads(body)["paths"]
            names = [names] if isinstance(names, str) else names
            return [_entry(root, root / name) for name in names if (root / name).exists()]
        about = {"id": REPOSITORY, "_id": "1", "sha": "c" * 40, "tags": [], "siblings": []}
        return {**about, "private": False, "gated": False}

    def _send_part(self, path: Path, wanted: str) -> None:
        size = path.stat().st_size
        first, _, last = wanted.partition("-")
        start, stop = int(first), min(int(last) + 1 if last else size, size)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.send_header("Content-Length", str(stop - start))
        self.send_header("ETag", f'"{path.stat().st_mtime_ns}-{size}"')
        self.end_headers()
        begin, sent = time.monotonic(), 0
        with path.open("rb") as file:
            file.seek(start)
            while sent < stop - start:
                piece = file.read(min(_PIECE, stop - start - sent))
                self.wfile.write(piece)
                sent += len(piece)
                time.sleep(max(0.0, begin + sent * 8 / (MBIT * 1e6) - time.monotonic()))
        with _lock:
            _count[1] += sent


def _entry(root: Path, path: Path) -> dict[str, Any]:
    name, kind = path.relative_to(root).as_posix(), "file" if path.is_file() else "directory"
    mark = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
    return {"type": kind, "oid": mark, "size": path.stat().st_size, "path": name}


def main() -> None:
    handler = partial(_Line, directory=sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
