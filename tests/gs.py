"""Google Cloud Storage on loopback: an emulator in this process that fails when it is told to."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

__all__ = ["GS", "GS_BUCKET", "gs_serving", "put_into_gs"]

GS_BUCKET = "screens"


@dataclass
class GS:
    """What is wrong with the server at the moment.

    Attributes
    ----------
    trouble : dict
        Part of an address -> the number that is answered, or "cut".
    times : int or None
        So often it is; None: for good.
    """

    url: str = ""
    trouble: dict[str, int | str] = field(default_factory=dict)
    times: int | None = None
    asked: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reset(self) -> None:
        self.trouble, self.times = {}, None
        self.asked.clear()

    def wrong_with(self, path: str) -> int | str:
        with self.lock:
            self.asked.append(path)
            what = next((w for part, w in self.trouble.items() if re.search(part, path)), 0)
            if what and self.times is not None:
                self.times -= 1
                return what if self.times >= 0 else 0
            return what


@contextmanager
def gs_serving() -> Iterator[GS]:
    """Serve an empty bucket, and let the programs of this process read it without a login."""
    emulator = pytest.importorskip("gcp_storage_emulator.server", reason="it stands in for Google")
    # it would ask Google itself what kind a bucket is, and wait for it
    os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    pytest.importorskip("gcsfs", reason="fsspec needs gcsfs to read gs:// URLs")
    from gcp_storage_emulator.handlers import buckets
    from gcp_storage_emulator.storage import Storage

    gs, storage = GS(), Storage(use_memory_fs=True)
    buckets.create_bucket(GS_BUCKET, storage)

    class Handler(emulator.RequestHandler):  # type: ignore[misc, name-defined]
        def do_GET(self) -> None:
            what = gs.wrong_with(self.path)
            if isinstance(what, str):
                self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 100000\r\n\r\nhalf of it")
            elif what:
                self.send_response(what)
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                super().do_GET()

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, storage))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    gs.url = f"http://127.0.0.1:{server.server_port}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", gs.url)
        patch.setitem(fsspec.config.conf, "gs", {"token": "anon"})
        _forget()
        yield gs
        _forget()
    server.shutdown()
    server.server_close()
    thread.join()


def _forget() -> None:
    """Have no file system that was made before serve another server."""
    fsspec.get_filesystem_class("gs").clear_instance_cache()


def put_into_gs(folder: Path, name: str) -> str:
    """Copy a folder into the bucket; its address."""
    files = fsspec.filesystem("gs")
    for path in folder.rglob("*"):
        if path.is_file():
            files.pipe(f"{GS_BUCKET}/{name}/{path.relative_to(folder)}", path.read_bytes())
    return f"gs://{GS_BUCKET}/{name}"
