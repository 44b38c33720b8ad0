"""Two maps' answers to one question: counted by hand, and seen in the window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psygnal import SignalInstance
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from scipy.stats import spearmanr

import builders as b
import napari_rxrx3 as rx
from alone import shown_alone
from napari_rxrx3.core.errors import MapError, UnknownKey
from napari_rxrx3.gui.compare.benchmark_panel import BenchmarkPanel
from napari_rxrx3.gui.compare.lists_page import ListsPage
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Tasks
from napari_rxrx3.maps.compare.lists import compare_lists
from napari_rxrx3.maps.ranks import rank_correlation
from napari_rxrx3.session import Session
from window import Window, kept_maps

GENES = tuple(f"GENE{i:02d}" for i in range(30))
COMPOUNDS = tuple(f"Compound {i}" for i in range(6))
ONLY_A, ONLY_B = "GENE05", "GENE06"
DIM = 5
SIZE = (390, 330)


def vectors_of(screen: b.Screen, seed: int, without: str) -> dict[str, np.ndarray]:
    """Vectors that agree between seeds in part; of one gene there are none."""
    shared, own = np.random.default_rng(1), np.random.default_rng(seed)
    return {
        row["well_id"]: (shared.normal(size=DIM) + own.normal(size=DIM)).astype("float32")
        for row in screen.rows
        if row["gene"] != without
    }


@pytest.fixture(scope="module")
def screen() -> b.Screen:
    return b.Screen.of(b.genes_and_compounds(GENES, COMPOUNDS), 16, dim=DIM)


@pytest.fixture(scope="module")
def root(screen: b.Screen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A screen with two embeddings, ``wide`` and ``flat``."""
    folder = tmp_path_factory.mktemp("compare") / "two embeddings"
    screen.write_rxrx3(folder)
    for path in (folder / "embeddings").rglob("*.parquet"):
        path.unlink()
    for seed, name, without in ((2, "wide", ONLY_B), (3, "flat", ONLY_A)):
        content = b.embedding_bytes(vectors_of(screen, seed, without))
        b.write(folder / f"{name}.parquet", content)
    return folder


