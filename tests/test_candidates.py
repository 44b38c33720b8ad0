"""The strip of candidates: by real events, on data sets of each kind that comes."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, QRect, Qt
from qtpy.QtGui import (
    QColor,
    QContextMenuEvent,
    QDrag,
    QFocusEvent,
    QFont,
    QFontMetrics,
    QImage,
    QKeyEvent,
    QPainter,
    QPixmap,
)
from qtpy.QtWidgets import QApplication, QMenu, QVBoxLayout, QWidget

import builders as b
import mouse
import napari_rxrx3 as rx
from napari_rxrx3.core.contrast import composite
from napari_rxrx3.core.display import CANDIDATE_SIZES, DEFAULT_TAGS, display
from napari_rxrx3.core.plate import N_CHANNELS
from napari_rxrx3.gui.neighbors.candidate_painting import _MARGIN, fitting, in_lines, paint_picture
from napari_rxrx3.gui.neighbors.candidate_strip import CandidateStrip, CandidateView
from napari_rxrx3.gui.neighbors.candidates import Candidate
from napari_rxrx3.gui.words import elided
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Tasks

SPOKEN, TIP = Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole
LIMITS = {"uint8": ((0.0, 255.0),) * N_CHANNELS, "uint16": ((0.0, 65535.0),) * N_CHANNELS}
DNA_ALONE = (True, False, False, False, False, False)
CTRL = Qt.KeyboardModifier.ControlModifier


# -- the strip, in a window of its own ------------------------------------------------------------


class Watched:
    """A data set that notes which wells are read, and can hold back what it reads."""

    def __init__(self, dataset: Any) -> None:
        self._dataset, self.read = dataset, list[str]()
        self.may_read = threading.Event()
        self.may_read.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dataset, name)

    def piece(self, well_id: str, channel: int, size: int, whole: bool = False) -> np.ndarray:
        self.read.append(well_id)
        assert self.may_read.wait(30)
        plane: np.ndarray = self._dataset.piece(well_id, channel, size, whole)
        return plane


@dataclass
class Shown:
    """A strip that is shown, and what was heard of it."""

    strip: CandidateStrip
    group: TaskGroup
    parent: QWidget
    qtbot: Any
    heard: list[tuple[str, str]] = field(default_factory=list)

    @property
    def view(self) -> CandidateView:
        return self.strip.view

    @property
    def scrolled(self) -> int:
        return int(self.view.horizontalScrollBar().value())

    def settle(self) -> None:
        for _ in range(2):  # what is read is drawn, and what has to wait for that is waited for
            self.qtbot.waitUntil(lambda: self.group.is_settled, timeout=20_000)
            QApplication.processEvents()

    def open(self, dataset: Any, candidates: Sequence[Candidate], dtype: str = "uint8") -> None:
        self.strip.set_dataset(dataset)
        self.strip.set_limits(LIMITS[dtype])
        self.strip.set_candidates(candidates)
        self.settle()

    def key(self, key: Any) -> None:
        self.qtbot.keyClick(self.view, key)

    def middle_of(self, row: int) -> QPoint:
        return self.view.visualRect(self.strip.model.index(row)).center()

    def square(self, row: int) -> QRect:
        """Where the picture of a row is in the view."""
        corner = self.view.visualRect(self.strip.model.index(row)).topLeft() + QPoint(
            _MARGIN, _MARGIN
        )
        return QRect(corner.x(), corner.y(), self.view.side, self.view.side)

    def drawn(self, row: int) -> QImage:
        return self.view.viewport().grab(self.square(row)).toImage()

    def click(self, row: int) -> None:
        self.qtbot.mouseClick(
            self.view.viewport(), Qt.MouseButton.LeftButton, pos=self.middle_of(row)
        )

    def double_click(self, row: int) -> None:
        self.click(row)
        self.qtbot.mouseDClick(
            self.view.viewport(), Qt.MouseButton.LeftButton, pos=self.middle_of(row)
        )

    def wheel(self, notches: float, modifier: Any = mouse.PLAIN) -> None:
        mouse.wheel(self.view.viewport(), QPointF(50, 50), notches, modifier)

    def menu(self) -> dict[str, Any]:
        """Open the menu by its key, and return its entries."""
        event = QContextMenuEvent(
            QContextMenuEvent.Reason.Keyboard, QPoint(1, 1), self.view.mapToGlobal(QPoint(1, 1))
        )
        QApplication.sendEvent(self.view.viewport(), event)
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        return {action.text(): action for action in menu.actions() if action.text()}

    def spoken(self, row: int) -> str:
        return str(self.strip.model.data(self.strip.model.index(row), SPOKEN))

    def tip(self, row: int) -> str:
        return str(self.strip.model.data(self.strip.model.index(row), TIP))


SIGNALS = (
    "chosen", "activated_candidate", "query_wanted", "queue_wanted", "copy_wanted", "save_wanted",
    "count_wanted",
)  # fmt: skip


@pytest.fixture
def shown(qtbot: Any) -> Iterator[Shown]:
    tasks = Tasks()
    group = TaskGroup(tasks)
    parent = QWidget()
    display.candidate_size = 150
    strip = CandidateStrip(group, parent)
    QVBoxLayout(parent).addWidget(strip)
    parent.layout().setContentsMargins(0, 0, 0, 0)
    qtbot.addWidget(parent)
    parent.resize(855, 250)
    with qtbot.waitExposed(parent):
        parent.show()
    parent.activateWindow()  # keys of another window that stands open are its own
    qtbot.waitUntil(parent.isActiveWindow)
    made = Shown(strip, group, parent, qtbot)
    for name in SIGNALS:
        signal = getattr(strip.view, name)
        signal.connect(lambda candidate, name=name: made.heard.append((name, candidate.key)))
    strip.view.all_wanted.connect(lambda: made.heard.append(("all_wanted", "")))
    yield made
    group.end(wait=True)
    tasks.close(wait=True)
    display.reset()


def screen_of(size: int, dtype: str, n: int) -> b.Screen:
    rows = [b.guide_row("gene-001", 1, f"C{c:02d}", f"G{c}") for c in range(2, 2 + n)]
    screen = b.Screen(rows)
    screen.planes = {i: b.noise(i, size, dtype) for i in screen.ids}
    return screen


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("core")
    screen = screen_of(512, "uint8", 12)
    screen.write_metadata(root / "metadata.csv")
    screen.write_core(root)
    return rx.open_dataset(root, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def tars(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("tars")
    screen = screen_of(800, "uint16", 3)
    screen.write_metadata(root / "metadata.csv")
    screen.write_tars(root)
    return rx.open_dataset(root, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("folders")
    screen = screen_of(512, "uint8", 3)
    screen.write_metadata(root / "metadata.csv")
    screen.write_folders(root)
    return rx.open_dataset(root, tmp_path_factory.mktemp("cache"))


def candidates_of(dataset: Any, n: int | None = None) -> list[Candidate]:
    """Return as many candidates, all wells of the data set one after the other."""
    wells = dataset.known_wells.index.tolist()
    return [
        Candidate(
            i + 1, f"key {i}", f"GENE{i} 2.5 µM", wells[i % len(wells)], (f"cos .{99 - i % 90}",)
        )
        for i in range(n or len(wells))
    ]


def pixels(image: QImage) -> np.ndarray:
    """Return the colors of a picture, int (Y, X, 3)."""
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    bits = image.constBits()
    if hasattr(bits, "setsize"):
        bits.setsize(image.sizeInBytes())
    rows = np.frombuffer(bits, np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


def expected(dataset: Any, well: str, size: int, whole: bool, dtype: str) -> np.ndarray:
    planes = [dataset.piece(well, channel, size, whole) for channel in range(1, 7)]
    return composite(planes, LIMITS[dtype]).astype(int)


# -- what is drawn --------------------------------------------------------------------------------


@pytest.mark.each(9)
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("ratio", [1.0, 2.0])
@pytest.mark.parametrize("size", [96, 150, 320])
@pytest.mark.parametrize("kind", ["core", "tars", "folders"])
def test_a_picture_has_the_pixels_that_the_screen_has(
    shown: Shown,
    kind: str,
    size: int,
    ratio: float,
    whole: bool,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset, dtype = request.getfixturevalue(kind), "uint16" if kind == "tars" else "uint8"
    monkeypatch.setattr(CandidateView, "devicePixelRatioF", lambda view: ratio)
    display.candidate_size, display.shows_whole_candidates = size, whole
    shown.parent.resize(700, 420)
    candidates = candidates_of(dataset, 2)
    shown.open(dataset, candidates, dtype)
    assert shown.view.side == size
    for candidate in candidates:
        picture = shown.strip.picture(candidate)
        assert picture is not None
        most = 256 if not whole else 800 if kind == "tars" else 512
        assert picture.width() == picture.height() == min(round(size * ratio), most)
        wanted = expected(dataset, str(candidate.well), round(size * ratio), whole, dtype)
        assert np.array_equal(pixels(picture), wanted)


@pytest.mark.parametrize("kind", ["core", "tars"])
def test_a_picture_is_drawn_pixel_by_pixel(
    shown: Shown, kind: str, request: pytest.FixtureRequest
) -> None:
    dataset, dtype = request.getfixturevalue(kind), "uint16" if kind == "tars" else "uint8"
    candidates = candidates_of(dataset, 3)
    shown.open(dataset, candidates, dtype)
    for row, candidate in enumerate(candidates):
        wanted = expected(dataset, str(candidate.well), 150, False, dtype)
        assert np.array_equal(pixels(shown.drawn(row)), wanted)


@pytest.mark.parametrize(("scale", "size"), [(1.0, 150), (1.25, 188), (1.5, 225), (2.0, 300)])
def test_a_screen_of_any_density_gets_the_pixels_as_they_are(
    qapp: Any, scale: float, size: int
) -> None:
    colors = np.ascontiguousarray(b.noise("picture", size, "uint8")[:3].transpose(1, 2, 0))
    picture = QImage(colors.data, size, size, 3 * size, QImage.Format.Format_RGB888)
    screen = QPixmap(400, 400)
    screen.setDevicePixelRatio(scale)
    painter = QPainter(screen)
    paint_picture(painter, QRect(4, 8, 150, 150), picture)
    painter.end()
    left, top = round(4 * scale), round(8 * scale)
    drawn = pixels(screen.toImage())[top : top + size, left : left + size]
    assert np.array_equal(drawn, colors)


def test_contrast_stains_and_palette_change_pictures_without_reading(
    shown: Shown, core: Any
) -> None:
    dataset = Watched(core)
    candidates = candidates_of(core, 3)
    shown.open(dataset, candidates)
    n_read, before = len(dataset.read), pixels(shown.drawn(0))
    well = str(candidates[0].well)
    planes = [core.piece(well, channel, 150) for channel in range(1, 7)]
    dark = ((0.0, 1000.0),) * N_CHANNELS
    shown.strip.set_limits(dark)
    shown.settle()
    assert np.array_equal(pixels(shown.drawn(0)), composite(planes, dark))
    shown.strip.set_limits(LIMITS["uint8"])
    shown.strip.set_shown(DNA_ALONE)
    shown.settle()
    assert np.array_equal(pixels(shown.drawn(0)), composite(planes, LIMITS["uint8"], DNA_ALONE))
    shown.strip.set_shown((True,) * 6)
    display.palette = "Okabe-Ito"
    shown.settle()
    other = pixels(shown.drawn(0))
    assert np.array_equal(other, composite(planes, LIMITS["uint8"]))
    assert not np.array_equal(other, before)
    assert len(dataset.read) == n_read


def test_many_pictures_are_composed_over_several_turns(
    shown: Shown, core: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_rxrx3.gui.neighbors.candidate_pictures._AT_ONCE_S", 0.0)
    candidates = candidates_of(core, 5)
    shown.open(core, candidates)
    for row, candidate in enumerate(candidates):
        wanted = expected(core, str(candidate.well), 150, False, "uint8")
        assert np.array_equal(pixels(shown.drawn(row)), wanted)


def test_the_current_one_keeps_its_colors_in_a_frame_of_two_tones(shown: Shown, core: Any) -> None:
    shown.open(core, candidates_of(core, 3))
    before = pixels(shown.drawn(1))
    around = shown.square(1).adjusted(-3, -3, 3, 3)
    plain = pixels(shown.view.viewport().grab(around).toImage())
    shown.view.set_current("key 1")
    QApplication.processEvents()
    assert np.array_equal(pixels(shown.drawn(1))[1:-1, 1:-1], before[1:-1, 1:-1])
    framed = pixels(shown.view.viewport().grab(around).toImage())
    tones = {tuple(framed[2, 60]), tuple(framed[3, 60])}
    assert len(tones) == 2
    assert not np.array_equal(framed[2], plain[2])


def test_where_no_image_is_the_strip_says_so(shown: Shown, core: Any) -> None:
    candidates = candidates_of(core, 3)
    candidates[1] = replace(candidates[1], well=None)
    candidates[2] = replace(candidates[2], well="gene-001_1_AF48")
    shown.open(core, candidates)
    assert "no image of it is here" in shown.spoken(1)
    assert "no image of it is here" in shown.tip(1)
    assert shown.strip.picture(candidates[1]) is None
    assert "gene-001_1_AF48" in shown.tip(2)
    colors = {tuple(color) for color in pixels(shown.drawn(2)).reshape(-1, 3)}
    assert 2 <= len(colors) < 10  # lines, no data
    assert max(max(color) for color in colors) <= 110  # and no brighter than data


def test_without_candidates_the_reason_is_in_their_place(shown: Shown, core: Any) -> None:
    view = shown.strip.view
    shown.open(core, [])
    before = pixels(view.grab().toImage())
    view.set_note("Search for something first.")
    said = pixels(view.grab().toImage())
    assert not np.array_equal(said, before)
    shown.open(core, candidates_of(core, 3))
    with_them = pixels(view.grab().toImage())
    view.set_note("")
    assert np.array_equal(pixels(view.grab().toImage()), with_them)


def test_a_missing_stain_is_said_and_the_others_are_shown(
    shown: Shown, root: Path, cache: Path
) -> None:
    screen = screen_of(100, "uint8", 2)
    screen.write_metadata(root / "metadata.csv")
    screen.write_folders(root)
    name = f"{screen.ids[0].rsplit('_', 1)[1]}_s1_w3.png"
    (root / "images" / "gene-001" / "Plate1" / name).write_bytes(b"no image")
    dataset = rx.open_dataset(root, cache)
    shown.open(dataset, candidates_of(dataset))
    assert "no Actin: " in shown.tip(0)
    assert "no " not in shown.tip(1)
    planes = [None if c == 3 else dataset.piece(screen.ids[0], c, 150) for c in range(1, 7)]
    picture = shown.strip.picture(candidates_of(dataset)[0])
    assert picture is not None
    assert np.array_equal(pixels(picture), composite(planes, LIMITS["uint8"]))
    shown.strip.set_shown((False, False, True, False, False, False))
    assert shown.strip.picture(candidates_of(dataset)[0]) is None


def test_the_tooltip_says_which_piece_is_shown(shown: Shown, core: Any, tars: Any) -> None:
    shown.open(core, candidates_of(core, 2))
    assert "a piece of 166 µm in the middle of the well" in shown.spoken(0)
    shown.open(tars, candidates_of(tars, 2))
    assert "a piece of 166 µm at the top of the well" in shown.spoken(0)
    display.shows_whole_candidates = True
    shown.settle()
    assert "a piece" not in shown.spoken(0)


def test_what_is_known_of_a_candidate_is_read_out_as_plain_text(shown: Shown, core: Any) -> None:
    (first,) = candidates_of(core, 1)
    doubts = ("weak: its wells hardly differ", "<b>one</b> plate only")
    shown.open(core, [replace(first, tag=1, doubts=doubts, about=("3 more doses",))])
    assert shown.spoken(0) == (
        f"1 GENE0 2.5 µM, cos .99, 3 more doses, shown: well {first.well}, a piece of 166 µm in "
        f"the middle of the well, hit, 2 reasons to doubt:, {doubts[0]}, {doubts[1]}"
    )
    assert "&lt;b&gt;one&lt;/b&gt;" in shown.tip(0)
    assert shown.view.accessibleName() == "Candidates"


def test_a_tag_is_marked_in_its_color(shown: Shown, core: Any) -> None:
    candidates = candidates_of(core, 2)
    shown.open(core, candidates)
    color = QColor(display.tags[1].color)
    rgb = (color.red(), color.green(), color.blue())

    def has_mark(row: int) -> bool:
        return rgb in {tuple(each) for each in pixels(shown.drawn(row))[:20, -20:].reshape(-1, 3)}

    assert not has_mark(0)
    shown.strip.revise([replace(candidates[0], tag=2)])
    shown.settle()
    assert has_mark(0)
    assert not has_mark(1)


@pytest.mark.parametrize("points", [9, 12])
def test_numbers_are_shown_whole_or_not_at_all(qapp: Any, points: int) -> None:
    font = QFont(qapp.font())
    font.setPointSize(points)
    metrics, numbers = QFontMetrics(font), ["cos 0.84", "q <.001", "0.35 %", "+7"]
    for width in range(90, 400):
        shown = fitting(metrics, "  ".join(numbers), width).split("  ")
        assert shown[0] in ("cos 0.84", "0.84")
        assert shown[1:] == numbers[1 : len(shown)]
        assert metrics.horizontalAdvance("  ".join(shown)) <= width
    assert shown == numbers
    assert fitting(metrics, "gene-001 plate 1", 50).endswith("…")


USUAL = 150 - 3
"""Points that a candidate of the usual size has for its words."""


@pytest.mark.parametrize("points", [9, 12])
def test_numbers_that_do_not_fit_into_a_line_stand_in_the_next(qapp: Any, points: int) -> None:
    font = QFont(qapp.font())
    font.setPointSize(points)
    metrics, numbers = QFontMetrics(font), "cos 0.84  q <.001  0.35 %"
    for width in range(90, 400):
        shown = in_lines(metrics, (numbers,), width)
        parts = [part for line in shown for part in line.split("  ")]
        assert parts[0] in ("cos 0.84", "0.84")
        assert parts[1:] == ["q <.001", "0.35 %"] or width < USUAL
    assert shown == (numbers,)


@pytest.mark.parametrize("name", ["Lorlatinib?(PF-6463922) 12.5 µM", "a very long name 2.5 µM"])
def test_a_name_that_is_cut_never_has_another_dose(qapp: Any, name: str) -> None:
    dose = name[name.rindex(" ", 0, -3) :]
    font = QApplication.font()
    whole = QFontMetrics(font).horizontalAdvance(name)
    for width in range(10, whole + 1):
        cut = elided(font, name, width, Qt.TextElideMode.ElideMiddle)
        assert cut.endswith(dose) or "µM" not in cut
    assert elided(font, name, whole, Qt.TextElideMode.ElideMiddle) == name
    assert "…" in elided(font, name, whole - 5, Qt.TextElideMode.ElideMiddle)


# -- what the user does ---------------------------------------------------------------------------


def test_keys_walk_through_candidates(shown: Shown, core: Any) -> None:
    shown.open(core, candidates_of(core, 40))
    shown.view.set_current("key 0")
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_End):
        shown.key(key)
    assert 39 in shown.view.seen()
    shown.key(Qt.Key.Key_Home)
    assert [key for _, key in shown.heard] == ["key 1", "key 2", "key 1", "key 39", "key 0"]
    assert {name for name, _ in shown.heard} == {"chosen"}
    assert shown.scrolled == 0
    shown.key(Qt.Key.Key_Return)
    assert shown.heard[-1] == ("activated_candidate", "key 0")


def test_letters_and_digits_are_left_to_the_window(shown: Shown, core: Any) -> None:
    shown.open(core, candidates_of(core, 5))
    shown.view.set_current("key 0")
    for key, text in ((Qt.Key.Key_G, "g"), (Qt.Key.Key_2, "2")):
        event = QKeyEvent(QEvent.Type.KeyPress, key, mouse.PLAIN, text)
        shown.view.keyPressEvent(event)
        assert not event.isAccepted()
    assert shown.heard == []


def test_a_click_chooses_also_what_is_current_and_two_activate(shown: Shown, core: Any) -> None:
    shown.open(core, candidates_of(core, 5))
    shown.click(2)
    assert shown.heard == [("chosen", "key 2")]
    shown.click(2)
    assert shown.heard == [("chosen", "key 2")] * 2
    shown.double_click(3)
    assert shown.heard[2:] == [("chosen", "key 3"), ("activated_candidate", "key 3")]


def test_the_focus_alone_chooses_nothing(shown: Shown, core: Any) -> None:
    shown.open(core, candidates_of(core, 5))
    focus = QFocusEvent(QEvent.Type.FocusIn, Qt.FocusReason.TabFocusReason)
    QApplication.sendEvent(shown.view, focus)
    assert (shown.heard, shown.view.current) == ([], None)
    shown.key(Qt.Key.Key_Right)
    assert shown.heard == [("chosen", "key 0")]
    QApplication.sendEvent(shown.view, focus)
    assert shown.heard == [("chosen", "key 0")]
    assert shown.view.current is not None


def test_what_the_program_makes_current_is_not_told(shown: Shown, core: Any) -> None:
    shown.open(core, candidates_of(core, 40))
    shown.view.set_current("key 30")
    assert shown.view.current is not None
    assert shown.view.current.key == "key 30"
    assert 30 in shown.view.seen()
    shown.view.set_current(None)
    assert shown.view.current is None
    assert shown.heard == []


def test_the_menu_asks_for_what_can_be_done(shown: Shown, core: Any) -> None:
    candidates = candidates_of(core, 2)
    shown.open(core, [candidates[0], replace(candidates[1], well=None)])
    shown.view.set_current("key 0")
    for text, name in (
        ("Make it the query", "query_wanted"),
        ("Put it in the queue", "queue_wanted"),
        ("Copy", "copy_wanted"),
        ("Save the picture…", "save_wanted"),
        ("Is it alike for its cell count?", "count_wanted"),
    ):
        action = shown.menu()[text]
        assert action.isEnabled()
        action.trigger()
        assert shown.heard[-1] == (name, "key 0")
        QApplication.activePopupWidget().close()
    shown.menu()["Show all in the canvas"].trigger()
    assert shown.heard[-1] == ("all_wanted", "")
    QApplication.activePopupWidget().close()
    shown.view.set_current("key 1")
    enabled = {text: action.isEnabled() for text, action in shown.menu().items()}
    assert [text for text, is_on in enabled.items() if not is_on] == [
        "Put it in the queue", "Save the picture…", "Is it alike for its cell count?",
        *(tag.name for tag in DEFAULT_TAGS),
    ]  # fmt: skip
    QApplication.activePopupWidget().close()


def test_a_candidate_is_dragged_as_its_well(
    shown: Shown, core: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[str] = []
    monkeypatch.setattr(QDrag, "exec", lambda drag, *_: texts.append(drag.mimeData().text()))
    candidates = candidates_of(core, 5)
    shown.open(core, candidates)
    start = QPointF(shown.middle_of(1))
    mouse.drag(shown.view.viewport(), [start, *(start + QPointF(x, 0) for x in (15, 30, 45))])
    assert texts[:1] == [candidates[1].well]


# -- scrolling and size ---------------------------------------------------------------------------


def test_the_wheel_scrolls_sideways(shown: Shown, core: Any) -> None:
    shown.open(core, candidates_of(core, 100))
    shown.wheel(-2)
    assert shown.scrolled == 2 * (shown.view.side + 2 * _MARGIN)
    shown.wheel(1)
    assert shown.scrolled == shown.view.side + 2 * _MARGIN


def test_only_what_is_seen_and_a_screen_ahead_is_read(shown: Shown, core: Any) -> None:
    dataset = Watched(core)
    wells = core.known_wells.index.tolist()
    candidates = candidates_of(core, 10_000)
    # of the last hundred the first is another well: nobody is to read it
    shown.open(dataset, [replace(each, well=wells[each.rank % 11]) for each in candidates])
    shown.open(dataset, [replace(each, well=_own_well(each, wells)) for each in candidates])
    n_seen = len(shown.view.seen())
    assert set(dataset.read) == set(wells[:11])
    assert n_seen == 6
    dataset.read.clear()
    shown.view.horizontalScrollBar().setValue(9_000 * (shown.view.side + 2 * _MARGIN))
    shown.settle()
    assert wells[11] in dataset.read


def _own_well(candidate: Candidate, wells: Sequence[str]) -> str:
    """The last well is only shown far from the start."""
    return wells[11] if candidate.rank == 9_005 else wells[candidate.rank % 11]


def test_what_was_scrolled_past_is_not_read(shown: Shown, core: Any) -> None:
    dataset = Watched(core)
    dataset.may_read.clear()
    shown.strip.set_dataset(dataset)
    shown.strip.set_candidates(candidates_of(core, 12))
    assert not shown.strip.thumbnails.is_idle
    last = core.known_wells.index[-1]
    shown.strip.set_candidates([replace(candidates_of(core, 1)[0], well=last)])
    dataset.may_read.set()
    shown.settle()
    # those that had begun, whose next stains nobody wanted, and the one that is seen
    assert last in dataset.read
    assert len(set(dataset.read)) <= 4 + 1
    others = [well for well in dataset.read if well != last]
    assert len(others) == len(set(others))


def test_other_candidates_start_at_the_first_and_news_change_nothing(
    shown: Shown, core: Any
) -> None:
    candidates = candidates_of(core, 100)
    shown.open(core, candidates)
    shown.view.set_current("key 50")
    at = shown.scrolled
    assert at > 0
    shown.strip.revise([replace(each, lines=("cos .9", "q .01")) for each in candidates])
    shown.settle()
    assert shown.view.current is not None
    assert (shown.view.current.key, shown.view.current.lines) == ("key 50", ("cos .9", "q .01"))
    assert abs(shown.scrolled - at) < shown.view.side
    shown.strip.set_candidates(candidates_of(core, 60))
    shown.settle()
    assert shown.scrolled == 0
    assert shown.view.current is None


def test_wheel_and_slider_change_the_size_and_it_is_remembered(shown: Shown, core: Any) -> None:
    shown.parent.resize(855, 420)
    controls = shown.strip.controls
    shown.open(core, candidates_of(core, 12))
    shown.wheel(3, CTRL)
    assert (shown.view.side, controls.size_slider.value()) == (180, 180)
    shown.wheel(100, CTRL)
    assert shown.view.side == CANDIDATE_SIZES[1]
    shown.wheel(-100, CTRL)
    assert shown.view.side == CANDIDATE_SIZES[0]
    shown.qtbot.keyClick(controls.size_slider, Qt.Key.Key_Right)
    assert display.candidate_size == CANDIDATE_SIZES[0] + 10
    shown.settle()
    picture = shown.strip.picture(candidates_of(core, 1)[0])
    assert picture is not None
    assert picture.width() == shown.view.side


def test_until_pictures_of_a_size_are_there_others_stand_in(shown: Shown, core: Any) -> None:
    (candidate,) = candidates_of(core, 1)
    shown.open(core, [candidate])
    display.candidate_size = 120
    shown.strip._ask()
    picture = shown.strip.picture(candidate)
    assert picture is not None
    assert picture.width() in (150, 120)
    display.shows_whole_candidates = True
    shown.strip._ask()
    assert not shown.strip.thumbnails.is_sharp(str(candidate.well))
    assert shown.strip.picture(candidate) is None  # a piece is not the whole
    shown.settle()
    assert shown.strip.thumbnails.is_sharp(str(candidate.well))


def test_whole_wells_are_shown_by_one_switch(shown: Shown, core: Any) -> None:
    candidates = candidates_of(core, 3)
    shown.open(core, candidates)
    whole = shown.strip.controls.whole
    shown.strip.controls.show()
    shown.qtbot.mouseClick(whole, Qt.MouseButton.LeftButton)
    shown.settle()
    assert display.shows_whole_candidates
    wanted = expected(core, str(candidates[0].well), 150, True, "uint8")
    assert np.array_equal(pixels(shown.drawn(0)), wanted)
    shown.qtbot.mouseClick(whole, Qt.MouseButton.LeftButton)
    shown.settle()
    wanted = expected(core, str(candidates[0].well), 150, False, "uint8")
    assert np.array_equal(pixels(shown.drawn(0)), wanted)


def test_pictures_fit_into_a_low_strip(shown: Shown, core: Any) -> None:
    shown.open(core, candidates_of(core, 12))
    assert shown.view.side == 150
    shown.parent.resize(855, 170)
    shown.settle()
    assert shown.view.side < 150
    box = shown.view.visualRect(shown.strip.model.index(0))
    assert box.top() >= 0
    below = shown.square(0).bottom() + shown.view._painting.height_of_words() - 2 * _MARGIN
    assert below <= shown.view.viewport().height()
    shown.parent.resize(855, 250)
    shown.settle()
    assert shown.view.side == 150


def test_a_hidden_strip_reads_nothing(shown: Shown, core: Any) -> None:
    dataset = Watched(core)
    shown.parent.hide()
    shown.open(dataset, candidates_of(core, 12))
    assert dataset.read == []
    shown.parent.show()
    shown.qtbot.waitUntil(lambda: bool(dataset.read))
    shown.settle()


def test_ten_thousand_scroll_without_a_pause(shown: Shown, core: Any) -> None:
    shown.open(core, candidates_of(core, 10_000))
    frames = []
    for step in range(60):
        begun = perf_counter()
        shown.view.horizontalScrollBar().setValue(step * 2_345)
        shown.view.viewport().repaint()
        QApplication.processEvents()
        frames.append(perf_counter() - begun)
    assert np.median(frames) < 0.05
