"""Amazon S3 on loopback: moto with something in front that fails when it is told to."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import fsspec
import pytest

__all__ = ["BUCKET", "KEY", "S3", "SECRET", "put", "s3_serving"]

BUCKET = "screens"
KEY, SECRET = "AKIAPLANTEDPLANTED", "planted-secret-key-of-amazon"

_SAID = {
    "503": ("503 Slow Down", "SlowDown"),
    "500": ("500 Internal Server Error", "InternalError"),
    "429": ("429 Too Many Requests", "TooManyRequests"),
    "403": ("403 Forbidden", "AccessDenied"),
    "unknown": ("403 Forbidden", "InvalidAccessKeyId"),
    "expired": ("400 Bad Request", "ExpiredToken"),
}
Start = Any


@dataclass
class S3:
    """What is served, and what is wrong with it at the moment.

    Attributes
    ----------
    trouble : dict
        Part of a path, with what comes after ``?`` -> what is wrong with it: one of `_SAID`,
        "cut" or "drop", or "echo": it is refused, in words that hold all that was told.
    times : int or None
        So often it is; None: for good.
    """

    app: Any
    url: str = ""
    trouble: dict[str, str] = field(default_factory=dict)
    times: int | None = None
    asked: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reset(self) -> None:
        self.trouble, self.times = {}, None
        self.asked.clear()

    def _wrong_with(self, path: str) -> str:
        with self.lock:
            self.asked.append(path)
            what = next((w for part, w in self.trouble.items() if re.search(part, path)), "")
            if what and self.times is not None:
                if self.times <= 0:
                    return ""
                self.times -= 1
            return what

    def __call__(self, environment: dict[str, Any], start: Start) -> Iterable[bytes]:
        query = environment.get("QUERY_STRING", "")
        path = environment["PATH_INFO"] + (f"?{query}" if query else "")
        what = self._wrong_with(path)
        if what == "drop":
            environment["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionResetError
        if what in _SAID or what == "echo":
            status, code = _SAID.get(what, _SAID["403"])
            told = {n: str(v) for n, v in environment.items() if n.startswith("HTTP_")}
            about = escape(f"{code} was said{f' to {told} at {path}' if what == 'echo' else ''}")
            said = f"<Error><Code>{code}</Code><Message>{about}</Message></Error>"
            data = f'<?xml version="1.0" encoding="UTF-8"?>{said}'.encode()
            start(status, [("Content-Length", str(len(data))), ("Content-Type", "application/xml")])
            return [data]
        answer = self.app(environment, start)
        if what == "cut":
            return _half_of(b"".join(answer), environment["werkzeug.socket"])
        return answer


def _half_of(data: bytes, connection: socket.socket) -> Iterator[bytes]:
    yield data[: len(data) // 2]
    connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def s3_serving() -> Iterator[S3]:
    """Serve an empty bucket, and let the programs of this process log in to it."""
    server_of = pytest.importorskip("moto.server", reason="moto stands in for Amazon S3")
    pytest.importorskip("s3fs", reason="fsspec needs s3fs to read s3:// URLs")
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, *_: Any) -> None:
            """Say nothing."""

    made = server_of.DomainDispatcherApplication(server_of.create_backend_app)
    s3 = S3(made)
    server = make_server("127.0.0.1", 0, s3, threaded=True, request_handler=Quiet)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    s3.url = f"http://127.0.0.1:{server.server_port}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (
            ("AWS_ENDPOINT_URL", s3.url),
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_CONFIG_FILE", "nowhere"),
            ("AWS_SHARED_CREDENTIALS_FILE", "nowhere"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ):
            patch.setenv(name, value)
        _forget()
        with suppress(FileExistsError):  # moto keeps it for as long as the program runs
            fsspec.filesystem("s3").mkdir(BUCKET)
        yield s3
        _forget()
    server.shutdown()
    thread.join()


def _forget() -> None:
    """Have no file system that was made before serve another login."""
    fsspec.get_filesystem_class("s3").clear_instance_cache()


def put(folder: Path, name: str) -> str:
    """Copy a folder into the bucket; its address."""
    address = f"s3://{BUCKET}/{name}"
    fsspec.filesystem("s3").put(str(folder), address, recursive=True)
    return address
