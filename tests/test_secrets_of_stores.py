"""Logins of S3 and of the Hub stand in nothing that is written or said."""

from __future__ import annotations

import io
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import fsspec
import pytest

import napari_rxrx3 as rx
from hub import ADDRESS, hub_serving
from napari_rxrx3.cli import main
from napari_rxrx3.data.cache.disk_cache import default_cache_folder
from napari_rxrx3.data.files import remote, storage
from napari_rxrx3.diagnostics.facts import of_dataset
from napari_rxrx3.diagnostics.report import as_text, report_of
from napari_rxrx3.figures.record import record_of
from napari_rxrx3.figures.script import python_script
from napari_rxrx3.hits.review import open_review
from napari_rxrx3.hits.table import export_csv
from napari_rxrx3.session import Session
from s3 import put, s3_serving
from test_secrets import BROKEN, ENVIRONMENT, WELL, a_screen, leaks, leaks_of_folder, log

__all__ = ["log"]


@dataclass
class Store:
    """A store that asks for a login, and can be made to refuse it, saying what it was told."""

    address: str
    refuse: Callable[[str], None]
    forget: Callable[[], None]


def in_s3(stack: ExitStack, folder: Path) -> Store:
    s3 = stack.enter_context(s3_serving())
    address = put(folder, "screen")

    def refuse(part: str) -> None:
        s3.trouble = {part: "echo"} if part else {}

    return Store(address, refuse, fsspec.get_filesystem_class("s3").clear_instance_cache)


def on_the_hub(stack: ExitStack, folder: Path) -> Store:
    hub = stack.enter_context(hub_serving(folder))
    hub.token = ENVIRONMENT["HF_TOKEN"]
    hub.signature = "Signature=planted-by-the-hub-0123456789abcdef"

    def refuse(part: str) -> None:
        hub.echoed = part

    return Store(ADDRESS, refuse, fsspec.get_filesystem_class("hf").clear_instance_cache)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stored") / "screen"
    screen = a_screen()
    screen.write_metadata(root / "metadata.csv")
    screen.write_embeddings(root / "vectors.parquet")
    screen.write_folders(root)
    return root


@pytest.fixture(params=[on_the_hub, in_s3], ids=["hub", "s3"])
def store(
    request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(remote, "PAUSES_S", (0.01, 0.01, 0.01))
    monkeypatch.setattr(remote, "_in_vain", {})
    for name in ("_HEAD", "_END"):  # or a small file is all in memory
        monkeypatch.setattr(storage, name, 16)
    with ExitStack() as stack:
        yield request.param(stack, folder)


def all_of(error: Exception) -> list[str]:
    """What an error says, and what it would say to whoever follows it to its origin."""
    said, origin = ["".join(traceback.format_exception(error))], error.__cause__
    while origin is not None:
        said += [str(origin), repr(origin), str(vars(origin))]
        origin = origin.__cause__ or origin.__context__  # type: ignore[assignment]
    return said


@pytest.mark.first_example
def test_nothing_that_the_library_says_or_writes_has_them(
    store: Store, tmp_path: Path, log: io.StringIO
) -> None:
    cache = tmp_path / "cache"
    dataset = rx.open_dataset(store.address, cache)
    assert dataset.read(WELL).shape == (6, 32, 32)
    session = Session()
    session.open(dataset)
    session.select_well(WELL)
    record = record_of(session)
    review = open_review(dataset, "Ada", tmp_path / "hits")
    review.tag(WELL, 1)
    export_csv(review.hits.values(), dataset, "Ada", tmp_path / "hits.csv")
    said = [repr(dataset), dataset.check().to_json(), record.to_json(), python_script(record)]
    said.append(as_text(report_of({}, of_dataset(dataset))))
    store.refuse("D06")
    with pytest.raises(rx.ImageUnavailable) as unread:
        rx.open_dataset(store.address, tmp_path / "other").read(BROKEN)
    store.refuse("/")
    store.forget()
    with pytest.raises(rx.RxRx3Error) as unopened:
        rx.open_dataset(store.address, tmp_path / "another")
    said += [*all_of(unread.value), *all_of(unopened.value), log.getvalue()]
    said.append(as_text(report_of({}, of_dataset(dataset), [unread.value, unopened.value])))
    assert [leak for text in said for leak in leaks(text)] == []
    assert leaks_of_folder(tmp_path) == []


@pytest.mark.each(3)
@pytest.mark.parametrize("part", ["", "vectors", "/"])
def test_nothing_that_the_command_line_says_has_them(
    store: Store, capfd: pytest.CaptureFixture[str], log: io.StringIO, part: str
) -> None:
    store.refuse(part)
    for command in (["check", store.address], ["nearest", store.address, "PLK1"]):
        main(command)
    out, err = capfd.readouterr()
    assert leaks(out + err + log.getvalue()) == []
    assert leaks_of_folder(default_cache_folder()) == []
