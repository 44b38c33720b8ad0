"""The neighbors panel: the question to the map, and its answer with pictures."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_rxrx3.core.words import KINDS_IN_WORDS, count, file_name, key_in_words
from napari_rxrx3.gui.neighbors.answers import Answer, as_rows, first_answer, in_words, judged
from napari_rxrx3.gui.neighbors.card import PerturbationCard
from napari_rxrx3.gui.neighbors.map_settings import MapSettings, controls_of
from napari_rxrx3.gui.neighbors.neighbor_table import NeighborModel, NeighborTable
from napari_rxrx3.gui.neighbors.thumbnails import Thumbnails
from napari_rxrx3.gui.results import save_text
from napari_rxrx3.gui.widgets import let_shrink, tool_button
from napari_rxrx3.gui.words import wrapped_tooltip
from napari_rxrx3.gui.work.debounce import LeadingDebounce
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.maps.neighbors import Neighbor
from napari_rxrx3.maps.spec import NEIGHBOR_KINDS, NEIGHBOR_ORDERS
from napari_rxrx3.session import Query, Session

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = ["NeighborsPanel"]

_NOT_READ = "The vectors were not read. Press Enter above to read them and to see the neighbors."


class NeighborsPanel(QWidget):
    """Lists what looks most like, or unlike, the perturbation that is asked about."""

    def __init__(self, session: Session, tasks: TaskGroup, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._tasks = session, tasks
        self._connections = tasks.connections(self)
        self._answer: Answer | None = None
        self._asked: Query | None = None
        self._scored: PhenoMap | None = None
        self._asking = tasks.add(LeadingDebounce(self._compare, self))
        self._are_vectors_stopped = False
        self.thumbnails = tasks.add(Thumbnails(self))
        self.model = NeighborModel(self.thumbnails, self)
        self.table = NeighborTable(self.model, self)
        self._make_controls()
        self._lay_out()
        self._connect()
        self._on_limits(session.limits)
        self._on_dataset(session.dataset)
        self._on_query(session.query)

    def to_csv(self, delimiter: str = ",") -> str:
        """The list as CSV, with the question in every row."""
        rows = as_rows(self._answer) if self._answer is not None else []
        if not rows:
            return ""
        out = io.StringIO()
        writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue()

    def _make_controls(self) -> None:
        self.back = tool_button("arrow_left", "Back to the perturbation before")
        self.forward = tool_button("arrow_right", "Forward again")
        self.key = QLineEdit()
        self.key.setPlaceholderText("perturbation, e.g. PLK1 or Bortezomib 2.5 µM")
        self.key.setToolTip("What the list is about. Type another perturbation and press Enter.")
        self.key.setAccessibleName("Query perturbation")
        self.order = QComboBox()
        self.order.setToolTip(
            "What comes first: the most similar perturbations, the most opposite ones, or of the "
            "whole map those with the strongest or the most consistent effect"
        )
        self.order.addItems(NEIGHBOR_ORDERS)
        self.kind = QComboBox(toolTip="Which perturbations are listed: all, genes or compounds")
        self.kind.addItems(KINDS_IN_WORDS.values())
        self.copy = tool_button("content_copy", "Copy the list as a table")
        self.save = tool_button("download", "Save the list as CSV")
        self.card = PerturbationCard()
        self._tasks.add(self.card.structure.drawing)
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.leave_out = QPushButton("Leave them out")
        self.leave_out.setToolTip("Align all other batches; the list then has no well of these")
        self.settings = MapSettings()

    def _lay_out(self) -> None:
        let_shrink(self.order)
        let_shrink(self.kind)
        top, middle, below = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        for widget in (self.back, self.forward):
            top.addWidget(widget)
        top.addWidget(self.key, 1)
        top.addWidget(self.copy)
        top.addWidget(self.save)
        middle.addWidget(self.order, 1)
        middle.addWidget(self.kind, 1)
        middle.addWidget(self.settings)
        below.addWidget(self.note, 1)
        below.addWidget(self.leave_out)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        for row in (top, middle):
            row.setSpacing(4)
            layout.addLayout(row)
        layout.addWidget(self.card)
        layout.addLayout(below)
        layout.addWidget(self.table, 1)

    def _connect(self) -> None:
        follow = self._connections.connect
        session = self._session
        follow(session.query_changed, self._on_query)
        follow(session.limits_changed, self._on_limits)
        follow(session.dataset_changed, self._on_dataset)
        follow(session.wells_changed, self._on_wells)
        self.back.clicked.connect(session.back)
        self.forward.clicked.connect(session.forward)
        self.key.returnPressed.connect(self._ask_typed)
        self.order.activated.connect(lambda i: session.ask(order=NEIGHBOR_ORDERS[i]))
        self.kind.activated.connect(lambda i: session.ask(kind=list(NEIGHBOR_KINDS)[i]))
        self.settings.changed.connect(self._on_setting)
        self.settings.vectors_wanted.connect(self._choose_vectors)
        self._tasks.stopped.connect(self._on_stopped)
        self.leave_out.clicked.connect(lambda: session.ask(leave_out=True))
        self.card.link_failed.connect(session.say)
        self.table.chosen.connect(self._show)
        self.table.activated_neighbor.connect(self._go_to)
        self.copy.clicked.connect(self._copy)
        self.save.clicked.connect(self._save)

    def _ask_typed(self) -> None:
        text = self.key.text().strip()
        self._are_vectors_stopped = False
        self._session.want_vectors()
        key = self._key_of(text)
        if key and key == self._session.query.key:
            self._on_query(self._session.query)  # again, if it was stopped
        elif key:
            self._session.ask(key=key, well=None)

    def _key_of(self, text: str) -> str:
        """The key of what was typed, if the map at hand has it; else the text as it is."""
        if text == key_in_words(self._session.query.key):
            return self._session.query.key
        if self._answer is None or not text:
            return text
        from napari_rxrx3.maps.entry_names import find_entries

        (rows,) = find_entries(self._answer.phenomap, [text])
        return str(self._answer.phenomap.labels.index[rows[0]]) if len(rows) == 1 else text

    def _on_setting(self, name: str, value: object) -> None:
        if name == "level":
            self._session.set_level(str(value))
        else:
            self._session.ask(**{name: value})

    def _on_dataset(self, dataset: Dataset | None) -> None:
        self._cancel()
        self._tasks.cancel("adding", "scores")
        self._asked = self._scored = None
        self._are_vectors_stopped = False
        self.settings.set_embeddings([] if dataset is None else list(dataset.embeddings))
        self.settings.set_controls([Query.control])
        if dataset is not None:
            self._tasks.run(
                "controls",
                lambda progress: controls_of(dataset),
                self.settings.set_controls,
                self._session.say,
            )
        self.thumbnails.request(None, [])
        self._show_answer(None)

    def _on_wells(self, dataset: Dataset | None) -> None:
        """Offer the vectors that could be read, and the default among them."""
        if dataset is not None:
            self._are_vectors_stopped = False
            self.settings.set_embeddings(list(dataset.embeddings))
            self._on_query(self._session.query)

    def _on_query(self, query: Query) -> None:
        dataset = self._session.dataset
        self.key.setText(key_in_words(query.key))
        self.order.setCurrentIndex(NEIGHBOR_ORDERS.index(query.order))
        self.kind.setCurrentIndex(list(NEIGHBOR_KINDS).index(query.kind))
        default = dataset.known_default if dataset is not None else None
        self.settings.set_query(query, default or "")
        self.back.setEnabled(self._session.history.can_go_back)
        self.forward.setEnabled(self._session.history.can_go_forward)
        if dataset is None or not query.key or query == self._asked:
            return
        if self._are_vectors_stopped and not dataset.vectors_are_read:
            self._on_failed(_NOT_READ)
            return
        self._asked = query
        if self._answer is not None and self._answer.query.key != query.key:
            self._show_answer(None)  # rows of another question must not be clicked
        self._cancel()
        self._asking.throttle()

    def _compare(self) -> None:
        dataset, query = self._session.dataset, self._asked
        if dataset is None or query is None:
            return
        picture_of = self._session.picture_finder()
        text = f"comparing {key_in_words(query.key)} with all others"

        def work(progress: Progress) -> Answer:
            progress(0, 0, text)  # stops a question that was overtaken while it waited
            return first_answer(dataset, query, picture_of, progress)

        self._tasks.run("neighbors", work, self._on_first_answer, self._on_failed, text)
        if not dataset.vectors_are_read:
            self._say("The vectors are still being read; the neighbors follow.")

    def _cancel(self) -> None:
        self._asking.cancel()
        self._tasks.cancel("neighbors", "judging")

    def _on_first_answer(self, answer: Answer) -> None:
        self._show_answer(answer)
        if answer.card is not None:
            self.key.setText(key_in_words(answer.key))  # as the map calls it
        self.card.set_busy(answer.card is not None)
        self._judge(answer)

    def _judge(self, answer: Answer) -> None:
        picture_of = self._session.picture_finder()

        def work(progress: Progress) -> Answer:
            progress(0, 0, "checking how far to trust the list")
            return judged(answer, picture_of, progress)

        self._tasks.run("judging", work, self._on_judged, self._on_not_judged)

    def _on_judged(self, answer: Answer) -> None:
        self._answer = answer
        self.model.update(answer.neighbors, answer.is_scored)
        self._request_thumbnails(answer.neighbors)  # of the experiment that is on screen by now
        if not answer.is_scored:
            self._score(answer.phenomap)
            return
        self.card.set_busy(False)
        self.card.set_card(answer.card)
        if answer.card is not None:
            self._session.set_phenomap(answer.phenomap)

    def _score(self, phenomap: PhenoMap) -> None:
        """Score the whole map; that goes on while other questions are asked of it."""
        if self._scored is phenomap:
            return
        self._scored = phenomap

        def work(progress: Progress) -> None:
            phenomap.score_store.get(progress)

        def done(_: None) -> None:
            self._scored = None
            answer = self._answer
            if answer is not None and answer.phenomap is phenomap and not answer.is_scored:
                self._judge(answer)

        self._tasks.run("scores", work, done, self._on_not_judged)

    def _on_not_judged(self, sentence: str) -> None:
        """What tells how far to trust the list cannot be had; the list stays."""
        self._asked = self._scored = None
        self.card.set_busy(False)
        self.model.update([], True)
        self._session.say(sentence)

    def _show_answer(self, answer: Answer | None) -> None:
        self._answer = answer
        self.copy.setEnabled(answer is not None)
        self.save.setEnabled(answer is not None)
        self.leave_out.setVisible(answer is not None and answer.is_other_map)
        self.card.set_busy(False)
        self.card.set_card(answer.card if answer is not None else None)
        neighbors = answer.neighbors if answer is not None else []
        self.model.set_neighbors(neighbors, _value_name(answer))
        if answer is None:
            self.note.clear()
            self.note.hide()
            return
        self.note.setText(in_words(answer))
        self.note.setVisible(bool(self.note.text()))
        self.note.setToolTip(wrapped_tooltip(f"Vectors: {answer.phenomap.embedding}"))
        self._request_thumbnails(neighbors)
        if answer.query.well is None and answer.well is not None:
            # only the picture is new, not the question
            self._asked = replace(self._session.query, well=answer.well)
            self._session.select_well(answer.well, key=answer.query.key)

    def _request_thumbnails(self, neighbors: list[Neighbor]) -> None:
        wells = [neighbor.well for neighbor in neighbors if neighbor.well is not None]
        self.thumbnails.request(self._session.dataset, wells)

    def _on_failed(self, sentence: str) -> None:
        self._show_answer(None)
        self._say(sentence)

    def _say(self, sentence: str) -> None:
        self.note.setText(sentence)
        self.note.setVisible(True)

    def _on_stopped(self, task: str) -> None:
        if task == "neighbors":
            self._asked = None
            self._on_failed("Stopped. Press Enter above to ask again.")
        elif task == "vectors":
            self._asked, self._are_vectors_stopped = None, True
            self._on_failed(_NOT_READ)
        elif task in ("judging", "scores"):
            self._on_not_judged("Stopped: how far to trust the list was not checked.")

    def _on_limits(self, limits: object) -> None:
        self.model.set_limits(self._session.limits)

    def _show(self, neighbor: Neighbor) -> None:
        self._session.show_beside_query(neighbor.key, neighbor.well)

    def _go_to(self, neighbor: Neighbor) -> None:
        if neighbor.well is not None:
            self._session.select_well(neighbor.well, key=neighbor.key)
        else:
            self._session.ask(key=neighbor.key, well=None)

    def _choose_vectors(self) -> None:
        kinds = "Tables of vectors (*.parquet *.csv *.tsv *.txt *.gz *.zip);;All files (*)"
        path = QFileDialog.getOpenFileName(self, "Add vectors", "", kinds)[0]
        if path:
            self.add_vectors(path)

    def add_vectors(self, path: str) -> None:
        """Read a table of vectors in the background and compare by it."""
        dataset = self._session.dataset
        if dataset is None:
            return

        def done(name: str) -> None:
            self.settings.set_embeddings(list(dataset.embeddings))
            self._session.ask(embedding=name)
            self._session.say(dataset.describe_embedding(name))

        def work(progress: Progress) -> str:
            return dataset.add_embedding(path, progress=progress)

        self._tasks.run("adding", work, done, self._session.say, f"reading {path}")

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.to_csv("\t"))
        self._session.say(f"Copied {count(len(self.model.neighbors), 'row')}.")

    def _save(self) -> None:
        if self._answer is None:
            return
        name = f"{file_name(f'neighbors of {self._answer.query.key}')}.csv"
        path = QFileDialog.getSaveFileName(self, "Save the list", name, "CSV (*.csv)")[0]
        if path:
            self.save_csv(Path(path))

    def save_csv(self, path: Path) -> None:
        """Write the list to a file; what goes wrong is said in the window."""
        self._session.say(save_text(path, self.to_csv()))


def _value_name(answer: Answer | None) -> str:
    if answer is None or answer.query.order in ("similar", "opposite"):
        is_cosine = answer is None or answer.query.metric == "cosine"
        return "cos" if is_cosine else "dist"
    return "score"
