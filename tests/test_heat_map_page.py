"""The page of the heat map, used as a person uses it: lists, sets, pointer, keys and files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetrics, QGuiApplication, QPalette
from qtpy.QtWidgets import QFileDialog

import builders as b
import napari_rxrx3 as rx
from alone import shown_alone
from mouse import drag, hover, wheel
from napari_rxrx3.core.diverging import color_index, diverging
from napari_rxrx3.core.errors import MapError
from napari_rxrx3.gui.map.heat_map.frame import LEGIBLE, Frame
from napari_rxrx3.gui.map.heat_map.heat_map_page import HeatMapPage
from napari_rxrx3.gui.map.heat_map.sets import HeatMapRequest, shown
from napari_rxrx3.gui.map.heat_map.view import HeatMapView
from napari_rxrx3.gui.plate.legend import small_font
from napari_rxrx3.gui.words import written
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Tasks
from napari_rxrx3.maps.heat_map import HeatMap, judge_pair
from napari_rxrx3.maps.spec import MapSpec, Query
from napari_rxrx3.session import Session
from test_figures import NAMES
from window import Window

UNKNOWN_GENE = "GENE\u0378"
"""There is no such letter, so that no font has it."""
GENES = tuple(f"GENE{i:02d}" for i in range(12))
DOSES = (0.25, 2.5, 0.01)
NO_BUTTON = Qt.MouseButton.NoButton


# --- the frame -------------------------------------------------------------------------------


def frame_of(n: int = 40, width: float = 380, height: float = 420, names: float = 80) -> Frame:
    frame = Frame(n, width, height, names, 27, True)
    frame.fit()
    return frame


@given(st.integers(1, 1000), st.floats(60, 2000), st.floats(60, 2000), st.floats(0, 300))
def test_all_cells_are_seen_at_first(n: int, width: float, height: float, names: float) -> None:
    frame = frame_of(n, width, height, names)
    assert frame.is_fitted
    assert (frame.shown_rows(), frame.shown_columns()) == (range(n), range(n))
    left, top = frame.place(0, 0)
    right, bottom = frame.place(n, n)
    assert frame.left - 1e-6 <= left <= right <= frame.left + frame.plot_width + 1e-6
    assert frame.top - 1e-6 <= top <= bottom <= frame.top + frame.plot_height + 1e-6
    assert not frame.has_names or frame.scale >= LEGIBLE


@given(st.floats(0.05, 0.95), st.floats(0.05, 0.95), st.lists(st.floats(1.0, 1.6), max_size=9))
def test_what_is_zoomed_into_stays_under_the_pointer(
    across: float, down: float, factors: list[float]
) -> None:
    frame = frame_of(60)
    for factor in factors:
        # within the cells, and far from where the margins may come to be
        left, top = frame.place(0, 0)
        right = min(frame.place(60, 60)[0], frame.left + frame.plot_width)
        bottom = min(frame.place(60, 60)[1], frame.top + frame.plot_height)
        x = max(left, frame.left) + across * (right - max(left, frame.left))
        y = top + down * (bottom - top)
        row, column, is_named = frame.row_at(y), frame.column_at(x), frame.has_names
        frame.zoom(factor, x, y)
        inside_x = 0 < frame.x < 60 - frame.plot_width / frame.scale
        inside_y = 0 < frame.y < 60 - frame.plot_height / frame.scale
        if frame.has_names == is_named:
            assert not inside_x or frame.column_at(x) == pytest.approx(column, abs=1e-6)
            assert not inside_y or frame.row_at(y) == pytest.approx(row, abs=1e-6)


@given(st.integers(0, 59), st.integers(0, 59), st.floats(1, 12), st.floats(-900, 900))
def test_any_cell_can_be_brought_into_view_and_is_found_there(
    row: int, column: int, factor: float, away: float
) -> None:
    frame = frame_of(60)
    frame.zoom(factor, 200, 200)
    frame.move(away, -away)
    frame.reveal(row, column)
    x, y = frame.place(row + 0.5, column + 0.5)
    assert frame.cell_at(x, y) == (row, column)


@given(st.floats(-3000, 3000), st.floats(-3000, 3000))
def test_the_cells_cannot_be_moved_out_of_the_window(dx: float, dy: float) -> None:
    frame = frame_of(60)
    frame.zoom(6, 200, 200)
    frame.move(dx, dy)
    assert len(frame.shown_rows()) > 5
    assert len(frame.shown_columns()) > 5
    assert frame.cell_at(1, 1) is None


def test_a_frame_that_was_fitted_stays_so_when_it_is_resized() -> None:
    frame = frame_of()
    frame.resize(900, 800, 27, 0)
    assert frame.is_fitted
    frame.zoom(3, 400, 400)
    frame.resize(700, 800, 0, 100)
    assert not frame.is_fitted
    frame.resize(5, 5, 27, 0)
    assert frame.scale > 0


# --- the view --------------------------------------------------------------------------------


def random_map(n: int = 12, blank: tuple[int, ...] = ()) -> HeatMap:
    rng = np.random.default_rng(5)
    matrix = rng.uniform(-1, 1, (n, n)).astype(np.float32)
    matrix = (matrix + matrix.T) / 2
    np.fill_diagonal(matrix, 1)
    matrix[list(blank)], matrix[:, list(blank)] = np.nan, np.nan
    keys = tuple(f"KEY{i}" for i in range(n))
    return HeatMap(keys, np.arange(n), matrix, None, MapSpec())


@pytest.fixture
def view(qtbot: Any) -> HeatMapView:
    view = HeatMapView()
    qtbot.addWidget(view)
    view.resize(380, 420)
    view.show()
    return view


def color_at(view: HeatMapView, place: QPoint) -> tuple[int, ...]:
    image = view.grab().toImage()
    ratio = image.devicePixelRatio()
    return QColor(image.pixel(int(place.x() * ratio), int(place.y() * ratio))).getRgb()[:3]


def set_paper(view: HeatMapView, paper: str, text: str) -> None:
    palette = view.palette()
    palette.setColor(QPalette.ColorRole.Window, QColor(paper))
    palette.setColor(QPalette.ColorRole.WindowText, QColor(text))
    view.setPalette(palette)
    view.setAutoFillBackground(True)


@pytest.mark.parametrize(("paper", "text"), [("#262930", "white"), ("#f0f0f0", "black")])
def test_each_cell_has_the_color_of_its_cosine(view: HeatMapView, paper: str, text: str) -> None:
    set_paper(view, paper, text)
    made = random_map()
    view.set_heat_map(made)
    expected = diverging(text == "white")[color_index(made.matrix)]
    image = view.grab().toImage()
    for row in range(12):
        for column in range(12):
            place = view.middle_of(row, column)
            seen = QColor(image.pixel(place)).getRgb()[:3]
            assert seen == tuple(expected[row, column].tolist())


@pytest.mark.parametrize("name", NAMES)
def test_names_in_any_script_are_shown_or_it_is_said(view: HeatMapView, name: str) -> None:
    """Never as empty boxes, nor cut for want of room."""
    made = random_map()
    view.set_heat_map(replace(made, keys=(f"{name}@2.5", *made.keys[1:])))
    font, words = small_font(view.font()), f"{name} 2.5 µM"
    shown = written(words, font)
    assert shown == words or any(not can_draw(font, x) for x in name)
    assert all(can_draw(font, letter) for letter in shown)
    assert bool(view.what_is_spelled()) == (shown != words)
    assert view.frame.left >= min(QFontMetrics(font).horizontalAdvance(shown), 0.3 * view.width())
    view.grab()


def can_draw(font: QFont, letter: str) -> bool:
    return QFontMetrics(font).inFontUcs4(ord(letter))


def test_the_colors_follow_the_theme(view: HeatMapView) -> None:
    view.set_heat_map(random_map())
    set_paper(view, "#f0f0f0", "black")
    light = color_at(view, view.middle_of(0, 0))
    set_paper(view, "#262930", "white")
    assert color_at(view, view.middle_of(0, 0)) != light


def test_what_cannot_be_compared_is_hatched(view: HeatMapView) -> None:
    set_paper(view, "#f0f0f0", "black")
    view.set_heat_map(random_map(8, blank=(3,)))
    image = view.grab().toImage()
    middle = view.middle_of(3, 5)
    around = [
        image.pixelColor(middle + QPoint(x, y)).lightness()
        for x in range(-6, 7)
        for y in range(-6, 7)
    ]
    assert max(around) > 230  # the paper
    assert min(around) < 200


def test_a_thousand_entries_are_drawn_as_the_mean_of_those_in_a_pixel(view: HeatMapView) -> None:
    set_paper(view, "#f0f0f0", "black")
    matrix = np.zeros((1000, 1000), np.float32)
    matrix[:500, :500] = matrix[500:, 500:] = 1
    keys = tuple(map(str, range(1000)))
    view.set_heat_map(HeatMap(keys, np.arange(1000), matrix, None, MapSpec()))
    one, zero = (diverging(False)[i].tolist() for i in (254, 127))
    assert color_at(view, view.middle_of(250, 250)) == tuple(one)
    assert color_at(view, view.middle_of(250, 750)) == tuple(zero)
    view.zoom(40, QPointF(view.middle_of(499, 499)))
    assert view.frame.has_names
    assert color_at(view, view.middle_of(498, 498) + QPoint(1, 1)) == tuple(one)
    assert color_at(view, view.middle_of(498, 501) + QPoint(1, 1)) == tuple(zero)


def test_the_wheel_zooms_around_the_pointer(view: HeatMapView) -> None:
    view.set_heat_map(random_map(100))
    before = view.frame.scale
    place = view.middle_of(40, 60)
    wheel(view, QPointF(place), 3)
    assert view.frame.scale == pytest.approx(before * 1.25**3)
    assert view.cell_at(QPointF(place)) == (40, 60)
    wheel(view, QPointF(place), -30)
    assert view.frame.is_fitted


def test_dragging_moves_and_does_not_choose(view: HeatMapView) -> None:
    view.set_heat_map(random_map(100))
    chosen: list[tuple[int, int]] = []
    view.chosen.connect(lambda row, column: chosen.append((row, column)))
    view.zoom(8)
    x, y = view.frame.x, view.frame.y
    start = QPoint(200, 200)
    drag(view, [QPointF(start - QPoint(step, step // 2)) for step in (0, 20, 40, 60)])
    assert view.frame.x == pytest.approx(x + 60 / view.frame.scale)
    assert view.frame.y == pytest.approx(y + 30 / view.frame.scale)
    assert not chosen


def test_the_keys_walk_zoom_and_choose(view: HeatMapView, qtbot: Any) -> None:
    view.set_heat_map(random_map(50))
    chosen: list[tuple[int, int]] = []
    view.chosen.connect(lambda row, column: chosen.append((row, column)))
    view.setFocus()
    for key in (Qt.Key.Key_Right, *(Qt.Key.Key_Right,) * 3, *(Qt.Key.Key_Down,) * 2):
        qtbot.keyClick(view, key)
    assert view.current == (2, 3)
    qtbot.keyClick(view, Qt.Key.Key_Return)
    assert chosen == [(2, 3)]
    for _ in range(12):
        qtbot.keyClick(view, Qt.Key.Key_Plus)
    assert view.cell_at(QPointF(view.middle_of(2, 3))) == (2, 3)
    for _ in range(60):
        qtbot.keyClick(view, Qt.Key.Key_Down)
    assert view.current == (49, 3)
    assert 49 in view.frame.shown_rows()
    qtbot.keyClick(view, Qt.Key.Key_Minus)
    assert not view.frame.is_fitted
    qtbot.keyClick(view, Qt.Key.Key_Home)
    assert view.frame.is_fitted


def test_without_a_heat_map_it_says_why_and_nothing_can_be_done(
    view: HeatMapView, qtbot: Any
) -> None:
    view.set_hint("Nothing here.")
    assert view.accessibleDescription() == "Nothing here."
    qtbot.keyClick(view, Qt.Key.Key_Right)
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(100, 100))
    wheel(view, QPointF(100, 100), 2)
    assert view.current is None
    assert not view.grab().isNull()


# --- the page --------------------------------------------------------------------------------


def screen_rows() -> list[b.Row]:
    rows = []
    for experiment in ("gene-001", "gene-143"):
        place = (f"{row}{c:02d}" for row in b.ROWS[1:31] for c in range(2, 48))
        rows += [b.guide_row(experiment, 1, next(place), g, i) for g in GENES for i in (1, 2)]
        rows += [b.control_row(experiment, 1, next(place)) for _ in range(16)]
        rows += [b.guide_row(experiment, 1, next(place), "BARE")]
    place = (f"{row}{c:02d}" for row in b.ROWS[1:31] for c in range(2, 48))
    rows += [b.dose_row("compound-001", 1, next(place), "Bortezomib", d) for d in DOSES * 2]
    rows += [b.control_row("compound-001", 1, next(place)) for _ in range(16)]
    rows += [b.dose_row("compound-001", 1, next(place), "Blank", 2.5)]
    return [*rows, *(b.guide_row("gene-001", 1, f"AE4{i}", UNKNOWN_GENE, i) for i in (1, 2))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Genes of even numbers are alike; the wells of one gene have no vector."""
    screen = b.Screen.of(screen_rows(), 16, dim=6)
    shared = np.array([4, -3, 2, 0, 0, 0], dtype="float32")
    for row in screen.rows:
        if str(row["gene"]) in GENES[::2]:
            screen.vectors[row["well_id"]] += shared
        elif row["gene"] == "BARE" or row["treatment"] == "Blank":
            screen.vectors[row["well_id"]][:] = np.nan
    return screen.write_rxrx3(tmp_path_factory.mktemp("heat") / "screen")


