"""The gene sets beside the map, used as a person uses them, with the numbers of the library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFileDialog

import builders as b
from napari_rxrx3.data.files.remembered import remember_file, remembered_file
from napari_rxrx3.gui.map.gene_sets.answer import CHOSEN, OPPOSITE, SIMILAR
from napari_rxrx3.gui.map.gene_sets.panel import GeneSetsPanel
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Tasks
from napari_rxrx3.hits.review import open_review
from napari_rxrx3.maps.sets.enrichment import SetsOfMap
from napari_rxrx3.maps.sets.gene_sets import read_gene_sets
from napari_rxrx3.session import Session
from screens import gene_names, gene_screen
from test_nothing_cut import LARGE_FONT, cut, with_font
from window import Window, kept_maps

ALIKE = gene_names(12, "A")
QUIET = gene_names(40)


def a_screen() -> Any:
    wells = gene_screen([], 0, plates=1, controls=30, dim=16)
    for gene in [*ALIKE, *QUIET]:
        effect = 5 * wells.direction("alike") if gene in ALIKE else 0.0
        for experiment in ("gene-001", "gene-143"):
            for guide in (1, 2, 3):
                wells.guide(experiment, 1, gene, guide, effect)
    return wells


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return a_screen().open(tmp_path_factory.mktemp("sets"))


def gmt(folder: Path, name: str = "my.gmt") -> str:
    """Write one set that is true, ten that are not, and a small one."""
    sets = {"alike": ALIKE, "small": QUIET[:4]}
    sets |= {f"other {i}": QUIET[i : i + 15] for i in range(10)}
    lines = ["\t".join([key, "", *genes]) for key, genes in sets.items()]
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(folder / name)


@pytest.fixture(autouse=True)
def _nothing_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


class Side:
    """The panel with a session of its own."""

    def __init__(self, data: Any, qtbot: Any) -> None:
        self.session, self.tasks, self.qtbot = Session(), Tasks(), qtbot
        self.group = TaskGroup(self.tasks)
        self.panel = GeneSetsPanel(self.session, self.group)
        qtbot.addWidget(self.panel)
        self.panel.resize(320, 260)
        self.panel.show()
        self.session.open(data)
        self.ask("A003")

    def ask(self, key: str) -> None:
        self.session.ask(key=key, well=None)
        self.settle()

    def choose(self, of: str) -> None:
        self.panel.of.setCurrentIndex(self.panel.of.findData(of))
        self.panel.of.activated.emit(self.panel.of.currentIndex())
        self.settle()

    def settle(self) -> None:
        self.qtbot.waitUntil(lambda: self.tasks.is_idle, timeout=20_000)

    def click_row(self, row: int) -> None:
        table = self.panel.table
        place = table.visualRect(table.model().index(row, 0)).center()
        self.qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)

    @property
    def words(self) -> str:
        return self.panel.words.text()

    @property
    def texts(self) -> list[tuple[str, ...]]:
        return [row.texts for row in self.panel.table.rows()]


@pytest.fixture
def side(data: Any, qtbot: Any) -> Iterator[Side]:
    side = Side(data, qtbot)
    yield side
    side.group.end()
    side.tasks.close(wait=True)


def expected(data: Any, path: str) -> SetsOfMap:
    return SetsOfMap(read_gene_sets(path), data.phenomap())


def rows_as(found: Any) -> list[tuple[str, str]]:
    return [(row.set, f"{row.n_found} of {row.n_chosen}") for row in found.table.itertuples()]


def test_without_a_file_it_says_which_it_takes(side: Side) -> None:
    for word in ("GMT", "table", "Open gene sets"):
        assert word in side.words
    assert side.panel.first.isVisible()
    assert not side.panel.table.isVisible()
    assert not side.panel.open.isVisible()


def test_a_file_is_chosen_and_remembered(
    side: Side, data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = gmt(tmp_path)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (path, ""))
    side.qtbot.mouseClick(side.panel.first, Qt.MouseButton.LeftButton)
    side.settle()
    found = expected(data, path).near("A003", 20)
    assert [row[:2] for row in side.texts] == rows_as(found)
    assert side.texts[0][:3] == ("alike", "11 of 20", "4.3")
    assert side.texts[0][3] == "<.001"
    assert "1 of 11 sets is over-represented among 20 genes nearest to A003, of 51" in side.words
    assert "Left out: 1 too small." in side.words
    assert side.panel.file.text() == "my.gmt"
    assert remembered_file("gene sets") == path
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    side.qtbot.mouseClick(side.panel.open, Qt.MouseButton.LeftButton)
    assert side.panel.file.text() == "my.gmt", "nothing was chosen, nothing changes"


def test_the_next_start_has_it(data: Any, qtbot: Any, tmp_path: Path) -> None:
    remember_file("gene sets", gmt(tmp_path))
    side = Side(data, qtbot)
    assert side.texts[0][0] == "alike"
    (tmp_path / "my.gmt").unlink()
    other = Side(data, qtbot)
    assert "my.gmt cannot be read (it is not there)" in other.words
    assert other.panel.open.isVisible(), "another one can be opened"
    for each in (side, other):
        each.group.end()
        each.tasks.close(wait=True)


def test_a_gmt_beside_the_data_is_taken(qtbot: Any, tmp_path: Path) -> None:
    folder = a_screen().write(tmp_path / "data")
    gmt(folder)
    import napari_rxrx3 as rx

    side = Side(rx.open_dataset(folder, cache_dir=tmp_path / "cache"), qtbot)
    assert side.texts[0][0] == "alike"
    assert remembered_file("gene sets") == "", "nobody opened it"
    side.session.open(None)
    assert side.texts == []
    side.group.end()
    side.tasks.close(wait=True)


def test_it_follows_the_query_and_the_numbers(side: Side, data: Any, tmp_path: Path) -> None:
    path = gmt(tmp_path)
    side.panel.set_file(path)
    side.settle()
    sets = expected(data, path)
    side.ask("GENE005")
    assert [row[:2] for row in side.texts] == rows_as(sets.near("GENE005", 20))
    side.panel.n.setValue(8)
    side.settle()
    assert [row[:2] for row in side.texts] == rows_as(sets.near("GENE005", 8))
    side.panel.least.setValue(3)
    side.settle()
    assert "small" in [row[0] for row in side.texts]
    side.choose(OPPOSITE)
    assert [row[:2] for row in side.texts] == rows_as(sets.near("GENE005", 8, True, min_genes=3))
    side.session.ask(level="guide", key="A003_guide_1")
    side.settle()
    assert len(side.texts) == 12


def test_nothing_found_is_said_with_the_numbers(side: Side, tmp_path: Path) -> None:
    side.panel.set_file(gmt(tmp_path))
    side.choose(CHOSEN)
    side.session.choose_entries([*QUIET[::5], *ALIKE[:2]], "10 chosen on the map")
    side.settle()
    assert (
        "None of 11 sets is over-represented among 10 genes chosen, of 52: the least q is"
        in side.words
    )


def test_a_click_lights_up_all_genes_of_a_set(side: Side, tmp_path: Path) -> None:
    side.panel.set_file(gmt(tmp_path))
    side.settle()
    side.click_row(0)
    assert side.session.chosen == tuple(ALIKE)
    assert side.session.chosen_title == "alike: 12 entries of the map"
    side.click_row(2)
    assert len(side.session.chosen) == 15
    side.session.choose_entries(())
    side.qtbot.keyClick(side.panel.table, Qt.Key.Key_Return)
    assert len(side.session.chosen) == 15


def test_the_chosen_set_is_asked_about_and_stays_so(side: Side, data: Any, tmp_path: Path) -> None:
    """What is lit by a click on a set is no new question."""
    path = gmt(tmp_path)
    side.panel.set_file(path)
    side.choose(CHOSEN)
    assert side.words.startswith("Nothing is chosen: draw a lasso")
    chosen = [*ALIKE[:6], *QUIET[:3]]
    side.session.choose_entries(chosen, "9 chosen on the map")
    side.settle()
    found = rows_as(expected(data, path).among(chosen))
    assert [row[:2] for row in side.texts] == found
    side.click_row(1)
    side.settle()
    assert [row[:2] for row in side.texts] == found
    side.session.choose_entries(QUIET[:20], "20 chosen on the map")
    side.settle()
    assert [row[:2] for row in side.texts] == rows_as(expected(data, path).among(QUIET[:20]))


def test_a_tag_is_asked_about(side: Side, data: Any, tmp_path: Path) -> None:
    path = gmt(tmp_path)
    side.panel.set_file(path)
    side.choose("2")
    assert side.words == "No well has this tag."
    review = open_review(data, "Ann", tmp_path / "hits")
    side.session.set_review(review)
    for gene in ALIKE[:5]:
        review.tag(str(data.phenomap().wells_of(gene)[0]), 2)
    side.settle()
    assert side.texts[0][:2] == ("alike", "5 of 5")
    assert "tagged" in side.panel.words.toolTip()


def test_what_is_wrong_with_a_file_is_said(side: Side, tmp_path: Path) -> None:
    (tmp_path / "<b>bad.gmt").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\xff")
    side.panel.set_file(str(tmp_path / "<b>bad.gmt"))
    side.settle()
    assert "<b>bad.gmt cannot be read" in side.words
    assert side.panel.words.textFormat() == Qt.TextFormat.PlainText
    side.panel.set_file(gmt(tmp_path))
    side.settle()
    assert side.texts


def test_it_can_be_stopped(side: Side, data: Any, tmp_path: Path) -> None:
    with kept_maps(data):
        side.panel.set_file(gmt(tmp_path))
        side.qtbot.wait(100)
        side.tasks.cancel_shown()
        side.qtbot.waitUntil(lambda: side.words.startswith("Stopped."), timeout=5000)
    side.panel.n.setValue(7)
    side.settle()
    assert side.texts


def test_all_of_it_is_saved(side: Side, data: Any, tmp_path: Path) -> None:
    path = gmt(tmp_path)
    side.panel.set_file(path)
    side.settle()
    side.panel.save_csv(tmp_path / "out.csv")
    side.settle()
    table = pd.read_csv(tmp_path / "out.csv")
    found = expected(data, path).near("A003", 20)
    assert table["set"].tolist() == found.table["set"].tolist()
    assert table["q_value"].to_numpy() == pytest.approx(found.table["q_value"].to_numpy())
    assert table["members"][0].split() == list(found.table["members"][0])
    assert set(table["genes"]) == {"nearest to A003"}
    assert set(table["file"]) == {path}
    assert set(table["align"]) == {"pca-centerscale"}


def test_all_of_it_is_copied(side: Side, data: Any, tmp_path: Path) -> None:
    path = gmt(tmp_path)
    side.panel.set_file(path)
    side.settle()
    side.panel.copy.click()
    side.settle()
    found = expected(data, path).near("A003", 20)
    names = [line.split("\t")[0] for line in QGuiApplication.clipboard().text().splitlines()]
    assert names == ["set", *found.table["set"]]


def test_a_hidden_panel_computes_nothing(side: Side, tmp_path: Path) -> None:
    side.panel.set_file(gmt(tmp_path))
    side.settle()
    side.panel.hide()
    before = side.texts
    side.ask("GENE001")
    assert side.texts == before
    side.panel.show()
    side.settle()
    assert side.texts != before


# --- in the window -----------------------------------------------------------------------------


@pytest.fixture
def window(open_window: Callable[..., Window], tmp_path: Path) -> Window:
    wells = a_screen()
    folder = wells.write(tmp_path / "data")
    gmt(folder)
    window = open_window(folder, b.Screen(wells.rows, {}, {}))
    window.session.select_well(next(r["well_id"] for r in wells.rows if r["gene"] == "A003"))
    window.settle()
    return window


def test_from_the_list_of_neighbors_to_lit_wells(window: Window) -> None:
    dock = window.neighbors
    window.click(dock.panel.question.sets)
    window.settle()
    panel = dock.map.sets
    assert panel.isVisible()
    assert dock.tabs.currentWidget() is dock.map
    assert panel.table.rows()[0].texts[:2] == ("alike", "11 of 20")
    panel.table.selectRow(0)
    window.settle()
    view = dock.map.map_page.view
    assert len(view.marks()) == 12
    here = window.session.plate
    wells = window.session.dataset.wells_of_plate(here)
    assert window.session.highlight == set(wells.index[wells["gene"].isin(ALIKE)])
    window.click(panel.close_button)
    assert not panel.isVisible()
    window.session.ask(order="opposite")
    window.settle()
    window.click(dock.panel.question.sets)
    window.settle()
    assert panel.of.currentData() == OPPOSITE


@pytest.mark.soak
def test_from_a_lasso(window: Window) -> None:
    dock = window.neighbors
    window.turn_to(dock.map)
    window.session.choose_entries(ALIKE[:5], "5 chosen on the map")
    window.settle()
    window.click(dock.map.chosen.sets)
    window.settle()
    assert dock.map.sets.of.currentData() == CHOSEN
    assert dock.map.sets.table.rows()[0].texts[:2] == ("alike", "5 of 5")


@pytest.mark.soak
def test_from_a_tag_also_when_the_dock_is_closed(window: Window) -> None:
    review, hits = window.session.review, window.explorer.hits
    for gene in ALIKE[:4]:
        review.tag(str(window.session.dataset.phenomap().wells_of(gene)[0]), 1)
    menu = hits.more_menu
    menu.aboutToShow.emit()
    (action,) = menu.sets.actions()
    assert action.text().endswith("(4)")
    window.viewer.window.remove_dock_widget(window.neighbors)
    action.trigger()
    window.qtbot.waitUntil(lambda: window.explorer.workspace.docks.has_neighbors)
    window.qtbot.waitUntil(lambda: window.neighbors.map.sets_button.isChecked())
    window.settle()
    panel = window.neighbors.map.sets
    assert panel.of.currentData() == "1"
    assert panel.table.rows()[0].texts[:2] == ("alike", "4 of 4")


@LARGE_FONT
def test_nothing_is_cut(window: Window, points: int) -> None:
    with_font(window, points)
    window.neighbors.show_sets(SIMILAR)
    window.session.choose_entries(ALIKE[:5], "5 chosen on the map")
    window.settle()
    window.qtbot.waitUntil(lambda: cut(window.neighbors) == [])
