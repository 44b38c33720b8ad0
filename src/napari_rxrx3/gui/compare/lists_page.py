"""Two maps' answers to the same question, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_rxrx3.core.words import count
from napari_rxrx3.gui.compare.lists_answer import (
    TwoAnswers,
    TwoMaps,
    as_frame,
    columns_of,
    compared,
    explained,
    in_words,
    rows_of,
)
from napari_rxrx3.gui.compare.two_maps import TwoMapsChoice
from napari_rxrx3.gui.question_panel import QuestionPanel
from napari_rxrx3.gui.results import ResultTable, ask_for_csv, save_text
from napari_rxrx3.gui.widgets import tool_button
from napari_rxrx3.gui.words import wrapped_tooltip
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.session import Query, Session

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset

__all__ = ["ListsPage"]

_HINT = "Ask about a perturbation: what is nearest to it in two maps is set side by side here."


class ListsPage(QuestionPanel):
    """Lists what is nearest to the session's query in two maps, A and B."""

    def __init__(self, session: Session, tasks: TaskGroup, parent: QWidget | None = None) -> None:
        super().__init__(session, tasks, "compare", parent)
        self._asked: TwoMaps | None = None
        self._answer: TwoAnswers | None = None
        self.maps = TwoMapsChoice()
        self.copy = tool_button("content_copy", "Copy the comparison as a table")
        self.save = tool_button("download", "Save the comparison as CSV")
        self.note = QLabel(_HINT)
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.table = ResultTable("Nearest in two maps")
        self.table.setToolTip("The nearest of either map. A row: side by side. Enter: ask for it.")
        self._lay_out()
        self._connect()
        self._follow_session()

    def to_csv(self, delimiter: str = ",") -> str:
        """The rows as CSV, with the question and what came out in every row."""
        if self._answer is None:
            return ""
        return as_frame(self._answer).to_csv(sep=delimiter, index=False, lineterminator="\n")

    def save_csv(self, path: Path) -> None:
        """Write the rows to a file; what goes wrong is said in the window."""
        self._session.say(save_text(path, self.to_csv()))

    def _lay_out(self) -> None:
        words = QHBoxLayout()
        words.addWidget(self.note, 1)
        for button in (self.copy, self.save):
            words.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.maps)
        layout.addLayout(words)
        layout.addWidget(self.table, 1)

    def _connect(self) -> None:
        self.maps.changed.connect(lambda: self._refresh(again=True))
        self.table.chosen.connect(self._show_beside)
        self.table.activated_row.connect(self._ask_about)
        self.copy.clicked.connect(self._copy)
        self.save.clicked.connect(self._save)

    def _on_dataset(self, dataset: Dataset | None) -> None:
        self._tasks.cancel(self._task)
        self._asked = None
        self.maps.forget()
        self._show_nothing(_HINT)
        self._on_query(self._session.query)

    def _on_query(self, query: Query) -> None:
        dataset, spec = self._session.dataset, self._session.map_spec
        if dataset is None or spec is None:
            return
        self.maps.follow(spec, list(dataset.embeddings))
        self._refresh()

    def _refresh(self, again: bool = False) -> None:
        """Compare, if the panel is seen and this is another question than the last one."""
        dataset, query = self._seen_dataset, self._session.query
        if dataset is None or not query.key:
            return
        opposite = query.order == "opposite"
        if dataset.known_default is None and dataset.embeddings:
            self._show_nothing("The vectors are not read yet.")
            return
        a, b = self.maps.a.spec, self.maps.b.spec
        question = TwoMaps(query.key, query.metric, opposite, query.kind, a, b)
        if question == self._asked and not again:
            return
        self._asked = question
        if question.a == question.b:
            self._tasks.cancel(self._task)
            self._show_nothing("A and B are the same map: choose something else in one of them.")
            return
        self._run(dataset, question, query.well)

    def _run(self, dataset: Dataset, question: TwoMaps, well: str | None) -> None:
        text = f"comparing two maps by {question.key}"
        picture_of = self._session.picture_finder()

        def work(progress: Progress) -> TwoAnswers:
            return compared(dataset, question, well, picture_of, progress)

        self._show_nothing(f"Comparing by {question.key} …")
        self._ask(work, self._show_answer, self._show_nothing, text)

    def _on_stopped(self) -> None:
        self._show_nothing("Stopped. Choose something in A or B to compare them.")

    def _show_nothing(self, sentence: str) -> None:
        self._answer = None
        self.table.set_rows((), ())
        self.note.setText(sentence)
        self.note.setToolTip("")
        for button in (self.copy, self.save):
            button.setEnabled(False)

    def _show_answer(self, answer: TwoAnswers) -> None:
        self._answer = answer
        self.table.set_rows(columns_of(answer), rows_of(answer))
        self.note.setText("\n".join([*answer.notes, in_words(answer)]))
        self.note.setToolTip(wrapped_tooltip(explained(answer)))
        for button in (self.copy, self.save):
            button.setEnabled(True)

    def _show_beside(self, row: int) -> None:
        if self._answer is not None:
            key = self._answer.comparison.table["key"].iloc[row]
            self._session.show_beside_query(key, self._answer.wells[row])

    def _ask_about(self, row: int) -> None:
        if self._answer is not None:
            self._session.ask(key=self._answer.comparison.table["key"].iloc[row], well=None)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.to_csv("\t"))
        self._session.say(f"Copied {count(len(self.table.rows()), 'row')}.")

    def _save(self) -> None:
        path = ask_for_csv(self, "Save the comparison", "two maps compared.csv")
        if path is not None:
            self.save_csv(path)
