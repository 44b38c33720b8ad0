"""The benchmark panel, used as a person uses it, with the numbers that the library gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

import builders as b
import napari_rxrx3 as rx
from alone import shown_alone
from napari_rxrx3.core.errors import MetadataError
from napari_rxrx3.gui.compare.benchmark_panel import BenchmarkPanel
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Tasks
from napari_rxrx3.maps.benchmark.compound_genes import compound_gene_precision
from napari_rxrx3.maps.benchmark.known import kind_of_known, read_interactions, read_pairs
from napari_rxrx3.maps.benchmark.recall import pair_recall
from napari_rxrx3.session import Session
from window import Window, kept_maps

GENES = tuple(f"GENE{i:02d}" for i in range(30))
COMPOUNDS = ("Bortezomib", "Volasertib", "Ispinesib")
SIZE = (390, 330)


@pytest.fixture(scope="module")
def screen() -> b.Screen:
    """Genes of even numbers are alike."""
    screen = b.Screen.of(b.genes_and_compounds(GENES, COMPOUNDS), 16, dim=6)
    shared = np.array([4, -3, 2, 0, 0, 0], dtype="float32")
    for row in screen.rows:
        if str(row["gene"])[-2:] in {f"{i:02d}" for i in range(0, 30, 2)}:
            screen.vectors[row["well_id"]] += shared
    return screen


@pytest.fixture(scope="module")
def root(screen: b.Screen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return screen.write_rxrx3(tmp_path_factory.mktemp("benchmark") / "screen")


@pytest.fixture(scope="module")
def data(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return rx.open_dataset(root, cache_dir=tmp_path_factory.mktemp("cache"))


def pairs_file(folder: Path, name: str = "pairs.csv") -> str:
    ends = [(f"GENE{i:02d}", f"GENE{i + 2:02d}") for i in range(0, 28, 2)]
    ends += [("GENE01", "NOT-IN-MAP"), ("GENE02", "GENE00")]
    pd.DataFrame(ends, columns=["entity1", "entity2"]).to_csv(folder / name, index=False)
    return str(folder / name)


def genes_file(folder: Path) -> str:
    rows = [(c, g, g < "GENE03") for c in (*COMPOUNDS, "Absent") for g in GENES]
    table = pd.DataFrame(rows, columns=["compound", "gene", "active"])
    table.to_csv(folder / "genes.tsv", index=False, sep="\t")
    return str(folder / "genes.tsv")


@dataclass
class Side:
    """The panel with a session of its own."""

    panel: BenchmarkPanel
    session: Session
    tasks: Tasks
    group: TaskGroup
    qtbot: Any

    def press(self, button: Any) -> None:
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def run(self, path: str) -> None:
        self.panel.set_file(path)
        self.press(self.panel.run)
        self.qtbot.waitUntil(lambda: self.tasks.is_idle, timeout=20_000)

    @property
    def words(self) -> str:
        return self.panel.note.text()

    @property
    def texts(self) -> list[tuple[str, ...]]:
        return [row.texts for row in self.panel.table.rows()]


@pytest.fixture
def side(data: Any, qtbot: Any) -> Iterator[Side]:
    with shown_alone(BenchmarkPanel, qtbot, SIZE) as (panel, around):
        around.session.open(data)
        yield Side(panel, *around, qtbot)


def test_it_says_what_it_is_for_and_what_to_do(side: Side) -> None:
    for word in ("entity1", "gene_symbol", "Choose a table", "Licenses", "docs/maps.md"):
        assert word in side.words
    assert not side.panel.run.isEnabled()
    assert not side.panel.save.isEnabled()
    assert not side.panel.table.isVisible()
    assert "perturbation · pca-centerscale" in side.panel.map.text()


def test_pairs_give_the_recall_of_the_library(side: Side, data: Any, tmp_path: Path) -> None:
    path = pairs_file(tmp_path)
    side.run(path)
    found = pair_recall(data.phenomap(), read_pairs(path))
    recall, second = found.recalls[0.05, 0.95], found.recalls[0.1, 0.9]
    assert (found.n_pairs, found.n_known) == (14, 15)
    assert side.texts == [
        ("recall", f"{recall:.3f}", f"{second:.3f}"),
        ("recall by chance", "0.10", "0.20"),
        ("known pairs used", "14", "14"),
        ("known pairs in the file", "15", "15"),
        ("entries of the map", f"{found.n_entries}", f"{found.n_entries}"),
        ("all pairs", f"{found.n_null}", f"{found.n_null}"),
    ]
    assert 0.1 < recall < 1
    assert (
        f"{round(recall * 14)} of the 14 known pairs in this map ({100 * recall:.0f} %)"
        in side.words
    )
    assert side.panel.table.isVisible()


def test_a_table_of_compounds_gives_the_precision_of_the_library(
    side: Side, data: Any, tmp_path: Path
) -> None:
    path = genes_file(tmp_path)
    side.run(path)
    found = compound_gene_precision(data.phenomap(), read_interactions(path))
    assert [row[0] for row in side.texts] == ["0.25", "2.5", "max"]
    for row, dose in zip(side.texts, found.doses.itertuples(), strict=True):
        expected = (dose.average_precision, dose.baseline_average_precision, dose.auc_roc)
        assert row[1:] == ("3", *(f"{value:.3f}" for value in expected))
    best = found.doses.loc["max"]
    assert f"average precision of {best['average_precision']:.2f}" in side.words
    assert f"it would be {best['baseline_average_precision']:.2f}" in side.words
    assert "3 compounds" in side.words
    assert "1 not in this map" in side.words


def test_every_column_and_row_is_explained(side: Side, tmp_path: Path) -> None:
    for path in (pairs_file(tmp_path), genes_file(tmp_path)):
        side.run(path)
        model = side.panel.table.model()
        tips = [
            model.headerData(i, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
            for i in range(model.columnCount())
        ]
        assert all(len(tip) > 20 for tip in tips)
        assert len(set(tips)) == len(tips)


def test_it_asks_the_map_of_the_query(side: Side, data: Any, tmp_path: Path) -> None:
    path = pairs_file(tmp_path)
    side.session.ask(align="none", average="median")
    assert "not aligned · median" in side.panel.map.text()
    side.run(path)
    found = pair_recall(data.phenomap(align="none", average="median"), read_pairs(path))
    assert side.texts[0][1] == f"{found.recalls[0.05, 0.95]:.3f}"
    before = side.words
    side.session.ask(align="centerscale")
    assert side.words.startswith("Of another map: perturbation · not aligned · median")
    assert before in side.words, "the result stays"
    side.session.ask(align="none", key="GENE01")
    assert side.words == before


@pytest.mark.parametrize(
    ("level", "file", "words"),
    [
        ("well", pairs_file, "not one of single wells"),
        ("guide", genes_file, 'at level "perturbation"'),
        ("guide", pairs_file, "None of the 15 pairs"),
    ],
)
def test_a_map_that_cannot_be_asked_is_said(
    side: Side, tmp_path: Path, level: str, file: Callable[[Path], str], words: str
) -> None:
    side.session.ask(level=level)
    side.run(file(tmp_path))
    assert words in side.words
    assert not side.panel.table.isVisible()
    assert not side.panel.save.isEnabled()
    assert side.panel.run.text() == "Run"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"foo,bar\n1,2\n", "neither the columns entity1 and entity2 nor treatment"),
        (b"entity1,other\n1,2\n", "no column entity2"),
        (b"treatment,gene,nM_value\nBortezomib,GENE01,much\n", "line 2"),
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\xff", "it is neither parquet nor text"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_such_table_is_said(
    side: Side, tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "a table.csv"
    if content is not None:
        path.write_bytes(content)
    side.run(str(path))
    assert words in side.words
    assert "a table.csv" in side.words
    assert side.panel.run.isEnabled()


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        ("entity1,entity2", "pairs"),
        ('"Entity1";"Entity2";score', "pairs"),
        ("\ufeffentity2\tentity1", "pairs"),
        ("\n\nentity1,entity2", "pairs"),
        ("treatment,gene_symbol,active", "interactions"),
        (" Compound ; Gene ; nM_value", "interactions"),
    ],
)
def test_the_columns_tell_what_a_table_is(tmp_path: Path, head: str, kind: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"{head}\nA,B,1\n", encoding="utf-8")
    assert kind_of_known(str(path)) == kind
    path.write_text("A,B\nPLK1,MTOR\n", encoding="utf-8")
    with pytest.raises(MetadataError, match="neither"):
        kind_of_known(str(path))


def test_a_run_can_be_stopped_in_the_panel(side: Side, data: Any, tmp_path: Path) -> None:
    side.panel.set_file(pairs_file(tmp_path))
    with kept_maps(data):  # as while another map is made
        side.press(side.panel.run)
        assert side.panel.run.text() == "Stop"
        assert "reading" in side.tasks.status[2]
        side.press(side.panel.run)
        assert side.tasks.is_idle
    assert side.words == "Stopped."
    side.run(side.panel._path)
    assert side.texts


def test_a_run_that_is_stopped_elsewhere_is_noticed(side: Side, data: Any, tmp_path: Path) -> None:
    side.panel.set_file(pairs_file(tmp_path))
    with kept_maps(data):
        side.press(side.panel.run)
        side.qtbot.wait(100)
        side.tasks.cancel_shown()
    side.qtbot.waitUntil(lambda: side.words == "Stopped.", timeout=5000)
    assert side.panel.run.text() == "Run"


def test_the_result_is_saved_with_file_and_map(side: Side, tmp_path: Path) -> None:
    said: list[str] = []
    side.session.message_changed.connect(said.append)
    assert side.panel.to_csv() == ""
    path = pairs_file(tmp_path)
    side.run(path)
    side.panel.save_csv(tmp_path / "out.csv")
    table = pd.read_csv(tmp_path / "out.csv")
    assert table[["low", "high"]].to_numpy().tolist() == [[0.05, 0.95], [0.1, 0.9]]
    assert table["file"].tolist() == [path] * 2
    assert table["align"].tolist() == ["pca-centerscale"] * 2
    assert f"{table['recall'][0]:.3f}" == side.texts[0][1]
    side.run(genes_file(tmp_path))
    side.panel.save_csv(tmp_path / "out.csv")
    assert pd.read_csv(tmp_path / "out.csv")["concentration"].tolist() == ["0.25", "2.5", "max"]
    side.panel.save_csv(tmp_path)
    assert "cannot be written" in said[-1]


def test_too_few_controls_are_said(screen: b.Screen, tmp_path: Path, qtbot: Any) -> None:
    rows = [dict(row) for row in screen.rows]
    for row in rows:
        if row["experiment_name"] == "compound-001" and row["treatment"] == "EMPTY_control":
            row["treatment"], row["concentration"] = "Aspirin", 1.0
    other = b.Screen(rows, screen.planes, screen.vectors)
    dataset = rx.open_dataset(other.write_rxrx3(tmp_path / "s"), tmp_path / "cache")
    with shown_alone(BenchmarkPanel, qtbot, SIZE) as (panel, around):
        around.session.open(dataset)
        side = Side(panel, *around, qtbot)
        side.run(pairs_file(tmp_path))
        assert side.words.startswith("Not aligned")
        assert "compound-001" in side.words
        assert side.texts


def test_without_embeddings_nothing_can_be_run(
    screen: b.Screen, tmp_path: Path, qtbot: Any
) -> None:
    screen.write_metadata(tmp_path / "s" / "metadata.csv")
    session, tasks = Session(), Tasks()
    group = TaskGroup(tasks)
    panel = BenchmarkPanel(session, group)
    qtbot.addWidget(panel)
    panel.set_file(pairs_file(tmp_path))
    assert not panel.run.isEnabled()
    session.open(rx.open_dataset(tmp_path / "s", tmp_path / "cache"))
    assert not panel.run.isEnabled()
    group.end()
    tasks.close(wait=True)


def test_texts_of_files_are_never_markup(side: Side, tmp_path: Path) -> None:
    folder = tmp_path / "<b>bold<"
    folder.mkdir()
    path = pairs_file(folder, "<i>pairs<.csv")
    side.run(path)
    assert side.texts
    assert side.panel.file.text() == "<i>pairs<.csv"
    assert "&lt;i&gt;" in side.panel.file.toolTip()
    labels = (side.panel.file, side.panel.map, side.panel.note)
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in labels)


def test_another_data_set_takes_the_result_away(side: Side, tmp_path: Path) -> None:
    side.run(pairs_file(tmp_path))
    side.session.open(None)
    assert not side.panel.table.isVisible()
    assert not side.panel.run.isEnabled()
    assert side.panel.file.text() == "pairs.csv", "the file is still there to be run"


# --- in the window -------------------------------------------------------------------------------


@pytest.fixture
def window(open_window: Callable[..., Window], screen: b.Screen, root: Path) -> Window:
    window = open_window(root, screen)
    window.panel = window.neighbors.embedding.benchmark
    window.click(window.neighbors.panel.question.embedding)
    window.turn_to(window.panel)
    return window


@pytest.mark.soak
def test_from_choosing_a_file_to_the_result(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = window.panel
    files = {"open": pairs_file(tmp_path), "save": str(tmp_path / "saved.csv")}
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (files["open"], ""))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (files["save"], ""))
    for button in (panel.choose, panel.run):
        window.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    window.settle()
    assert "of the 14 known pairs" in panel.note.text()
    assert panel.table.horizontalScrollBar().maximum() == 0
    window.qtbot.mouseClick(panel.save, Qt.MouseButton.LeftButton)
    assert pd.read_csv(tmp_path / "saved.csv")["n_pairs"].tolist() == [14, 14]
    assert "Saved" in window.explorer.status.message.text()
    files["open"] = genes_file(tmp_path)
    for button in (panel.choose, panel.run):
        window.qtbot.keyClick(button, Qt.Key.Key_Space)
    window.settle()
    assert "average precision" in panel.note.text()
    assert panel.table.horizontalScrollBar().maximum() == 0
    files["open"] = ""
    window.qtbot.mouseClick(panel.choose, Qt.MouseButton.LeftButton)
    assert panel.file.text() == "genes.tsv", "nothing was chosen, nothing changes"
    assert panel.table.rows()
