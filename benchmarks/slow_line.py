"""A web server behind a long line: python -m benchmarks.slow_line FOLDER; it says its port.

It answers ranges, each question after `LATENCY_S`, each connection with `MBIT` megabits a second,
and counts: GET /count tells "requests bytes" since the last time.
"""

from __future__ import annotations

import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

__all__ = ["LATENCY_S", "MBIT"]

LATENCY_S, MBIT = 0.08, 200
_PIECE = 1 << 17

_lock = threading.Lock()
_count = [0, 0]


class _Line(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self.path == "/count":
            with _lock:
                said = f"{_count[0]} {_count[1]}".encode()
                _count[:] = [0, 0]
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)
            return
        time.sleep(LATENCY_S)
        with _lock:
            _count[0] += 1
        wanted = self.headers.get("Range", "").removeprefix("bytes=")
        path = Path(self.translate_path(self.path))
        if wanted and path.is_file():
            self._send_part(path, wanted)
        else:
            super().do_GET()

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


def main() -> None:
    handler = partial(_Line, directory=sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
