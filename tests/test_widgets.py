"""What widgets do when they end."""

from __future__ import annotations

import ast
import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from psygnal import Signal
from qtpy.QtCore import QEvent, QObject, QPoint, QPointF, Qt, QTimer
from qtpy.QtGui import QHelpEvent, QKeyEvent, QMouseEvent, QResizeEvent
from qtpy.QtWidgets import QApplication, QPushButton, QToolTip, QVBoxLayout, QWidget

import napari_rxrx3
from napari_rxrx3.gui.compare.map_choice import MapChoice
from napari_rxrx3.gui.hits.note_line import NoteLine
from napari_rxrx3.gui.line import Line
from napari_rxrx3.gui.neighbors.map_settings import MapSettings
from napari_rxrx3.gui.widgets import Column, Connections, FoldingRow, OnDestroyed, call_later

SOURCES = sorted((Path(napari_rxrx3.__file__).parent / "gui").rglob("*.py"))


class Source:
    told = Signal(int)


def destroy(owner: QObject, qtbot: Any) -> None:
    gone: list[int] = []
    owner.destroyed.connect(lambda: gone.append(1))
    owner.deleteLater()
    qtbot.waitUntil(lambda: bool(gone))


def test_what_is_to_happen_at_the_end_happens_once(qtbot: Any) -> None:
    ended: list[int] = []
    owner = QWidget()
    owner.at_end = OnDestroyed(owner, lambda: ended.append(1))
    assert ended == []
    destroy(owner, qtbot)
    assert ended == [1]


def test_what_is_to_happen_soon_happens_once_and_not_after_the_end(qtbot: Any) -> None:
    done: list[str] = []
    stays, goes = QWidget(), QWidget()
    qtbot.addWidget(stays)
    call_later(stays, lambda: done.append("stays"))
    call_later(goes, lambda: done.append("goes"), 30)
    assert done == []
    destroy(goes, qtbot)
    qtbot.wait(60)
    assert done == ["stays"]
    qtbot.waitUntil(lambda: stays.findChildren(QTimer) == [])


@pytest.mark.source
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_nothing_is_put_off_beyond_the_end(source: Path) -> None:
    """What `QTimer.singleShot` calls may belong to a widget that is gone: `call_later` knows."""
    assert "QTimer.singleShot" not in source.read_text(encoding="utf-8")


@pytest.mark.parametrize("by_itself", [True, False])
def test_nobody_follows_after_the_end(qtbot: Any, by_itself: bool) -> None:
    heard: list[int] = []
    source, owner = Source(), QWidget()
    owner.following = Connections(owner)
    owner.following.connect(source.told, heard.append)
    source.told.emit(1)
    if by_itself:
        destroy(owner, qtbot)
    else:
        owner.following.end()
    source.told.emit(2)
    assert heard == [1]


@pytest.mark.source
def test_no_widget_passes_on_whether_it_is_done_or_how_it_ends() -> None:
    """A `TaskGroup` knows: who works in the background registers there, once."""
    found = {
        (path.name, function.name)
        for path in SOURCES
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef) and function.name in ("end", "is_settled")
    }
    assert found == {
        *(("task_group.py", "end"), ("task_group.py", "is_settled")),
        *(("workspace.py", "is_settled"), ("dock_widget.py", "is_settled")),  # ask it
        ("note_line.py", "is_settled"),  # registered by the panel
        ("widgets.py", "end"),  # of connections
    }


@pytest.mark.source
def test_whoever_follows_is_kept() -> None:
    """Qt keeps no method that is connected to it: a `Connections` that is dropped never ends."""
    dropped = [
        (path.name, call.lineno)
        for path in SOURCES
        for statement in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(statement, ast.Expr | ast.Attribute)
        and isinstance(call := statement.value, ast.Call)
        and ast.unparse(call.func) in ("OnDestroyed", "Connections")
    ]
    assert dropped == []


@pytest.mark.source
def test_no_function_is_called_that_the_collector_may_have_emptied() -> None:
    """A closure connected to `destroyed` ends the process if it is collected with the widget."""
    called = [call for path in SOURCES for call in called_at_the_end(path.read_text("utf-8"))]
    assert called
    closures = ast.Lambda | ast.Name
    assert [ast.unparse(call) for call in called if isinstance(call, closures)] == []
    bad = called_at_the_end("x.destroyed.connect(inner)\nx.destroyed.connect(lambda: x)")
    assert [isinstance(call, closures) for call in bad] == [True, True]


def called_at_the_end(source: str) -> list[ast.expr]:
    """What is connected to the `destroyed` of something."""
    return [
        call.args[0]
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(".destroyed.connect")
    ]


