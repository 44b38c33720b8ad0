"""The panel of proximity bias: whether genes on one chromosome arm look alike."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isnan
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QPushButton, QWidget

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.gui.compare.arms_file import arms_file, remember_arms
from napari_rxrx3.gui.compare.file_panel import FilePanel
from napari_rxrx3.gui.compare.map_choice import map_in_words
from napari_rxrx3.gui.results import Column, Row
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.maps.spec import MapSpec
from napari_rxrx3.session import Query, Session

if TYPE_CHECKING:
    import pandas as pd

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


class ArmsPanel(FilePanel):
    """Measures the bias of the map that the session's query asks, and has the list marked."""

    _asks_for = (
        "Chromosome arms of genes",
        "Tables (*.csv *.tsv *.txt *.gz *.parquet);;All files (*)",
    )

    def __init__(self, session: Session, tasks: TaskGroup, parent: QWidget | None = None) -> None:
        super().__init__(session, tasks, "chromosome arms", parent)
        self._path = arms_file()
        self._answer: _Answer | None = None
        self._asked: tuple[str, MapSpec] | None = None
        self._told = ""
        """The table that the session has from here."""
        self.choose.setText("Open a table …")
        self.choose.setToolTip("A table of genes and the chromosome arms that they are on")
        self.forget = QPushButton("Forget it")
        self.forget.setToolTip("Mark no neighbor for its chromosome arm any more")
        self.table.setAccessibleName("Bias of chromosome arms")
        self.table.setToolTip("How much more alike genes on one arm are than others")
        self._lay_out(self.forget)
        self.forget.clicked.connect(lambda: self.set_file(""))
        self._follow_session()

    def set_file(self, path: str) -> None:
        """Take another table, now and at the next start; an empty path: none."""
        self._path, self._told = path, ""
        remember_arms(path)
        if not path:
            self._session.set_arms(None)
        self._show_none("" if path else _HINT)
        self._refresh()

    def _frame(self) -> pd.DataFrame | None:
        answer = self._answer
        if answer is None or answer.bias is None:
            return None
        return answer.bias.table.assign(file=answer.path, **asdict(answer.spec))

    def _name_of_csv(self) -> str:
        return "bias of chromosome arms.csv"

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
        self._show_file(self._path)
        self.forget.setVisible(bool(self._path))
        self.table.setVisible(has_answer)
        self.save.setEnabled(has_answer)


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
