"""Passwords, signatures and tokens stand in nothing that is written or said."""

from __future__ import annotations

import base64
import io
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtWidgets import QApplication, QFileDialog, QWidget

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.cli import main
from napari_rxrx3.core.secrets import has_secrets, note_address, public, without_secrets
from napari_rxrx3.data.cache.disk_cache import default_cache_folder
from napari_rxrx3.data.files import remote, storage
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.diagnostics.facts import of_dataset
from napari_rxrx3.diagnostics.report import as_text, report_of
from napari_rxrx3.figures.record import read_record, record_of
from napari_rxrx3.figures.script import python_script
from napari_rxrx3.gui.share.sessions import last_session_file
from napari_rxrx3.hits.review import open_review
from napari_rxrx3.hits.table import export_csv
from napari_rxrx3.session import Session
from window import Window

pytest.importorskip("aiohttp", reason="fsspec needs aiohttp to read http:// URLs")

WELL, BROKEN = "gene-001_1_D05", "gene-001_1_D06"
USER, PASSWORD = "planted-user", "planted pass/word"
SIGNATURE = "planted+signature/0123456789abcdef=="
LOGIN = "planted-user:planted%20pass%2Fword"
QUERY = (
    "X-Amz-Credential=planted-credential%2F20261130&X-Amz-Expires=3600"
    "&X-Amz-Signature=planted%2Bsignature%2F0123456789abcdef%3D%3D"
)
ENVIRONMENT = {
    "HF_TOKEN": "hf_planted_token_in_the_environment",
    "AWS_ACCESS_KEY_ID": "AKIAPLANTEDPLANTED",
    "AWS_SECRET_ACCESS_KEY": "planted-secret-key-of-amazon",
    "AWS_SESSION_TOKEN": "planted-session-token-of-amazon",
}
PLANTED = (
    *(f"planted{sign}" for sign in "-_+%"),
    *("planted pass", "0123456789abcdef", "AKIAPLANTED"),
    base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(),
)
"""What is looked for; all that is planted has one of them in it."""


def leaks(text: str | bytes) -> list[str]:
    said = text if isinstance(text, str) else text.decode("latin-1")
    return [said[max(0, said.find(s) - 60) : said.find(s) + 40] for s in PLANTED if s in said]


def leaks_of_folder(folder: Path) -> list[str]:
    """What is found in names and contents of files."""
    found = []
    for path in folder.rglob("*"):
        found += leaks(str(path.relative_to(folder)))
        if path.is_file():
            found += [f"{path.name}: {leak}" for leak in leaks(path.read_bytes())]
    return found


def a_screen() -> b.Screen:
    rows = [b.control_row("gene-001", 1, f"C{c:02d}") for c in range(3, 9)]
    for column, gene in ((5, "PLK1"), (6, "MTOR"), (7, "TUBB")):
        rows.append(b.guide_row("gene-001", 1, f"D{column:02d}", gene))
    return b.Screen.of(rows, 32)


class Guarded(b.Store):
    """A server that gives nothing to whoever does not show the signature."""

    def __call__(self, path: str) -> str:
        is_signed = SIGNATURE in path or SIGNATURE.replace("+", " ") in path
        return super().__call__(path) if is_signed else "401"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("guarded") / "screen"
    screen = a_screen()
    screen.write_metadata(root / "metadata.csv")
    screen.write_embeddings(root / "vectors.parquet")
    for planes in screen.by_plate().values():
        b.write_folder(root / "images" / "gene-001" / "Plate1", b.image_files(planes))
    return root


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(remote, "PAUSES_S", (0.01, 0.01, 0.01))
    monkeypatch.setattr(remote, "_in_vain", {})
    for name in ("_HEAD", "_END"):  # or a small file is all in memory
        monkeypatch.setattr(storage, name, 16)


@pytest.fixture
def store() -> Guarded:
    return Guarded()


