"""Servers that answer otherwise than they should: right pixels, or one plain sentence."""

from __future__ import annotations

import gzip
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import napari_rxrx3 as rx
from builders import Screen, control_row, guide_row, noise
from napari_rxrx3.data.files import remote, storage
from samples import soak
from servers import WELL, seen

pytest.importorskip("aiohttp", reason="fsspec needs aiohttp to read http:// URLs")


class Odd(SimpleHTTPRequestHandler):
    """Answers ranges, and is odd in one way."""

    protocol_version = "HTTP/1.1"
    way = ""
    asked: dict[str, int]
    lock: threading.Lock

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        with self.lock:
            n = self.asked[self.path] = self.asked.get(self.path, 0) + 1
        if not path.is_file():
            super().do_GET()
            return
        with suppress(ConnectionError):
            getattr(self, f"_{self.way}", self._well)(path.read_bytes(), n)

    def _part(self, data: bytes) -> tuple[int, int]:
        wanted = self.headers.get("Range", "").removeprefix("bytes=")
        first, _, last = wanted.partition("-")
        start = int(first or 0)
        return start, min(int(last) + 1 if last else len(data), len(data))

    def _send(self, status: int, data: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def _well(self, data: bytes, n: int, tag: str = '"1"', shift: int = 0) -> None:
        if "Range" not in self.headers:
            self._send(200, data, ETag=tag)
            return
        start, stop = self._part(data)
        if start >= len(data) > 0:
            self._send(416, b"", Content_Range=f"bytes */{len(data)}")
            return
        about = f"bytes {start + shift}-{stop + shift - 1}/{len(data)}"
        self._send(206, data[start + shift : stop + shift], Content_Range=about, ETag=tag)

    def _whole(self, data: bytes, n: int) -> None:
        self._send(200, data, ETag='"1"')

    def _chunked(self, data: bytes, n: int) -> None:
        """Whole files, and nobody knows how long they are."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for at in range(0, len(data), 1000):
            piece = data[at : at + 1000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def _old(self, data: bytes, n: int) -> None:
        """Send it whole as HTTP/1.0 does: it ends where the connection does."""
        self.protocol_version = "HTTP/1.0"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = True

    def _packed(self, data: bytes, n: int) -> None:
        """Whole files, packed though nobody asked for that."""
        self._send(200, gzip.compress(data), Content_Encoding="gzip", ETag='"1"')

    def _packed_parts(self, data: bytes, n: int) -> None:
        start, stop = self._part(data)
        about = f"bytes {start}-{stop - 1}/{len(data)}"
        packed = gzip.compress(data)[start:stop]
        self._send(206, packed, Content_Range=about, Content_Encoding="gzip", ETag='"1"')

    def _shifted(self, data: bytes, n: int) -> None:
        """Other parts than were asked for, and said so."""
        self._well(data, n, shift=-1 if self._part(data)[0] else 0)

    def _once_shifted(self, data: bytes, n: int) -> None:
        self._well(data, n, shift=-1 if n == 2 and self._part(data)[0] else 0)

    def _untold(self, data: bytes, n: int) -> None:
        """Parts of a file of which nobody says how long it is, or that it is the same."""
        start, stop = self._part(data)
        self._send(206, data[start:stop], Content_Range=f"bytes {start}-{stop - 1}/*")

    def _without_range(self, data: bytes, n: int) -> None:
        """Parts without a word on which."""
        start, stop = self._part(data)
        self._send(206, data[start:stop], ETag='"1"')

    def _changing(self, data: bytes, n: int) -> None:
        """A file that is another one each time."""
        self._well(data, n, tag=f'"{n}"')

    def _lost(self, data: bytes, n: int) -> None:
        """What is there at first and gone later."""
        if n > 2:
            self._send(404, b"")
        else:
            self._well(data, n)

    def _moved(self, data: bytes, n: int) -> None:
        """As a store does that signs for a short time: each address is good three times."""
        signed = parse_qs(urlsplit(self.path).query).get("Signature")
        if signed is None:
            self._send(302, b"", Location=f"{self.path}?Signature=planted-{n // 3}")
        elif n > 3:
            self._send(403, b"")
        else:
            self._well(data, n)

    def _refused(self, data: bytes, n: int) -> None:
        self._send(416, b"")

    def _busy(self, data: bytes, n: int) -> None:
        if n % 2:
            self._send(429, b"", Retry_After="0.01")
        else:
            self._well(data, n)


@contextmanager
def odd(folder: Path, way: str) -> Iterator[str]:
    kind = type("Odd", (Odd,), {"way": way, "asked": {}, "lock": threading.Lock()})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(kind, directory=str(folder))) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def a_screen(dtype: str) -> Screen:
    rows = [control_row("gene-001", 1, f"C{column:02d}") for column in range(3, 9)]
    rows += [guide_row("gene-001", 1, f"D{c:02d}", gene) for c, gene in ((5, "PLK1"), (6, "TUBB"))]
    screen = Screen.of(rows, dim=4)
    screen.planes = {WELL: noise(WELL, 32, dtype)}
    return screen


Write = Callable[[Screen, Path], None]
FORMS: dict[str, Write] = {
    "folder": Screen.write_folders,
    "tar": Screen.write_tars,
    "shard": Screen.write_core,
}


@pytest.fixture(scope="module", params=["shard", soak("tar"), soak("folder")])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("odd") / "screen"
    screen = a_screen("uint8" if request.param == "shard" else "uint16")
    screen.write_metadata(root / "metadata.csv")
    screen.write_embeddings(root / "vectors.parquet")
    FORMS[request.param](screen, root)
    return root


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSES_S", (0.01, 0.01, 0.01))
    monkeypatch.setattr(remote, "_in_vain", {})
    for name in ("_HEAD", "_END"):  # or a small file is all in memory
        monkeypatch.setattr(storage, name, 16)


RIGHT = (
    *("well", "whole", "chunked", "old", "packed", "once_shifted", "untold", "without_range"),
    *("moved", "busy"),
)


@pytest.mark.each(3)
@pytest.mark.parametrize("way", RIGHT)
def test_what_an_odd_server_gives_is_right(folder: Path, tmp_path: Path, way: str) -> None:
    with odd(folder.parent, way) as url:
        assert seen(f"{url}/screen", tmp_path / "there") == seen(folder, tmp_path / "here")


@pytest.mark.parametrize(
    ("way", "why"),
    [
        ("shifted", r"bytes \d+-\d+ came where \d+-\d+ were asked for"),
        ("packed_parts", "the server packs what it sends"),
        ("changing", "the file has changed since the data set was opened|bytes came"),
        ("lost", "not there any more|has no such file"),
        ("refused", "cannot be read|lists no well|is empty"),
    ],
)
def test_what_cannot_be_had_is_one_sentence(
    folder: Path, tmp_path: Path, way: str, why: str
) -> None:
    said = []
    with odd(folder.parent, way) as url:
        try:
            dataset = rx.open_dataset(f"{url}/screen", tmp_path / "there")
            said += [problem.detail for problem in dataset.problems]
            here = rx.open_dataset(folder, tmp_path / "here").read(WELL)
            assert (dataset.read(WELL) == here).all(), "or it is not given at all"
            dataset.read_vectors()
            said += [problem.detail for problem in dataset.problems]
        except rx.RxRx3Error as error:
            said.append(str(error))
    assert all("\n" not in text and "Traceback" not in text for text in said)
    if way != "changing" or said:  # a folder's images are one request each
        assert any(re.search(why, text) for text in said), said


def test_the_ways_are_what_they_are_called() -> None:
    ways = {name.removeprefix("_") for name in vars(Odd) if name.startswith("_")}
    assert {*RIGHT, "shifted", "packed_parts", "changing", "lost", "refused"} <= ways