@pytest.fixture(scope="module")
def data(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return rx.open_dataset(root, cache_dir=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def maps(data: Any) -> tuple[Any, Any]:
    return data.phenomap(embedding="wide"), data.phenomap(embedding="flat")


# --- the lists -----------------------------------------------------------------------------------


def whole_list(phenomap: Any, key: str, metric: str, opposite: bool, kind: str | None) -> Any:
    """Everything a map says: rank and value by key."""
    table = phenomap.nearest(key, 10**6, metric, opposite, kind=kind, judged=False)
    value = "similarity" if metric == "cosine" else "distance"
    return table.set_index("key").rename(columns={value: "value"})[["rank", "value"]]


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("opposite", [False, True])
@pytest.mark.parametrize("kind", [None, "CRISPR", "COMPOUND"])
def test_it_is_what_both_maps_say_themselves(
    maps: tuple[Any, Any], metric: str, opposite: bool, kind: str | None
) -> None:
    k = 8
    found = compare_lists(*maps, "GENE01", k, metric, opposite, kind)
    a, b_ = (whole_list(m, "GENE01", metric, opposite, kind) for m in maps)
    first_a, first_b = set(a.index[:k]), set(b_.index[:k])
    assert set(found.table["key"]) == first_a | first_b
    assert found.overlap == len(first_a & first_b)
    common = a.index.intersection(b_.index)
    assert found.n_common == len(common)
    expected = spearmanr(a["value"][common], b_["value"][common]).statistic
    assert found.spearman == pytest.approx(expected)
    by_key = found.table.set_index("key")
    for name, whole in (("a", a), ("b", b_)):
        listed = whole.reindex(by_key.index)
        assert by_key[f"rank_{name}"].equals(listed["rank"].astype(float))
        assert by_key[f"value_{name}"].tolist() == pytest.approx(listed["value"], nan_ok=True)
    mean_ranks = found.table[["rank_a", "rank_b"]].mean(axis=1)
    assert mean_ranks.is_monotonic_increasing
    assert (found.key, found.k) == ("GENE01", k)


def test_what_only_one_map_has_is_said(maps: tuple[Any, Any]) -> None:
    n = len(maps[0].labels)
    found = compare_lists(*maps, "GENE01", k=n)
    by_key = found.table.set_index("key")
    assert by_key.index[by_key["rank_b"].isna()].tolist() == [ONLY_A]
    assert by_key.index[by_key["rank_a"].isna()].tolist() == [ONLY_B]
    assert by_key["value_b"].isna().tolist() == by_key["rank_b"].isna().tolist()
    (note,) = found.notes
    assert "1 are only in A" in note
    assert "1 are only in B" in note
    assert not compare_lists(*maps, "GENE01", kind="COMPOUND").notes


def test_a_list_without_an_order_is_said(maps: tuple[Any, Any]) -> None:
    """Alignment puts the controls at the origin: all else is at a cosine of 0 to them."""
    found = compare_lists(*maps, "EMPTY_control")
    assert np.isnan(found.spearman)
    assert "In A and in B all entries are equally near to EMPTY_control" in found.notes[0]
    assert not np.isnan(compare_lists(*maps, "EMPTY_control", metric="euclidean").spearman)


def test_a_map_agrees_with_itself(maps: tuple[Any, Any]) -> None:
    found = compare_lists(maps[0], maps[0], "GENE01", 10)
    assert (found.overlap, found.spearman) == (10, 1.0)
    assert found.table["rank_a"].tolist() == found.table["rank_b"].tolist() == [*range(1, 11)]


def test_the_other_way_round_only_the_names_change(maps: tuple[Any, Any]) -> None:
    one, other = compare_lists(*maps, "GENE01"), compare_lists(*maps[::-1], "GENE01")
    assert (one.overlap, one.n_common) == (other.overlap, other.n_common)
    assert one.spearman == pytest.approx(other.spearman)
    ranks = one.table.set_index("key")["rank_a"]
    assert other.table.set_index("key")["rank_b"][ranks.index].equals(ranks.rename("rank_b"))


def test_a_list_shorter_than_k_is_compared_as_it_is(maps: tuple[Any, Any]) -> None:
    found = compare_lists(*maps, "GENE01", k=500, kind="COMPOUND")
    assert found.k == found.overlap == found.n_common == len(found.table) == 12
    none = compare_lists(*maps, "GENE01", k=0)
    assert (none.k, none.overlap, len(none.table)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("key", "error", "words"),
    [
        ("gene01", UnknownKey, ["'gene01'", "GENE01"]),
        (ONLY_A, MapError, [ONLY_A, "in the map of wide", "not in that of flat"]),
        (ONLY_B, MapError, [ONLY_B, "in the map of flat", "not in that of wide"]),
    ],
)
def test_a_key_that_a_map_lacks_is_said(
    maps: tuple[Any, Any], key: str, error: type[Exception], words: list[str]
) -> None:
    with pytest.raises(error) as raised:
        compare_lists(*maps, key)
    assert all(word in str(raised.value) for word in words)
    assert str(raised.value).endswith(".")


def test_only_maps_of_one_level_are_compared(data: Any, maps: tuple[Any, Any]) -> None:
    with pytest.raises(MapError, match="not at perturbation and guide"):
        compare_lists(maps[0], data.phenomap("guide"), "GENE01")


def test_unknown_choices_are_refused(maps: tuple[Any, Any]) -> None:
    with pytest.raises(ValueError, match="metric"):
        compare_lists(*maps, "GENE01", metric="manhattan")
    with pytest.raises(ValueError, match="kind"):
        compare_lists(*maps, "GENE01", kind="gene")


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.floats(-5, 5, allow_subnormal=False)),
        min_size=2,
        max_size=20,
    )
)
def test_the_rank_correlation_is_that_of_scipy(pairs: list[tuple[int, float]]) -> None:
    a, b = (np.array(each) for each in zip(*pairs, strict=True))
    found = rank_correlation(a, b)
    if len(set(a)) < 2 or len(set(b)) < 2:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(spearmanr(a, b).statistic)


