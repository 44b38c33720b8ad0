"""Numbers that are typed, in languages that write them otherwise: never 25 for 0.25."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from qtpy.QtCore import QEvent, QLocale, Qt
from qtpy.QtGui import QGuiApplication, QKeyEvent
from qtpy.QtWidgets import QAbstractSpinBox, QApplication, QDoubleSpinBox, QSpinBox
from superqt import QLargeIntSpinBox

from napari_rxrx3.gui.map.points.umap_settings import UmapSettingsButton
from napari_rxrx3.gui.number_boxes import read_plain_numbers
from napari_rxrx3.gui.share.figure_dialog import FigureDialog
from window import Window

LANGUAGES = ["de_DE", "fr_FR", "ar_EG", "hi_IN", "en_US"]
POINT = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
ARABIC = str.maketrans("0123456789.", "٠١٢٣٤٥٦٧٨٩٫")
HINDI = str.maketrans("0123456789", "०१२३४५६७८९")


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    """Set the language that new widgets have."""
    before = QLocale()
    QLocale.setDefault(QLocale(request.param))
    yield request.param
    QLocale.setDefault(before)


def written(number: str) -> list[str]:
    """A number as people of several languages type it."""
    comma = number.replace(".", ",")
    return [number, comma, number.translate(ARABIC), comma.translate(HINDI)]


def typed(qtbot: Any, box: Any, text: str) -> Any:
    """The value after a text was typed in the place of what was there, and Enter."""
    box.selectAll()
    for letter in text:  # Qt's tests know no keys of other scripts
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            key = QKeyEvent(kind, 0, Qt.KeyboardModifier.NoModifier, letter)
            QApplication.sendEvent(box, key)
    qtbot.keyClick(box, Qt.Key.Key_Return)
    return box.value()


def pasted(qtbot: Any, box: Any, text: str) -> Any:
    box.selectAll()
    QGuiApplication.clipboard().setText(text)
    box.lineEdit().paste()
    qtbot.keyClick(box, Qt.Key.Key_Return)
    return box.value()


WAYS = pytest.mark.parametrize("enter", [typed, pasted])


def shown(box: QAbstractSpinBox) -> str:
    return box.lineEdit().displayText()


def box_of(kind: type[Any], least: Any, most: Any, value: Any) -> Any:
    box = kind()
    box.setRange(least, most)
    box.setValue(value)
    read_plain_numbers(box)
    return box


@WAYS
@pytest.mark.parametrize("number", ["0.25", "0.5", "1.0", "0.05", "0"])
def test_a_fraction_is_what_was_typed(
    qtbot: Any, language: str, enter: Callable[..., Any], number: str
) -> None:
    form = UmapSettingsButton()
    qtbot.addWidget(form)
    for text in written(number):
        form.min_dist.value = 0.1
        assert enter(qtbot, form.min_dist.native, text) == pytest.approx(float(number)), text
        assert form.value[1] == pytest.approx(float(number))
        assert POINT.fullmatch(shown(form.min_dist.native))


@WAYS
@pytest.mark.parametrize("kind", [QSpinBox, QLargeIntSpinBox])
@pytest.mark.parametrize("number", ["2.5", "0.25", "1.000", "15.", ".5", "-2.5"])
def test_a_fraction_is_no_whole_number(
    qtbot: Any, language: str, enter: Callable[..., Any], kind: type[Any], number: str
) -> None:
    box = box_of(kind, -1000, 1000, 7)
    qtbot.addWidget(box)
    for text in written(number):
        assert enter(qtbot, box, text) == 7, text
        assert shown(box) == "7"


@WAYS
@pytest.mark.parametrize("kind", [QSpinBox, QLargeIntSpinBox])
@pytest.mark.parametrize("number", ["15", "300", "40", "1000"])
def test_a_whole_number_is_what_was_typed(
    qtbot: Any, language: str, enter: Callable[..., Any], kind: type[Any], number: str
) -> None:
    """Also one that is too small at its first digit."""
    box = box_of(kind, 12, 1000, 20)
    qtbot.addWidget(box)
    for text in written(number):
        box.setValue(20)
        assert enter(qtbot, box, text) == int(number), text
        assert shown(box) == number


@pytest.mark.parametrize("kind", [QSpinBox, QDoubleSpinBox, QLargeIntSpinBox])
@pytest.mark.parametrize("text", ["", "-", "1 000", "1e", "²", "one", "1.2.3", "1,2,3", "1'0"])
def test_what_is_no_number_changes_nothing_or_is_not_taken(
    qtbot: Any, kind: type[Any], text: str
) -> None:
    box = box_of(kind, 0, 1000, 7)
    qtbot.addWidget(box)
    assert pasted(qtbot, box, text) == 7
    assert float(shown(box)) == 7


@WAYS
@pytest.mark.parametrize("kind", [QSpinBox, QDoubleSpinBox, QLargeIntSpinBox])
@pytest.mark.parametrize("number", ["5000", "5", "0.005", "12.345", "-20"])
def test_what_the_box_cannot_have_changes_nothing(
    qtbot: Any, enter: Callable[..., Any], kind: type[Any], number: str
) -> None:
    """If only some of its digits were taken, it would be another number."""
    box = box_of(kind, 12, 1000, 20)
    qtbot.addWidget(box)
    for text in written(number):
        assert enter(qtbot, box, text) == 20, text


@pytest.mark.parametrize("kind", [QSpinBox, QDoubleSpinBox, QLargeIntSpinBox])
def test_arrows_go_on_from_what_was_typed(qtbot: Any, kind: type[Any]) -> None:
    box = box_of(kind, 0, 1000, 7)
    qtbot.addWidget(box)
    box.selectAll()
    qtbot.keyClicks(box, "30")
    qtbot.keyClick(box, Qt.Key.Key_Up)
    assert box.value() == 31
    box.selectAll()
    qtbot.keyClicks(box, "2.")
    qtbot.keyClick(box, Qt.Key.Key_Up)
    assert box.value() in ([3] if kind is QDoubleSpinBox else [31, 32])


def boxes_of(window: Window) -> list[Any]:
    """Every box for a number in the window, and in the dialogs that it opens."""
    umap = umap_form(window)
    figure = FigureDialog(window.explorer.workspace, window.explorer)
    docks = (window.explorer, window.neighbors)
    boxes = [box for dock in docks for box in dock.findChildren(QAbstractSpinBox)]
    named = (figure.dpi, figure.width_mm, umap.n_neighbors, umap.min_dist, umap.seed)
    assert {box.native for box in named} <= set(boxes)
    return boxes


def umap_form(window: Window) -> UmapSettingsButton:
    window.turn_to(window.neighbors.map)
    window.neighbors.map.pages.show_page("map")
    return window.neighbors.findChild(UmapSettingsButton)


def test_no_box_of_the_window_takes_one_number_for_another(
    open_window: Callable[..., Window], qtbot: Any, language: str
) -> None:
    window = open_window()
    boxes = boxes_of(window)
    assert len(boxes) >= 7
    for box in boxes:
        assert POINT.fullmatch(shown(box)), box.toolTip()
        for number in ("0.25", "2.5", "45.5", "0.255", "5000", "9999999999"):
            for text in written(number):
                before = box.value()
                assert typed(qtbot, box, text) in (before, float(number)), (box.toolTip(), text)
                assert POINT.fullmatch(shown(box))
        for number in ("60", "150"):
            if box.minimum() <= int(number) <= box.maximum():
                assert typed(qtbot, box, number) == int(number), box.toolTip()


def test_what_is_being_typed_counts_when_the_map_is_asked_for(
    open_window: Callable[..., Window], qtbot: Any
) -> None:
    """On macOS a click on a button leaves the focus in the box."""
    form = umap_form(open_window())
    form.button.menu().popup(form.mapToGlobal(form.rect().center()))
    box = form.n_neighbors.native
    qtbot.waitUntil(box.isVisible)
    box.setFocus()
    qtbot.waitUntil(box.hasFocus)
    box.selectAll()
    qtbot.keyClicks(box, "15" if form.value[0] != 15 else "25")
    asked: list[tuple[int, float, int]] = []
    form.asked.connect(lambda: asked.append(form.value))
    form.make.native.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    qtbot.mouseClick(form.make.native, Qt.MouseButton.LeftButton)
    assert asked[0][0] == 25
