"""The window keeps up: typing, held keys and progress never wait for work, nor leave any behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QApplication

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.data.search import SearchIndex
from napari_rxrx3.gui.find_box import FindBox
from napari_rxrx3.gui.line import Line
from napari_rxrx3.gui.status_line import StatusLine
from napari_rxrx3.gui.words import elided
from napari_rxrx3.gui.work.debounce import LeadingDebounce
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Tasks
from test_explorer import a_screen
from window import Window

Key = Qt.Key


@contextmanager
def held_up(box: FindBox) -> Iterator[None]:
    """Keep the one thread of a box busy: whatever it is asked meanwhile has to wait."""
    begun, may_end = threading.Event(), threading.Event()

    def work(progress: object) -> None:
        begun.set()
        assert may_end.wait(20)

    box._tasks.run("held up", work, id, pytest.fail)
    assert begun.wait(20)
    try:
        yield
    finally:
        may_end.set()


@pytest.fixture
def index(tmp_path: Path) -> SearchIndex:
    rows = [
        *(b.guide_row("gene-001", 1, f"B{g + 1:02d}", "PLK1", g) for g in (1, 2)),
        *(b.guide_row("gene-001", 2, f"B{g + 1:02d}", "TUBB", g) for g in (1, 2)),
        b.control_row("gene-001", 1, "C02"),
        b.control_row("gene-001", 2, "C02"),
    ]
    path = b.Screen(rows).write_metadata(tmp_path / "metadata.csv")
    return SearchIndex(rx.open_dataset(path, tmp_path / "cache").wells)


@pytest.fixture
def tasks(qapp: Any) -> Iterator[TaskGroup]:
    tasks = Tasks()
    group = TaskGroup(tasks)
    yield group
    group.end(wait=True)
    tasks.close(wait=True)


@pytest.fixture
def box(qtbot: Any, index: SearchIndex, tasks: TaskGroup) -> FindBox:
    box = FindBox(tasks)
    qtbot.addWidget(box)
    with qtbot.waitExposed(box):
        box.show()
    box.activateWindow()
    box.setFocus()
    qtbot.waitUntil(box.hasFocus)
    box.set_index(index)
    box.tasks = tasks  # to settle by
    return box


@pytest.fixture
def heard(box: FindBox) -> list[str]:
    """What a box brought back."""
    heard: list[str] = []
    box.found.connect(lambda found: heard.append(found.match.name))
    box.not_found.connect(lambda text: heard.append(f"no {text}"))
    return heard


def settle(qtbot: Any, box: FindBox) -> None:
    qtbot.waitUntil(lambda: box.tasks.is_settled, timeout=20_000)


def test_names_are_completed_while_one_types(box: FindBox, qtbot: Any) -> None:
    qtbot.keyClicks(box, "plk")
    settle(qtbot, box)
    assert [hit.name for hit in box.hits] == ["PLK1", "PLK1_guide_1", "PLK1_guide_2"]
    popup = box._completer.popup()
    assert popup.isVisible()
    assert popup.model().index(0, 0).data() == "PLK1   (gene, 2 wells)"
    popup.hide()


def test_a_chosen_completion_is_taken(box: FindBox, qtbot: Any, heard: list[str]) -> None:
    qtbot.keyClicks(box, "plk")
    settle(qtbot, box)
    popup = box._completer.popup()
    place = popup.visualRect(popup.model().index(2, 0)).center()
    qtbot.mouseClick(popup.viewport(), Qt.MouseButton.LeftButton, pos=place)
    settle(qtbot, box)
    assert heard == ["PLK1_guide_2"]
    assert box.text() == "PLK1 guide 2"


def test_typing_does_not_wait_for_a_search_and_a_stale_answer_is_dropped(
    box: FindBox, qtbot: Any, heard: list[str]
) -> None:
    with held_up(box):
        qtbot.keyClicks(box, "plk")
        qtbot.waitUntil(lambda: not box._pause.isActive())
        assert not box.tasks.is_settled
        box.selectAll()
        qtbot.keyClicks(box, "tub")
        qtbot.waitUntil(lambda: not box._pause.isActive())
        assert box.hits == []
    settle(qtbot, box)
    assert [hit.name for hit in box.hits] == ["TUBB", "TUBB_guide_1", "TUBB_guide_2"]
    assert heard == []


def test_what_was_asked_for_is_forgotten_when_the_text_changes_or_goes(
    box: FindBox, qtbot: Any, heard: list[str]
) -> None:
    with held_up(box):
        qtbot.keyClicks(box, "plk1")
        qtbot.keyClick(box, Key.Key_Return)
        box.clear()
        qtbot.keyClicks(box, "no such gene")
        qtbot.keyClick(box, Key.Key_Return)
        assert heard == []
    settle(qtbot, box)
    assert heard == ["no no such gene"]


def test_enter_that_is_pressed_before_the_names_are_there_is_answered_then(
    box: FindBox, qtbot: Any, heard: list[str], index: SearchIndex
) -> None:
    box.set_index(None)
    qtbot.keyClicks(box, "tubb")
    qtbot.keyClick(box, Key.Key_Return)
    qtbot.wait(100)
    assert heard == []
    box.set_index(index)
    settle(qtbot, box)
    assert heard == ["TUBB"]


def test_an_address_means_the_well_of_the_plate_on_screen(
    box: FindBox, qtbot: Any, heard: list[str]
) -> None:
    box.set_plate(PlateId("gene-001", 2))
    qtbot.keyClicks(box, "b3")
    qtbot.keyClick(box, Key.Key_Return)
    settle(qtbot, box)
    assert heard == ["gene-001_2_B03"]


# -- haste ----------------------------------------------------------------------------------------


def test_one_call_is_answered_at_once_and_of_many_the_last(qtbot: Any, qapp: Any) -> None:
    parent, value = QObject(), [0]
    done: list[int] = []
    debounce = LeadingDebounce(lambda: done.append(value[0]), parent, pause_ms=1000)
    for value[0] in range(1, 6):
        debounce.throttle()
        assert done == [1]
    assert not debounce.is_idle
    qtbot.waitUntil(lambda: done == [1, 5])
    assert debounce.is_idle


def test_what_is_waited_with_can_be_stopped(qtbot: Any, qapp: Any) -> None:
    parent, done = QObject(), [0]
    debounce = LeadingDebounce(lambda: done.append(1), parent, pause_ms=500)
    debounce.throttle()
    debounce.throttle()
    debounce.cancel()
    assert debounce.is_idle
    qtbot.wait(600)
    assert done == [0, 1]


@pytest.fixture
def window(open_window: Callable[..., Window], tmp_path: Path) -> Window:
    screen = a_screen()
    return open_window(screen.write_rxrx3(tmp_path / "screen"), screen)


def test_a_held_key_ends_at_the_right_well_and_leaves_nothing_to_do(window: Window) -> None:
    window.session.select_well("gene-001_1_C03")
    window.settle()
    asked: list[str] = []
    tasks = window.explorer.workspace.tasks
    tasks.changed.connect(lambda: asked.append(tasks.status[2] if tasks.status else ""))
    queries: list[str] = []
    window.session.query_changed.connect(lambda query: queries.append(query.well))
    keys = [*[Key.Key_Right] * 4, *[Key.Key_Down] * 3, *[Key.Key_Up] * 2, *[Key.Key_Left] * 2]
    for key in keys * 3:
        window.qtbot.keyClick(window.map, key)
    end = window.session.well
    assert end is not None
    assert len(queries) > 15
    window.settle()
    compared = {text for text in asked if text.startswith("comparing")}
    assert len(compared) <= 3, "steps on the way are not compared with all others"
    assert window.shows(end)
    panel = window.neighbors.panel
    assert panel.question.key.text() == window.session.query.key
    assert panel.question.answer is not None
    assert panel.question.answer.query == window.session.query
    workspace = window.explorer.workspace
    assert workspace.loader.is_idle
    assert tasks.is_idle
    assert tasks._pool._work_queue.empty()
    assert window.shows(end)


@pytest.mark.soak
def test_what_was_found_lights_up_on_every_plate_that_one_looks_at(window: Window) -> None:
    window.qtbot.keyClicks(window.explorer.find, "EMPTY_control")
    window.qtbot.keyClick(window.explorer.find, Key.Key_Return)
    window.settle()
    wells = window.session.dataset.wells
    seen = []
    for _ in range(3):
        plate = window.session.plate
        seen.append(plate)
        here = (wells["experiment_name"] == plate.experiment) & (wells["plate"] == plate.plate)
        lit = set(wells.index[here & (wells["treatment"] == "EMPTY_control")])
        assert window.session.highlight == lit
        assert len(window.map._highlighted) == len(lit) == 10
        window.qtbot.keyClick(window.map, Key.Key_PageDown)
        window.settle()
    assert len(set(seen)) == 3
    window.explorer.find.show_plates()
    assert len(window.explorer.find.rows()) == 3
    window.explorer.find._completer.popup().hide()
    window.explorer.find.clear()
    assert not window.map._highlighted


@pytest.mark.soak
def test_a_plate_takes_the_colors_of_scores_along(window: Window) -> None:
    """The scores belong to the map; each plate looks up those of its own wells."""
    panel, session = window.explorer.plate_panel, window.session
    for plate in (PlateId("gene-001", 1), PlateId("gene-001", 2)):
        session.go_to_plate(plate)
        window.settle()
        panel.color_by.setCurrentText("consistency")
        panel.color_by.activated.emit(panel.color_by.currentIndex())
        scores = session.phenomap.scores["consistency"]
        wells = session.dataset.wells_of_plate(plate)
        shown = panel._wells["consistency"]
        for gene in ("PLK1", "TUBB", "EMPTY_control"):
            of_gene = shown[(wells["gene"] == gene) | (wells["treatment"] == gene)]
            assert len(of_gene) >= 3
            assert (of_gene == scores[gene]).all()
    assert panel.color_by.currentText() == "consistency"


# -- words that change ----------------------------------------------------------------------------


class Layouts(QObject):
    """Counts how often a widget is asked to lay out what is in it."""

    n = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.n += event.type() == QEvent.Type.LayoutRequest
        return False


def test_progress_is_shown_without_laying_out_the_window_again(qtbot: Any) -> None:
    line = StatusLine()
    qtbot.addWidget(line)
    line.say("Something was done.")
    line.set_work((0, 50, "reading"))
    line.resize(390, line.sizeHint().height())
    with qtbot.waitExposed(line):
        line.show()
    qtbot.wait(100)  # being shown takes a layout, too
    layouts = Layouts()
    line.installEventFilter(layouts)
    for step in range(1, 50):
        line.set_work((step, 50, f"reading plate {step} of many, which takes a while"))
        line.say(f"{step} plates")
        QApplication.processEvents()
    assert layouts.n == 0
    assert (line.bar.value(), line.bar.maximum()) == (49, 50)
    assert line.work.text().startswith("reading plate 49")
    assert line.cancel.isVisible()
    line.set_work(None)
    assert not line.cancel.isVisible()


def test_a_line_is_drawn_as_far_as_there_is_room(qtbot: Any) -> None:
    line = Line()
    qtbot.addWidget(line)
    line.resize(90, line.sizeHint().height())
    blank = line.grab().toImage()
    line.setText("<b>A text</b> that is far too long for such a line")
    drawn = line.grab().toImage()
    assert drawn != blank
    assert line.text() == line.accessibleName()
    line.setText(elided(line.font(), line.text(), 90))
    assert line.text().endswith("…")
    assert line.grab().toImage() == drawn
    line.setText("")
    assert line.grab().toImage() == blank
