"""The plate stays where it is and as large as it is, whatever is shown or said around it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import QPoint, QRect, Qt
from qtpy.QtGui import QFont
from qtpy.QtWidgets import QApplication, QLabel, QWidget

import builders as b
from napari_rxrx3.gui.status_line import StatusLine
from window import Window

Key = Qt.Key
LONG = "The image of gene-001_1_B02 cannot be read: " + "the file is cut off in its middle, " * 9


@pytest.fixture
def window(open_window: Callable[..., Window], tmp_path: Path) -> Window:
    rows = [b.control_row("gene-001", plate, f"B{c:02d}") for plate in (1, 2) for c in range(2, 12)]
    rows += [
        b.guide_row("gene-001", 1, f"{row}{c:02d}", f"A-GENE-OF-A-LONG-NAME-{row}{c}", 1)
        for row in ("C", "D", "E", "F")
        for c in range(2, 12)
    ]
    rows += [b.guide_row("gene-001", 2, "C02", "PLK1")]
    rows += [b.dose_row("compound-001", 1, f"C{c:02d}", "Bortezomib", c) for c in range(2, 9)]
    rows += [b.control_row("compound-001", 1, f"B{c:02d}") for c in range(2, 12)]
    screen = b.Screen.of(rows, dim=8)
    for well in screen.ids[::3]:
        screen.planes.pop(well)
    return open_window(screen.write_rxrx3(tmp_path / "screen"), screen)


def place_of_plate(window: Window) -> QRect:
    """Where the wells are on the screen."""
    first, last = window.map.wellRect(0), window.map.wellRect(1535)
    return QRect(
        window.map.mapToGlobal(first.topLeft()), window.map.mapToGlobal(last.bottomRight())
    )


def test_nothing_moves_the_plate(window: Window) -> None:
    explorer, session, panel = window.explorer, window.session, window.explorer.plate_panel
    window.click_well("B02")
    place = place_of_plate(window)

    def check(after: str) -> None:
        window.settle()
        QApplication.processEvents()
        assert place_of_plate(window) == place, after

    for address in ("B03", "C02", "F11", "A01", "C03"):
        window.click_well(address)
        check(f"a click on {address}")
    for color in range(panel.color_by.count()):
        panel.color_by.setCurrentIndex(color)
        panel.color_by.activated.emit(color)
        check(f"colors by {panel.color_by.currentText()}")
    for _ in range(3):
        window.qtbot.keyClick(window.map, Key.Key_PageDown)
        check(f"the plate {session.plate}")
    for message in ("Short.", LONG, ""):
        session.say(message)
        check(f"the message {message!r}")
    for status in ((0, 0, "reading vectors"), (3, 9, LONG), None):
        explorer.status.set_work(status)
        check(f"the work {status}")
    for tab in range(explorer.tabs.count()):
        if explorer.tabs.isTabVisible(tab):
            explorer.tabs.setCurrentIndex(tab)
            check(f"the tab {explorer.tabs.tabText(tab)}")
    session.note_failures({"gene-001_1_B02": "cut off"})
    check("a failure")
    session.light_up(["gene-001_1_B02"])
    check("a highlight")
    session.set_view("plate")
    check("the overview")
    explorer.find.setText("PLK1")
    window.qtbot.keyClick(explorer.find, Key.Key_Return)
    check("a search")


def widen(window: Window, width: int) -> None:
    """Drag the dock to a width, as soon as the window lets it."""
    main, dock = window.viewer.window._qt_window, window.explorer.parentWidget()

    def is_there() -> bool:
        main.resizeDocks([dock], [width], Qt.Orientation.Horizontal)
        return abs(dock.width() - width) <= 12

    window.qtbot.waitUntil(is_there, timeout=10_000)


@pytest.mark.soak
def test_wells_are_large_enough_beside_a_canvas(window: Window) -> None:
    main = window.viewer.window._qt_window
    widen(window, 400)
    assert (main.width(), main.height()) == (1280, 800)
    for position in (0, 777, 1535):
        well = window.map.wellRect(position)
        assert (well.width(), well.height()) >= (6, 6)
    assert window.map.rect().contains(window.map.wellRect(1535))
    is_whole = lambda: window.map.visibleRegion().boundingRect() == window.map.rect()  # noqa: E731
    window.qtbot.waitUntil(is_whole, timeout=5_000)


@pytest.mark.parametrize("points", [9, 12])
def test_the_dock_forces_no_window_beyond_a_small_screen(window: Window, points: int) -> None:
    explorer = window.explorer
    before = QFont(explorer.font())
    font = QFont(before)
    font.setPointSize(points)
    explorer.setFont(font)
    for widget in explorer.findChildren(QWidget):
        widget.setFont(font)
    QApplication.processEvents()
    assert explorer.minimumSizeHint().height() <= 400, "half of 800, as a screen of scale 2 has it"
    assert explorer.minimumSizeHint().width() <= 480


@pytest.mark.soak
def test_a_wider_dock_has_a_larger_plate_and_nothing_lies_over_it(window: Window) -> None:
    panel, explorer = window.explorer.plate_panel, window.explorer
    before = window.map.wellRect(777).width()
    for width in (520, 420, 600):
        widen(window, width)
        fits = lambda: window.map.height() == window.map.heightForWidth(window.map.width())  # noqa: E731
        window.qtbot.waitUntil(fits)
        window.qtbot.waitUntil(lambda: panel.height() == panel.sizeHint().height())
        assert panel.map.geometry().bottom() < panel.color_by.geometry().top()
        assert panel.geometry().bottom() < explorer.tabs.geometry().top()
    assert window.map.wellRect(777).width() > before


@pytest.mark.soak
def test_a_small_window_scrolls_rather_than_cuts(window: Window) -> None:
    explorer = window.explorer
    main = window.viewer.window._qt_window
    main.resize(1100, 620)
    window.qtbot.waitUntil(lambda: main.height() <= 660)
    place = window.map.wellRect(777).size()
    column = explorer.pages.currentWidget()
    assert column.verticalScrollBar().maximum() > 0
    column.ensureWidgetVisible(explorer.tabs)
    assert not explorer.tabs.visibleRegion().isEmpty()
    column.verticalScrollBar().setValue(0)
    assert window.map.wellRect(777).size() == place
    panel = window.explorer.plate_panel
    parts = (panel.plate, panel.map, panel.color_by, panel.legend, panel.facts)
    for above, below in pairwise(parts):
        assert above.geometry().bottom() < below.geometry().top()
    for part in (panel.next, panel.map, panel.color_by, explorer.help_button):
        right = part.mapTo(column.viewport(), part.rect().topRight()).x()
        assert right < column.viewport().width(), "nothing is cut"


# -- messages -------------------------------------------------------------------------------------


@pytest.fixture
def status(qtbot: Any) -> StatusLine:
    line = StatusLine()
    qtbot.addWidget(line)
    line.resize(390, line.sizeHint().height())
    with qtbot.waitExposed(line):
        line.show()
    line.activateWindow()  # keys of another window that stands open are its own
    qtbot.waitUntil(line.isActiveWindow)
    return line


def popup_of(status: StatusLine) -> QLabel | None:
    shown = (w for w in status.message.findChildren(QWidget) if w.isWindow() and w.isVisible())
    popup = next(shown, None)
    return popup.findChild(QLabel) if popup is not None else None


def test_the_line_is_as_high_whatever_it_says(status: StatusLine) -> None:
    height = status.sizeHint().height()
    assert status.minimumSizeHint().height() == height
    for message, work in (("", None), (LONG, None), (LONG, (1, 5, LONG)), ("", (0, 0, LONG))):
        status.say(message)
        status.set_work(work)
        assert status.sizeHint().height() == height
        parts = [status.message, status.work, status.bar, status.cancel]
        rects = [part.geometry() for part in parts if not part.isHidden()]
        assert all(status.rect().contains(rect) for rect in rects if not rect.isEmpty())
        for n, rect in enumerate(rects):
            assert not any(rect.intersects(other) for other in rects[:n])
    status.say("Short.")
    assert status.message.width() > 100


@pytest.mark.parametrize("way", ["click", "key"])
def test_a_long_message_can_be_read_and_copied(status: StatusLine, qtbot: Any, way: str) -> None:
    status.say(LONG)
    assert LONG.split(":")[0] in status.message.toolTip()
    if way == "click":
        qtbot.mouseClick(status.message, Qt.MouseButton.LeftButton, pos=QPoint(20, 5))
    else:
        status.message.setFocus(Qt.FocusReason.TabFocusReason)
        qtbot.keyClick(status.message, Key.Key_Return)
    label = popup_of(status)
    assert label is not None
    assert label.text() == LONG
    assert label.selectedText().replace("\u2029", "\n") == LONG
    qtbot.keyClick(label, Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.clipboard().text() == LONG
    qtbot.keyClick(label, Key.Key_Escape)
    assert popup_of(status) is None


def test_without_a_message_there_is_nothing_to_open(status: StatusLine, qtbot: Any) -> None:
    status.say("")
    qtbot.mouseClick(status.message, Qt.MouseButton.LeftButton, pos=QPoint(20, 5))
    assert popup_of(status) is None
    assert status.message.focusPolicy() == Qt.FocusPolicy.NoFocus


@pytest.mark.soak
def test_a_message_ends_with_the_next_well_or_question(window: Window) -> None:
    session = window.session
    window.click_well("B02")
    for act in (
        lambda: window.click_well("B03"),
        lambda: window.qtbot.keyClick(window.map, Key.Key_PageDown),
        lambda: session.ask(order="opposite"),
    ):
        session.say("Something was done.")
        act()
        window.settle()
        assert session.message == ""
        assert window.explorer.status.message.text() == ""
    session.say("Something was done.")
    session.set_view("plate")
    session.select_wells(["gene-001_1_B02"])
    assert session.message == "Something was done.", "that was no question"


@pytest.mark.soak
def test_what_an_action_says_itself_stays(window: Window) -> None:
    session = window.session
    session.say("Before.")
    with session.changing():
        session.say("This is about the well.")
        session.select_well("gene-001_1_B04")
    assert session.message == "This is about the well."