@pytest.fixture(scope="module")
def data(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return rx.open_dataset(folder, cache_dir=tmp_path_factory.mktemp("cache"))


@dataclass
class Side:
    """The page with a session of its own."""

    page: HeatMapPage
    session: Session
    tasks: Tasks
    group: TaskGroup
    qtbot: Any

    def settle(self) -> None:
        self.qtbot.waitUntil(lambda: self.group.is_settled, timeout=20_000)

    def press(self, button: Any) -> None:
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        self.settle()

    def type(self, text: str) -> None:
        self.page.list.clear()
        self.qtbot.keyClicks(self.page.list, text)
        self.qtbot.keyClick(self.page.list, Qt.Key.Key_Return)
        self.settle()

    def choose(self, start: str) -> None:
        """Choose from the menu of sets."""
        self.page.menu.aboutToShow.emit()
        next(a for a in self.page.menu.actions() if a.text().startswith(start)).trigger()
        self.settle()

    def point(self, row: int, column: int) -> None:
        view = self.page.view
        hover(view, QPointF(1, 1))
        self.qtbot.waitUntil(lambda: view.current is None)
        hover(view, QPointF(view.middle_of(row, column)))
        self.qtbot.waitUntil(lambda: view.current == (row, column))

    def cell(self, a: str, b: str) -> tuple[int, int]:
        return self.keys.index(a), self.keys.index(b)

    @property
    def made(self) -> HeatMap:
        made = self.page.view.heat_map
        assert made is not None
        return made

    @property
    def keys(self) -> tuple[str, ...]:
        return self.made.keys


@pytest.fixture
def bare_side(qtbot: Any) -> Iterator[Side]:
    with shown_alone(HeatMapPage, qtbot, (390, 480)) as (page, around):
        yield Side(page, *around, qtbot)


@pytest.fixture
def side(bare_side: Side, data: Any) -> Side:
    bare_side.session.open(data)
    bare_side.settle()
    return bare_side


def test_the_page_says_that_names_cannot_be_shown(side: Side, data: Any) -> None:
    side.page.show_text("GENE00, GENE02")
    side.settle()
    assert side.page.trouble.text() == ""
    side.page.show_text(f"GENE00, GENE02, {UNKNOWN_GENE}")
    side.settle()
    if can_draw(small_font(side.page.view.font()), UNKNOWN_GENE[-1]):
        pytest.skip("a font here draws letters that there are none of")
    assert r"written by their numbers, such as \u0378" in side.page.trouble.text()
    assert r"such as \u0378" in side.page.trouble.toolTip()


def test_without_a_data_set_it_says_what_it_is_for(bare_side: Side) -> None:
    assert "How alike" in bare_side.page.view.hint
    bare_side.page.list.setPlainText("GENE00, GENE01")
    bare_side.press(bare_side.page.show_list)
    assert bare_side.page.view.heat_map is None
    for button in (bare_side.page.copy, bare_side.page.save_table, bare_side.page.save_figure):
        assert not button.isEnabled()


def test_without_vectors_it_says_so_and_goes_on(bare_side: Side, tmp_path: Path) -> None:
    screen = b.Screen.of([b.guide_row("gene-001", 1, "B02", "PLK1")], 16)
    screen.vectors.clear()
    folder = screen.write_rxrx3(tmp_path / "screen")
    bare_side.session.open(rx.open_dataset(folder, cache_dir=tmp_path / "cache"))
    bare_side.type("PLK1, MTOR")
    assert "embedding" in bare_side.page.view.hint
    assert bare_side.page.view.heat_map is None


def test_at_first_it_shows_the_query_and_its_neighbors(side: Side, data: Any) -> None:
    side.session.ask(key="GENE02", well=None, all_doses=True)
    side.settle()
    nearest = data.phenomap().nearest("GENE02", k=50, judged=False)["key"]
    assert set(side.keys) == {"GENE02", *nearest}
    assert "GENE02 and" in side.page.note.text()
    side.session.ask(key="GENE05", well=None)
    side.settle()
    assert "GENE05 and" in side.page.note.text()


def test_a_typed_list_is_compared_and_stays_when_the_query_changes(side: Side) -> None:
    side.type("GENE00, gene01; Bortezomib@2.5,GENE02")
    assert set(side.keys) == {"GENE00", "GENE01", "GENE02", "Bortezomib@2.5"}
    assert "4 names: 4 × 4" in side.page.note.text()
    assert not side.page.trouble.isVisible()
    side.session.ask(key="GENE05", well=None)
    side.settle()
    assert len(side.keys) == 4


def test_a_pasted_column_is_a_list(side: Side) -> None:
    QGuiApplication.clipboard().setText("GENE03\nGENE04\r\nGENE05\t12\n")
    side.page.list.setFocus()
    side.qtbot.keyClick(side.page.list, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert side.page.list.toPlainText().count("\n") == 3
    side.press(side.page.show_list)
    assert set(side.keys) == {"GENE03", "GENE04", "GENE05"}
    assert "12" in side.page.trouble.text()


def test_unknown_names_are_named_and_the_others_shown(side: Side) -> None:
    side.type("GENE00, GENE1, GENE02, GENE03_guide_1")
    assert set(side.keys) == {"GENE00", "GENE02"}
    assert side.page.trouble.isVisible()
    said = side.page.trouble.text()
    assert said.startswith("Not in this map: GENE1 (closest: GENE1")
    assert "GENE03_guide_1 (a part of GENE03)" in said


def test_a_list_of_guides_is_shown_at_the_level_of_guides(side: Side) -> None:
    side.type("GENE00_guide_1, GENE00 guide 2, GENE02_guide_1")
    assert set(side.keys) == {"GENE00_guide_1", "GENE00_guide_2", "GENE02_guide_1"}
    assert "guide ·" in side.page.note.text()
    assert side.session.query.level == "perturbation"


def test_of_one_gene_its_guides_are_compared(side: Side) -> None:
    side.type("GENE04")
    assert set(side.keys) == {"GENE04_guide_1", "GENE04_guide_2"}


def test_a_list_of_nothing_known_says_so(side: Side) -> None:
    side.type("what, ever")
    assert side.page.view.heat_map is None
    assert "Not in this map: what, ever" in side.page.view.hint
    side.type("GENE00, GENE01")
    assert len(side.keys) == 2


def test_an_entry_without_vectors_is_there_and_cannot_be_compared(side: Side) -> None:
    side.type("BARE, GENE00, GENE01")
    assert side.keys[-1] == "BARE"
    side.point(*side.cell("BARE", "GENE00"))
    assert side.page.view.words == "BARE × GENE00\nBARE has no vector"
    side.settle()
    assert "p" not in side.page.view.words.split("\n")[1].split()


def test_a_dose_without_vectors_is_there_too(side: Side) -> None:
    side.type("GENE00, GENE01, Blank@2.5, Blank@9")
    assert side.keys[-1] == "Blank@2.5"
    assert "Blank@9" in side.page.trouble.text()


def test_the_doses_of_the_compound_are_a_set_in_rising_order(side: Side, data: Any) -> None:
    well = data.wells.index[data.wells["treatment"] == "Bortezomib"][0]
    side.session.select_well(well)
    side.choose("All doses of Bortezomib")
    side.page.order.setCurrentIndex(1)
    side.page.order.activated.emit(1)
    side.settle()
    assert side.keys == ("Bortezomib@0.01", "Bortezomib@0.25", "Bortezomib@2.5")
    assert "in the order given" in side.made.order_in_words()


def test_the_guides_of_the_gene_are_a_set(side: Side, data: Any) -> None:
    side.session.select_well(data.wells.index[data.wells["gene"] == "GENE07"][0])
    side.choose("All guides of GENE07")
    assert set(side.keys) == {"GENE07_guide_1", "GENE07_guide_2"}


def test_what_was_chosen_on_the_map_is_a_set(side: Side) -> None:
    side.page.menu.aboutToShow.emit()
    entry = next(a for a in side.page.menu.actions() if a.text().startswith("Chosen"))
    assert not entry.isEnabled()
    side.session.choose_entries(GENES[3:7], "4 in the lasso")
    side.choose("Chosen on the map (4)")
    assert set(side.keys) == set(GENES[3:7])
    assert side.page.note.text().startswith("4 in the lasso: 4 × 4")


def test_the_neighbors_can_be_had_again_after_a_list(side: Side) -> None:
    side.session.ask(key="GENE02", well=None)
    side.type("GENE00, GENE01")
    side.choose("GENE02 and its neighbors")
    assert "GENE02" in side.keys
    assert len(side.keys) > 10


def test_every_entry_of_the_menu_says_what_it_is(side: Side) -> None:
    side.page.menu.aboutToShow.emit()
    assert len(side.page.menu.actions()) >= 2
    assert all(len(action.toolTip().split()) > 3 for action in side.page.menu.actions())


def test_another_alignment_is_followed(side: Side, data: Any) -> None:
    side.type("GENE00, GENE01, GENE02")
    before = side.made
    side.session.ask(align="none")
    side.settle()
    assert side.made is not before
    assert "not aligned" in side.page.note.text()
    expected = data.phenomap(align="none").nearest("GENE00", judged=False).set_index("key")
    value = side.made.matrix[side.cell("GENE00", "GENE01")]
    assert value == pytest.approx(expected.loc["GENE01", "similarity"], abs=1e-6)


def test_the_order_can_be_changed_and_back(side: Side) -> None:
    side.type(", ".join(GENES))
    groups = [int(key[-2:]) % 2 for key in side.keys]
    assert groups in (sorted(groups), sorted(groups, reverse=True))
    for index, is_given in ((1, True), (0, False)):
        side.page.order.setCurrentIndex(index)
        side.page.order.activated.emit(index)
        side.settle()
        assert (side.keys == GENES) == is_given


def test_pointing_at_a_pair_says_its_cosine_and_then_how_far_to_trust_it(
    side: Side, data: Any
) -> None:
    side.type("GENE00, GENE02, GENE05")
    said: list[str] = []
    side.page.view.hovered.connect(lambda cell: said.append(side.page.view.words))
    side.point(*side.cell("GENE00", "GENE02"))
    value = side.made.matrix[side.cell("GENE00", "GENE02")]
    assert said[-1] == f"GENE00 × GENE02\ncosine {value:.3f}   p …   q …"
    side.settle()
    verdict = judge_pair(data.phenomap(), "GENE00", "GENE02")
    assert side.page.view.words.endswith(f"p {verdict.p_value:.2g}   q {verdict.q_value:.2g}")
    side.point(*side.cell("GENE05", "GENE05"))
    assert side.page.view.words == "GENE05\nwith itself"
    side.point(*side.cell("GENE00", "GENE02"))  # known by now
    assert side.page.view.words.endswith(f"q {verdict.q_value:.2g}")


def test_a_click_shows_both_side_by_side(side: Side, data: Any) -> None:
    side.type("GENE00, GENE02, BARE")
    row, column = side.cell("GENE00", "GENE02")
    place = side.page.view.middle_of(row, column)
    side.qtbot.mouseClick(side.page.view, Qt.MouseButton.LeftButton, pos=place)
    strip = side.session.strip
    assert strip is not None
    assert [data.wells.loc[tile.well_id, "gene"] for tile in strip.tiles] == ["GENE00", "GENE02"]
    assert [tile.role for tile in strip.tiles] == ["query", "neighbor"]
    assert strip.note.startswith("GENE00 and GENE02: cosine 0.")
    place = side.page.view.middle_of(*side.cell("BARE", "GENE00"))
    side.qtbot.mouseClick(side.page.view, Qt.MouseButton.LeftButton, pos=place)
    assert [tile.well_id is None for tile in side.session.strip.tiles] == [True, False]


def test_the_table_is_copied_and_saved(side: Side, tmp_path: Path) -> None:
    side.type("GENE00, GENE02, GENE03")
    side.press(side.page.copy)
    copied = QGuiApplication.clipboard().text()
    assert copied == side.made.to_csv("\t")
    path = tmp_path / "a.csv"
    side.page.save_csv(path)
    side.settle()
    assert pd.read_csv(path, index_col=0).columns.tolist() == list(side.keys)
    assert side.session.message == f"Saved {path}."
    path.write_text("precious")
    side.page.save_csv(path)
    side.settle()
    assert path.read_text() == "precious"
    assert "exists already" in side.session.message
    side.page.save_csv(path, overwrite=True)
    side.settle()
    assert path.read_text() == side.made.to_csv()


@pytest.mark.parametrize("ending", [".png", ".svg", ".pdf"])
def test_the_figure_is_saved_where_the_dialog_says(
    side: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    side.type("GENE00, GENE02, GENE03")
    path = tmp_path / f"figure{ending}"
    offered: list[str] = []

    def answer(parent: Any, title: str, name: str, kinds: str) -> tuple[str, str]:
        offered.append(name)
        return str(path), kinds

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    side.press(side.page.save_figure)
    assert offered == ["heat map of 3 names.png"]
    assert path.stat().st_size > 2000
    assert side.session.message == f"Saved {path}."
    path.write_text("old")
    side.press(side.page.save_figure)  # the dialog has asked whether to replace it
    assert path.stat().st_size > 2000


def test_a_name_without_an_ending_gets_one_and_replaces_nothing(
    side: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    side.type("GENE00, GENE02")
    (tmp_path / "a.png").write_text("precious")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "a"), "Figures"))
    side.press(side.page.save_figure)
    assert (tmp_path / "a.png").read_text() == "precious"
    assert "exists already" in side.session.message


def test_nothing_is_computed_while_it_is_hidden(side: Side) -> None:
    side.type("GENE00, GENE02")
    side.page.hide()
    before = side.made
    side.session.ask(align="none")
    side.settle()
    assert side.page.view.heat_map is before
    side.page.show()
    side.settle()
    assert "not aligned" in side.page.note.text()


def test_stopping_is_said_and_showing_again_works(side: Side) -> None:
    side.page.list.setPlainText("GENE00, GENE02")
    side.qtbot.mouseClick(side.page.show_list, Qt.MouseButton.LeftButton)
    side.tasks.cancel_shown()
    assert "Stopped" in side.page.view.hint
    side.press(side.page.show_list)
    assert set(side.keys) == {"GENE00", "GENE02"}


def test_another_data_set_takes_the_heat_map_away(side: Side) -> None:
    side.type("GENE00, GENE02")
    side.session.open(None)
    side.settle()
    assert side.page.view.heat_map is None
    assert side.page.note.text() == ""
    assert not side.page.save_table.isEnabled()


# --- in the window ---------------------------------------------------------------------------


@pytest.mark.soak
def test_from_a_chosen_set_by_clicks_to_the_wells_of_a_pair(
    open_window: Callable[..., Window], folder: Path, data: Any
) -> None:
    window = open_window(folder)
    panel = window.neighbors.map
    window.turn_to(panel)
    window.session.choose_entries(GENES[:5], "5 in the lasso")
    window.settle()
    window.click(panel.chosen.heat_map)
    window.settle()
    view = panel.heat_map.view
    assert set(view.heat_map.keys) == set(GENES[:5])
    place = view.middle_of(view.heat_map.keys.index("GENE00"), view.heat_map.keys.index("GENE02"))
    window.click(view, place)
    window.settle()
    genes = [data.wells.loc[tile.well_id, "gene"] for tile in window.session.tiles]
    assert genes == ["GENE00", "GENE02"]
    assert window.title.startswith("GENE00 and GENE02")


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from([*GENES, "Bortezomib", "BARE", "EMPTY_control", "x;y", "?"])))
def test_any_list_gives_a_heat_map_or_a_sentence(data: Any, names: list[str]) -> None:
    wanted = HeatMapRequest(Query(), text=", ".join(names))
    known = {*names} - {"EMPTY_control", "BARE", "x;y", "?"}
    # of a gene alone its guides are compared, of a compound its doses
    with nullcontext() if known else pytest.raises(MapError, match=r"compare.*\.$"):
        made = shown(data, wanted, lambda done, total, text: None).heat_map
        assert len(made) >= 2
        assert set(made.unknown) <= {"x", "y", "?"}
