"""The neighbors panel: the question to the map, and its answer with pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd
from magicgui.widgets import ComboBox, Container
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
    QWidgetAction,
)

from napari_rxrx3.data.cache import written_atomically
from napari_rxrx3.data.dataset import Dataset
from napari_rxrx3.gui.neighbor_table import NeighborModel, NeighborTable
from napari_rxrx3.gui.tasks import Progress, Tasks
from napari_rxrx3.gui.thumbnails import Thumbnails
from napari_rxrx3.gui.widgets import Following, let_shrink, tool_button
from napari_rxrx3.maps.align import ALIGNMENTS
from napari_rxrx3.maps.neighbors import KINDS, Neighbor, nearest_of_kind
from napari_rxrx3.maps.build import phenomap_or_fallback
from napari_rxrx3.maps.phenomap import LEVELS, METRICS, MapSpec
from napari_rxrx3.session import Query, Session

__all__ = ["NeighborsPanel"]

_KIND_WORDS = ("all kinds", "genes", "compounds")


@dataclass(frozen=True)
class _Answer:
    query: Query
    neighbors: list[Neighbor]
    align: str
    embedding: str
    note: str
    n_wells: int
    well: str | None


class NeighborsPanel(QWidget):
    """Lists what looks most like, or unlike, the perturbation that is asked about."""

    def __init__(self, session: Session, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._tasks = session, tasks
        self.following = Following()
        self._answer: _Answer | None = None
        self._asked: Query | None = None
        self.thumbnails = Thumbnails(self)
        self.model = NeighborModel(self.thumbnails, self)
        self.table = NeighborTable(self.model, self)
        self._make_controls()
        self._lay_out()
        self._connect()
        self._on_limits(session.limits)
        self._on_query(session.query)

    def to_csv(self, delimiter: str = ",") -> str:
        """The list as CSV, with the question in every row."""
        out = io.StringIO()
        if self._answer is None:
            return ""
        question = {
            "query": self._answer.query.key,
            "level": self._answer.query.level,
            "align": self._answer.align,
            "metric": self._answer.query.metric,
            "opposite": self._answer.query.opposite,
            "embedding": self._answer.embedding,
        }
        rows = [{**asdict(neighbor), **question} for neighbor in self._answer.neighbors]
        columns = list(rows[0]) if rows else list(question)
        writer = csv.DictWriter(out, columns, delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue()

    def _make_controls(self) -> None:
        self.back = tool_button("arrow_left", "Back to the perturbation before")
        self.forward = tool_button("arrow_right", "Forward again")
        self.key = QLineEdit()
        self.key.setPlaceholderText("perturbation, e.g. PLK1 or Bortezomib@2.5")
        self.key.setToolTip("What the list is about. Type another perturbation and press Enter.")
        self.key.setAccessibleName("Query perturbation")
        self.direction = QComboBox()
        self.direction.setToolTip("The most similar perturbations first, or the most opposite ones")
        self.direction.addItems(["similar", "opposite"])
        self.kind = QComboBox()
        self.kind.addItems(_KIND_WORDS)
        self.copy = tool_button("content_copy", "Copy the list as a table")
        self.save = tool_button("download", "Save the list as CSV")
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.settings = _Settings()

    def _lay_out(self) -> None:
        let_shrink(self.direction)
        let_shrink(self.kind)
        top, middle = QHBoxLayout(), QHBoxLayout()
        for widget in (self.back, self.forward):
            top.addWidget(widget)
        top.addWidget(self.key, 1)
        top.addWidget(self.copy)
        top.addWidget(self.save)
        middle.addWidget(self.direction, 1)
        middle.addWidget(self.kind, 1)
        middle.addWidget(self.settings)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        for row in (top, middle):
            row.setSpacing(4)
            layout.addLayout(row)
        layout.addWidget(self.note)
        layout.addWidget(self.table, 1)

    def _connect(self) -> None:
        follow = self.following.connect
        session = self._session
        follow(session.query_changed, self._on_query)
        follow(session.limits_changed, self._on_limits)
        follow(session.dataset_changed, self._on_dataset)
        self.back.clicked.connect(session.back)
        self.forward.clicked.connect(session.forward)
        self.key.returnPressed.connect(self._ask_typed)
        self.direction.activated.connect(lambda i: session.ask(opposite=bool(i)))
        self.kind.activated.connect(lambda i: session.ask(kind=list(KINDS)[i]))
        self.settings.level.changed.connect(session.set_level)
        self.settings.align.changed.connect(lambda align: session.ask(align=align))
        self.settings.metric.changed.connect(lambda metric: session.ask(metric=metric))
        self.table.chosen.connect(self._show)
        self.table.activated_neighbor.connect(self._go_to)
        self.copy.clicked.connect(self._copy)
        self.save.clicked.connect(self._save)

    def _ask_typed(self) -> None:
        text = self.key.text().strip()
        if text and text != self._session.query.key:
            self._session.ask(key=text, well=None)

    def _on_dataset(self, dataset: Dataset | None) -> None:
        self._tasks.cancel("neighbors")
        self._asked = None
        self.thumbnails.request(None, [])
        self._show_answer(None)

    def _on_query(self, query: Query) -> None:
        self.key.setText(query.key)
        self.direction.setCurrentIndex(int(query.opposite))
        self.kind.setCurrentIndex(list(KINDS).index(query.kind))
        self.settings.set_query(query)
        self.back.setEnabled(self._session.can_go_back)
        self.forward.setEnabled(self._session.can_go_forward)
        dataset = self._session.dataset
        if dataset is None or not query.key or query == self._asked:
            return
        self._asked = query
        picture_of = self._session.picture_of
        text = f"comparing {query.key} with all others"

        def work(progress: Progress) -> _Answer:
            progress(0, 0, text)  # stops a question that was overtaken while it waited
            return _answer(dataset, query, picture_of)

        if self._answer is not None and self._answer.query.key != query.key:
            self._show_answer(None)  # rows of another question must not be clicked

        self._tasks.run("neighbors", work, self._show_answer, self._on_failed, text)

    def _show_answer(self, answer: _Answer | None) -> None:
        self._answer = answer
        self.copy.setEnabled(answer is not None)
        self.save.setEnabled(answer is not None)
        neighbors = answer.neighbors if answer is not None else []
        self.model.set_neighbors(neighbors, answer.query.metric if answer else "cosine")
        if answer is None:
            self.note.clear()
            return
        self.note.setText(_in_words(answer))
        self.note.setToolTip(Qt.convertFromPlainText(f"Embedding: {answer.embedding}"))
        dataset = self._session.dataset
        self.thumbnails.request(dataset, [n.well for n in neighbors if n.well is not None])
        if answer.query.well is None and answer.well is not None:
            # only the picture is new, not the question
            self._asked = replace(self._session.query, well=answer.well)
            self._session.select_well(answer.well, key=answer.query.key)

    def _on_failed(self, sentence: str) -> None:
        self._show_answer(None)
        self.note.setText(sentence)

    def _on_limits(self, limits: object) -> None:
        self.model.set_limits(self._session.limits)

    def _show(self, neighbor: Neighbor) -> None:
        self._session.show_beside_query(neighbor.key, neighbor.well)

    def _go_to(self, neighbor: Neighbor) -> None:
        if neighbor.well is not None:
            self._session.select_well(neighbor.well, key=neighbor.key)
        else:
            self._session.ask(key=neighbor.key, well=None)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.to_csv("\t"))
        self._session.say(f"Copied {len(self.model.neighbors)} rows.")

    def _save(self) -> None:
        if self._answer is None:
            return
        name = f"neighbors of {_file_name(self._answer.query.key)}.csv"
        path = QFileDialog.getSaveFileName(self, "Save the list", name, "CSV (*.csv)")[0]
        if path:
            self.save_csv(Path(path))

    def save_csv(self, path: Path) -> None:
        """Write the list to a file; what goes wrong is said in the window."""
        try:
            with written_atomically(path) as temporary:
                temporary.write_text(self.to_csv(), encoding="utf-8")
        except OSError as error:
            self._session.say(f"{path} cannot be written: {error.strerror}.")
        else:
            self._session.say(f"Saved {path}.")


class _Settings(QPushButton):
    """A button that says how the map is made, with a form behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.level = ComboBox(name="level", choices=LEVELS, tooltip=_LEVEL_TIP)
        self.align = ComboBox(name="align", choices=ALIGNMENTS, tooltip=_ALIGN_TIP)
        self.metric = ComboBox(name="metric", choices=METRICS, tooltip=_METRIC_TIP)
        self.form = Container(widgets=[self.level, self.align, self.metric])
        menu = QMenu(self)
        action = QWidgetAction(menu)
        action.setDefaultWidget(self.form.native)
        menu.addAction(action)
        self.setMenu(menu)
        self.setToolTip("Level, alignment and metric of the comparison")

    def set_query(self, query: Query) -> None:
        with self.level.changed.blocked(), self.align.changed.blocked():
            self.level.value, self.align.value = query.level, query.align
        with self.metric.changed.blocked():
            self.metric.value = query.metric
        self.setText(f"by {query.level}")


