"""The painted plate and its legend, used as a user does: by mouse, by keys, by eye."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import (
    QColor,
    QFontMetrics,
    QHelpEvent,
    QImage,
    QMouseEvent,
    QPalette,
    QTextDocument,
)
from qtpy.QtWidgets import QApplication, QToolTip, QWidget

from napari_rxrx3.core.plate import N_COLUMNS
from napari_rxrx3.core.plate_colors import CategoricalLegend, PlateColors, color_plate
from napari_rxrx3.core.plate_view import PlateView, WellState, describe_well
from napari_rxrx3.gui.plate.legend import Legend
from napari_rxrx3.gui.plate.plate_map import PlateMap
from test_plate_colors import table, well
from window import rgba_of

LEFT = Qt.MouseButton.LeftButton
SHIFT, CTRL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
PLAIN = Qt.KeyboardModifier.NoModifier
Key = Qt.Key
SIGNALS = ["currentChanged", "selectionChanged", "activated", "plateStepped"]
DARK, LIGHT = ("#f0f1f2", "#23242b"), ("#1e1e21", "#ebe7e6")


def at(row: int, column: int) -> int:
    """Position of a well, counted from 0."""
    return row * N_COLUMNS + column


# Row B is full but for column 6, row C has two wells, row D none, row E one.
LISTED = [at(1, c) for c in range(1, 12) if c != 5] + [at(2, 2), at(2, 9), at(4, 2)]


def small_plate() -> pd.DataFrame:
    return table(*(well(p, f"Drug {p % 3}", concentration=0.1) for p in LISTED))


class Recorder:
    """Every signal of a map, in order."""

    def __init__(self, plate_map: PlateMap) -> None:
        self.heard: list[tuple[str, Any]] = []
        for name in SIGNALS:
            getattr(plate_map, name).connect(self._hear(name))

    def _hear(self, name: str) -> Callable[[Any], None]:
        return lambda value: self.heard.append((name, value))

    def take(self) -> list[tuple[str, Any]]:
        """Return what was heard since the last time."""
        heard, self.heard = self.heard, []
        return heard


@pytest.fixture
def plate_map(qtbot: QtBot) -> PlateMap:
    widget = PlateMap()
    qtbot.addWidget(widget)
    show(widget, small_plate())
    widget.resize(400, 300)
    with qtbot.waitExposed(widget):
        widget.show()
    widget.activateWindow()  # keys of another window that stands open are its own
    qtbot.waitUntil(widget.isActiveWindow)
    return widget


def show(widget: PlateMap, wells: pd.DataFrame, by: str = "well type") -> PlateColors:
    view = PlateView.from_wells(wells)
    colors = color_plate(view, wells, by)
    widget.setPlate(view, colors)
    return colors


def click(qtbot: QtBot, widget: PlateMap, position: int, modifier: Any = PLAIN) -> None:
    qtbot.mouseClick(widget, LEFT, modifier, widget.wellRect(position).center())


def move(widget: QWidget, point: QPoint, buttons: Any = Qt.MouseButton.NoButton) -> None:
    """Move the mouse; sent straight to the widget, for the real pointer may not obey a test."""
    local, screen = QPointF(point), QPointF(widget.mapToGlobal(point))
    kind, button = QEvent.Type.MouseMove, Qt.MouseButton.NoButton
    QApplication.sendEvent(widget, QMouseEvent(kind, local, screen, button, buttons, PLAIN))


def drag(qtbot: QtBot, widget: PlateMap, start: QPoint, end: QPoint) -> None:
    qtbot.mousePress(widget, LEFT, PLAIN, start)
    move(widget, (start + end) / 2, LEFT)
    move(widget, end, LEFT)
    qtbot.mouseRelease(widget, LEFT, PLAIN, end)


def image_of(widget: QWidget) -> np.ndarray:
    """Paint a widget, exactly even where the screen has few colors: (height, width, 3)."""
    image = QImage(widget.size(), QImage.Format.Format_RGBA8888)
    widget.render(image)
    return rgba_of(image)[..., :3]


def on_screen(widget: QWidget) -> np.ndarray:
    """What is on screen by now, painted bit by bit as it changed: (height, width, 3)."""
    QApplication.processEvents()
    corner = widget.mapToGlobal(QPoint())
    screen = (
        widget.window()
        .screen()
        .grabWindow(0, corner.x(), corner.y(), widget.width(), widget.height())
    )
    return rgba_of(screen.toImage())[..., :3].copy()


def shows(image: np.ndarray, rgb: tuple[int, int, int]) -> bool:
    """Whether a color occurs, as nearly as a screen of 16 bits shows it."""
    return bool((np.abs(image.astype(int) - rgb).max(-1) <= 8).any())


def cut(image: np.ndarray, widget: PlateMap, position: int, margin: int = 0) -> np.ndarray:
    rect = widget.wellRect(position).adjusted(-margin, -margin, margin, margin)
    return image[rect.top() : rect.bottom() + 1, rect.left() : rect.right() + 1]


def paint_in(widget: QWidget, theme: tuple[str, str]) -> None:
    palette = QPalette(widget.palette())
    palette.setColor(QPalette.ColorRole.WindowText, QColor(theme[0]))
    palette.setColor(QPalette.ColorRole.Window, QColor(theme[1]))
    widget.setPalette(palette)


# -- mouse ----------------------------------------------------------------------------------------


def test_a_click_makes_a_well_current(qtbot: QtBot, plate_map: PlateMap) -> None:
    recorder = Recorder(plate_map)
    click(qtbot, plate_map, at(1, 3))
    assert plate_map.current() == at(1, 3)
    assert plate_map.selection() == {at(1, 3)}
    assert recorder.take() == [
        ("currentChanged", at(1, 3)),
        ("selectionChanged", frozenset([at(1, 3)])),
    ]
    click(qtbot, plate_map, at(1, 3))
    assert recorder.take() == []


def test_a_click_beside_the_wells_does_nothing(qtbot: QtBot, plate_map: PlateMap) -> None:
    click(qtbot, plate_map, at(1, 3))
    recorder = Recorder(plate_map)
    for modifier in (PLAIN, CTRL, SHIFT):
        qtbot.mouseClick(plate_map, LEFT, modifier, QPoint(2, 2))
    for modifier in (PLAIN, CTRL):
        click(qtbot, plate_map, at(0, 0), modifier)
        click(qtbot, plate_map, at(1, 5), modifier)
    qtbot.mouseClick(plate_map, Qt.MouseButton.RightButton, PLAIN, QPoint(200, 150))
    assert recorder.take() == []
    assert plate_map.current() == at(1, 3)


def test_ctrl_click_adds_and_takes_away(qtbot: QtBot, plate_map: PlateMap) -> None:
    click(qtbot, plate_map, at(1, 3))
    recorder = Recorder(plate_map)
    click(qtbot, plate_map, at(2, 9), CTRL)
    both = frozenset([at(1, 3), at(2, 9)])
    assert recorder.take() == [("selectionChanged", both)]
    click(qtbot, plate_map, at(1, 3), CTRL)
    assert plate_map.current() == at(2, 9)
    assert recorder.take() == [
        ("currentChanged", at(2, 9)),
        ("selectionChanged", frozenset([at(2, 9)])),
    ]


def test_shift_click_selects_from_the_anchor(qtbot: QtBot, plate_map: PlateMap) -> None:
    click(qtbot, plate_map, at(1, 4))
    recorder = Recorder(plate_map)
    click(qtbot, plate_map, at(2, 9), SHIFT)
    expected = frozenset([*(at(1, c) for c in (4, 6, 7, 8, 9)), at(2, 9)])
    assert recorder.take() == [("selectionChanged", expected)]
    click(qtbot, plate_map, at(2, 2), SHIFT)
    assert plate_map.selection() == {at(1, 2), at(1, 3), at(1, 4), at(2, 2)}
    assert plate_map.current() == at(1, 4)


def test_dragging_selects_a_rectangle(qtbot: QtBot, plate_map: PlateMap) -> None:
    recorder = Recorder(plate_map)
    start = plate_map.wellRect(at(1, 2)).center()
    drag(qtbot, plate_map, start, plate_map.wellRect(at(4, 3)).center())
    expected = frozenset([at(1, 2), at(1, 3), at(2, 2), at(4, 2)])
    assert plate_map.current() == at(1, 2)
    assert recorder.take()[-1] == ("selectionChanged", expected)


def test_dragging_from_the_empty_ring_selects_all(qtbot: QtBot, plate_map: PlateMap) -> None:
    recorder = Recorder(plate_map)
    start = plate_map.wellRect(at(0, 0)).center()
    drag(qtbot, plate_map, start, QPoint(plate_map.width() + 50, plate_map.height() + 50))
    assert recorder.take() == [
        ("currentChanged", min(LISTED)),
        ("selectionChanged", frozenset(LISTED)),
    ]


def test_what_a_drag_covers_is_seen_before_it_ends(qtbot: QtBot, plate_map: PlateMap) -> None:
    before = image_of(plate_map)
    qtbot.mousePress(plate_map, LEFT, PLAIN, plate_map.wellRect(at(0, 0)).center())
    move(plate_map, plate_map.wellRect(at(2, 4)).center(), LEFT)
    during = image_of(plate_map)
    assert (cut(before, plate_map, at(2, 2), 2) != cut(during, plate_map, at(2, 2), 2)).any()
    assert (cut(before, plate_map, at(4, 2), 2) == cut(during, plate_map, at(4, 2), 2)).all()
    assert plate_map.selection() == frozenset()
    qtbot.mouseRelease(plate_map, LEFT)


def test_a_double_click_opens_a_well(qtbot: QtBot, plate_map: PlateMap) -> None:
    with qtbot.waitSignal(plate_map.activated) as opened:
        qtbot.mouseDClick(plate_map, LEFT, PLAIN, plate_map.wellRect(at(2, 2)).center())
    assert opened.args == [at(2, 2)]
    with qtbot.assertNotEmitted(plate_map.activated):
        qtbot.mouseDClick(plate_map, LEFT, PLAIN, plate_map.wellRect(at(0, 0)).center())


def test_the_listed_well_under_the_mouse_has_a_ring(plate_map: PlateMap, qtbot: QtBot) -> None:
    """Seen on screen, where only what changed is painted again."""
    bare = on_screen(plate_map)
    for position, has_ring in ((at(1, 3), True), (at(0, 0), False), (at(2, 2), True)):
        move(plate_map, plate_map.wellRect(position).center())

        def ring(position: int = position) -> bool:
            now = cut(on_screen(plate_map), plate_map, position, 2)
            return bool((now != cut(bare, plate_map, position, 2)).any())

        qtbot.waitUntil(lambda ring=ring, has_ring=has_ring: ring() == has_ring)
        image = on_screen(plate_map)
        rect = plate_map.wellRect(position).adjusted(-3, -3, 3, 3)
        image[rect.top() : rect.bottom() + 1, rect.left() : rect.right() + 1] = 0
        rest = bare.copy()
        rest[rect.top() : rect.bottom() + 1, rect.left() : rect.right() + 1] = 0
        assert (image == rest).all(), "the last ring is gone"
    QApplication.sendEvent(plate_map, QEvent(QEvent.Type.Leave))
    assert (on_screen(plate_map) == bare).all()


# -- keys -----------------------------------------------------------------------------------------


def test_arrows_skip_what_is_not_listed_and_stop_at_the_edge(
    qtbot: QtBot, plate_map: PlateMap
) -> None:
    plate_map.setCurrent(at(1, 4))
    for key, expected in [
        (Key.Key_Right, at(1, 6)),
        (Key.Key_Left, at(1, 4)),
        (Key.Key_Up, at(1, 4)),
        (Key.Key_Down, at(1, 4)),
        (Key.Key_Left, at(1, 3)),
        (Key.Key_Left, at(1, 2)),
        (Key.Key_Down, at(2, 2)),
        (Key.Key_Down, at(4, 2)),
        (Key.Key_Right, at(4, 2)),
        (Key.Key_Up, at(2, 2)),
        (Key.Key_End, at(4, 2)),
        (Key.Key_Home, at(1, 1)),
    ]:
        qtbot.keyClick(plate_map, key)
        assert plate_map.current() == expected


def test_keys_tell_once_and_only_what_changed(qtbot: QtBot, plate_map: PlateMap) -> None:
    recorder = Recorder(plate_map)
    qtbot.keyClick(plate_map, Key.Key_Down)
    assert recorder.take() == [
        ("currentChanged", at(1, 1)),
        ("selectionChanged", frozenset([at(1, 1)])),
    ]
    qtbot.keyClick(plate_map, Key.Key_Up)
    assert recorder.take() == []
    qtbot.keyClick(plate_map, Key.Key_Right, SHIFT)
    assert recorder.take() == [("selectionChanged", frozenset([at(1, 1), at(1, 2)]))]
    qtbot.keyClick(plate_map, Key.Key_End, SHIFT)
    assert plate_map.selection() == {at(1, 1), at(1, 2), at(2, 2), at(4, 2)}


def test_pages_step_plates_and_enter_opens(qtbot: QtBot, plate_map: PlateMap) -> None:
    recorder = Recorder(plate_map)
    qtbot.keyClick(plate_map, Key.Key_Return)
    qtbot.keyClick(plate_map, Key.Key_PageDown)
    qtbot.keyClick(plate_map, Key.Key_PageUp)
    plate_map.setCurrent(at(2, 2))
    qtbot.keyClick(plate_map, Key.Key_Return)
    qtbot.keyClick(plate_map, Key.Key_Enter)
    assert recorder.take() == [
        ("plateStepped", 1),
        ("plateStepped", -1),
        ("activated", at(2, 2)),
        ("activated", at(2, 2)),
    ]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [Key.Key_Left, Key.Key_Right, Key.Key_Up, Key.Key_Down, Key.Key_Home, Key.Key_End]
            ),
            st.sampled_from([PLAIN, SHIFT]),
        ),
        max_size=12,
    )
)
def test_no_key_lands_on_an_unlisted_well(
    qtbot: QtBot, plate_map: PlateMap, keys: list[tuple[Any, Any]]
) -> None:
    for key, modifier in keys:
        qtbot.keyClick(plate_map, key, modifier)
        assert plate_map.current() in plate_map.selection() <= set(LISTED)


# -- setters --------------------------------------------------------------------------------------


def test_setters_do_not_emit(plate_map: PlateMap) -> None:
    recorder = Recorder(plate_map)
    plate_map.setCurrent(at(1, 3))
    plate_map.setSelection([at(2, 2)])
    plate_map.setHighlighted([at(2, 2)])
    plate_map.setFailed([at(2, 2)])
    colors = show(plate_map, small_plate())
    plate_map.setColors(colors)
    plate_map.setCurrent(None)
    plate_map.clear()
    assert recorder.heard == []


def test_the_selection_holds_the_current_well_and_only_listed_ones(plate_map: PlateMap) -> None:
    plate_map.setSelection([at(2, 2), at(0, 0), -1, 5000])
    assert plate_map.selection() == {at(2, 2)}
    plate_map.setCurrent(at(1, 3))
    assert plate_map.selection() == {at(1, 3)}
    plate_map.setSelection([at(2, 2)])
    assert plate_map.selection() == {at(1, 3), at(2, 2)}
    plate_map.setCurrent(at(2, 2))
    assert plate_map.selection() == {at(1, 3), at(2, 2)}
    plate_map.setCurrent(at(0, 0))
    assert plate_map.current() is None
    assert plate_map.selection() == frozenset()


def test_a_new_plate_starts_afresh(qtbot: QtBot, plate_map: PlateMap) -> None:
    click(qtbot, plate_map, at(1, 3))
    show(plate_map, small_plate())
    assert plate_map.current() is None
    assert plate_map.selection() == frozenset()


def test_without_a_plate_it_says_so(qtbot: QtBot, plate_map: PlateMap) -> None:
    plate_map.clear()
    recorder = Recorder(plate_map)
    for key in (Key.Key_Right, Key.Key_Home, Key.Key_End):
        qtbot.keyClick(plate_map, key)
        qtbot.keyClick(plate_map, key, SHIFT)
    drag(qtbot, plate_map, QPoint(100, 100), QPoint(200, 200))
    assert recorder.take() == []
    image = image_of(plate_map).astype(int)
    middle = image[130:170, 150:250]
    assert np.abs(middle - image[5, 5]).max() > 50
    assert plate_map.accessibleName() == "Plate map, no plate"


def test_what_a_screen_reader_says(qtbot: QtBot, plate_map: PlateMap) -> None:
    assert plate_map.accessibleName() == "Plate map, no well"
    click(qtbot, plate_map, at(1, 3))
    assert plate_map.accessibleName() == "Plate map, well B04"
    assert "Page Up" in plate_map.accessibleDescription()
    assert plate_map.focusPolicy() == Qt.FocusPolicy.StrongFocus


# -- tooltip --------------------------------------------------------------------------------------


def ask_for_tooltip(qtbot: QtBot, widget: QWidget, point: QPoint) -> str:
    """Return the tooltip at a point as it reads on screen."""
    QToolTip.hideText()
    qtbot.waitUntil(lambda: not QToolTip.isVisible())
    help_event = QHelpEvent(QEvent.Type.ToolTip, point, widget.mapToGlobal(point))
    QApplication.sendEvent(widget, help_event)
    document = QTextDocument()
    document.setHtml(QToolTip.text() if QToolTip.isVisible() else "")
    return document.toPlainText()


def test_the_tooltip_shows_text_as_it_is(qtbot: QtBot, plate_map: PlateMap) -> None:
    wells = small_plate()
    wells.iloc[0, wells.columns.get_loc("treatment")] = "<b>1 & 2</b> <img src='x.png'>"
    show(plate_map, wells)
    text = describe_well(wells.iloc[0])
    plate_map.setDescriber(lambda position: f"{text}\nposition {position}")
    shown = ask_for_tooltip(qtbot, plate_map, plate_map.wellRect(LISTED[0]).center())
    assert shown == f"{text}\nposition {LISTED[0]}"
    assert ask_for_tooltip(qtbot, plate_map, plate_map.wellRect(at(0, 0)).center()) == ""
    plate_map.setDescriber(None)
    assert ask_for_tooltip(qtbot, plate_map, plate_map.wellRect(LISTED[0]).center()) == ""


# -- pixels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [300, 372, 700])
@pytest.mark.parametrize("theme", [DARK, LIGHT])
def test_wells_have_the_colors_of_the_data(
    plate_map: PlateMap, width: int, theme: tuple[str, str]
) -> None:
    paint_in(plate_map, theme)
    wells = small_plate().assign(count=range(len(LISTED)))
    for by in ("well type", "compound", "dose", "count"):
        colors = show(plate_map, wells, by)
        plate_map.resize(width, plate_map.heightForWidth(width))
        image = image_of(plate_map)
        for position in LISTED:
            assert (cut(image, plate_map, position) == colors.rgba[position, :3]).all()


def test_every_way_to_miss_something_looks_different(plate_map: PlateMap) -> None:
    wells = table(
        well(50, "Drug"),
        well(53, "Drug", has_image=False),
        well(56, "Drug", has_embedding=False),
        well(59, "Drug", has_image=False, has_embedding=False),
        well(62, "Drug"),
    )
    colors = show(plate_map, wells)
    plate_map.setFailed([62, 0])
    image = image_of(plate_map)
    looks = {cut(image, plate_map, p).tobytes() for p in (50, 53, 56, 59, 62)}
    assert len(looks) == 5
    for position in (53, 56, 59, 62):
        share = (cut(image, plate_map, position) == colors.rgba[50, :3]).all(-1).mean()
        assert 0.2 < share < 0.9
    plate_map.setFailed([])
    assert (cut(image_of(plate_map), plate_map, 62) == colors.rgba[62, :3]).all()


def test_a_well_without_a_value_is_an_outline(plate_map: PlateMap) -> None:
    wells = small_plate().assign(count=[np.nan, *range(len(LISTED) - 1)])
    show(plate_map, wells, "count")
    look = cut(image_of(plate_map), plate_map, LISTED[0]).astype(int)
    background = image_of(plate_map)[5, 5]
    assert (look[1:-1, 1:-1] == background).all()
    assert (np.abs(look[0] - background).max(-1) > 40).all()


@pytest.mark.parametrize("theme", [DARK, LIGHT])
@pytest.mark.parametrize("by", ["well type", "compound", "count"])
def test_the_current_well_is_ringed_in_black_and_white(
    plate_map: PlateMap, theme: tuple[str, str], by: str
) -> None:
    paint_in(plate_map, theme)
    colors = show(plate_map, small_plate().assign(count=range(len(LISTED))), by)
    plate_map.resize(300, 200)
    plate_map.setCurrent(at(1, 3))
    image = image_of(plate_map)
    assert (cut(image, plate_map, at(1, 3)) == colors.rgba[at(1, 3), :3]).all()
    ring = cut(image, plate_map, at(1, 3), margin=4)
    assert (ring[0] == 0).all()
    assert (ring[1, 1:-1] == 255).all()
    assert (ring[-2, 1:-1] == 255).all()
    assert (ring[1:-1, 2] == ring[2:3, 2]).mean() > 0.5


def test_the_names_of_row_and_column_of_the_current_well_stand_out(plate_map: PlateMap) -> None:
    before = image_of(plate_map)
    plate_map.setCurrent(at(2, 9))
    after = image_of(plate_map)
    rect = plate_map.wellRect(at(2, 9))
    first = plate_map.wellRect(0)
    row = np.s_[rect.top() : rect.bottom(), : first.left() - 2]
    column = np.s_[: first.top() - 2, rect.left() : rect.right()]
    assert (before[row] != after[row]).mean() > 0.2
    assert (before[column] != after[column]).mean() > 0.2


def test_selected_wells_have_a_contour_and_keep_their_color(plate_map: PlateMap) -> None:
    colors = show(plate_map, small_plate())
    before = image_of(plate_map)
    plate_map.setSelection([at(2, 2), at(4, 2)])
    after = image_of(plate_map)
    for position in (at(2, 2), at(4, 2)):
        assert (cut(after, plate_map, position) == colors.rgba[position, :3]).all()
        changed = cut(before, plate_map, position, 2) != cut(after, plate_map, position, 2)
        assert changed[0].any()
        assert changed[-1].any()
    assert (cut(before, plate_map, at(1, 9)) == cut(after, plate_map, at(1, 9))).all()


def test_all_but_the_highlighted_wells_are_dimmed(plate_map: PlateMap) -> None:
    colors = show(plate_map, small_plate())
    plate_map.setHighlighted([at(2, 2)])
    image = image_of(plate_map)
    background, color = image[5, 5].astype(int), colors.rgba[LISTED[0], :3].astype(int)
    assert (cut(image, plate_map, at(2, 2)) == color).all()
    dimmed = cut(image, plate_map, at(1, 2))[2, 2].astype(int)
    assert np.abs(dimmed - background).max() < 0.3 * np.abs(color - background).max()
    plate_map.setHighlighted([])
    assert (cut(image_of(plate_map), plate_map, at(1, 2)) == color).all()


def test_colors_and_theme_can_change_while_it_is_shown(plate_map: PlateMap) -> None:
    wells = small_plate()
    show(plate_map, wells)
    image_of(plate_map)
    colors = color_plate(PlateView.from_wells(wells), wells, "compound")
    plate_map.setColors(colors)
    second = cut(image_of(plate_map), plate_map, LISTED[1])
    assert (second == colors.rgba[LISTED[1], :3]).all()
    looks = []
    for theme in (DARK, LIGHT):
        paint_in(plate_map, theme)
        image = image_of(plate_map)
        assert tuple(image[5, 5].tolist()) == QColor(theme[1]).getRgb()[:3]
        # Labels, and the dots of the empty ring, which come from the kept picture.
        looks += [image[:, : plate_map.wellRect(0).left()], cut(image, plate_map, 0)]
    assert (looks[0] != looks[2]).any()
    assert looks[1].max() > 80
    assert looks[3].min() < 210


def test_focus_is_seen(qtbot: QtBot, plate_map: PlateMap) -> None:
    plate_map.clearFocus()
    before = image_of(plate_map)
    plate_map.activateWindow()
    plate_map.setFocus()
    qtbot.waitUntil(plate_map.hasFocus)
    after = image_of(plate_map)
    assert (before[0] != after[0]).any(-1).all()
    assert (before[:, -1] != after[:, -1]).any(-1).all()


@pytest.mark.parametrize("ratio", [1.0, 1.25, 1.5, 2.0])
def test_on_any_screen_no_height_is_left_over(
    plate_map: PlateMap, monkeypatch: pytest.MonkeyPatch, ratio: float
) -> None:
    """Wells are of whole pixels of the screen, and about as large on each."""
    monkeypatch.setattr(PlateMap, "devicePixelRatioF", lambda plate_map: ratio)
    for width in (376, 380, 500):
        height = plate_map.heightForWidth(width)
        plate_map.resize(width, height)
        pitch = (plate_map.wellRect(47).left() - plate_map.wellRect(0).left()) / 47
        wanted = (width - 28) // 48
        assert wanted - 1 / ratio < pitch <= wanted + 0.05
        assert height - 19 - 32 * pitch < 2


@pytest.mark.parametrize("width", [300, 372, 500, 700, 1000])
def test_the_whole_plate_fits_in_the_height_it_asks_for(plate_map: PlateMap, width: int) -> None:
    plate_map.resize(width, plate_map.heightForWidth(width))
    first, last = plate_map.wellRect(0), plate_map.wellRect(1535)
    assert first.width() == first.height() == last.width() >= 4
    assert plate_map.rect().contains(first)
    assert plate_map.rect().contains(last)
    assert first.left() + (plate_map.width() - last.right()) < 0.25 * width
    assert plate_map.minimumSizeHint().width() == 300


# -- legend ---------------------------------------------------------------------------------------

ALL_STATES = [WellState.COMPLETE, WellState.NO_IMAGE, WellState.NO_EMBEDDING, WellState.NEITHER]


@pytest.fixture
def legend(qtbot: QtBot) -> Legend:
    widget = Legend()
    qtbot.addWidget(widget)
    widget.resize(370, 80)
    widget.show()
    return widget


def legend_of(wells: pd.DataFrame, by: str) -> Any:
    return color_plate(PlateView.from_wells(wells), wells, by).legend


def words_of(legend: Legend) -> list[str]:
    """What the legend tells on hovering, entry by entry, in the order of reading."""
    told: list[str] = []
    for y in range(3, legend.heightForWidth(legend.width()), 4):
        for x in range(0, legend.width(), 4):
            text = legend.item_at(QPoint(x, y))
            if text and text not in told:
                told.append(text)
    return told


def test_the_legend_names_types_and_what_is_missing(legend: Legend) -> None:
    wells = table(well(49), well(50, "CRISPR_control"), well(51, "Drug"), well(52, "Drug"))
    legend.setLegend(legend_of(wells, "well type"), ALL_STATES, failed=True)
    assert words_of(legend) == [
        "EMPTY_control: 1 well",
        "CRISPR_control: 1 well",
        "compound: 2 wells",
        "no image on disk",
        "no embedding",
        "neither an image nor an embedding",
        "an image that failed to read",
    ]
    assert legend.heightForWidth(370) <= 4 * QFontMetrics(legend.font()).height()
    legend.setLegend(legend_of(wells, "well type"), [WellState.COMPLETE], failed=False)
    assert len(words_of(legend)) == 3


def test_the_legend_shows_the_colors(legend: Legend) -> None:
    red, blue = (200, 10, 10), (10, 10, 200)
    legend.setLegend(CategoricalLegend((("one", red, 1), ("two", blue, 2)), 0))
    image = image_of(legend)
    assert shows(image, red)
    assert shows(image, blue)
    legend.setLegend(None)
    image = image_of(legend)
    assert (image == image[0, 0]).all()


def test_a_long_name_is_cut_but_told_in_full(qtbot: QtBot, legend: Legend) -> None:
    name = "<i>4-[(7-chloro-2-methoxybenzo[b][1,5]naphthyridin-10-yl)amino]</i>"
    legend.setLegend(CategoricalLegend(((name, (1, 2, 3), 1200),), n_more=25))
    told = words_of(legend)
    assert told[0] == f"{name}: 1,200 wells"
    assert len(told) == 2
    assert ask_for_tooltip(qtbot, legend, QPoint(5, 5)) == f"{name}: 1,200 wells"
    assert legend.heightForWidth(370) == legend.heightForWidth(2000)


@pytest.mark.parametrize("doses", [(0.0025, 10.0), (1.0, 1.0), (np.nan, np.nan)])
def test_the_scale_of_a_number(legend: Legend, doses: tuple[float, float]) -> None:
    wells = table(*(well(49 + n, "Drug", concentration=d) for n, d in enumerate(doses)))
    numbers = legend_of(wells, "dose")
    legend.setLegend(numbers)
    image = image_of(legend)
    is_range = doses[0] < doses[1]
    assert shows(image, numbers.colors[0]) == is_range
    assert shows(image, numbers.colors[-1]) == is_range
    assert (image != image[0, 0]).any()
    assert words_of(legend) == (["no value: 2 wells"] if np.isnan(doses[0]) else [])


def test_the_legend_wraps(legend: Legend) -> None:
    wells = table(*(well(49 + n, f"Compound number {n}") for n in range(30)))
    legend.setLegend(legend_of(wells, "compound"), ALL_STATES, failed=True)
    heights = [legend.heightForWidth(width) for width in (120, 300, 370, 700, 3000)]
    assert heights == sorted(heights, reverse=True)
    assert heights[0] > heights[-1]
    legend.resize(300, heights[1])
    assert len(words_of(legend)) == 7 + 1 + 4


@pytest.mark.parametrize("width", [300, 370, 700])
def test_a_legend_of_some_lines_keeps_its_height_and_lists_the_rest(
    qtbot: QtBot, width: int
) -> None:
    legend = Legend(n_lines=3)
    qtbot.addWidget(legend)
    legend.resize(width, legend.heightForWidth(width))
    legend.show()
    height = legend.height()
    wells = table(*(well(49 + n, f"Compound number {n}") for n in range(30)))
    shown = legend_of(wells, "compound")
    for what in (shown, legend_of(wells, "dose"), legend_of(wells, "well type"), None):
        legend.setLegend(what, ALL_STATES, failed=True)
        assert legend.heightForWidth(width) == height
        told = words_of(legend)
        if what is not None:
            assert told[-1] == "an image that failed to read", "the key to the hatches stays"
    legend.setLegend(shown, ALL_STATES, failed=True)
    assert not any(legend.item_at(QPoint(x, height)) for x in range(0, width, 3))
    told = words_of(legend)
    more = next(text for text in told if "Hover over a well" in text).split("\n")
    names = [f"{name}: {n} well" for name, _, n in shown.entries]
    assert [text for text in told if text in names] + more[:-1] == names


def test_a_click_tells_where_it_was_with_a_well_or_without(
    qtbot: QtBot, plate_map: PlateMap
) -> None:
    told: list[int] = []
    plate_map.clicked.connect(told.append)
    listed = next(p for p in range(1536) if plate_map._view.is_listed(p))
    for position in (listed, 0):
        place = plate_map.wellRect(position).center()
        qtbot.mouseClick(plate_map, Qt.MouseButton.LeftButton, pos=place)
    assert told == [listed, 0]
    drag(qtbot, plate_map, *(plate_map.wellRect(p).center() for p in (0, 120)))
    assert told == [listed, 0], "a drag is no click"
