"""The painted map of points, used as a user does: by mouse, by keys, by eye."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from matplotlib.path import Path as Outline
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QColor, QFontMetrics, QHelpEvent, QImage, QPalette
from qtpy.QtWidgets import QApplication, QToolTip, QWidget

from mouse import click, drag, hover, send_mouse, wheel
from napari_rxrx3.gui.map.points.view import MapView
from napari_rxrx3.gui.plate.legend import small_font
from napari_rxrx3.gui.words import written
from napari_rxrx3.gui.work.latest_only import LatestOnly
from test_figures import NAMES
from test_plate_map import image_of

LEFT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton
NONE = Qt.MouseButton.NoButton
SHIFT, CTRL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
PLAIN = Qt.KeyboardModifier.NoModifier
Key = Qt.Key

RED, GREEN, BLUE = (213, 94, 0), (0, 158, 115), (0, 114, 178)
PALETTE = np.array([RED, GREEN, BLUE], np.uint8)
CENTERS = np.array([(0, 0), (10, 0), (0, 8)])
MANY = 1_200_000
"""Too many to be drawn at once."""

DARK, LIGHT = ("#f0f1f2", "#262930"), ("#1e1e21", "#ebe7e6")


def three_groups(n: int = 900) -> np.ndarray:
    """Points around three places, one after the other of each."""
    rng = np.random.default_rng(1)
    spread = np.clip(rng.normal(0, 0.5, (n, 2)), -1.5, 1.5)
    return (spread + CENTERS[np.arange(n) % 3]).astype(np.float32)


def groups(n: int = 900) -> np.ndarray:
    return (np.arange(n) % 3).astype(np.uint8)


def fill(view: MapView, n: int = 900) -> np.ndarray:
    positions = three_groups(n)
    view.set_points(positions)
    view.set_colors(groups(n), PALETTE)
    view.set_names(lambda index: f"entry {index}")
    return positions


def theme(view: QWidget, colors: tuple[str, str]) -> None:
    palette = QPalette()
    palette.setColor(QPalette.ColorRole.WindowText, QColor(colors[0]))
    palette.setColor(QPalette.ColorRole.Window, QColor(colors[1]))
    view.setPalette(palette)


@pytest.fixture
def view(qtbot: QtBot) -> Iterator[MapView]:
    widget = MapView()
    qtbot.addWidget(widget)
    theme(widget, DARK)
    widget.resize(400, 320)
    with qtbot.waitExposed(widget):
        widget.show()
    yield widget
    qtbot.waitUntil(lambda: widget.rendering.is_idle, timeout=20_000)


def activate(qtbot: QtBot, view: MapView) -> None:
    """Or keys are taken by the shortcuts of a window that another test left open."""
    with qtbot.waitActive(view):
        view.activateWindow()


def settle(qtbot: QtBot, view: MapView) -> None:
    qtbot.waitUntil(lambda: view.is_sharp and view.rendering.is_idle, timeout=20_000)


def place_of(view: MapView, x: float, y: float) -> QPointF:
    assert view.viewport is not None
    px, py = view.viewport.pixels(np.array([[x, y]]))[0]
    return QPointF(px, py)


def circle(view: MapView, center: Any, radius: float, n: int = 60) -> list[QPointF]:
    turn = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return [
        place_of(view, center[0] + radius * np.cos(t), center[1] + radius * np.sin(t)) for t in turn
    ]


def color_at(view: MapView, place: QPointF) -> list[int]:
    return image_of(view)[int(place.y()), int(place.x())].tolist()


def is_colored(view: MapView, place: QPointF, color: tuple[int, ...]) -> bool:
    """Whether all there is around a place is of a color, more or less of it."""
    x, y = int(place.x()), int(place.y())
    background = np.array(view.palette().color(QPalette.ColorRole.Window).getRgb()[:3])
    way = np.array(color) - background
    around = image_of(view).astype(int)[y - 6 : y + 7, x - 6 : x + 7] - background
    share = around @ way / (way @ way)
    is_alike = np.abs(around - share[..., None] * way).max() < 8
    return bool(is_alike and share.max() > 0.9)


def heard(signal: Any) -> list[Any]:
    values: list[Any] = []
    signal.connect(values.append)
    return values


# -- what is seen ---------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [900, 60_000])
@pytest.mark.parametrize("colors", [DARK, LIGHT])
def test_each_group_has_its_color_where_it_lies(
    qtbot: QtBot, view: MapView, n: int, colors: tuple[str, str]
) -> None:
    theme(view, colors)
    fill(view, n)
    settle(qtbot, view)
    for center, color in zip(CENTERS, (RED, GREEN, BLUE), strict=True):
        assert is_colored(view, place_of(view, *center), color)
        assert not is_colored(view, place_of(view, *center), color[::-1])
    background = QColor(colors[1]).getRgb()[:3]
    assert (image_of(view)[2:60, 250:398] == background).all()


def test_nothing_is_drawn_without_points(qtbot: QtBot, view: MapView) -> None:
    fill(view)
    view.set_points(None)
    settle(qtbot, view)
    assert (image_of(view) == QColor(DARK[1]).getRgb()[:3]).all()
    hover(view, QPointF(200, 160))
    click(view, QPointF(200, 160))
    wheel(view, QPointF(200, 160), 1)
    view.fit()
    view.set_marked([])
    assert view.point_at(QPointF(200, 160)) is None


def test_colors_for_another_number_of_points_are_refused(view: MapView) -> None:
    fill(view)
    with pytest.raises(ValueError, match="3 colors for 900 points"):
        view.set_colors(np.zeros(3, np.uint8), PALETTE)


def test_more_points_than_can_be_drawn_at_once_come_from_a_thread(
    qtbot: QtBot, view: MapView
) -> None:
    fill(view, MANY)
    view.repaint()
    assert not view.is_sharp
    with qtbot.waitSignal(view.drawn, timeout=20_000):
        pass
    settle(qtbot, view)
    at = place_of(view, *CENTERS[1])
    assert is_colored(view, at, GREEN)
    view.pan(-30, 10)
    view.repaint()  # what is there already is moved, before anything new was made
    assert not view.is_sharp
    assert is_colored(view, at + QPointF(-30, 10), GREEN)
    settle(qtbot, view)
    assert is_colored(view, at + QPointF(-30, 10), GREEN)


def test_the_latest_of_many_requests_is_what_is_shown_in_the_end(
    qtbot: QtBot, view: MapView
) -> None:
    fill(view, MANY)
    settle(qtbot, view)
    for _ in range(30):
        view.pan(1, 0)
        view.repaint()
    view.set_colors(np.full(MANY, 2, np.uint8), PALETTE)
    settle(qtbot, view)
    assert is_colored(view, place_of(view, *CENTERS[0]), BLUE)


def test_a_view_that_goes_away_while_it_is_drawn_is_not_missed(qtbot: QtBot) -> None:
    before = threading.active_count()
    for _ in range(3):
        widget = MapView()
        widget.resize(300, 200)
        fill(widget, MANY)
        widget.show()
        widget.repaint()
        widget.close()
        widget.deleteLater()
        del widget
        gc.collect()
    qtbot.waitUntil(lambda: threading.active_count() <= before, timeout=20_000)


def test_points_that_are_not_marked_are_dimmed(qtbot: QtBot, view: MapView) -> None:
    fill(view)
    settle(qtbot, view)
    before = image_of(view).astype(int)
    view.set_marked(np.flatnonzero(groups() == 1))
    settle(qtbot, view)
    assert view.marks().tolist() == list(range(1, 900, 3))
    after = image_of(view).astype(int)
    background = np.array(QColor(DARK[1]).getRgb()[:3])
    for index, is_lit in ((1, True), (0, False), (2, False)):
        at = view.place_of(index)
        assert at is not None
        full, now = (
            np.abs(p[int(at.y()), int(at.x())] - background).sum() for p in (before, after)
        )
        assert full > 100
        assert (now > 0.9 * full) == is_lit
    view.set_marked([])
    settle(qtbot, view)
    assert (image_of(view) == before).all()


def test_the_current_point_has_a_ring(qtbot: QtBot, view: MapView) -> None:
    fill(view)
    settle(qtbot, view)
    before = image_of(view).astype(int)
    view.set_current(5)
    at = view.place_of(5)
    assert at is not None
    changed = np.argwhere(np.abs(image_of(view) - before).max(axis=-1) > 40)
    away = np.hypot(changed[:, 1] + 0.5 - at.x(), changed[:, 0] + 0.5 - at.y())
    assert len(changed) > 20
    assert 3 < away.min() < away.max() < 16
    view.set_current(None)
    assert (image_of(view) == before).all()


def test_labels_and_caption_are_written(qtbot: QtBot, view: MapView) -> None:
    fill(view)
    settle(qtbot, view)
    view.zoom(1.0)  # what was shown by hand does not make room for a caption
    before = image_of(view).astype(int)
    view.set_labels([(1, "PSMB5")])
    at = view.place_of(1)
    assert at is not None
    changed = np.argwhere((image_of(view) != before).any(axis=-1))
    assert len(changed) > 100
    assert np.abs(changed[:, 0] - at.y()).max() < 14
    assert np.abs(changed[:, 1] - at.x()).max() < 70
    view.set_labels([])
    view.set_caption("PCA of 900 entries")
    changed = np.argwhere((image_of(view) != before).any(axis=-1))
    assert changed[:, 0].min() > 320 - 40
    assert "PCA of 900 entries" in view.accessibleName()


def test_a_name_lies_where_it_covers_no_points(qtbot: QtBot, view: MapView) -> None:
    """A row of points to the right of the one that is named."""
    row = [(x, 0.0) for x in np.linspace(0, 1, 40)]
    view.set_points(np.array([*row, (-1, 1), (-1, -1)], np.float32))
    view.set_colors(np.zeros(42, np.uint8), PALETTE)
    settle(qtbot, view)
    before = image_of(view).astype(int)
    view.set_labels([(0, "PSMB5")])
    at = view.place_of(0)
    assert at is not None
    changed = np.argwhere((image_of(view) != before).any(axis=-1))
    assert len(changed) > 100
    assert changed[:, 1].max() <= at.x()


def test_a_long_caption_leaves_room_for_the_points_and_is_told_in_full(
    qtbot: QtBot, view: MapView
) -> None:
    fill(view)
    words = (
        "UMAP of 102,705 wells, tvn, cosine, 15 neighbors\nDistances are not similarities\nseed 0"
    )
    background = QColor(DARK[1]).getRgb()[:3]
    view.resize(220, 130)
    settle(qtbot, view)
    view.set_caption(words)
    settle(qtbot, view)
    written = np.flatnonzero((image_of(view)[90:] != background).any(axis=(1, 2))) + 90
    assert written.max() - written.min() < 45
    for center in CENTERS:
        assert place_of(view, *center).y() < 130 * 0.75
    place = QPoint(20, 118)
    event = QHelpEvent(QEvent.Type.ToolTip, place, view.mapToGlobal(place))
    QApplication.sendEvent(view, event)
    qtbot.waitUntil(lambda: QToolTip.isVisible())
    assert "Distances are not similarities" in QToolTip.text()
    QToolTip.hideText()


def test_other_points_keep_camera_and_marks_only_if_they_are_the_same_entries(
    qtbot: QtBot, view: MapView
) -> None:
    positions = fill(view)
    settle(qtbot, view)
    view.zoom(3)
    view.set_marked([3, 4])
    view.set_current(3)
    closer = view.viewport
    view.set_points(positions + np.float32(0.1), keep=True)
    settle(qtbot, view)
    assert view.viewport == closer
    assert view.marks().tolist() == [3, 4]
    view.set_points(positions)
    settle(qtbot, view)
    assert view.viewport != closer
    assert view.marks().tolist() == [3, 4]
    fill(view, 600)
    settle(qtbot, view)
    assert not len(view.marks())


def test_a_view_of_another_size_shows_all_or_the_same_place(qtbot: QtBot, view: MapView) -> None:
    fill(view)
    settle(qtbot, view)
    view.resize(300, 400)
    settle(qtbot, view)
    assert all(view.rect().contains(place_of(view, *center).toPoint()) for center in CENTERS)
    view.zoom(5, place_of(view, *CENTERS[1]))
    before = view.viewport
    assert before is not None
    view.resize(420, 300)
    settle(qtbot, view)
    assert view.viewport == before.resized(420, 300)


# -- camera ---------------------------------------------------------------------------------------


def test_the_wheel_zooms_around_the_pointer(qtbot: QtBot, view: MapView) -> None:
    fill(view)
    settle(qtbot, view)
    at = view.place_of(4)
    assert at is not None
    assert view.viewport is not None
    scale = view.viewport.scale
    wheel(view, at, 3)
    settle(qtbot, view)
    assert view.viewport.scale == pytest.approx(scale * 1.25**3)
    now = view.place_of(4)
    assert now is not None
    assert (now - at).manhattanLength() < 0.01
    wheel(view, at, -3)
    assert view.viewport.scale == pytest.approx(scale)


def test_zooming_ends_somewhere(qtbot: QtBot, view: MapView) -> None:
    fill(view)
    settle(qtbot, view)
    for clicks in (200, -400):
        wheel(view, QPointF(200, 160), clicks)
        settle(qtbot, view)
        assert view.viewport is not None
        assert 0.1 < view.viewport.scale < 1e6


@pytest.mark.parametrize(("mode", "button"), [("pan", LEFT), ("lasso", MIDDLE), ("box", MIDDLE)])
def test_dragging_moves_the_map(qtbot: QtBot, view: MapView, mode: str, button: Any) -> None:
    fill(view)
    settle(qtbot, view)
    view.set_mode(mode)
    clicked, marked = heard(view.clicked), heard(view.marked)
    before = view.place_of(4)
    start = QPointF(100, 100)
    drag(view, [start, start + QPointF(30, 0), start + QPointF(50, -20)], button)
    after = view.place_of(4)
    assert before is not None
    assert after is not None
    assert (after - before - QPointF(50, -20)).manhattanLength() < 0.01
    assert clicked == marked == []


def test_keys_move_zoom_and_show_all(qtbot: QtBot, view: MapView) -> None:
    fill(view)
    activate(qtbot, view)
    settle(qtbot, view)
    home = view.viewport
    assert home is not None
    qtbot.keyClick(view, Key.Key_Left)
    qtbot.keyClick(view, Key.Key_Up)
    assert view.viewport == home.moved(60, 60)
    qtbot.keyClick(view, Key.Key_Plus)
    assert view.viewport is not None
    assert view.viewport.scale == pytest.approx(1.25 * home.scale)
    qtbot.keyClick(view, Key.Key_Minus)
    assert view.viewport.scale == pytest.approx(home.scale)
    qtbot.keyClick(view, Key.Key_0)
    assert view.viewport == home


# -- pointing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_names_in_any_script_are_shown_or_it_is_said(
    qtbot: QtBot, view: MapView, name: str
) -> None:
    """Never as empty boxes; what is said goes with the names."""
    fill(view)
    settle(qtbot, view)
    view.set_caption("A map.")
    view.set_labels([(3, "plain"), (7, name)])
    font = small_font(view.font())
    shown = written(name, font)
    assert all(QFontMetrics(font).inFontUcs4(ord(letter)) for letter in shown)
    assert ("written by their numbers" in view.caption) == (shown != name)
    assert ("written by their numbers" in view.accessibleName()) == (shown != name)
    hover(view, place_of(view, *CENTERS[1]))
    view.grab()
    view.set_labels([(3, "plain")])
    assert view.caption == "A map."


def test_the_nearest_point_is_hovered_over_and_named(qtbot: QtBot, view: MapView) -> None:
    fill(view)
    settle(qtbot, view)
    view.zoom(8, view.place_of(7))
    settle(qtbot, view)
    found = heard(view.hovered)
    at = view.place_of(7)
    assert at is not None
    before = image_of(view)
    hover(view, at + QPointF(1, 1))
    assert found == [7]
    bubble = np.argwhere((image_of(view) != before).any(axis=-1))
    image = QImage(40, 40, QImage.Format.Format_RGB32)
    image.fill(QColor("#ff00ff"))
    view.set_picture(7, image)
    assert np.ptp(bubble[:, 1]) > 60
    assert (image_of(view) == (255, 0, 255)).all(axis=-1).sum() > 2000
    view.set_picture(7, None)
    assert not (image_of(view) == (255, 0, 255)).all(axis=-1).any()
    view.fit()
    hover(view, QPointF(390, 10))
    assert found == [7, None]


def test_clicks_name_the_point_under_the_mouse(qtbot: QtBot, view: MapView) -> None:
    fill(view)
    settle(qtbot, view)
    view.zoom(8, view.place_of(7))
    settle(qtbot, view)
    clicked, activated = heard(view.clicked), heard(view.activated)
    at = view.place_of(7)
    assert at is not None
    for mode in ("pan", "lasso", "box"):
        view.set_mode(mode)
        click(view, at)
    assert clicked == [7, 7, 7]
    click(view, at, MIDDLE)
    view.fit()
    click(view, QPointF(390, 10))
    assert len(clicked) == 3
    view.zoom(8, view.place_of(7))
    at = view.place_of(7)
    assert at is not None
    send_mouse(view, QEvent.Type.MouseButtonDblClick, at, LEFT, LEFT)
    send_mouse(view, QEvent.Type.MouseButtonRelease, at, LEFT, NONE)
    assert activated == [7]
    assert len(clicked) == 3
    view.set_current(9)
    qtbot.keyClick(view, Key.Key_Return)
    assert activated == [7, 9]


# -- marking --------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [900, MANY])
def test_a_lasso_takes_exactly_the_points_inside(qtbot: QtBot, view: MapView, n: int) -> None:
    positions = fill(view, n)
    settle(qtbot, view)
    view.set_mode("lasso")
    marked = heard(view.marked)
    way = circle(view, (9.8, 0.2), 0.7)
    drag(view, way)
    settle(qtbot, view)
    port = view.viewport
    assert port is not None
    corners = np.array([port.place(p.x(), p.y()) for p in way])
    expected = np.flatnonzero(Outline(corners).contains_points(positions.astype(float)))
    assert n / 20 < len(expected) < n / 3
    assert [m.tolist() for m in marked] == [expected.tolist()]
    assert view.marks().tolist() == expected.tolist()


def test_shift_adds_and_ctrl_takes_away(qtbot: QtBot, view: MapView) -> None:
    fill(view)
    settle(qtbot, view)
    view.set_mode("lasso")
    group = groups()
    for center, modifier, expected in (
        (CENTERS[0], PLAIN, group == 0),
        (CENTERS[1], SHIFT, group < 2),
        (CENTERS[0], CTRL, group == 1),
        (CENTERS[2], PLAIN, group == 2),
        ((5, 4), PLAIN, group == 5),
    ):
        drag(view, circle(view, center, 2.5), modifier=modifier)
        assert view.marks().tolist() == np.flatnonzero(expected).tolist()


def test_a_box_takes_what_is_in_it_whichever_way_it_is_drawn(qtbot: QtBot, view: MapView) -> None:
    positions = fill(view)
    settle(qtbot, view)
    view.set_mode("box")
    corners = (-0.4, -0.3), (0.5, 0.6)
    (left, bottom), (right, top) = corners
    x, y = positions.T
    expected = np.flatnonzero((x >= left) & (x <= right) & (y >= bottom) & (y <= top)).tolist()
    for start, end in (corners, corners[::-1]):
        marked = heard(view.marked)
        begin, finish = place_of(view, *start), place_of(view, *end)
        drag(view, [begin, (begin + finish) / 2, finish])
        assert [m.tolist() for m in marked] == [expected]


def test_escape_drops_the_lasso_that_is_being_drawn(qtbot: QtBot, view: MapView) -> None:
    fill(view)
    activate(qtbot, view)
    settle(qtbot, view)
    view.set_mode("lasso")
    marked, before = heard(view.marked), image_of(view)
    way = circle(view, CENTERS[0], 2.5)
    send_mouse(view, QEvent.Type.MouseButtonPress, way[0], LEFT, LEFT)
    for place in way[1:]:
        send_mouse(view, QEvent.Type.MouseMove, place, NONE, LEFT)
    assert (image_of(view) != before).any()
    qtbot.keyClick(view, Key.Key_Escape)
    hover(view, QPointF(390, 10))
    send_mouse(view, QEvent.Type.MouseButtonRelease, way[0], LEFT, NONE)
    assert marked == []
    assert not len(view.marks())
    assert view.mode == "lasso"
    without_focus = slice(2, -2)
    assert (
        image_of(view)[without_focus, without_focus] == before[without_focus, without_focus]
    ).all()


def test_an_unknown_mode_is_refused(view: MapView) -> None:
    with pytest.raises(ValueError, match="'spray' is none of pan, lasso, box"):
        view.set_mode("spray")


# -- the thread -----------------------------------------------------------------------------------


class Listener:
    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []
        self.latest = LatestOnly(self.done)

    def done(self, kind: str, result: Any) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.heard.append((kind, result))


def test_of_what_waits_only_the_latest_of_a_kind_is_made(qtbot: QtBot) -> None:
    listener, gate = Listener(), threading.Event()
    listener.latest.ask("a", lambda: gate.wait(20))
    for n in range(5):
        listener.latest.ask("a", lambda n=n: n + 1)
    listener.latest.ask("b", lambda: "b")
    gate.set()
    qtbot.waitUntil(lambda: listener.latest.is_idle, timeout=20_000)
    assert listener.heard == [("a", True), ("a", 5), ("b", "b")]
    listener.latest.close()


def test_a_mistake_in_a_thread_is_logged_and_the_next_picture_is_made(
    qtbot: QtBot, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Listener()
    with caplog.at_level(logging.ERROR):
        listener.latest.ask("a", lambda: 1 // 0)
        listener.latest.ask("b", lambda: 7)
        qtbot.waitUntil(lambda: listener.latest.is_idle, timeout=20_000)
    assert "the map could not be drawn" in caplog.text
    assert listener.heard == [("b", 7)]
    listener.latest.close()


def test_nothing_is_heard_after_the_end(qtbot: QtBot) -> None:
    listener, gate, done = Listener(), threading.Event(), threading.Event()
    listener.latest.ask("a", lambda: (gate.wait(20), done.set()))
    listener.latest.ask("b", lambda: 1)
    listener.latest.close()
    gate.set()
    assert done.wait(20)
    qtbot.wait(50)
    assert listener.heard == []