@pytest.fixture
def address(folder: Path, store: Guarded) -> Iterator[str]:
    with b.served(folder.parent, True, store) as url:
        store.url = f"{url}/screen"
        yield f"{store.url}?{QUERY}".replace("://", f"://{LOGIN}@")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that is logged by us, with its tracebacks."""
    stream, ours = io.StringIO(), logging.getLogger("napari_rxrx3")
    handler, level = logging.StreamHandler(stream), ours.level
    ours.addHandler(handler)
    ours.setLevel(logging.DEBUG)
    yield stream
    ours.removeHandler(handler)
    ours.setLevel(level)


def test_the_server_is_shown_them(address: str, tmp_path: Path) -> None:
    assert rx.open_dataset(address, tmp_path).read(WELL).shape == (6, 32, 32)
    with pytest.raises(rx.RxRx3Error, match="the server answered 401"):
        rx.open_dataset(public(address), tmp_path)


# --- the library and the command line -----------------------------------------------------------


def test_nothing_that_the_library_says_or_writes_has_them(
    address: str, store: Guarded, tmp_path: Path, log: io.StringIO
) -> None:
    cache, out = tmp_path / "cache", tmp_path / "out"
    out.mkdir()
    dataset = rx.open_dataset(address, cache)
    phenomap = dataset.phenomap(align="none")
    session = Session()
    session.open(dataset)
    session.select_well(WELL)
    record = record_of(session)
    review = open_review(dataset, "Ada", tmp_path / "hits")
    review.tag(WELL, 1)
    export_csv(review.hits.values(), dataset, "Ada", out / "hits.csv")
    said = [
        repr(dataset),
        dataset.name,
        dataset.root,
        dataset.describe(),
        dataset.check().to_json(),
        phenomap.nearest("PLK1", judged=False).to_csv(),
        phenomap.describe() if hasattr(phenomap, "describe") else "",
        str(dataset.embeddings),
        record.to_json(),
        python_script(record),
        as_text(report_of({}, of_dataset(dataset))),
    ]
    store.trouble = {"D06": "echo", "C03_s1_w1": "cut"}
    with pytest.raises(rx.ImageUnavailable) as caught:
        rx.open_dataset(address, tmp_path / "nothing kept").read(BROKEN)
    said += [str(caught.value), "".join(traceback.format_exception(caught.value))]
    said += [str(vars(caught.value)), dataset.check().to_json()]
    store.trouble = {"metadata": "echo", "screen": "echo"}
    with pytest.raises(rx.RxRx3Error) as caught:
        rx.open_dataset(address.replace("screen", "elsewhere"), cache)
    said += ["".join(traceback.format_exception(caught.value))]
    with pytest.raises(rx.RxRx3Error) as caught:
        rx.open_dataset(address, tmp_path / "another")
    said += ["".join(traceback.format_exception(caught.value)), log.getvalue()]
    said.append(as_text(report_of({}, of_dataset(dataset), [caught.value])))
    assert [leak for text in said for leak in leaks(text)] == []
    assert leaks_of_folder(tmp_path) == []
    assert dataset.root == store.url
    assert store.url in said[-2] or store.url.rpartition("/")[0] in said[-3]


@pytest.mark.each(3)
@pytest.mark.parametrize("trouble", ["", "echo"])
@pytest.mark.parametrize("command", ["check", "check --json", "nearest", "diagnostics", "scores"])
def test_nothing_that_the_command_line_says_has_them(
    address: str,
    store: Guarded,
    capfd: pytest.CaptureFixture[str],
    log: io.StringIO,
    command: str,
    trouble: str,
) -> None:
    store.trouble = {"metadata": trouble, "D06": trouble, "vectors": trouble} if trouble else {}
    name, *options = command.split()
    main([name, address, *(["PLK1"] if name == "nearest" else []), *options])
    out, err = capfd.readouterr()
    assert leaks(out + err + log.getvalue()) == []
    assert leaks_of_folder(default_cache_folder()) == []


def test_a_script_takes_them_from_the_environment(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session()
    session.open(rx.open_dataset(address, tmp_path))
    session.select_well(WELL)
    script = python_script(record_of(session)).partition("# the same in napari")[0]
    assert "RXRX3_ADDRESS" in script
    assert leaks(script) == []
    monkeypatch.setenv("RXRX3_ADDRESS", address)
    names: dict[str, Any] = {}
    exec(compile(script, "script", "exec"), names)
    assert names["image"].shape[-1] == 3


def test_a_session_opens_again_where_its_data_set_is_open(
    address: str, store: Guarded, tmp_path: Path
) -> None:
    from napari_rxrx3.figures.record import RecordError, write_record
    from napari_rxrx3.figures.restore import open_record

    dataset = rx.open_dataset(address, tmp_path)
    session = Session()
    session.open(dataset)
    write_record(tmp_path / "view.json", record_of(session))
    kept = read_record(tmp_path / "view.json").dataset
    assert (kept.address, kept.had_secret) == (store.url, True)
    assert open_record(tmp_path / "view.json", dataset)[1] is dataset
    with pytest.raises(RecordError, match="held a login or a signature, which no file keeps"):
        open_record(tmp_path / "view.json")


# --- the window ---------------------------------------------------------------------------------


def texts_of(root: QWidget) -> Iterator[str]:
    """All that widgets say."""
    for widget in (root, *root.findChildren(QWidget)):
        yield from (widget.toolTip(), widget.accessibleName(), widget.windowTitle())
        for name in ("text", "toPlainText", "placeholderText"):
            method = getattr(widget, name, None)
            if callable(method):
                yield str(method())


@pytest.mark.soak
def test_nothing_that_the_window_says_or_writes_has_them(
    open_window: Callable[..., Window],
    address: str,
    store: Guarded,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    log: io.StringIO,
) -> None:
    window = open_window(None, a_screen())
    explorer, said = window.explorer, []
    window.session.message_changed.connect(said.append)
    tasks = explorer.workspace.tasks
    tasks.changed.connect(lambda: said.append(str(tasks.status)))
    window.open(address)
    window.click_well("D05")
    assert window.shows(WELL)
    explorer.share.sessions.save(str(tmp_path / "session.json"))
    explorer.share.copy_script()
    said.append(QApplication.clipboard().text())
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "p.tiff"), ""))
    explorer.share.save_planes()
    window.settle()
    explorer.share.save_figure()
    dialog = explorer.share.figure_dialog
    dialog.file.value = tmp_path / "figure.png"
    dialog.dpi.value = 50
    window.click(dialog.save)
    window.settle()
    store.trouble = {"D06": "echo", "C05": "echo"}
    window.click_well("D06")
    said += texts_of(window.viewer.window._qt_window)
    explorer.open_path(address.replace("screen", "elsewhere"))
    window.settle()
    store.trouble = {"screen": "echo"}
    explorer.open_path(address)
    window.settle()
    explorer.share.sessions.flush()
    explorer.diagnostics.copy()
    window.qtbot.waitUntil(lambda: "Diagnostics" in QApplication.clipboard().text(), timeout=20_000)
    said += [QApplication.clipboard().text(), log.getvalue()]
    said += [str((layer.name, layer.metadata, layer.source)) for layer in window.viewer.layers]
    said += texts_of(window.viewer.window._qt_window)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"session.json", "figure.png"} < names
    assert any(name.startswith("figure") and name.endswith(".json") for name in names)
    assert "answered 403" in " ".join(said)
    assert [leak for text in said for leak in leaks(text)] == []
    for kept in (tmp_path, last_session_file().parent, default_cache_folder()):
        assert leaks_of_folder(kept) == []
    saved = json.loads((tmp_path / "session.json").read_text())
    assert saved["dataset"]["address"] == store.url


# --- the parts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://ann:pass@host/a?b=1#c", "https://host/a"),
        ("https://ann:p@ss@host:80/a", "https://host:80/a"),
        ("https://host/a@b", "https://host/a@b"),
        ("hf://datasets/a/b@main/c", "hf://datasets/a/b@main/c"),
        ("s3://bucket/what?.csv", "s3://bucket/what?.csv"),
        ("s3://bucket/a?X-Amz-Signature=1", "s3://bucket/a"),
        ("abfs://container@account/a", "abfs://container@account/a"),
        ("sftp://ann:pass@host/a", "sftp://host/a"),
        ("/home/ann/a?b", "/home/ann/a?b"),
    ],
)
def test_an_address_without_its_secrets_is_an_address(address: str, shown: str) -> None:
    assert public(address) == shown
    assert has_secrets(address) == (shown != address)


def test_what_a_server_repeats_is_known() -> None:
    note_address(f"https://{LOGIN}@host/a?{QUERY}")
    for text in (f"no {PASSWORD}", f"token {SIGNATURE}", ENVIRONMENT["HF_TOKEN"], QUERY):
        assert leaks(without_secrets(text)) == [], text


def test_paths_on_a_server_keep_their_scheme(tmp_path: Path) -> None:
    import fsspec

    fs = fsspec.filesystem("memory")
    fs.pipe("/bucket/data/a.csv", b"well_id\n")
    storage, root = Storage.of("memory://bucket/data")
    assert root == "memory:///bucket/data"
    assert [entry.path for entry in storage.children(root)] == [f"{root}/a.csv"]
    assert storage.read(f"{root}/a.csv") == b"well_id\n"
    with pytest.raises(rx.RxRx3Error, match=r"memory:///bucket/nothing does not exist"):
        rx.open_dataset("memory://bucket/nothing", tmp_path)
