"""The question to the map: the row in which it is asked, and the answer as it is made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QWidget

from napari_rxrx3.core.words import key_in_words
from napari_rxrx3.gui.line import Line
from napari_rxrx3.gui.neighbors.answers import Answer, first_answer, in_words, judged
from napari_rxrx3.gui.neighbors.map_settings import MapSettings, controls_of
from napari_rxrx3.gui.widgets import tool_button
from napari_rxrx3.gui.work.debounce import LeadingDebounce
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.maps.card import Card, summary_of
from napari_rxrx3.session import Query, Session

if TYPE_CHECKING:
    import pandas as pd

    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = ["MapQuestion"]

_KEY_WIDTHS = 90, 170
"""Of the line for the perturbation, at least and at most."""
_NOT_READ = "The vectors were not read. Press Enter above to read them and to see the neighbors."


class MapQuestion(QWidget):
    """Follows the session's query: shows it, asks the map, and tells the answer in steps.

    A list comes first. What tells how far to trust it is worked out when there is one: p-values,
    and what takes the scores of the whole map.
    """

    answered = Signal(object)
    """The `Answer` to the session's query; None as long as there is none."""
    revised = Signal(object)
    """The same `Answer` with what tells how far to trust it; None: that cannot be had."""
    said = Signal(str)
    """What is to be said of the answer, or why there is none: `sentence`."""
    embedding_wanted = Signal()
    """The user wants to know more of the embedding itself."""

    def __init__(self, session: Session, tasks: TaskGroup, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._tasks = session, tasks
        self._connections = tasks.connections(self)
        self.answer: Answer | None = None
        self.sentence = ""
        self._asked: Query | None = None
        self._scored: PhenoMap | None = None
        self._counted = (0, -1)
        """Field and generation of the cell counts that were known when the answer was judged."""
        self._asking = tasks.add(LeadingDebounce(self._ask, self))
        self._are_vectors_stopped = False
        self._make_controls()
        self._lay_out()
        self._connect()
        self._on_card(session.card)
        self._on_dataset(session.dataset)
        self._on_query(session.query)

    def _make_controls(self) -> None:
        self.back = tool_button("arrow_left", "Back to the perturbation before")
        self.forward = tool_button("arrow_right", "Forward again")
        self.key = QLineEdit()
        self.key.setPlaceholderText("perturbation, e.g. PLK1 or Bortezomib 2.5 µM")
        self.key.setToolTip("What the list is about. Type another perturbation and press Enter.")
        self.key.setAccessibleName("Query perturbation")
        self.summary = Line()
        self.sets = tool_button("set_center", "What the nearest genes have in common: gene sets")
        self.embedding = tool_button(
            "vector_polyline", "The embedding: compare two maps, and see what is known found again"
        )
        self.settings = MapSettings()

    def _lay_out(self) -> None:
        least, most = _KEY_WIDTHS
        self.key.setMinimumWidth(least)
        self.key.setMaximumWidth(most)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for widget in (self.back, self.forward, self.key):
            row.addWidget(widget)
        row.addWidget(self.summary, 1)
        for widget in (self.sets, self.embedding, self.settings):
            row.addWidget(widget)

    def _connect(self) -> None:
        follow, session = self._connections.connect, self._session
        follow(session.query_changed, self._on_query)
        follow(session.dataset_changed, self._on_dataset)
        follow(session.wells_changed, self._on_wells)
        follow(session.card_changed, self._on_card)
        follow(session.arms_changed, self._on_arms)
        follow(session.measures_changed, self._on_measures)
        follow(session.field_changed, self._on_measures)
        self._tasks.stopped.connect(self._on_stopped)
        self.back.clicked.connect(session.back)
        self.forward.clicked.connect(session.forward)
        self.key.returnPressed.connect(self._ask_typed)
        self.settings.changed.connect(self._on_setting)
        self.settings.vectors_wanted.connect(self._choose_vectors)
        self.settings.opened.connect(self._diagnose)
        self.sets.clicked.connect(self._want_sets)
        self.embedding.clicked.connect(self.embedding_wanted)

    # -- what is asked ----------------------------------------------------------------------------

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
        if self.answer is None or not text:
            return text
        from napari_rxrx3.maps.entry_names import find_entries

        (rows,) = find_entries(self.answer.phenomap, [text])
        return str(self.answer.phenomap.labels.index[rows[0]]) if len(rows) == 1 else text

    def _want_sets(self) -> None:
        is_opposite = self._session.query.order == "opposite"
        self._session.want_sets("opposite" if is_opposite else "similar")

    def _on_setting(self, name: str, value: object) -> None:
        if name == "level":
            self._session.set_level(str(value))
        else:
            self._session.ask(**{name: value})

    def _on_dataset(self, dataset: Dataset | None) -> None:
        self._cancel()
        self._tasks.cancel("adding", "scores", "batches")
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
        self._show_answer(None)
        if dataset is None:
            self._say("Open a data set in RxRx3 Explorer.")

    def _on_wells(self, dataset: Dataset | None) -> None:
        """Offer the vectors that could be read, and the default among them."""
        if dataset is not None:
            self._are_vectors_stopped = False
            self.settings.set_embeddings(list(dataset.embeddings))
            self._on_query(self._session.query)

    def _on_query(self, query: Query) -> None:
        dataset = self._session.dataset
        self.key.setText(key_in_words(query.key))
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
        if self.answer is not None and self.answer.query.key != query.key:
            self._show_answer(None)  # rows of another question must not be clicked
        self._cancel()
        self._asking.throttle()

    def _on_card(self, card: Card | None) -> None:
        """Say in one line what the tab of numbers says at length."""
        self.summary.setText(summary_of(card) if card is not None else "")

    def _on_arms(self, arms: object) -> None:
        """Judge the list once more: what is on one chromosome arm is known by now."""
        if self.answer is not None and self.answer.is_judged:
            self._judge(replace(self.answer, is_judged=False))

    # -- the answer -------------------------------------------------------------------------------

    def _ask(self) -> None:
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
        self._judge(answer)

    def _on_measures(self, what: object) -> None:
        """Tell how much of each likeness is cell count, now that more or another field is known."""
        answer, dataset = self.answer, self._session.dataset
        if answer is None or dataset is None or not answer.is_judged:
            return
        if (dataset.field, dataset.measured.generation) != self._counted:
            self._judge(answer)

    def _show_answer(self, answer: Answer | None) -> None:
        self.answer = answer
        self._session.set_card(answer.card if answer is not None else None)
        self.answered.emit(answer)
        self._say(in_words(answer) if answer is not None else "")
        if answer is not None and self.settings.is_open:
            self._diagnose()
        if answer is not None and answer.query.well is None and answer.well is not None:
            # only the picture is new, not the question
            self._asked = replace(self._session.query, well=answer.well)
            self._session.select_well(answer.well, key=answer.query.key)

    def _judge(self, answer: Answer) -> None:
        picture_of = self._session.picture_finder()
        dataset = answer.phenomap.dataset
        self._counted = dataset.field, dataset.measured.generation

        def work(progress: Progress) -> Answer:
            progress(0, 0, "checking how far to trust the list")
            return judged(answer, picture_of, progress)

        self._tasks.run("judging", work, self._on_judged, self._on_not_judged)

    def _on_judged(self, answer: Answer) -> None:
        self.answer = answer
        self.revised.emit(answer)
        if not answer.is_scored:
            self._score(answer.phenomap)
            return
        with self._session.changing():
            self._session.set_card(answer.card)
            if answer.card is not None:
                self._session.set_phenomap(answer.phenomap)

    def _score(self, phenomap: PhenoMap) -> None:
        """Score the whole map; that goes on while other questions are asked of it."""
        if self._scored is phenomap:
            return
        self._scored = phenomap

        def work(progress: Progress) -> None:
            phenomap.score_store.get(progress)
            phenomap.doses.store.get(progress)

        def done(_: None) -> None:
            self._scored = None
            answer = self.answer
            if answer is not None and answer.phenomap is phenomap and not answer.is_scored:
                self._judge(answer)

        self._tasks.run("scores", work, done, self._on_not_judged)

    def _diagnose(self) -> None:
        """Show in the form of settings what batches and places do to the controls of the map."""
        batches, answer = self.settings.batches, self.answer
        if answer is None:
            batches.say("")
            return
        phenomap = answer.phenomap

        def work(progress: Progress) -> pd.DataFrame:
            return phenomap.diagnostics_store.get(progress)

        def done(table: pd.DataFrame) -> None:
            batches.show_table(table, phenomap.align)

        batches.say("Measuring what experiments, plates and places do to the controls …")
        self._tasks.run("batches", work, done, batches.say)

    def _on_not_judged(self, sentence: str) -> None:
        """What tells how far to trust the list cannot be had; the list stays."""
        self._asked = self._scored = None
        card = self._session.card
        self._session.set_card(replace(card, is_scored=True) if card is not None else None)
        self.revised.emit(None)
        self._session.say(sentence)

    def _on_failed(self, sentence: str) -> None:
        self._show_answer(None)
        self._say(sentence)

    def _on_stopped(self, task: str) -> None:
        if task == "neighbors":
            self._asked = None
            self._on_failed("Stopped. Press Enter above to ask again.")
        elif task == "vectors":
            self._asked, self._are_vectors_stopped = None, True
            self._on_failed(_NOT_READ)
        elif task == "batches":
            self.settings.batches.say("Stopped. Open this form again to measure.")
        elif task in ("judging", "scores"):
            self._on_not_judged("Stopped: how far to trust the list was not checked.")

    def _say(self, sentence: str) -> None:
        self.sentence = sentence
        self.said.emit(sentence)

    # -- vectors of the user's own ----------------------------------------------------------------

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
