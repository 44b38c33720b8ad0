"""No word of any view is cut, whatever napari's font size: what is too long is elided, or scrolls.

What elides its words itself paints them with a sign that some are missing, and is left out.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from napari.settings import get_settings
from qtpy.QtWidgets import (
    QAbstractButton,
    QCheckBox,
    QComboBox,
    QLabel,
    QToolButton,
    QWidget,
)

import builders as b
from napari_rxrx3.gui.neighbors.map_settings import MapSettings
from napari_rxrx3.gui.widgets import Column, ShrinkingBox
from napari_rxrx3.gui.words import Words
from samples import sample_unless_finest
from window import Window

LARGE_FONT = pytest.mark.parametrize("points", [12, 9])
EXPLAINED = (
    "Experiments explain 14.6 % of 1,312 controls' variance after pca-centerscale (15.8 % by "
    "chance). Places on the plate explain 13.2 % within plates (13.4 % by chance, p = 0.726)."
)
ELIDED = (Words, ShrinkingBox, MapSettings)
SPARE = 8
"""Pixels of its margins that a button can do without."""


@pytest.fixture
def opened(open_window: Callable[..., Window], tmp_path: Path, points: int) -> Window:
    rows = [b.control_row("gene-001", 1, f"C{column:02d}") for column in range(3, 9)]
    rows += [b.guide_row("gene-001", 1, f"D{n:02d}", "PLK1", n) for n in range(5, 9)]
    rows += [b.guide_row("gene-001", 1, f"E{n:02d}", "TUBB", n) for n in range(5, 9)]
    screen = b.Screen.of(rows)
    return with_font(open_window(screen.write_rxrx3(tmp_path / "screen"), screen), points)


def with_font(window: Window, points: int) -> Window:
    get_settings().appearance.font_size = points
    window.qtbot.wait(200)
    main = window.viewer.window._qt_window
    assert (main.width(), main.height()) == (1280, 800)
    window.settle()
    return window


def cut(root: QWidget) -> list[str]:
    """Words that are cut, of all that is seen in a widget, or would be by scrolling."""
    ours = [w for w in root.findChildren(QWidget) if not type(w).__module__.startswith("napari.")]
    seen = [widget for widget in ours if widget.isVisibleTo(root)]
    return [words_of(widget) for widget in seen if is_cut(widget) or is_beyond(widget)]


def is_cut(widget: QWidget) -> bool:
    if isinstance(widget, ELIDED):
        return False
    if isinstance(widget, QLabel) and widget.wordWrap():
        return widget.height() < widget.heightForWidth(widget.width())
    if isinstance(widget, QLabel) and widget.text():
        hint = widget.sizeHint()
        return hint.width() > widget.width() or hint.height() > widget.height()
    if isinstance(widget, QCheckBox):
        return widget.sizeHint().width() > widget.width()
    if isinstance(widget, QComboBox):
        words = widget.fontMetrics().horizontalAdvance(widget.currentText())
        return words + 2 * SPARE > widget.width()
    if isinstance(widget, QAbstractButton) and widget.text():
        is_words = not isinstance(widget, QToolButton) or widget.icon().isNull()
        words = widget.fontMetrics().horizontalAdvance(widget.text())
        return is_words and words > widget.width()
    return False


def is_beyond(widget: QWidget) -> bool:
    """Whether a part lies where its parent does not show it."""
    parent = widget.parentWidget()
    is_text = isinstance(widget, QLabel | QAbstractButton | QComboBox)
    scrolls = parent is None or parent.inherits("QAbstractScrollArea") or widget.isWindow()
    return is_text and not scrolls and not parent.rect().contains(widget.geometry())


def words_of(widget: QWidget) -> str:
    words = widget.currentText() if isinstance(widget, QComboBox) else widget.text()
    return f"{type(widget).__name__} {words!r} {widget.geometry().getRect()}"


@LARGE_FONT
def test_the_welcome_page(open_window: Callable[..., Window], points: int) -> None:
    window = with_font(open_window(), points)
    welcome = window.explorer.welcome
    assert cut(welcome) == []
    welcome.say("What is wrong with a folder, in a sentence that takes some room. " * 4)
    window.qtbot.waitUntil(lambda: cut(welcome) == [])
    column = window.explorer.pages.currentWidget()
    assert isinstance(column, Column)
    column.verticalScrollBar().setValue(column.verticalScrollBar().maximum())
    button = welcome.diagnostics_button
    assert button.visibleRegion().boundingRect() == button.rect()


def test_the_welcome_page_is_seen_as_a_whole_at_first(
    open_window: Callable[..., Window],
) -> None:
    """With a session to go on with; what there is to say of no candidates is said once."""
    window = open_window()
    window.explorer.welcome.offer_last(True)
    column = window.explorer.pages.currentWidget()
    assert isinstance(column, Column)
    window.qtbot.wait(100)
    window.qtbot.waitUntil(lambda: not column.verticalScrollBar().isVisible())
    assert not window.neighbors.panel.candidates.note.isVisible()


@LARGE_FONT
def test_the_docks(opened: Window) -> None:
    for panel in (opened.explorer.hits, opened.explorer.numbers):
        opened.turn_to(panel)
        opened.settle()
        assert cut(opened.explorer) == []
    for panel in (opened.neighbors.map, opened.neighbors.panel):
        opened.turn_to(panel)
        opened.settle()
        assert cut(opened.neighbors) == []


@pytest.mark.soak
@LARGE_FONT
def test_the_form_of_the_map(opened: Window) -> None:
    settings = opened.neighbors.panel.question.settings
    menu = settings.menu()
    menu.popup(settings.mapToGlobal(settings.rect().topLeft()))
    opened.settle()
    assert settings.batches.words.text()
    settings.batches.words.setText(EXPLAINED)
    opened.qtbot.waitUntil(lambda: cut(menu) == [])
    menu.close()


@pytest.mark.soak
@LARGE_FONT
def test_dialogs_and_windows(opened: Window, qtbot: Any) -> None:
    explorer = opened.explorer
    explorer._ask_for_address()
    explorer._offer_hub()
    opened.neighbors.show_embedding()
    explorer.share.save_figure()
    figure, embedding = explorer.share.figure_dialog, opened.neighbors.embedding
    assert figure is not None
    windows = explorer.address_dialog, explorer.hub_dialog, embedding, figure
    for each in windows:
        qtbot.waitUntil(each.isVisible)
        opened.settle()
    for each in windows:
        opened.qtbot.waitUntil(lambda each=each: cut(each) == [])
    for tab in range(embedding.tabs.count()):
        embedding.tabs.setCurrentIndex(tab)
        opened.settle()
        opened.qtbot.waitUntil(lambda: cut(embedding) == [])
    for each in windows:
        each.close()


@pytest.mark.soak
@pytest.mark.parametrize("factor", ["1.5", "2"])
def test_on_finer_screens(factor: str) -> None:
    """Neither there; pictures and wells are as large as elsewhere."""
    files = [__file__, str(Path(__file__).with_name("test_neighbors_dock.py"))]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    run = subprocess.run(
        [
            *(*command, *sample_unless_finest(factor)),
            *("-k", "(nothing_cut and not finer) or at_1280 or numbers_are_seen"),
        ],
        env=os.environ | {"QT_SCALE_FACTOR": factor},
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