@pytest.mark.parametrize("make", [MapSettings, lambda: MapChoice("A")])
def test_a_form_that_the_collector_takes_goes_quietly(
    make: Callable[[], QWidget], qtbot: Any
) -> None:
    """The collector may come before Qt has deleted what a dock held: magicgui would complain."""
    button = make()
    button.itself = button
    form = weakref.ref(button.form)
    with qtbot.captureExceptions() as complaints:
        del button
        gc.collect()
    assert form() is None
    assert complaints == []


def test_an_event_that_is_taken_for_another_one_is_let_pass(qtbot: Any) -> None:
    """Python may hand over an event under the class of an older one at the same address."""
    line = NoteLine()
    qtbot.addWidget(line)
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    override = QEvent.Type.ShortcutOverride
    mistaken = QMouseEvent(override, QPointF(), QPointF(), left, left, none)
    with qtbot.captureExceptions() as complaints:
        QApplication.sendEvent(line, mistaken)
    assert complaints == []
    escape = QKeyEvent(override, Qt.Key.Key_Escape, none)
    escape.ignore()
    QApplication.sendEvent(line, escape)
    assert escape.isAccepted()


def test_a_line_says_all_of_what_is_cut(qtbot: Any) -> None:
    line, text = Line(), "strength 12.5, consistency 0.81, guide agreement 0.77"
    qtbot.addWidget(line)
    line.setText(text)
    line.show()
    for width, said in ((1_000, ""), (60, text)):
        line.resize(width, 20)
        place = QPoint(5, 5)
        QApplication.sendEvent(
            line, QHelpEvent(QEvent.Type.ToolTip, place, line.mapToGlobal(place))
        )
        assert said in QToolTip.text()
        assert bool(QToolTip.text()) == bool(said)
    line.setToolTip("something else")
    line.resize(60, 20)
    assert line.tooltip_at(QPoint()) == "something else"


def test_a_row_folds_where_there_is_no_room_for_it(qtbot: Any) -> None:
    buttons = [QPushButton(word) for word in ("Neighbors", "Replicates", "Guides", "Position")]
    for button in buttons:
        button.setMinimumWidth(1)
    row = FoldingRow((buttons[:2], buttons[2:]))
    qtbot.addWidget(row)
    row.show()
    needed = row.sizeHint().width()
    for width, n_lines in ((needed + 20, 1), (needed - 20, 2)):
        row.resize(width, row.sizeHint().height())
        QApplication.processEvents()
        assert len({button.y() for button in buttons}) == n_lines
        assert all(button.width() >= button.sizeHint().width() - 4 for button in buttons)


class AsHighAsWide(QWidget):
    """Needs less height where there is less width, as the map of a plate does."""

    def __init__(self) -> None:
        super().__init__()
        self.n_resized = 0

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.n_resized += 1
        call_later(self, lambda: self.setMinimumHeight(self.width()))


def test_a_scroll_bar_does_not_come_and_go(qtbot: Any) -> None:
    """With it what is held would have room, and without it none."""
    held, around = AsHighAsWide(), QWidget()
    layout = QVBoxLayout(around)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(held)
    column = Column(around, slack=40)
    qtbot.addWidget(column)
    column.resize(300, 295)
    column.show()
    qtbot.wait(200)
    before = held.n_resized
    qtbot.wait(200)
    assert held.n_resized == before
    assert column.verticalScrollBar().isVisible()
    column.resize(300, 400)
    qtbot.waitUntil(lambda: not column.verticalScrollBar().isVisible())


@pytest.mark.parametrize(("height", "n_bars"), [(200, 1), (330, 1), (500, 0)])
def test_of_two_columns_one_scrolls_at_most(qtbot: Any, height: int, n_bars: int) -> None:
    """The inner one while there is room for the rest, and else the outer one."""
    held, above, around = QWidget(), QWidget(), QWidget()
    for widget, parts in ((held, [QWidget()]), (around, [above, Column(held)])):
        layout = QVBoxLayout(widget)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in parts:
            layout.addWidget(part)
    held.layout().itemAt(0).widget().setMinimumHeight(240)
    above.setFixedHeight(150)
    inner = around.layout().itemAt(1).widget()
    outer = Column(around, slack=40)
    qtbot.addWidget(outer)
    for first in (500, 200, 330):  # whatever it was before
        outer.resize(300, first)
        outer.show()
        qtbot.wait(50)
        outer.resize(300, height)
        qtbot.wait(50)
        bars = inner.verticalScrollBar().isVisible(), outer.verticalScrollBar().isVisible()
        assert sum(bars) == n_bars
        assert height > 200 or bars == (False, True)
        outer.verticalScrollBar().setValue(outer.verticalScrollBar().maximum())
        inner.verticalScrollBar().setValue(inner.verticalScrollBar().maximum())
        assert held.visibleRegion().contains(held.rect().bottomLeft())
