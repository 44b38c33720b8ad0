"""Data on servers, opened from the window: any address, and RxRx3-core on the Hub."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication

import builders as b
from hub import ADDRESS, Hub, hub_serving
from napari_rxrx3.data.files import fetching
from napari_rxrx3.data.files.addresses import (
    HUB,
    HUB_PAGE,
    missing_package,
    recent_addresses,
    remember_address,
    trouble_with,
)
from napari_rxrx3.data.vectors import embeddings
from test_hub import N_WELLS, PART, VECTORS, WELL
from test_hub import folder as hub_folder  # noqa: F401  a fixture
from window import Window, own_browser

pytest.importorskip("aiohttp", reason="fsspec needs aiohttp to read http:// URLs")


def a_screen() -> b.Screen:
    rows = [b.control_row("gene-001", 1, f"C{c:02d}") for c in range(3, 9)]
    rows += [b.guide_row("gene-001", 1, f"D{c:02d}", "PLK1") for c in (5, 6)]
    return b.Screen.of(rows, 32)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    a_screen().write_rxrx3(tmp_path / "served" / "screen")
    with b.served(tmp_path / "served", True) as url:
        yield f"{url}/screen"


@pytest.fixture
def window(open_window: Callable[..., Window]) -> Window:
    return open_window(None, a_screen())


def choose_in_menu(window: Window, words: str) -> None:
    actions = {a.text(): a for a in window.explorer.open_button.menu().actions()}
    actions[words].trigger()


def typed(window: Window, text: str) -> Any:
    """Type an address into the dialog, which is open."""
    dialog = window.explorer.address_dialog
    window.qtbot.waitUntil(dialog.isVisible)
    window.qtbot.keyClicks(dialog.address.lineEdit(), text)
    return dialog


# --- any address --------------------------------------------------------------------------------


@pytest.mark.soak
def test_an_address_is_typed_and_opened(window: Window, url: str) -> None:
    window.click(window.explorer.welcome.address_button)
    dialog = typed(window, url)
    assert dialog.note.text() == ""
    window.qtbot.keyClick(dialog.address.lineEdit(), Qt.Key.Key_Return)
    window.qtbot.waitUntil(lambda: window.session.dataset is not None, timeout=20_000)
    window.settle()
    assert not dialog.isVisible()
    assert window.session.dataset.root == url
    assert recent_addresses()[0] == url


def test_one_that_was_opened_is_offered_without_its_secrets(window: Window, url: str) -> None:
    secret = f"{url}?X-Amz-Signature=0123456789abcdef".replace("://", "://ann:pass-word@")
    choose_in_menu(window, "Address …")
    dialog = typed(window, secret)
    assert "kept nowhere" in dialog.note.text()
    window.click(dialog.open_button)
    window.qtbot.waitUntil(lambda: window.session.dataset is not None, timeout=20_000)
    window.settle()
    choose_in_menu(window, "Address …")
    assert dialog.address.currentText() == ""
    assert dialog.address.itemText(0) == url
    texts = [dialog.address.itemText(i) for i in range(dialog.address.count())]
    assert not any("pass-word" in text or "0123456789abcdef" in text for text in texts)
    dialog.reject()


def test_what_cannot_be_opened_is_said_before_a_server_is_asked(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    choose_in_menu(window, "Address …")
    dialog = typed(window, "s3://bucket/rxrx3")
    assert dialog.note.text() == (
        'To open addresses that begin with s3:// install s3fs: pip install "napari-rxrx3[remote]"'
    )
    assert not dialog.open_button.isEnabled()
    dialog.address.setEditText("gopher://bucket/rxrx3")
    assert "Nobody knows" in dialog.note.text()
    dialog.address.setEditText("C:/data")
    window.qtbot.keyClick(dialog.address.lineEdit(), Qt.Key.Key_Return)
    assert dialog.isVisible()
    assert dialog.note.text().startswith("An address begins with")
    window.qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    assert window.session.dataset is None


@pytest.mark.parametrize("scheme", ["https", "s3", "gs", "hf"])
def test_the_extra_brings_what_each_scheme_needs(
    scheme: str, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    text = (pytestconfig.rootpath / "pyproject.toml").read_text(encoding="utf-8")
    extra = text.partition("\nremote = [")[2].partition("]")[0]
    for name in ("aiohttp", "s3fs", "gcsfs", "huggingface_hub"):
        monkeypatch.setitem(sys.modules, name, None)
    said = missing_package(f"{scheme}://host/a")
    needed = said.partition(" install ")[2].partition(":")[0]
    assert f'"{needed}' in extra
    assert trouble_with(f"{scheme}://host/a") == said


def test_the_last_ones_are_remembered_newest_first(tmp_path: Path) -> None:
    for number in range(12):
        remember_address(f"s3://bucket/{number}")
    remember_address("s3://bucket/9")
    remember_address("/home/ann/data")
    assert recent_addresses()[:3] == ["s3://bucket/9", "s3://bucket/11", "s3://bucket/10"]
    assert len(recent_addresses()) == 8


# --- the Hub ------------------------------------------------------------------------------------


@pytest.fixture
def hub(hub_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:  # noqa: F811
    monkeypatch.setattr(fetching, "_PART", PART)
    monkeypatch.setattr(embeddings, "FETCHED_FROM", PART)
    with hub_serving(hub_folder) as hub:
        yield hub


def shows(window: Window, well: str) -> bool:
    """Whether a picture of a well is on the canvas; its planes are not stored exactly."""
    picture = window.explorer.workspace.picture
    return picture is not None and picture.mosaic.tiles[0].well_id == well


def said_of_work(window: Window) -> str:
    return window.explorer.status.work.text()


def test_the_terms_come_before_the_first_byte(window: Window, hub: Hub) -> None:
    offer = window.explorer.welcome.hub
    assert offer.isVisible()
    text = f"{offer.terms.text()} {offer.fetched.text()}"
    for part in ("license agreement", HUB_PAGE.partition("://")[2], "21 MB", "532 MB"):
        assert part in text
    with own_browser() as opened:
        window.click(offer.terms_button)
    assert opened == [HUB_PAGE]
    assert hub.asked == []


@pytest.mark.soak
def test_plates_and_pictures_are_there_before_the_vectors(window: Window, hub: Hub) -> None:
    assert HUB == ADDRESS
    size = (hub.root / VECTORS).stat().st_size
    hub.slow, hub.part, hub.after = VECTORS, PART, size // 2 // PART * PART
    window.click(window.explorer.welcome.hub.button)
    window.qtbot.waitUntil(lambda: window.session.dataset is not None, timeout=30_000)
    window.click_well("D05", settled=False)
    window.qtbot.waitUntil(lambda: shows(window, WELL), timeout=30_000)
    failures = window.explorer.workspace.picture.failures
    assert [failed for failed in failures if failed[0] == WELL] == []
    window.qtbot.waitUntil(lambda: "fetching OpenPhenom" in said_of_work(window), timeout=30_000)
    assert len(window.session.dataset.known_wells) == N_WELLS
    assert not window.session.dataset.vectors_are_read
    window.click(window.explorer.status.cancel, QPoint(5, 5))
    assert "goes on" in window.session.message
    hub.let_go.set()
    hub.slow = ""
    window.qtbot.wait(200)
    hub.sent.clear()
    window.qtbot.keyClick(window.neighbors.panel.question.key, Qt.Key.Key_Return)
    window.settle()
    assert window.session.dataset.vectors_are_read
    starts = [start for name, start, _ in hub.sent if name == VECTORS and start % PART == 0]
    assert min(filter(None, starts)) >= hub.after - PART * 8, "it went on, not from the beginning"
    assert recent_addresses()[0] == HUB


@pytest.mark.soak
def test_the_menu_offers_it_as_well(window: Window, hub: Hub) -> None:
    choose_in_menu(window, "RxRx3-core on the Hub …")
    dialog = window.explorer.hub_dialog
    window.qtbot.waitUntil(dialog.isVisible)
    assert "license agreement" in dialog.offer.terms.text()
    assert hub.asked == []
    window.click(dialog.offer.button)
    window.qtbot.waitUntil(lambda: window.session.dataset is not None, timeout=30_000)
    window.settle()
    assert window.session.dataset.address == HUB


def test_without_its_package_one_sentence_says_how_to_get_it(
    open_window: Callable[..., Window], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    window = open_window(None, a_screen())
    offer = window.explorer.welcome.hub
    assert offer.missing.isVisible()
    assert offer.missing.text().endswith('pip install "napari-rxrx3[remote]"')
    assert not offer.button.isEnabled()
    QApplication.processEvents()