def test_no_rank_correlation_of_fewer_than_two() -> None:
    for n in (0, 1):
        assert np.isnan(rank_correlation(np.arange(n), np.arange(n)))


# --- the panel -----------------------------------------------------------------------------------


def shown(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.2f}".replace("-0.00", "0.00")


@dataclass
class Side:
    """The panel with a session of its own."""

    panel: ListsPage
    session: Session
    tasks: Tasks
    group: TaskGroup
    qtbot: Any

    def settle(self) -> None:
        self.qtbot.waitUntil(lambda: self.tasks.is_idle, timeout=20_000)

    def ask(self, key: str) -> None:
        self.session.ask(key=key, well=None)
        self.settle()

    @property
    def words(self) -> str:
        return self.panel.note.text()

    @property
    def names(self) -> list[str]:
        return [row.texts[0] for row in self.panel.table.rows()]


@pytest.fixture
def side(data: Any, qtbot: Any) -> Iterator[Side]:
    with shown_alone(ListsPage, qtbot, SIZE) as (panel, around):
        side = Side(panel, *around, qtbot)
        side.session.open(data)
        side.settle()
        side.ask("GENE01")
        yield side


def test_it_says_in_words_how_far_the_maps_agree(side: Side, maps: tuple[Any, Any]) -> None:
    assert [side.panel.maps.a.spec.embedding, side.panel.maps.b.spec.embedding] == ["wide", "flat"]
    found = compare_lists(*maps, "GENE01")
    assert side.words == (
        f"Of the 20 nearest to GENE01, {found.overlap} are the same; "
        f"rank correlation over {found.n_common} entries: {shown(found.spearman)}."
    )
    assert len(side.panel.table.rows()) == len(found.table) == 40 - found.overlap
    assert "Spearman" in side.panel.note.toolTip()


def test_each_row_has_both_ranks_and_says_whose_it_is(side: Side, maps: tuple[Any, Any]) -> None:
    table = compare_lists(*maps, "GENE01").table
    rows = side.panel.table.rows()
    for row, entry in zip(rows, table.itertuples(), strict=True):
        assert row.texts[0] == entry.key.replace("@0.25", " 0.25 µM").replace("@2.5", " 2.5 µM")
        near_a, near_b = entry.rank_a <= 20, entry.rank_b <= 20
        assert row.texts[1] == {(True, True): "A+B", (True, False): "A"}.get((near_a, near_b), "B")
        assert row.is_italic == (near_a != near_b)
        ranks = ["–" if np.isnan(r) else f"{r:.0f}" for r in (entry.rank_a, entry.rank_b)]
        assert list(row.texts[2:4]) == ranks
        assert row.texts[4] == shown(entry.value_a)
    assert {row.texts[1] for row in rows} == {"A+B", "A", "B"}
    model = side.panel.table.model()
    for i, row in enumerate(rows):
        font = model.data(model.index(i, 0), Qt.ItemDataRole.FontRole)
        assert (font is not None and font.italic()) == row.is_italic


def test_nothing_is_computed_while_it_is_hidden(side: Side) -> None:
    before = side.words
    side.panel.hide()
    side.session.ask(key="GENE02", well=None)
    assert side.tasks.is_idle
    assert side.words == before
    side.panel.show()
    assert not side.panel.table.rows(), "rows of another question must not be clicked"
    side.settle()
    assert "GENE02" in side.words
    side.panel.hide()
    side.panel.show()
    assert side.tasks.is_idle, "the same question is not asked twice"


