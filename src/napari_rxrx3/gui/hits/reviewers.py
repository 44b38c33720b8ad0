"""What two reviewers agree on, in a window of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_rxrx3.core.errors import HitsError
from napari_rxrx3.core.words import key_in_words
from napari_rxrx3.gui.results import Column, ResultTable, Row
from napari_rxrx3.gui.widgets import Connections
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.hits.hit import tag_name
from napari_rxrx3.hits.queue import Queue
from napari_rxrx3.session import Session

if TYPE_CHECKING:
    import pandas as pd

    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.hits.agreement import Agreement

__all__ = ["AgreementWindow", "compare_with"]

_SIZE = 560, 420
_KAPPA_TIP = (
    "Cohen's kappa (1960) is 1 for full agreement and 0 for what chance would give with each "
    "one's shares of tags. It is about the wells that both have tagged."
)


class AgreementWindow(QDialog):
    """How far two reviewers agree, and the wells on which they do not."""

    well_chosen = Signal(str)
    queue_wanted = Signal(object)
    """Ids of the wells on which the reviewers disagree."""
    saved = Signal(str)
    """What became of writing a file, in a sentence."""

    def __init__(
        self, agreement: Agreement, names: tuple[str, str], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"{names[0]} and {names[1]}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.connections = Connections(self)
        self._table, self._names = agreement.disagreements, names
        self.words = QLabel(_in_words(agreement, names))
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setWordWrap(True)
        self.words.setToolTip(_KAPPA_TIP)
        self.table = ResultTable("Wells on which the reviewers disagree")
        self.table.setToolTip("A row: that well in the canvas")
        self.table.set_rows(_columns(names), _rows(agreement.disagreements))
        self.review = QPushButton("Review these wells")
        self.review.setToolTip("Make a queue of the wells on which the two disagree")
        self.save = QPushButton("Save as CSV …")
        self.save.setToolTip("Save the list of disagreements")
        for button in (self.review, self.save):
            button.setEnabled(len(self._table) > 0)
            button.setAutoDefault(False)  # Enter belongs to the table
        self._lay_out()
        self.table.chosen.connect(lambda row: self.well_chosen.emit(self._wells()[row]))
        self.review.clicked.connect(lambda: self.queue_wanted.emit(self._wells()))
        self.save.clicked.connect(self._save)
        self.resize(*_SIZE)

    def on_dataset(self, dataset: Dataset | None) -> None:
        """Close, for the wells are not those of the data set on screen."""
        self.close()

    def save_csv(self, path: Path) -> None:
        """Write the list of disagreements to a file."""
        from napari_rxrx3.hits.sheet import write_sheet

        first, second = self._names
        titles = ("well_id", "perturbation", first, second, f"note of {first}", f"note of {second}")
        try:
            write_sheet(path, titles, self._table.itertuples(index=False))
        except HitsError as error:
            self.saved.emit(str(error))
        else:
            self.saved.emit(f"Saved {path}.")

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.review)
        buttons.addWidget(self.save)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.addWidget(self.words)
        layout.addWidget(self.table, 1)
        layout.addLayout(buttons)

    def _wells(self) -> list[str]:
        return [str(well) for well in self._table["well_id"]]

    def _save(self) -> None:
        name = f"disagreements of {self.windowTitle()}.csv"
        path = QFileDialog.getSaveFileName(self, "Save the list", name, "CSV (*.csv)")[0]
        if path:
            self.save_csv(Path(path))


def compare_with(
    path: str,
    session: Session,
    tasks: TaskGroup,
    begin: Callable[[Queue], None],
    parent: QWidget,
) -> None:
    """Read another reviewer's hits in the background and show how far the two agree.

    Parameters
    ----------
    begin : callable
        Gets the queue of disagreements, if the user wants to review them.
    """
    review, dataset = session.review, session.dataset
    if review is None or dataset is None:
        return
    hits = dict(review.hits)

    def work(progress: Progress) -> tuple[str, Agreement]:
        from napari_rxrx3.hits.agreement import compare_reviewers, other_reviewer

        name, others = other_reviewer(Path(path), dataset)
        return name, compare_reviewers(hits, others)

    def done(found: tuple[str, Agreement]) -> None:
        name, agreement = found
        window = AgreementWindow(agreement, (review.reviewer, name), parent)
        window.well_chosen.connect(session.open_well)
        window.saved.connect(session.say)
        window.queue_wanted.connect(lambda wells: begin(_queue(wells, name)))
        window.connections.connect(session.dataset_changed, window.on_dataset)
        window.show()

    def _queue(wells: list[str], name: str) -> Queue:
        from napari_rxrx3.hits.queue import queue_of_wells

        return queue_of_wells(dataset, wells, f"other tags than {name}'s")

    tasks.run("agreement", work, done, session.say, f"reading {path}")


def _in_words(agreement: Agreement, names: tuple[str, str]) -> str:
    first, second = names
    return (
        f"{agreement.in_words()}\n"
        f"{agreement.n_both:,} tagged by both, {agreement.n_first:,} only by {first}, "
        f"{agreement.n_second:,} only by {second}. {len(agreement.disagreements):,} differ:"
    )


def _columns(names: tuple[str, str]) -> tuple[Column, ...]:
    return (
        Column("perturbation", "What the well received", is_number=False),
        Column("well", "The well in question", is_number=False),
        *(Column(name, f"Tag that {name} gave", is_number=False) for name in names),
    )


def _rows(table: pd.DataFrame) -> list[Row]:
    return [
        Row(
            (key_in_words(row.perturbation), row.well_id, _tag(row.first), _tag(row.second)),
            "\n".join(note for note in (row.first_note, row.second_note) if note),
        )
        for row in table.itertuples()
    ]


def _tag(number: int) -> str:
    return tag_name(number) or "–"
