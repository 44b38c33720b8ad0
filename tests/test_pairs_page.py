"""Two screens against each other in the window: chosen, hovered, clicked and saved as by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from psygnal import SignalInstance
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFileDialog, QWidget

import builders as b
import napari_rxrx3 as rx
import screens as s
from alone import shown_alone
from mouse import drag, hover
from napari_rxrx3.core.points.cloud import PointCloud
from napari_rxrx3.gui.compare.pairs.choice import CHOSEN, KNOWN, LISTED, RANDOM
from napari_rxrx3.gui.compare.pairs.pairs_page import PairsPage
from napari_rxrx3.gui.compare.pairs.plot import PairsPlot
from napari_rxrx3.gui.inks import legible, paper
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Tasks
from napari_rxrx3.maps.compare.pairs import compare_pairs, compare_replicates
from napari_rxrx3.session import Session
from window import Window, kept_maps, rgba_of

GENES = s.gene_names(16)
NO_KEY = Qt.KeyboardModifier.NoModifier
LEFT = Qt.MouseButton.LeftButton
REPLICATES, MAPS = 0, 1


def some_wells() -> s.Wells:
    direction = s.Wells(seed=2, dim=6).direction
    effects = {gene: 5 * direction(str(i % 4)) for i, gene in enumerate(GENES)}
    wells = s.gene_screen(GENES, 2, 1, 12, effects=effects, seed=2, dim=6)
    wells.control("compound-001", 1, 12)
    for _ in range(2):
        wells.dose("compound-001", 1, "Aspirin", 2.5, 5 * direction("1"))
    return wells


@pytest.fixture(scope="module")
def screen() -> b.Screen:
    return some_wells().with_images()


@pytest.fixture(scope="module")
def root(screen: b.Screen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return screen.write_rxrx3(tmp_path_factory.mktemp("pairs page") / "screen")


@pytest.fixture(scope="module")
def data(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return rx.open_dataset(root, cache_dir=tmp_path_factory.mktemp("cache"))


@dataclass
class Side:
    """The page with a session of its own."""

    page: PairsPage
    session: Session
    tasks: Tasks
    group: TaskGroup
    qtbot: Any

    def settle(self) -> None:
        self.qtbot.waitUntil(lambda: self.group.is_settled, timeout=20_000)

    def choose(self, box: Any, row: int | str) -> None:
        """Choose an entry of a combo box by its keys."""
        row = box.findText(row) if isinstance(row, str) else row
        self.qtbot.keyClick(box, Qt.Key.Key_Home)
        for _ in range(row):
            self.qtbot.keyClick(box, Qt.Key.Key_Down)
        self.settle()

    def type_list(self, text: str) -> None:
        self.choose(self.page.choice.which, LISTED)
        self.page.choice.list.clear()
        self.qtbot.keyClicks(self.page.choice.list, text)
        self.qtbot.keyClick(self.page.choice.list, Qt.Key.Key_Return)
        self.settle()

    def click(self, widget: QWidget, place: QPointF | None = None) -> None:
        place = QPointF(widget.rect().center()) if place is None else place
        self.qtbot.mouseClick(widget, LEFT, NO_KEY, place.toPoint())
        self.settle()

    def hover(self, place: QPointF) -> None:
        hover(self.page.plot, place)
        self.qtbot.wait(20)

    @property
    def words(self) -> str:
        return self.page.note.text()

    @property
    def table(self) -> Any:
        return self.page._answer.table

    def lone_pair(self) -> int:
        """A pair that no other is painted over."""
        places = [self.page.plot.place_of(i) for i in range(len(self.table))]
        spots = np.array([[p.x(), p.y()] for p in places])
        away = np.hypot(*(spots[:, None] - spots[None]).transpose(2, 0, 1))
        np.fill_diagonal(away, np.inf)
        return int(away.min(axis=1).argmax())


@pytest.fixture
def side(data: Any, qtbot: Any) -> Iterator[Side]:
    with shown_alone(PairsPage, qtbot, (760, 420)) as (page, around):
        made = Side(page, *around, qtbot)
        made.session.open(data)
        made.settle()
        yield made


# --- what is compared ----------------------------------------------------------------------------


def test_at_first_replicates_are_compared_by_random_pairs(side: Side, data: Any) -> None:
    expected = compare_replicates(data.phenomap())
    assert len(side.table) == len(expected)
    assert side.table.pearson == expected.pearson
    assert side.words.startswith(
        f"Pearson {expected.pearson:.2f}, Spearman {expected.spearman:.2f}"
    )
    assert f"{len(expected):,} pairs." in side.words
    assert f"Left out: {expected.n_only_a} pairs only in A." in side.words
    assert "no p-value" in side.page.note.toolTip()


def test_two_maps_are_compared(side: Side, data: Any) -> None:
    side.choose(side.page.choice.screens, MAPS)
    assert side.page.choice.maps.a.isVisible()
    assert not side.page.choice.experiments.isVisible()
    expected = compare_pairs(data.phenomap(), data.phenomap(align="tvn"))
    assert np.array_equal(side.table.similarity_b, expected.similarity_b)
    side.choose(side.page.choice.maps.b.align, "none")
    expected = compare_pairs(data.phenomap(), data.phenomap(align="none"))
    assert side.table.pearson == expected.pearson
    side.session.ask(align="centerscale")
    side.settle()
    assert side.page.choice.maps.b.spec.align == "none"  # it was chosen
    assert side.page.choice.maps.a.spec.align == "centerscale"
    side.choose(side.page.choice.maps.b.align, "centerscale")
    assert "same map" in side.words


def test_two_experiments_are_compared(side: Side) -> None:
    box = side.page.choice.experiments
    assert [box.itemText(i) for i in range(box.count())] == [
        "in two halves",
        f"gene-001 | gene-143 ({len(GENES) + 1})",
    ]
    side.choose(box, 1)
    assert (side.table.name_a, side.table.name_b) == ("gene-001", "gene-143")
    assert box.currentIndex() == 1  # what was chosen stays when the answer comes


def test_a_chosen_set_is_compared_as_soon_as_it_is_there(side: Side) -> None:
    side.session.choose_entries(GENES[:4], "four genes")
    side.settle()
    assert side.page.choice.which.currentText() == CHOSEN
    pairs = {frozenset(side.table.pair(i)) for i in range(len(side.table))}
    assert pairs == {frozenset(pair) for pair in combinations(GENES[:4], 2)}
    side.session.choose_entries(())
    side.settle()
    assert side.page.choice.which.currentText() == RANDOM
    side.choose(side.page.choice.which, CHOSEN)
    assert "No set is chosen" in side.words
    assert not side.page.save.isEnabled()


def test_a_set_of_another_level_is_compared_at_its_level(side: Side) -> None:
    side.session.ask(level="guide")
    keys = ["GENE000_guide_1", "GENE001_guide_2", "GENE002_guide_1"]
    side.session.choose_entries(keys)
    side.session.ask(level="perturbation")
    side.settle()
    assert sorted(side.table.keys) == keys


def test_what_the_user_chose_is_not_taken_away_by_a_set(side: Side) -> None:
    side.type_list("GENE000, GENE001")
    side.session.choose_entries(GENES[:4])
    side.settle()
    assert side.page.choice.which.currentText() == LISTED
    assert len(side.table) == 1


def test_a_typed_list_is_compared(side: Side) -> None:
    side.choose(side.page.choice.which, LISTED)
    assert "press Enter" in side.words
    side.type_list("gene000; GENE001, Aspirin 2.5, nobody")
    assert side.table.pair(0) == ("GENE000", "GENE001")
    assert "In neither A nor B: nobody." in side.words
    assert "2 pairs only in A" in side.words
    side.type_list("nobody, no one")
    assert "It takes two entries" in side.words
    assert not side.page.copy.isEnabled()


def test_known_pairs_of_a_file_are_compared(
    side: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    side.choose(side.page.choice.which, KNOWN)
    assert "entity1" in side.words
    path = tmp_path / "pairs.csv"
    path.write_text("entity1,entity2\nGENE000,GENE004\nGENE001,GENE002\nGENE001,nobody\n")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    side.click(side.page.choice.file)
    assert len(side.table) == 2
    assert "In neither A nor B: 1 of 3 pairs." in side.words
    path.write_text("a,b\n1,2\n")
    side.page.choice.set_file(str(tmp_path / "pairs.csv"))
    side.choose(side.page.choice.screens, MAPS)
    assert "no column entity1" in side.words
    assert str(path) in side.words


def test_other_pairs_are_drawn(side: Side, data: Any) -> None:
    compared = compare_pairs(data.phenomap(), data.phenomap(align="tvn"))
    assert len(compared) < 1000  # so that all of them are compared, whatever the seed
    side.click(side.page.choice.again)
    assert side.page._answer.question.seed == 1
    side.choose(side.page.choice.number, 0)
    assert side.page._answer.question.most == 1000


# --- the plot ------------------------------------------------------------------------------------


def test_hovering_names_a_pair(side: Side) -> None:
    side.session.choose_entries(GENES[:8])
    side.settle()
    index = side.lone_pair()
    heard: list[int | None] = []
    side.page.plot.hovered.connect(heard.append)
    side.hover(side.page.plot.place_of(index))
    assert heard[-1] == index
    one, two = side.table.pair(index)
    a, c = side.table.similarity_a[index], side.table.similarity_b[index]
    assert side.page.plot.words(index) == (f"{one} – {two}", f"A {a:.2f} · B {c:.2f}")
    side.hover(QPointF(side.page.plot.width() - 2, 2))
    assert heard[-1] is None


def test_the_query_is_lit_in_its_pairs(side: Side) -> None:
    side.session.choose_entries(GENES[:6])
    side.settle()
    side.session.ask(key=GENES[2], well=None)
    side.settle()
    lit = side.page.plot.lit()
    assert len(lit) == 5
    assert all(GENES[2] in side.table.pair(i) for i in lit)
    orange = legible((0.90, 0.62, 0.0), paper(side.page.plot)).getRgb()[:3]
    assert color_share(side.page.plot, orange) > 0
    side.session.ask(key=GENES[9], well=None)
    side.settle()
    assert not len(side.page.plot.lit())
    assert color_share(side.page.plot, orange) == 0


def color_share(plot: PairsPlot, rgb: tuple[int, int, int], reach: int = 40) -> float:
    """How many of the pixels are of about a color."""
    pixels = rgba_of(plot.grab().toImage())[..., :3].astype(int)
    return float((np.abs(pixels - np.array(rgb)).max(axis=2) < reach).mean())


def test_points_are_painted_where_they_are(qtbot: Any) -> None:
    plot = PairsPlot()
    qtbot.addWidget(plot)
    plot.resize(500, 450)
    plot.show()
    empty = plot.grab().toImage()
    places = np.array([[0.5, -0.5], [-0.8, 0.3]], dtype="float32")
    plot.set_pairs(PointCloud(places), ("one", "two"))
    image = plot.grab().toImage()
    for index in (0, 1):
        spot = plot.place_of(index).toPoint()
        assert image.pixel(spot) != empty.pixel(spot)
    right, left = plot.place_of(0), plot.place_of(1)
    assert right.x() > left.x()
    assert right.y() > left.y()  # B grows upward
    scale = plot.view.scale
    assert right.x() - left.x() == pytest.approx(1.3 * scale)
    assert right.y() - left.y() == pytest.approx(0.8 * scale)  # the same scale on both axes
    nowhere = (plot.place_of(0) + plot.place_of(1)) / 2 + QPointF(0, 30)
    assert image.pixel(nowhere.toPoint()) == empty.pixel(nowhere.toPoint())


@pytest.mark.parametrize("n", [300, 120_000])
def test_the_nearest_pair_is_the_one_under_the_mouse(qtbot: Any, n: int) -> None:
    plot = PairsPlot()
    qtbot.addWidget(plot)
    plot.resize(500, 450)
    plot.show()
    rng = np.random.default_rng(4)
    places = rng.uniform(-1, 1, (n, 2)).astype("float32")
    plot.set_pairs(PointCloud(places))
    qtbot.waitUntil(lambda: plot.rendering.is_idle)
    origin = plot.place_of(0) - QPointF(*plot.view.pixels(places[:1])[0])
    for _ in range(50):
        spot = QPointF(*rng.uniform(60, 380, 2))
        x, y = plot.view.place(spot.x() - origin.x(), spot.y() - origin.y())
        away = np.hypot(*(places - np.array([x, y], dtype="float32")).T)
        nearest = int(away.argmin())
        found = plot.pair_at(spot)
        if away.min() * plot.view.scale > 8.01:
            assert found is None
        elif found != nearest:  # equally near, as far as one can tell
            assert away[found] == pytest.approx(away[nearest], abs=1e-5)


def test_many_pairs_are_painted_in_the_background(qtbot: Any) -> None:
    plot = PairsPlot()
    qtbot.addWidget(plot)
    plot.resize(400, 400)
    plot.show()
    places = np.random.default_rng(0).normal(0, 0.2, (150_000, 2)).astype("float32")
    plot.set_pairs(PointCloud(places))
    blue = (87, 181, 232)
    qtbot.waitUntil(lambda: plot.rendering.is_idle and color_share(plot, blue, 60) > 0.01)
    before = color_share(plot, blue, 60)
    qtbot.keyClicks(plot, "+++")
    qtbot.waitUntil(lambda: plot.rendering.is_idle and color_share(plot, blue, 60) > 2 * before)
    plot.set_pairs(None)
    qtbot.waitUntil(lambda: color_share(plot, blue, 60) == 0)


def test_wheel_drag_and_keys_move_the_plot(side: Side) -> None:
    plot, home = side.page.plot, side.page.plot.view
    spot = plot.place_of(0)
    qtbot = side.qtbot
    drag(plot, [QPointF(300, 200), *(QPointF(x, 180) for x in (310, 330, 350))])
    moved = plot.place_of(0) - spot
    assert (moved.x(), moved.y()) == pytest.approx((50, -20))
    qtbot.keyClick(plot, Qt.Key.Key_Left)
    assert plot.place_of(0).x() == pytest.approx(spot.x() + 90)
    qtbot.keyClicks(plot, "++")
    assert plot.view.scale > 1.5 * home.scale
    qtbot.keyClicks(plot, "-" * 40)
    assert plot.view.scale == pytest.approx(home.scale / 2)
    side.click(side.page.near)
    assert plot.view.scale != home.scale
    left, bottom, right, top = plot.view.box()
    a, c = side.table.similarity_a, side.table.similarity_b
    assert (left < a).all()
    assert (a < right).all()
    assert (bottom < c).all()
    assert (c < top).all()
    side.click(side.page.all)
    assert plot.view == home


def test_a_drag_is_no_click(side: Side) -> None:
    heard: list[int] = []
    side.page.plot.clicked.connect(heard.append)
    spot = side.page.plot.place_of(0).toPoint()
    drag(side.page.plot, [QPointF(spot - QPoint(30, 0)), QPointF(spot)])
    assert not heard
    side.click(side.page.plot, side.page.plot.place_of(side.lone_pair()))
    assert len(heard) == 1


# --- what is taken along -------------------------------------------------------------------------


def test_the_pairs_are_copied_and_saved(
    side: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    side.session.message_changed.connect(said.append)
    side.session.choose_entries(GENES[:5])
    side.settle()
    path = tmp_path / "pairs.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    side.click(side.page.save)
    table = pd.read_csv(path)
    assert list(zip(table["key_1"], table["key_2"], strict=True)) == [
        side.table.pair(i) for i in range(10)
    ]
    assert np.allclose(table["similarity_b"], side.table.similarity_b)
    assert table["pearson"].unique() == pytest.approx([side.table.pearson])
    assert "experiments 1, 3" in table["a"][0]
    assert "pca-centerscale" in table["a"][0]
    side.click(side.page.copy)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert len(lines) == 11
    assert lines[1].split("\t")[:2] == [*side.table.pair(0)]
    side.page.save_csv(tmp_path)
    side.settle()
    assert said[-3:-1] == [f"Saved {path}.", "Copied 10 pairs."]
    assert "cannot be written" in said[-1]


# --- states --------------------------------------------------------------------------------------


def test_nothing_is_computed_while_it_is_hidden(side: Side) -> None:
    side.page.hide()
    before = side.page._answer
    side.session.choose_entries(GENES[:3])
    side.qtbot.wait(100)
    assert side.page._answer is before
    side.page.show()
    side.settle()
    assert len(side.table) == 3


def test_a_stopped_comparison_is_said_and_can_be_repeated(side: Side, data: Any) -> None:
    with kept_maps(data):
        side.session.choose_entries(GENES[:3])
        assert "Comparing pairs" in side.words
        side.qtbot.wait(100)
        side.tasks.cancel_shown()
    assert "Stopped" in side.words
    side.session.choose_entries(GENES[:4])
    side.settle()
    assert len(side.table) == 6


def test_without_a_data_set_and_without_vectors_it_says_so(
    side: Side, screen: b.Screen, tmp_path: Path
) -> None:
    bare = replace(screen, vectors={}) if hasattr(screen, "__dataclass_fields__") else screen
    folder = tmp_path / "bare"
    bare.write_metadata(folder / "metadata.csv")
    side.session.open(None)
    side.settle()
    assert "How alike two perturbations are" in side.words
    assert not side.page.save.isEnabled()
    side.session.open(rx.open_dataset(folder, cache_dir=tmp_path / "cache"))
    side.settle()
    assert "no vectors" in side.words


def test_a_map_that_cannot_be_aligned_is_compared_without(tmp_path: Path, qtbot: Any) -> None:
    wells = s.gene_screen(6, 1, 2, 0, dim=4)  # no controls
    dataset = wells.open(tmp_path)
    session, tasks = Session(), Tasks()
    group = TaskGroup(tasks)
    page = PairsPage(session, group)
    qtbot.addWidget(page)
    page.show()
    session.open(dataset)
    qtbot.waitUntil(lambda: group.is_settled, timeout=20_000)
    assert page.note.text().startswith("Not aligned")
    assert "Pearson" in page.note.text()
    group.end()
    tasks.close(wait=True)


def test_a_page_that_goes_while_it_works_is_harmless(data: Any, qtbot: Any) -> None:
    session, tasks = Session(), Tasks()
    n_before, gone = n_listening(session), []
    group = TaskGroup(tasks)
    page = PairsPage(session, group)
    page.destroyed.connect(lambda: gone.append(True))
    assert n_listening(session) > n_before
    page.show()
    with kept_maps(data):
        session.open(data)
        qtbot.wait(50)
        group.end()
        page.close()
        assert n_listening(session) == n_before
        page.deleteLater()
        qtbot.waitUntil(lambda: gone == [True], timeout=20_000)
    session.choose_entries(GENES[:3])
    tasks.close(wait=True)
    qtbot.wait(50)


def n_listening(session: Session) -> int:
    """Return how many slots are connected to the signals of a session."""
    signals = (getattr(session, name) for name in dir(type(session)))
    return sum(len(signal) for signal in signals if isinstance(signal, SignalInstance))


@pytest.mark.parametrize("size", [(420, 700), (900, 700)])
def test_choices_are_beside_or_above_the_plot(side: Side, size: tuple[int, int]) -> None:
    holder = QWidget()
    side.qtbot.addWidget(holder)
    side.page.setParent(holder)
    holder.resize(*size)
    holder.show()
    side.page.resize(*size)
    side.page.show()
    side.choose(side.page.choice.screens, MAPS)
    plot, scroll = side.page.plot, side.page.scroll
    assert min(plot.width(), plot.height()) >= 300
    assert (plot.y() > scroll.y()) == (size == (420, 700))
    side.page.setParent(None)


# --- in the window -------------------------------------------------------------------------------


def open_pairs(window: Window) -> PairsPage:
    window.click(window.neighbors.panel.question.embedding)
    compare = window.neighbors.embedding.compare
    window.click(compare.pages.buttons["pairs"])
    return compare.pairs


@pytest.mark.soak
def test_a_click_shows_the_pair_in_both_experiments(
    open_window: Callable[..., Window], screen: b.Screen, root: Path
) -> None:
    window = open_window(root, screen)
    page = open_pairs(window)
    window.session.choose_entries(GENES[:4])
    window.settle()
    tasks, group = window.explorer.workspace.tasks, window.neighbors.background
    side = Side(page, window.session, tasks, group, window.qtbot)
    side.settle()
    index = side.lone_pair()
    one, two = side.table.pair(index)
    window.click(page.plot, page.plot.place_of(index).toPoint())
    window.qtbot.waitUntil(lambda: len(window.session.tiles) == 4, timeout=10_000)
    window.settle()
    wells = [window.session.well_row(tile.well_id) for tile in window.session.tiles]
    assert [well["gene"] for well in wells] == [one, two, one, two]
    experiments = [well["experiment_name"] for well in wells]
    assert experiments == ["gene-001", "gene-001", "gene-143", "gene-143"]
    side.choose(page.choice.screens, MAPS)
    index = side.lone_pair()
    window.click(page.plot, page.plot.place_of(index).toPoint())
    window.qtbot.waitUntil(lambda: len(window.session.tiles) == 2, timeout=10_000)
    shown = [window.session.well_row(tile.well_id)["gene"] for tile in window.session.tiles]
    assert shown == [*side.table.pair(index)]


def test_all_of_it_fits_its_window(
    open_window: Callable[..., Window], screen: b.Screen, root: Path
) -> None:
    window = open_window(root, screen)
    page = open_pairs(window)
    tasks, group = window.explorer.workspace.tasks, window.neighbors.background
    side = Side(page, window.session, tasks, group, window.qtbot)
    side.settle()
    height = page.window().height()
    for screens in (REPLICATES, MAPS):
        side.choose(page.choice.screens, screens)
        for which in (RANDOM, CHOSEN, LISTED, KNOWN):
            side.choose(page.choice.which, which)
            assert min(page.plot.width(), page.plot.height()) >= 100
            right = page.scroll.geometry().right()
            assert page.side.width() <= page.scroll.viewport().width()  # nothing is cut off
            assert right < page.plot.x()
            assert page.plot.geometry().right() < page.width()
    assert page.window().height() == height


def test_a_pair_without_images_is_said(data: Any, tmp_path: Path, qtbot: Any) -> None:
    dataset = some_wells().open(tmp_path)
    with shown_alone(PairsPage, qtbot, (760, 420)) as (page, around):
        side = Side(page, *around, qtbot)
        side.session.open(dataset)
        side.settle()
        side.click(page.plot, page.plot.place_of(side.lone_pair()))
        assert side.session.message.startswith("No image of GENE")