def test_another_alignment_is_chosen_by_key(side: Side, data: Any) -> None:
    side.qtbot.keyClick(side.panel.maps.b.align, Qt.Key.Key_End)
    side.settle()
    assert side.panel.maps.b.spec.align == "tvn-centered"
    assert side.panel.maps.b.align.currentText() == "tvn-centered (ours)"
    found = compare_lists(
        data.phenomap(embedding="wide"),
        data.phenomap("perturbation", "tvn-centered", "flat"),
        "GENE01",
    )
    assert shown(found.spearman) in side.words
    side.qtbot.keyClick(side.panel.maps.b.embedding, Qt.Key.Key_End)
    side.settle()
    found = compare_lists(
        data.phenomap(embedding="wide"),
        data.phenomap("perturbation", "tvn-centered", "wide"),
        "GENE01",
    )
    assert shown(found.spearman) in side.words


def test_average_and_batch_are_behind_the_button(side: Side, data: Any) -> None:
    side.panel.maps.b.average.value = "median"
    side.panel.maps.b.batch.value = "plate"
    side.settle()
    assert side.panel.maps.b.more.text() == "median, by plate"
    other = data.phenomap(embedding="flat", average="median", batch="plate")
    found = compare_lists(data.phenomap(embedding="wide"), other, "GENE01")
    assert shown(found.spearman) in side.words


def test_a_follows_the_neighbor_list_and_b_what_was_chosen(side: Side) -> None:
    side.session.ask(align="none", average="median")
    assert (side.panel.maps.a.spec.align, side.panel.maps.b.spec.align) == ("none", "none")
    assert side.panel.maps.b.spec.embedding == "flat"
    side.qtbot.keyClick(side.panel.maps.b.align, Qt.Key.Key_End)
    side.session.ask(align="centerscale", level="guide", key="GENE01_guide_1")
    side.settle()
    assert side.panel.maps.a.spec.align == "centerscale"
    assert (side.panel.maps.b.spec.align, side.panel.maps.b.spec.level) == ("tvn-centered", "guide")
    assert "GENE01 guide 1" in side.words


def test_what_was_chosen_for_a_stays_until_the_list_changes(side: Side) -> None:
    side.qtbot.keyClick(side.panel.maps.a.align, Qt.Key.Key_Home)
    side.ask("GENE02")
    assert side.panel.maps.a.spec.align == "none"
    side.session.ask(align="tvn")
    assert side.panel.maps.a.spec.align == "tvn"


def test_opposite_kind_and_metric_are_those_of_the_list(side: Side, maps: tuple[Any, Any]) -> None:
    side.session.ask(order="opposite", kind="compounds", metric="euclidean")
    side.settle()
    found = compare_lists(*maps, "GENE01", 20, "euclidean", True, "COMPOUND")
    assert "Of the 12 compounds most opposite to GENE01, 12 are the same" in side.words
    assert f"over 12 entries: {shown(found.spearman)}." in side.words
    assert side.panel.table.rows()[0].texts[4] == shown(found.table["value_a"][0])
    header = side.panel.table.model().headerData
    titles = [header(i, Qt.Orientation.Horizontal, Qt.ItemDataRole.DisplayRole) for i in (4, 5)]
    assert titles == ["dist A", "dist B"]


def test_a_question_without_an_answer_is_said(side: Side) -> None:
    side.ask("EMPTY_control")
    assert "no rank correlation over 40 entries" in side.words
    assert "In A and in B all entries are equally near" in side.words


@pytest.mark.parametrize(
    ("key", "words"), [(ONLY_A, "not in that of flat"), ("gene01", "Closest: GENE01")]
)
def test_a_perturbation_that_a_map_lacks_is_said_in_the_panel(
    side: Side, key: str, words: str
) -> None:
    side.ask(key)
    assert words in side.words
    assert not side.panel.table.rows()
    assert not side.panel.save.isEnabled()
    assert side.panel.to_csv() == ""