_LEVEL_TIP = (
    "What is compared: single wells, guides, perturbations (a gene over its guides; a compound at "
    "a dose), or compounds over their doses"
)
_ALIGN_TIP = (
    "How differences between experiments are taken out, by their control wells: not at all, by "
    "center and scale, by center and scale along the controls' principal components, or by "
    "typical variation normalization (tvn)"
)
_METRIC_TIP = "cosine: direction of the change; euclidean: distance, which its strength decides too"


def _answer(
    dataset: Dataset, query: Query, picture_of: Callable[[pd.Index], str | None]
) -> _Answer:
    phenomap, note = phenomap_or_fallback(dataset, MapSpec(query.level, query.align))
    key = query.key
    if key not in phenomap.labels.index and query.well is not None:
        note = f"{key} has no vector, so it has no neighbors."
        if "_control" in key and dataset.wells.at[query.well, "has_embedding"]:
            note = "Controls of compound plates are not in this map: compare by well to see them."
        return _Answer(query, [], phenomap.align, phenomap.embedding, note, 0, None)
    wells = phenomap.wells_of(key)
    neighbors = nearest_of_kind(
        phenomap, key, query.kind, query.k, query.metric, query.opposite, picture_of
    )
    shown = picture_of(wells)
    return _Answer(query, neighbors, phenomap.align, phenomap.embedding, note, len(wells), shown)


def _in_words(answer: _Answer) -> str:
    """How the list was made; what is not as asked for comes first."""
    wells = f"{answer.n_wells} well{'s' * (answer.n_wells != 1)}"
    align = answer.align if answer.align != "none" else "not aligned"
    made = f"{wells} · {align} · {answer.query.metric}"
    return f"{answer.note}\n{made}" if answer.note else made


def _file_name(key: str) -> str:
    return "".join(c if c.isalnum() or c in " -@.()" else "_" for c in key)
