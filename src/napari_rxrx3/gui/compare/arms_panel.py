"""The panel of proximity bias: whether genes on one chromosome arm look alike; a map without."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from math import isnan
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QInputDialog, QPushButton, QWidget

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.gui.compare.arms_file import arms_file, remember_arms
from napari_rxrx3.gui.compare.file_panel import FilePanel
from napari_rxrx3.gui.compare.map_choice import map_in_words
from napari_rxrx3.gui.results import Column, Row
from napari_rxrx3.gui.words import wrapped_tooltip
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.maps.spec import MapSpec
from napari_rxrx3.session import Query, Session

if TYPE_CHECKING:
    import pandas as pd

    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.evidence.proximity_bias import ProximityBias
    from napari_rxrx3.maps.sets.arms import GeneArms
    from napari_rxrx3.maps.sets.expression import UnexpressedGenes

__all__ = ["ArmsPanel"]

_HINT = (
    "A cut may cost a cell the rest of a chromosome arm, so that genes on one arm look alike, "
    "whatever they do. Open a table with the columns gene and arm (17q, chr17q or 17q21.31; HGNC's "
    "symbol and location will do): neighbors on the arm of the query are then marked, and it is "
    "measured how large the bias of the map is. Blinded genes cannot be placed."
)
_LISTS = "Lists and tables (*.csv *.tsv *.txt *.gz *.parquet);;All files (*)"
_CORRECT_TIP = (
    "Subtract from the genes of each arm what those of them have in common that the cells do not "
    "express, as Lazar et al. (2024) do. It takes a list of such genes, or a table of genes and "
    "numbers (TPM), and more than 20 such genes of an arm in the map. Everything in this window is "
    "then of the corrected map"
)
_MEASURED_TIP = "Go back to the map as it was measured: subtract nothing from chromosome arms"
_COLUMNS = (
    Column("arm", "Chromosome arm; all: pairs within any arm against pairs between two", False),
    Column("genes", "Genes of the map on it"),
    Column("pairs", "Pairs of genes on it"),
    Column("P", "P(a pair within is more alike than one between); 0.5 if there is no bias"),
    Column("p", "How often arms of as many genes at random have as much (ours; 999 swaps)"),
    Column("q", "False discovery rate over the arms (Benjamini and Hochberg)"),
)
_BEFORE = (
    Column("silent", "Genes of the arm that are not expressed; it takes more than 20 of them"),
    Column("subtracted", "How much of what they have in common, the rest being chance"),
    Column("P before", "P in the map as it was measured"),
)
"""Columns of a corrected map, before P."""
_N_FIRST = 3
"""Columns before P."""


@dataclass(frozen=True, eq=False)
class _Answer:
    """What a table says, and the bias of a map; None, if it cannot be measured."""

    path: str
    spec: MapSpec
    arms: GeneArms
    bias: ProximityBias | None
    sentence: str
    table: pd.DataFrame | None = None
    """The bias by arm; of a corrected map, with what it was before."""


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
        self.correct = QPushButton()
        self.table.setAccessibleName("Bias of chromosome arms")
        self.table.setToolTip("How much more alike genes on one arm are than others")
        row = QWidget()
        beside = QHBoxLayout(row)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.addWidget(self.correct)
        beside.addStretch(1)
        self._lay_out(self.forget, row)
        self.forget.clicked.connect(lambda: self.set_file(""))
        self.correct.clicked.connect(self._on_correct)
        self._follow_session()

    def set_file(self, path: str) -> None:
        """Take another table, now and at the next start; an empty path: none."""
        self._path, self._told = path, ""
        remember_arms(path)
        self._session.ask(arm_tables="")
        if not path:
            self._session.set_arms(None)
        self._show_none("" if path else _HINT)
        self._refresh()

    def _frame(self) -> pd.DataFrame | None:
        answer = self._answer
        if answer is None or answer.table is None:
            return None
        return answer.table.assign(file=answer.path, **asdict(answer.spec))

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

    # -- a map without the bias --------------------------------------------------------------------

    def _on_correct(self) -> None:
        """Ask for genes that are not expressed; of a corrected map, go back to what it was."""
        if self._session.query.arm_tables:
            self._session.ask(arm_tables="")
            return
        title = "Genes that the cells do not express"
        path = QFileDialog.getOpenFileName(self, title, "", _LISTS)[0]
        if path:
            self.correct_by(str(path))

    def correct_by(self, path: str, below: float | None = None) -> None:
        """Have the window ask the map that is corrected by these genes, if it can be."""
        dataset, spec, answer = self._seen_dataset, self._session.map_spec, self._answer
        if dataset is None or spec is None or answer is None:
            return

        def work(progress: Progress) -> str:
            unexpressed = _unexpressed(path, below)
            if unexpressed is None:
                return ""
            name = dataset.add_arm_tables(answer.arms, unexpressed)
            dataset.map_of(replace(spec, arm_tables=name), progress)
            return name

        def done(name: str) -> None:
            if name:
                self._session.ask(arm_tables=name)
            else:
                self._ask_for_limit(path)

        self._ask(work, done, self.note.setText, f"reading {path}")

    def _ask_for_limit(self, path: str) -> None:
        title, words = "Genes that the cells do not express", "Not expressed are genes below"
        limit, is_given = QInputDialog.getDouble(self, title, words, 1.0, -1e6, 1e6, 3)
        if is_given:
            self.correct_by(path, limit)

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
        if answer.table is not None:
            self.table.set_rows(*_shown(answer.table))
        self.note.setText(answer.sentence)
        self._update()
        if self._told != answer.path:
            self._told = answer.path
            self._session.set_arms(answer.arms)

    def _update(self) -> None:
        has_answer = self._answer is not None and self._answer.bias is not None
        is_corrected = bool(self._session.query.arm_tables)
        self.correct.setText("As it was measured" if is_corrected else "Subtract the bias …")
        self.correct.setToolTip(wrapped_tooltip(_MEASURED_TIP if is_corrected else _CORRECT_TIP))
        self.correct.setVisible(has_answer or is_corrected)
        self._show_file(self._path)
        self.forget.setVisible(bool(self._path))
        self.table.setVisible(has_answer)
        self.save.setEnabled(has_answer)


def _answered(dataset: Dataset, spec: MapSpec, path: str, progress: Progress) -> _Answer:
    from napari_rxrx3.maps.evidence.proximity_bias import (
        before_and_after,
        bias_in_words,
        proximity_bias,
    )
    from napari_rxrx3.maps.sets.arms import read_arms

    arms = read_arms(path)
    phenomap, note = dataset.map_or_fallback(spec, progress)
    bias: ProximityBias | None = None
    table: pd.DataFrame | None = None
    corrected: tuple[str, ...] = ()
    try:
        bias = proximity_bias(phenomap, arms, progress)
        said, table = bias_in_words(bias), bias.table
        if spec.arm_tables:
            plain = dataset.map_of(replace(phenomap.spec, arm_tables=""), progress)
            before = proximity_bias(plain, arms, progress)
            table = before_and_after(before, bias, phenomap.arm_corrections)
            left_out = dataset.arm_tables[spec.arm_tables].unexpressed.notes
            said, corrected = f"After the correction: {said}", (*phenomap.notes, *left_out)
    except MapError as error:  # neighbors can be marked nevertheless
        said = str(error)
    lines = (said, *corrected, *arms.notes, note, f"Map: {map_in_words(phenomap.spec)}")
    return _Answer(path, phenomap.spec, arms, bias, "\n".join(filter(None, lines)), table)


def _unexpressed(path: str, below: float | None) -> UnexpressedGenes | None:
    """The genes of a list; None of a table of numbers, if nobody said which of them are small."""
    from napari_rxrx3.maps.sets.expression import LimitNeeded, read_unexpressed

    try:
        return read_unexpressed(path, below)
    except LimitNeeded:
        return None


def _shown(table: pd.DataFrame) -> tuple[tuple[Column, ...], list[Row]]:
    """Columns and rows; of a corrected map, with what it was before."""
    if "prob_after" not in table:
        return _COLUMNS, [Row(_texts(row)) for row in table.to_dict("records")]
    later = {f"{name}_after": name for name in ("prob", "p_value", "q_value")}
    rows = []
    for row in table.to_dict("records"):
        texts = _texts(row | {name: row[after] for after, name in later.items()})
        silent = _number(row["n_unexpressed"], ",.0f")
        before = (silent, _number(row["subtracted"], ".0%"), _number(row["prob"], ".3f"))
        rows.append(Row((*texts[:_N_FIRST], *before, *texts[_N_FIRST:])))
    return (*_COLUMNS[:_N_FIRST], *_BEFORE, *_COLUMNS[_N_FIRST:]), rows


def _texts(row: dict[Any, Any]) -> tuple[str, ...]:
    counts = (f"{row['n_genes']:,}", f"{row['n_within']:,}")
    chances = (_number(row[name], ".3f") for name in ("prob", "p_value", "q_value"))
    return str(row["arm"]), *counts, *chances


def _number(value: float, form: str) -> str:
    return "" if isnan(value) else format(value, form)
