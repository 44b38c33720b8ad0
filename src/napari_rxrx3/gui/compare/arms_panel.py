"""The panel of proximity bias: whether genes on one chromosome arm look alike."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.gui.compare.arms_file import arms_file, remember_arms
from napari_rxrx3.gui.compare.map_choice import map_in_words
from napari_rxrx3.gui.question_panel import QuestionPanel
from napari_rxrx3.gui.results import Column, ResultTable, Row, ask_for_csv, save_text
from napari_rxrx3.gui.widgets import tool_button
from napari_rxrx3.gui.words import wrapped_tooltip
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.maps.spec import MapSpec
from napari_rxrx3.session import Query, Session

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.evidence.proximity_bias import ProximityBias
    from napari_rxrx3.maps.sets.arms import GeneArms

__all__ = ["ArmsPanel"]

_HINT = (
    "A cut may cost a cell the rest of a chromosome arm, so that genes on one arm look alike, "
    "whatever they do. Open a table with the columns gene and arm (17q, chr17q or 17q21.31; HGNC's "
    "symbol and location will do): neighbors on the arm of the query are then marked, and it is "
    "measured how large the bias of the map is. Blinded genes cannot be placed."
)
_FILES = "Tables (*.csv *.tsv *.txt *.gz *.parquet);;All files (*)"
_COLUMNS = (
    Column("arm", "Chromosome arm; all: pairs within any arm against pairs between two", False),
    Column("genes", "Genes of the map on it"),
    Column("pairs", "Pairs of genes on it"),
    Column("P", "P(a pair within is more alike than one between); 0.5 if there is no bias"),
    Column("p", "How often arms of as many genes at random have as much (ours; 999 swaps)"),
    Column("q", "False discovery rate over the arms (Benjamini and Hochberg)"),
)


@dataclass(frozen=True, eq=False)
class _Answer:
    """What a table says, and the bias of a map; None, if it cannot be measured."""

    path: str
    spec: MapSpec
    arms: GeneArms
    bias: ProximityBias | None
    sentence: str


class ArmsPanel(QuestionPanel):
    """Measures the bias of the map that the session's query asks, and has the list marked."""

    def __init__(self, session: Session, tasks: TaskGroup, parent: QWidget | None = None) -> None:
        super().__init__(session, tasks, "chromosome arms", parent)
        self._path = arms_file()
        self._answer: _Answer | None = None
        self._asked: tuple[str, MapSpec] | None = None
        self._told = ""
        """The table that the session has from here."""
        self.choose = QPushButton("Open a table …")
        self.choose.setToolTip("A table of genes and the chromosome arms that they are on")
        self.file = QElidingLabel()
        self.forget = QPushButton("Forget it")
        self.forget.setToolTip("Mark no neighbor for its chromosome arm any more")
        self.save = tool_button("download", "Save the result as CSV")
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.table = ResultTable("Bias of chromosome arms")
        self.table.setToolTip("How much more alike genes on one arm are than others")
        for label in (self.file, self.note):
            label.setTextFormat(Qt.TextFormat.PlainText)
        self._lay_out()
        self.choose.clicked.connect(self._choose)
        self.forget.clicked.connect(lambda: self.set_file(""))
        self.save.clicked.connect(self._save)
        self._follow_session()

    def set_file(self, path: str) -> None:
        """Take another table, now and at the next start; an empty path: none."""
        self._path, self._told = path, ""
        remember_arms(path)
        if not path:
            self._session.set_arms(None)
        self._show_none("" if path else _HINT)
        self._refresh()

    def to_csv(self) -> str:
        """The result as CSV, with the file and the map in every row."""
        answer = self._answer
        if answer is None or answer.bias is None:
            return ""
        frame = answer.bias.table.assign(file=answer.path, **asdict(answer.spec))
        return str(frame.to_csv(index=False, lineterminator="\n"))

    def save_csv(self, path: Path) -> None:
        """Write the result to a file; what goes wrong is said in the window."""
        self._session.say(save_text(path, self.to_csv()))

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(4)
        for widget in (self.choose, self.file, self.forget, self.save):
            top.addWidget(widget, int(widget is self.file))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.note)
        layout.addWidget(self.table, 1)
        layout.addStretch(0)

    def _on_dataset(self, dataset: Dataset | None) -> None:
        self._show_none("" if self._path else _HINT)
        self._refresh()

    def _on_query(self, query: Query) -> None:
        self._refresh()

    def _refresh(self) -> None:
        dataset, spec = self._seen_dataset, self._session.map_spec
        self._update()
        if dataset is None or spec is None or not self._path or (self._path, spec) == self._asked:
            return
        self._show_none("Working …")
        path, self._asked = self._path, (self._path, spec)

        def work(progress: Progress) -> _Answer:
            return _answered(dataset, spec, path, progress)

        self._ask(work, self._show, self._on_failed, f"reading {path}")

    def _on_stopped(self) -> None:
        self._on_failed("Stopped. Open the table again to go on.")

    def _on_failed(self, sentence: str) -> None:
        asked = self._asked
        self._show_none(sentence)
        self._asked = asked

    def _show_none(self, sentence: str) -> None:
        """Have no result, and say why."""
        self._tasks.cancel(self._task)
        self._asked = self._answer = None
        self.table.set_rows((), ())
        self.note.setText(sentence)
        self._update()

    def _show(self, answer: _Answer) -> None:
        self._answer = answer
        if answer.bias is not None:
            self.table.set_rows(_COLUMNS, _rows(answer.bias))
        self.note.setText(answer.sentence)
        self._update()
        if self._told != answer.path:
            self._told = answer.path
            self._session.set_arms(answer.arms)

    def _update(self) -> None:
        has_answer = self._answer is not None and self._answer.bias is not None
        self.file.setText(Path(self._path).name)
        self.file.setToolTip(wrapped_tooltip(self._path))
        self.forget.setVisible(bool(self._path))
        self.table.setVisible(has_answer)
        self.save.setEnabled(has_answer)

    def _choose(self) -> None:
        path = QFileDialog.getOpenFileName(self, "Chromosome arms of genes", "", _FILES)[0]
        if path:
            self.set_file(str(path))

    def _save(self) -> None:
        path = ask_for_csv(self, "Save the result", "bias of chromosome arms.csv")
        if path is not None:
            self.save_csv(path)


def _answered(dataset: Dataset, spec: MapSpec, path: str, progress: Progress) -> _Answer:
    from napari_rxrx3.maps.evidence.proximity_bias import bias_in_words, proximity_bias
    from napari_rxrx3.maps.sets.arms import read_arms

    arms = read_arms(path)
    phenomap, note = dataset.map_or_fallback(spec, progress)
    bias: ProximityBias | None = None
    try:
        bias = proximity_bias(phenomap, arms, progress)
        said = bias_in_words(bias)
    except MapError as error:  # neighbors can be marked nevertheless
        said = str(error)
    lines = (said, *arms.notes, note, f"Map: {map_in_words(phenomap.spec)}")
    return _Answer(path, phenomap.spec, arms, bias, "\n".join(filter(None, lines)))


def _rows(bias: ProximityBias) -> list[Row]:
    return [
        Row(
            (
                str(row.arm),
                f"{row.n_genes:,}",
                f"{row.n_within:,}",
                _number(row.prob, ".3f"),
                _number(row.p_value, ".3f"),
                _number(row.q_value, ".3f"),
            )
        )
        for row in bias.table.itertuples()
    ]


def _number(value: float, form: str) -> str:
    return "" if isnan(value) else format(value, form)
