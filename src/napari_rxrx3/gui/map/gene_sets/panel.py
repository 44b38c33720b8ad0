"""The panel beside the map: which gene sets some genes have in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_rxrx3.core.display import display
from napari_rxrx3.core.words import count, file_name
from napari_rxrx3.data.files.remembered import remember_file, remembered_file
from napari_rxrx3.gui.line import Line
from napari_rxrx3.gui.map.gene_sets.answer import (
    CHOSEN,
    COLUMNS,
    OPPOSITE,
    SIMILAR,
    WHAT,
    SetsAnswer,
    SetsQuestion,
    answered,
    as_csv,
    as_rows,
    in_brief,
    in_full,
    sets_beside,
    title_of,
    words_of_query,
)
from napari_rxrx3.gui.number_boxes import read_plain_numbers
from napari_rxrx3.gui.question_panel import QuestionPanel
from napari_rxrx3.gui.results import ResultTable, ask_for_csv, save_text
from napari_rxrx3.gui.widgets import ShrinkingBox, tool_button
from napari_rxrx3.gui.words import wrapped_tooltip
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.hits.hit import tags_in_use
from napari_rxrx3.maps.spec import MIN_GENES, MapSpec
from napari_rxrx3.session import Session

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.sets.gene_sets import GeneSets

__all__ = ["GeneSetsPanel"]

_HINT = (
    "What do these genes have in common? Open gene sets: a GMT, as MSigDB and Enrichr give, or a "
    "table with a column of sets and one of genes."
)
_FILES = "Gene sets (*.gmt *.tsv *.csv *.txt *.gz *.parquet);;All files (*)"
_N_GENES, _MOST_GENES = 20, 5_000


class GeneSetsPanel(QuestionPanel):
    """Tests the genes nearest to the query, the chosen ones, or those with a tag.

    A row that is chosen makes all genes of its set the session's chosen set: they light up on the
    map and on the plates.
    """

    closed = Signal()

    def __init__(self, session: Session, tasks: TaskGroup, parent: QWidget | None = None) -> None:
        super().__init__(session, tasks, WHAT, parent)
        self._path = remembered_file(WHAT)
        self._is_beside = False
        """The file lies beside the data, and nobody opened it."""
        self._read: GeneSets | None = None
        self._asked: SetsQuestion | None = None
        self._answer: SetsAnswer | None = None
        self._chosen: tuple[tuple[str, ...], MapSpec] = ((), MapSpec())
        self._lit = ""
        """Title of the chosen set, where it was chosen here."""
        self._make_controls()
        self._lay_out()
        self._connect()
        self._list_choices()
        self._on_chosen(session.chosen)
        self._follow_session()

    def ask_about(self, of: str) -> None:
        """Ask about other genes: `SIMILAR`, `OPPOSITE`, `CHOSEN`, or the number of a tag."""
        self.of.setCurrentIndex(self.of.findData(of))
        self._refresh()

    def set_file(self, path: str) -> None:
        """Take another file of sets, now and at the next start."""
        self._path, self._is_beside = path, False
        remember_file(WHAT, path)
        self._forget_file()

    # -- how it looks -----------------------------------------------------------------------------

    def _make_controls(self) -> None:
        self.of = ShrinkingBox()
        self.of.setToolTip("Of which genes: nearest to the query, chosen on the map, or tagged")
        self.of.setAccessibleName("Genes that are asked about")
        self.n, self.least = QSpinBox(), QSpinBox()
        self.n.setRange(1, _MOST_GENES)
        self.n.setValue(_N_GENES)
        self.n.setToolTip("How many genes, the nearest first")
        self.least.setRange(1, _MOST_GENES)
        self.least.setValue(MIN_GENES)
        self.least.setPrefix("≥ ")
        self.least.setToolTip("Sets with fewer genes in the map are not tested")
        for box, name in ((self.n, "Number of genes"), (self.least, "Least size of a set")):
            box.setAccessibleName(name)
        read_plain_numbers(self.n, self.least)
        self.file = Line()
        self.open = tool_button("folder_open", "Open another file of gene sets")
        self.copy = tool_button("content_copy", "Copy the sets as a table")
        self.save = tool_button("download", "Save the sets as CSV")
        self.close_button = tool_button("close", "Close the gene sets")
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.first = QPushButton("Open gene sets …")
        self.first.setToolTip("A GMT, or a table with a column of sets and one of genes")
        self.table = ResultTable("Gene sets")
        self.table.setToolTip("A click lights up the genes of a set on the map and on the plates")

    def _lay_out(self) -> None:
        top, below = QHBoxLayout(), QHBoxLayout()
        for row, widgets in (
            (top, (self.of, self.n, self.copy, self.save, self.close_button)),
            (below, (self.open, self.file, self.least)),
        ):
            row.setSpacing(2)
            for widget in widgets:
                row.addWidget(widget, int(widget in (self.of, self.file)))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(top)
        layout.addLayout(below)
        layout.addWidget(self.words)
        layout.addWidget(self.first, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self.table, 1)
        layout.addStretch(0)

    def _connect(self) -> None:
        follow, session = self._connections.connect, self._session
        follow(session.chosen_changed, self._on_chosen)
        for signal in (session.review_changed, session.tags_changed):
            follow(signal, self._on_tags)
        follow(display.tags_changed, self._list_choices)
        self.of.activated.connect(self._refresh)
        for box in (self.n, self.least):
            box.valueChanged.connect(self._refresh)
        for button in (self.open, self.first):
            button.clicked.connect(self._open)
        self.copy.clicked.connect(self._copy)
        self.save.clicked.connect(self._save)
        self.close_button.clicked.connect(self.closed)
        self.table.chosen.connect(self._light)
        self.table.activated_row.connect(self._light)

    def _list_choices(self, looks: object = None) -> None:
        """Offer what can be asked about, by what tags are called now."""
        before = self.of.currentData()
        self.of.clear()
        self.of.addItem("nearest", SIMILAR)
        self.of.addItem("most unlike", OPPOSITE)
        self.of.addItem("chosen on the map", CHOSEN)
        for tag in tags_in_use():
            self.of.addItem(f"tag: {tag.name}", str(tag.number))
        self.of.setCurrentIndex(max(0, self.of.findData(before)))

    def _say(self, sentence: str, tip: str = "") -> None:
        self.words.setText(sentence)
        self.words.setToolTip(wrapped_tooltip(tip or sentence))

    def _update(self) -> None:
        """Show what can be done."""
        has_file, has_answer = bool(self._path), self._answer is not None
        self.n.setVisible(self.of.currentData() in (SIMILAR, OPPOSITE))
        for widget in (self.open, self.file, self.least):
            widget.setVisible(has_file)
        self.first.setVisible(not has_file)
        self.table.setVisible(has_answer)
        for button in (self.copy, self.save):
            button.setEnabled(has_answer)
        self.file.setText(Path(self._path).name)
        self.file.setToolTip(wrapped_tooltip(self._path) if has_file else "")

    # -- what is asked ----------------------------------------------------------------------------

    def _on_dataset(self, dataset: Dataset | None) -> None:
        self._forget("")
        if dataset is not None and (self._is_beside or not self._path):
            self._path = sets_beside(dataset.home)
            self._is_beside, self._read = bool(self._path), None
        self._refresh()

    def _on_chosen(self, keys: tuple[str, ...]) -> None:
        """Take note of what was chosen elsewhere; what was lit here is no new question."""
        session = self._session
        if keys and session.chosen_title == self._lit:
            return
        self._lit = ""
        self._chosen = keys, session.chosen_spec
        if self.of.currentData() == CHOSEN:
            self._refresh()

    def _on_tags(self, changed: object = None) -> None:
        if str(self.of.currentData()).isdecimal():
            self._refresh()

    def _refresh(self, changed: object = None) -> None:
        dataset, question = self._seen_dataset, self._question()
        self._update()
        if dataset is None:
            return
        if question is None:
            self._forget(self._why_nothing())
            return
        if question == self._asked:
            return
        self._asked = question
        read, before = self._read, self._answer

        def work(progress: Progress) -> SetsAnswer:
            return answered(dataset, question, read, before, progress)

        if before is None:
            self._say("Looking …")
        self._ask(work, self._show, self._on_failed, "looking for gene sets")

    def _question(self) -> SetsQuestion | None:
        """What is asked now; None where there are no genes to ask about."""
        session, of = self._session, self.of.currentData()
        spec, query = session.map_spec, session.query
        if spec is None or not self._path:
            return None
        least = self.least.value()
        if of in (SIMILAR, OPPOSITE):
            if not query.key:
                return None
            near = (query.key, query.well, query.metric, self.n.value())
            return SetsQuestion(
                self._path, of, spec, least, *near, words=words_of_query(of, query.key)
            )
        if of == CHOSEN:
            keys, of_map = self._chosen
            asked = SetsQuestion(self._path, of, of_map, least, keys=keys, words="chosen")
            return asked if keys else None
        wells = self._tagged(int(of))
        words = f"tagged “{self.of.currentText().removeprefix('tag: ')}”"
        return (
            SetsQuestion(self._path, of, spec, least, wells=wells, words=words) if wells else None
        )

    def _tagged(self, number: int) -> tuple[str, ...]:
        review = self._session.review
        hits = review.hits.values() if review is not None else ()
        return tuple(hit.well_id for hit in hits if hit.tag == number)

    def _why_nothing(self) -> str:
        of = self.of.currentData()
        if not self._path:
            return _HINT
        if of == CHOSEN:
            return "Nothing is chosen: draw a lasso around entries of the map."
        if str(of).isdecimal():
            return "No well has this tag."
        return "Ask about a perturbation first: click on a well."

    # -- what comes of it -------------------------------------------------------------------------

    def _show(self, answer: SetsAnswer) -> None:
        self._answer, self._read = answer, answer.sets.sets
        self.table.set_rows(COLUMNS, as_rows(answer))
        self._say(in_brief(answer), in_full(answer))
        self._update()

    def _on_failed(self, sentence: str) -> None:
        asked = self._asked
        self._forget(sentence)
        self._asked = asked  # not again before anything is changed

    def _on_stopped(self) -> None:
        self._on_failed("Stopped. Change the number of genes to go on.")

    def _forget(self, sentence: str) -> None:
        """Have no answer, and say why."""
        self._tasks.cancel(self._task)
        self._asked = self._answer = None
        self.table.set_rows((), ())
        self._say(sentence)
        self._update()

    def _forget_file(self) -> None:
        self._read = None
        self._forget("")
        self._refresh()

    # -- what the user does -----------------------------------------------------------------------

    def _open(self) -> None:
        path = QFileDialog.getOpenFileName(self, "Gene sets", "", _FILES)[0]
        if path:
            self.set_file(str(path))

    def _light(self, row: int) -> None:
        """Choose all genes of a set, so that they light up wherever the chosen set does."""
        answer = self._answer
        if answer is None:
            return
        name = self.table.rows()[row].texts[0]
        keys = answer.sets.keys_of(name)
        self._lit = title_of(name, len(keys))
        self._session.choose_entries(keys, self._lit)

    def _copy(self) -> None:
        answer = self._answer
        if answer is None:
            return

        def done(text: str) -> None:
            QGuiApplication.clipboard().setText(text)
            self._session.say(f"Copied {count(len(answer.found.table), 'set')}.")

        self._write(lambda: as_csv(answer, "\t"), done, "copying gene sets")

    def save_csv(self, path: Path) -> None:
        """Write the sets to a file; what goes wrong is said in the window."""
        answer = self._answer
        if answer is not None:
            work = partial(_saved, path, answer)
            self._write(work, self._session.say, f"saving {path}")

    def _write(self, work: Callable[[], str], done: Callable[[str], None], text: str) -> None:
        """Put all sets in a text, beside the window: there may be tens of thousands."""
        self._tasks.run("text of gene sets", lambda _: work(), done, self._session.say, text)

    def _save(self) -> None:
        answer = self._answer
        if answer is None:
            return
        name = f"{file_name(f'gene sets {answer.question.words}')}.csv"
        path = ask_for_csv(self, "Save the sets", name)
        if path is not None:
            self.save_csv(path)


def _saved(path: Path, answer: SetsAnswer) -> str:
    return save_text(path, as_csv(answer))