def test_a_map_is_not_compared_with_itself(side: Side) -> None:
    side.qtbot.keyClick(side.panel.maps.b.embedding, Qt.Key.Key_End)
    assert side.panel.maps.a.spec == side.panel.maps.b.spec
    assert "the same map" in side.words
    assert not side.panel.table.rows()


def test_one_embedding_is_compared_with_another_alignment(
    screen: b.Screen, tmp_path: Path, qtbot: Any
) -> None:
    screen.write_metadata(tmp_path / "data" / "metadata.csv")
    screen.write_embeddings(tmp_path / "data" / "only.parquet")
    with shown_alone(ListsPage, qtbot, SIZE) as (panel, around):
        side = Side(panel, *around, qtbot)
        assert "Ask about" in side.words
        side.session.open(rx.open_dataset(tmp_path / "data", tmp_path / "cache"))
        side.ask("GENE01")
        maps = panel.maps
        assert [maps.a.spec.align, maps.b.spec.align] == ["pca-centerscale", "tvn"]
        assert not panel.maps.a.embedding.isVisible()
        assert "Of the 20 nearest" in side.words


def test_it_is_copied_and_saved_with_the_question(side: Side, tmp_path: Path) -> None:
    said = []
    side.session.message_changed.connect(said.append)
    side.qtbot.mouseClick(side.panel.copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == side.panel.to_csv("\t")
    side.panel.save_csv(tmp_path / "two maps.csv")
    table = pd.read_csv(tmp_path / "two maps.csv")
    assert table["name"].tolist() == side.names
    assert table["query"].unique().tolist() == ["GENE01"]
    assert table[["embedding_a", "embedding_b"]].iloc[0].tolist() == ["wide", "flat"]
    assert table["overlap"].unique().tolist() == [40 - len(table)]
    side.panel.save_csv(tmp_path)
    assert "Copied" in said[0]
    assert "two maps.csv" in said[1]
    assert "cannot be written" in said[2]


def test_a_stopped_comparison_is_said_and_can_be_repeated(side: Side, data: Any) -> None:
    with kept_maps(data):  # as while another map is made
        side.session.ask(key="GENE03", well=None)
        assert "Comparing by GENE03" in side.words
        assert side.tasks.status is not None
        side.qtbot.wait(100)
        side.tasks.cancel_shown()
    side.qtbot.waitUntil(lambda: "Stopped" in side.words, timeout=5000)
    side.qtbot.keyClick(side.panel.maps.b.align, Qt.Key.Key_End)
    side.settle()
    assert "nearest to GENE03" in side.words


def test_a_later_question_is_the_one_that_is_answered(side: Side, data: Any) -> None:
    with kept_maps(data):
        for key in ("GENE03", "GENE04", "GENE07"):
            side.session.ask(key=key, well=None)
    side.settle()
    side.qtbot.wait(100)
    assert "nearest to GENE07" in side.words


def test_a_panel_that_goes_while_it_works_is_harmless(data: Any, qtbot: Any) -> None:
    session, tasks = Session(), Tasks()
    n_before, gone = n_listening(session), []
    group = TaskGroup(tasks)
    panel = ListsPage(session, group)
    panel.destroyed.connect(lambda: gone.append(True))
    assert n_listening(session) > n_before
    session.open(data)
    panel.show()
    with kept_maps(data):
        session.ask(key="GENE03", well=None)
        qtbot.wait(50)
        group.end()
        panel.close()
        assert n_listening(session) == n_before
        panel.deleteLater()
        qtbot.waitUntil(lambda: gone == [True], timeout=20_000)
    session.ask(key="GENE04", well=None)
    tasks.close(wait=True)
    qtbot.wait(50)


def n_listening(session: Session) -> int:
    """Return how many slots are connected to the signals of a session."""
    signals = (getattr(session, name) for name in dir(type(session)))
    return sum(len(signal) for signal in signals if isinstance(signal, SignalInstance))


def test_texts_of_files_are_never_markup(side: Side) -> None:
    side.panel.maps.b.set_embeddings(["<b>wide</b>", "flat"])
    assert side.panel.note.textFormat() == Qt.TextFormat.PlainText
    side.ask("<b>GENE01</b>")
    assert "<b>GENE01</b>" in side.words


# --- in the window -------------------------------------------------------------------------------


@pytest.fixture
def window(open_window: Callable[..., Window], screen: b.Screen, root: Path) -> Window:
    window = open_window(root, screen)
    window.panel = window.neighbors.embedding.compare.lists
    window.session.ask(key="GENE01", well=None)
    window.settle()
    return window


def open_tab(window: Window) -> None:
    window.click(window.neighbors.panel.question.embedding)
    window.settle()


def click_row(window: Window, row: int, double: bool = False) -> str:
    table = window.panel.table
    place = table.visualRect(table.model().index(row, 0)).center()
    name = table.rows()[row].texts[0]
    window.qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    if double:
        window.qtbot.mouseDClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    window.settle()
    return str(name)


def test_a_clicked_row_stands_beside_the_query(window: Window) -> None:
    assert not window.panel.table.rows()
    open_tab(window)
    name = click_row(window, 1)
    tiles = window.explorer.workspace.picture.mosaic.tiles
    assert [tile.label.split(":")[0] for tile in tiles] == ["query", "neighbor"]
    assert window.session.query.key == "GENE01"
    shown = window.session.well_row(tiles[1].well_id)
    assert shown["treatment"].split("_guide_")[0] == name.split(" 0.25")[0].split(" 2.5")[0]


@pytest.mark.soak
def test_a_double_click_or_enter_asks_about_a_row(window: Window) -> None:
    open_tab(window)
    name = click_row(window, 0, double=True)
    key = name.replace(" 0.25 µM", "@0.25").replace(" 2.5 µM", "@2.5")
    assert window.session.query.key == key
    assert name in window.panel.note.text()
    window.qtbot.keyClick(window.panel.table, Qt.Key.Key_Down)
    window.qtbot.keyClick(window.panel.table, Qt.Key.Key_Down)
    row = window.panel.table.currentIndex().row()
    name = window.panel.table.rows()[row].texts[0]
    window.qtbot.keyClick(window.panel.table, Qt.Key.Key_Return)
    window.settle()
    assert name in window.panel.note.text()


@pytest.mark.soak
def test_it_fits_a_small_window(window: Window) -> None:
    open_tab(window)
    window.panel.window().resize(400, 600)
    window.qtbot.waitUntil(lambda: window.panel.width() <= 400)
    table = window.panel.table
    assert table.horizontalScrollBar().maximum() == 0
    for choice in (window.panel.maps.a, window.panel.maps.b):
        right = choice.more.mapTo(window.panel, choice.more.rect().topRight()).x()
        assert right < window.panel.width()


@pytest.mark.soak
def test_both_views_compare_the_same_maps(window: Window) -> None:
    """What was chosen as A and B in one view is there in the other, whichever came first."""
    open_tab(window)
    compare = window.neighbors.embedding.compare
    pages, align = compare.pages, window.panel.maps.b.align
    assert not pages.is_made("pairs"), "nobody has looked at it"
    assert not window.neighbors.embedding.findChildren(BenchmarkPanel)
    window.qtbot.keyClick(align, Qt.Key.Key_End)
    assert window.panel.maps.b.spec.align == "tvn-centered"
    window.click(pages.buttons["pairs"])
    window.settle()
    maps = compare.pairs.choice.maps
    assert (maps.a.spec, maps.b.spec) == (window.panel.maps.a.spec, window.panel.maps.b.spec)
    window.qtbot.keyClick(compare.pairs.choice.screens, Qt.Key.Key_End)
    window.qtbot.keyClick(maps.b.align, Qt.Key.Key_Home)
    window.settle()
    assert maps.b.spec.align == "none"
    window.click(pages.buttons["lists"])
    window.settle()
    assert window.panel.maps.b.spec == maps.b.spec
