"""Data sets behind a line that fails now and then: nothing is lost, and what stays is said."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import napari_rxrx3 as rx
from builders import Screen, Store, control_row, guide_row, noise, served
from napari_rxrx3.core.secrets import note_address, without_secrets
from napari_rxrx3.data.files import remote, storage
from napari_rxrx3.data.files.remote import answer_of
from napari_rxrx3.data.files.storage import Storage
from samples import soak

pytest.importorskip("aiohttp", reason="fsspec needs aiohttp to read http:// URLs")

WELL = "gene-001_1_D05"
KINDS = ("503", "429", "cut", "drop", "500")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSES_S", (0.01, 0.01, 0.01))
    monkeypatch.setattr(remote, "_in_vain", {})
    monkeypatch.setattr(storage, "_END", 1000)  # or a small file is all in memory


def a_screen(dtype: str) -> Screen:
    rows = [control_row("gene-001", 1, f"C{column:02d}") for column in range(3, 9)]
    rows += [guide_row("gene-001", 1, f"D{c:02d}", gene) for c, gene in ((5, "PLK1"), (6, "TUBB"))]
    screen = Screen.of(rows, dim=4)
    screen.planes = {WELL: noise(WELL, 32, dtype)}
    return screen


@pytest.fixture(scope="module", params=[soak("tar"), "shard"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("served") / "screen"
    screen = a_screen("uint16" if request.param == "tar" else "uint8")
    screen.write_metadata(root / "metadata.csv")
    screen.write_embeddings(root / "vectors.parquet")
    screen.write_tars(root) if request.param == "tar" else screen.write_core(root)
    return root


class Once(Store):
    """A server that fails at one request, or at each of some."""

    def __init__(self, kind: str = "", at: int = -1, every: int = 0) -> None:
        super().__init__()
        self.kind, self.at, self.every = kind, at, every
        self.n, self._lock = 0, threading.Lock()

    def __call__(self, path: str) -> str:
        with self._lock:
            number, self.n = self.n, self.n + 1
        fails = number == self.at or (self.every and number % self.every == self.every - 1)
        return self.kind if fails else ""


def seen(folder: Path, store: Store, cache: Path) -> list[object]:
    """All that a user sees of a data set."""
    with served(folder.parent, True, store) as url:
        dataset = rx.open_dataset(f"{url}/screen", cache_dir=cache)
        listed = dataset.phenomap(align="none").nearest("PLK1", judged=False)
        problems = dataset.check().problems
        return [
            dataset.wells.to_csv(),
            dataset.read(WELL).tobytes(),
            dataset.preview(WELL, 1).tobytes(),
            listed.to_csv(),
            problems["kind"].tolist(),
        ]


@pytest.mark.first_example
def test_one_failure_at_any_request_changes_nothing(folder: Path, tmp_path: Path) -> None:
    clean = Once()
    wanted = seen(folder, clean, tmp_path / "clean")
    for number in range(clean.n):
        store = Once(KINDS[number % len(KINDS)], number)
        assert seen(folder, store, tmp_path / str(number)) == wanted, (number, store.kind)


def test_secrets_of_six_letters_are_hidden_and_shorter_words_are_left() -> None:
    """Who hides shorter ones takes letters out of the middle of what is said."""
    note_address("https://somebody:q7Zp2x@host.example/data")
    note_address("https://somebody:q7Zw9@host.example/data")
    said = "the server says q7Zp2x and q7Zw9"
    assert "q7Zp2x" not in without_secrets(said)
    assert "q7Zw9" in without_secrets(said)


def test_ranges_that_come_in_part_are_asked_for_again(tmp_path: Path) -> None:
    content = np.random.default_rng(1).bytes(50_000)
    (tmp_path / "file.bin").write_bytes(content)
    for at in range(3):
        with served(tmp_path, True, Once("half", at)) as url:
            there, path = Storage.of(f"{url}/file.bin")
            assert there.size(path) == len(content)
            assert there.read(path, 1000, 9000) == content[1000:9000]
            assert there.read(path, 20_000, 20_001) == content[20_000:20_001]
    with served(tmp_path, True, Once("half", every=1)) as url:
        there, path = Storage.of(f"{url}/file.bin")
        with pytest.raises(OSError, match="bytes came"):
            there.read(path, 1000, 9000)


def test_a_line_that_fails_often_changes_nothing(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = seen(folder, Once(), tmp_path / "clean")
    with caplog.at_level(logging.INFO, "napari_rxrx3"):
        for kind in KINDS:
            assert seen(folder, Once(kind, every=5), tmp_path / kind) == wanted, kind
    assert "asked again in 0.01 s: the server answered 503" in caplog.text


@pytest.fixture
def busy(folder: Path) -> Iterator[tuple[Store, str]]:
    store = Store()
    with served(folder.parent, True, store) as url:
        yield store, f"{url}/screen"


def test_a_plate_that_a_server_refuses_is_not_said_to_be_damaged(
    busy: tuple[Store, str], tmp_path: Path
) -> None:
    store, url = busy
    store.trouble = {"p.zarr": "403"}
    with pytest.raises(rx.RxRx3Error, match="ask for a login") as error:
        rx.open_dataset(f"{url}/p.zarr", cache_dir=tmp_path)
    assert "download it again" not in str(error.value)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("503", "the server answered 503"),
        ("403", "the address may have expired, or ask for a login"),
        ("401", "the address may have expired, or ask for a login"),
        ("drop", "the answer was cut off"),
        ("cut", "the answer was cut off"),
    ],
)
def test_what_stays_is_said_with_the_file(
    busy: tuple[Store, str], tmp_path: Path, kind: str, why: str
) -> None:
    store, url = busy
    dataset = rx.open_dataset(url, cache_dir=tmp_path)
    dataset.read_vectors()
    store.trouble = {"images": kind, "data/": kind, "Plate1": kind, ".parquet": kind}
    with pytest.raises(rx.ImageUnavailable, match=rf"{WELL}, channel \d: .*{why}"):
        dataset.read(WELL)
    store.trouble.clear()
    for _ in range(5):  # another stain may still be asked for in vain
        with suppress(rx.ImageUnavailable):
            assert len(dataset.read(WELL)) == 6
            break
        time.sleep(0.1)
    else:
        pytest.fail("it is not asked again")


@pytest.mark.parametrize(
    ("status", "times"), [(503, 4), (429, 4), (500, 4), (408, 4), (403, 1), (401, 1), (416, 1)]
)
def test_only_what_may_pass_is_asked_again(status: int, times: int) -> None:
    asked: list[int] = []

    class Answered(Exception):
        pass

    def ask() -> None:
        asked.append(status)
        error = Answered("no")
        error.status = status
        raise error

    with pytest.raises(OSError, match=f"the server answered {status}"):
        answer_of(ask, f"{status}.tar")
    assert len(asked) == times


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("HttpError", 503, "the server answered 503"),
        ("DefaultCredentialsError", None, "gcloud auth application-default login"),
        ("NoCredentialsError", None, "`aws configure` makes one"),
        ("GatedRepoError", 403, "accept terms first"),
    ],
)
def test_errors_of_packages_are_known_by_their_names(
    name: str, code: int | None, said: str
) -> None:
    inner = type(name, (Exception,), {"code": code})("in words of its own")

    def ask() -> None:
        try:
            raise inner
        except Exception as error:
            raise OSError("something went wrong") from error

    for failing in (ask, lambda: (_ for _ in ()).throw(inner)):
        with pytest.raises(OSError, match=re.escape(said)):
            answer_of(failing, name)


def test_a_file_that_was_asked_for_in_vain_is_not_waited_for_until_it_answers() -> None:
    asked: list[str] = []
    down = {"a.tar"}

    def ask_for(name: str) -> str:
        asked.append(name)
        if name in down:
            raise ConnectionResetError("reset")
        return name

    def tries(name: str) -> int:
        asked.clear()
        with suppress(OSError):
            answer_of(lambda: ask_for(name), name)
        return len(asked)

    assert [tries("a.tar") for _ in range(3)] == [4, 2, 2]
    assert tries("b.tar") == 1, "it answers"
    down = {"b.tar"}
    assert tries("b.tar") == 4, "another file keeps its patience"
    assert tries("a.tar") == 1, "it answers again"
    down = {"a.tar"}
    assert tries("a.tar") == 4


def test_a_silent_server_is_not_waited_for(
    busy: tuple[Store, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_rxrx3.data.files.storage.READ_S", 0.5)
    store, url = busy
    dataset = rx.open_dataset(url, cache_dir=tmp_path)
    store.held = {"images", "data/"}
    begin = time.monotonic()
    with pytest.raises(rx.ImageUnavailable, match="the server is silent"):
        dataset.read(WELL)
    assert time.monotonic() - begin < 5
    store.let_go.set()


def test_a_server_says_when_to_come_back() -> None:
    class Busy(Exception):
        status, headers = 429, {"Retry-After": "0.3"}

    asked: list[float] = []

    def ask() -> str:
        asked.append(time.monotonic())
        if len(asked) == 1:
            raise Busy
        return "here"

    assert answer_of(ask, "busy.tar") == "here"
    assert 0.3 <= asked[1] - asked[0] < 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("https://ann:secret@host/a b", "https://…@host/a b"),
        ("at s3://b/k?X-Amz-Signature=secret&x=1 (now)", "at s3://b/k?… (now)"),
        ("what? nothing", "what? nothing"),
    ],
)
def test_no_secret_is_said(text: str, said: str) -> None:
    assert without_secrets(text) == said

    def ask() -> None:
        raise ValueError(text)

    with pytest.raises(OSError, match="^[^@]*" if "@" not in said else "…@") as caught:
        answer_of(ask, "secret.tar")
    assert "secret" not in str(caught.value)
