"""Two screens against each other: pairs of entries in replicate experiments, or in two maps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QGuiApplication, QResizeEvent
from qtpy.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_rxrx3.core.words import count, key_in_words
from napari_rxrx3.gui.compare.pairs.answer import (
    PairQuestion,
    PairsAnswer,
    answered,
    as_csv,
    axes,
    explained,
    in_brief,
    in_words,
    wells_of,
)
from napari_rxrx3.gui.compare.pairs.choice import PairsChoice
from napari_rxrx3.gui.compare.pairs.plot import PairsPlot
from napari_rxrx3.gui.question_panel import QuestionPanel
from napari_rxrx3.gui.results import ask_for_csv, save_text
from napari_rxrx3.gui.widgets import tool_button
from napari_rxrx3.gui.words import wrapped_tooltip
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.maps.spec import Query
from napari_rxrx3.session import Session

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset

__all__ = ["PairsPage"]

_WELLS, _FILE = "pair-wells", "pairs-file"
_HINT = "How alike two perturbations are in one screen, against how alike they are in another."
_WIDE, _COLUMN = 1.1, (178, 280)
"""Choices are beside the plot up to this ratio of height to width; their least and most width."""
_PLOT_TIP = "Hover names a pair, a click shows it side by side; wheel zooms, drag moves, + − keys"


class PairsPage(QuestionPanel):
    """Compares pairs in two screens."""

    def __init__(self, session: Session, tasks: TaskGroup, parent: QWidget | None = None) -> None:
        super().__init__(session, tasks, "pairs", parent)
        self._asked: PairQuestion | None = None
        self._answer: PairsAnswer | None = None
        self.choice, self.plot = PairsChoice(), PairsPlot()
        self.note = QLabel(_HINT)
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.all = tool_button("overscan", "Everything from −1 to 1")
        self.near = tool_button("fit_to_page_outline", "The pairs as large as they can be")
        self.copy = tool_button("content_copy", "Copy the pairs as a table")
        self.save = tool_button("download", "Save the pairs as CSV")
        tasks.add(self.plot.rendering)
        self._lay_out()
        self._connect()
        self._follow_session()

    def save_csv(self, path: Path) -> None:
        """Write the pairs to a file; what goes wrong is said in the window."""
        answer = self._answer
        if answer is not None:
            text, say = f"writing {path}", self._session.say
            self._tasks.run(_FILE, lambda _: save_text(path, as_csv(answer)), say, say, text)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def sizeHint(self) -> QSize:
        return QSize(380, 300)

    def minimumSizeHint(self) -> QSize:
        return QSize(300, 150)

    def _lay_out(self) -> None:
        tools = QHBoxLayout()
        tools.setSpacing(1)
        for button in (self.all, self.near, self.copy, self.save):
            tools.addWidget(button)
        tools.addStretch(1)
        self.side = QWidget()
        column = QVBoxLayout(self.side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(self.choice)
        column.addLayout(tools)
        column.addWidget(self.note)
        column.addStretch(1)
        self.scroll = QScrollArea()
        self.scroll.setWidget(self.side)
        self.scroll.setWidgetResizable(True)
        self.scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        layout.setContentsMargins(0, 2, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.scroll)
        layout.addWidget(self.plot, 1)

    def _arrange(self) -> None:
        """Put the choices beside the plot, or above it where that leaves it more room."""
        width, height = self.width(), self.height()
        beside = height < _WIDE * width
        self.choice.set_narrow(beside)
        self.side.layout().activate()
        direction = QBoxLayout.Direction
        self.layout().setDirection(direction.LeftToRight if beside else direction.TopToBottom)
        if beside:
            bar = self.scroll.verticalScrollBar().sizeHint().width()
            needed = max(_COLUMN[0], self.side.minimumSizeHint().width() + bar)
            self.scroll.setFixedWidth(max(needed, min(width - height, _COLUMN[1])))
            self.scroll.setMinimumHeight(0)
            self.scroll.setMaximumHeight(height)
        else:
            needed = self.side.layout().totalHeightForWidth(width) + 4
            self.scroll.setFixedWidth(width)
            self.scroll.setFixedHeight(min(needed, height // 2))

    def _connect(self) -> None:
        self._connections.connect(self._session.chosen_changed, self._on_chosen)
        self.choice.changed.connect(self._refresh)
        self.choice.parts_changed.connect(self._arrange)
        self.plot.clicked.connect(self._show_pair)
        self.all.clicked.connect(self.plot.show_all)
        self.near.clicked.connect(self.plot.show_pairs)
        self.copy.clicked.connect(self._copy)
        self.save.clicked.connect(self._save)

    # -- what is compared -------------------------------------------------------------------------

    def _on_dataset(self, dataset: Dataset | None) -> None:
        self._tasks.cancel(_WELLS)
        self.choice.forget()
        self.plot.show_all()
        self._show_nothing(_HINT)
        self._on_chosen(self._session.chosen)
        self._on_query(self._session.query)

    def _on_chosen(self, keys: tuple[str, ...]) -> None:
        self.choice.note_chosen(bool(keys))
        self._refresh()

    def _on_query(self, query: Query) -> None:
        dataset, spec = self._session.dataset, self._session.map_spec
        if dataset is None or spec is None:
            return
        if self.choice.maps.follow(spec, list(dataset.embeddings)):
            self._arrange()
        self._light_query()
        self._refresh()

    def _refresh(self) -> None:
        """Compare, if the page is seen and this is another question than the last one."""
        dataset, session = self._seen_dataset, self._session
        if dataset is None:
            return
        if not dataset.embeddings:
            self._show_nothing("There are no vectors here, so no two wells can be compared.")
            return
        if dataset.known_default is None:
            session.want_vectors()
            self._show_nothing("The vectors are not read yet.")
            return
        question = self.choice.question(session.chosen, session.chosen_spec.level)
        if isinstance(question, str):
            self._show_nothing(question)
        elif question != self._asked:
            self._run(dataset, question)

    def _run(self, dataset: Dataset, question: PairQuestion) -> None:
        self._show_nothing("Comparing pairs …")
        self._asked = question

        def work(progress: Progress) -> PairsAnswer:
            return answered(dataset, question, progress)

        self._ask(work, self._show_answer, self._fail, "comparing pairs")

    def _on_stopped(self) -> None:
        self._show_nothing("Stopped. Choose something above to compare pairs.")

    # -- what is shown ----------------------------------------------------------------------------

    def _fail(self, sentence: str) -> None:
        asked = self._asked
        self._show_nothing(sentence)
        self._asked = asked  # or a look at another tab would ask it again

    def _show_nothing(self, sentence: str) -> None:
        self._tasks.cancel(self._task)
        self._asked = self._answer = None
        self.plot.set_pairs(None)
        self.plot.setToolTip(_PLOT_TIP)
        self.note.setText(sentence)
        self.note.setToolTip("")
        self._enable(False)
        self._arrange()

    def _show_answer(self, answer: PairsAnswer) -> None:
        self._answer = answer
        self.choice.set_twins(answer.twins or self.choice.twins)
        self.plot.set_names(self._words)
        self.plot.set_pairs(answer.cloud, axes(answer))
        self.plot.set_caption(in_brief(answer))
        self.plot.setToolTip("")  # the pair under the mouse is named instead
        self.note.setText(in_words(answer))
        self.note.setToolTip(wrapped_tooltip(explained(answer)))
        self._light_query()
        self._enable(True)
        self._arrange()

    def _enable(self, enabled: bool) -> None:
        for button in (self.all, self.near, self.copy, self.save):
            button.setEnabled(enabled)

    def _light_query(self) -> None:
        """Paint the pairs on top that the query is in."""
        if self._answer is not None:
            key = self._session.query.key
            self.plot.set_lit(self._answer.table.with_entry(key), f"with {key_in_words(key)}")

    def _words(self, index: int) -> tuple[str, str]:
        assert self._answer is not None
        table = self._answer.table
        one, two = map(key_in_words, table.pair(index))
        a, b = table.similarity_a[index], table.similarity_b[index]
        return f"{one} – {two}", f"A {a:.2f} · B {b:.2f}"

    def _show_pair(self, index: int) -> None:
        """Show the wells of the two side by side, of replicates one of each half."""
        dataset, answer, plate = self._session.dataset, self._answer, self._session.plate
        if dataset is None or answer is None:
            return
        experiment = plate.experiment if plate is not None else None

        def work(progress: Progress) -> tuple[list[str], list[str]]:
            return wells_of(dataset, answer, index, experiment)

        self._tasks.run(_WELLS, work, self._show_wells, self._session.say)

    def _show_wells(self, found: tuple[list[str], list[str]]) -> None:
        wells, bare = found
        if wells:
            self._session.want_strip("wells", wells=wells)
        if bare:
            names = " and ".join(dict.fromkeys(map(key_in_words, bare)))
            self._session.say(f"No image of {names} is here.")

    def _copy(self) -> None:
        answer = self._answer
        if answer is None:
            return

        def done(text: str) -> None:
            QGuiApplication.clipboard().setText(text)
            self._session.say(f"Copied {count(len(answer.table), 'pair')}.")

        say = self._session.say
        self._tasks.run(_FILE, lambda _: as_csv(answer, "\t"), done, say, "copying pairs")

    def _save(self) -> None:
        path = ask_for_csv(self, "Save the pairs", "pairs in two screens.csv")
        if path is not None:
            self.save_csv(path)
