"""The benchmark panel: how many of the known relationships a map recovers."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QWidget
from superqt import QElidingLabel

from napari_rxrx3.gui.compare.benchmark_results import BenchmarkResult, benchmarked
from napari_rxrx3.gui.compare.file_panel import FilePanel
from napari_rxrx3.gui.compare.map_choice import map_in_words
from napari_rxrx3.gui.words import wrapped_tooltip
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.maps.spec import MapSpec
from napari_rxrx3.session import Query, Session

if TYPE_CHECKING:
    import pandas as pd

    from napari_rxrx3.dataset import Dataset

__all__ = ["BenchmarkPanel"]

_HINT = (
    "How much of what is already known does the map tell? Choose a table of pairs that belong "
    "together (columns entity1 and entity2), or of compounds and the genes they act on (columns "
    "treatment, gene_symbol, and active or nM_value), and press Run.\n\n"
    "Licenses do not allow such tables to come with this plugin; docs/maps.md says where to get "
    "them."
)


class BenchmarkPanel(FilePanel):
    """Holds a table of what is known against the map that the session's query asks."""

    _asks_for = "Table of what is known", "Tables (*.csv *.tsv *.txt);;All files (*)"

    def __init__(self, session: Session, tasks: TaskGroup, parent: QWidget | None = None) -> None:
        super().__init__(session, tasks, "benchmark", parent)
        self._path, self._said = "", _HINT
        self._is_running = False
        self._result: BenchmarkResult | None = None
        self.choose.setText("Choose a file …")
        self.choose.setToolTip("A table of pairs that belong together, or of compounds and genes")
        self.map = QElidingLabel()
        self.map.setTextFormat(Qt.TextFormat.PlainText)
        self.run = QPushButton("Run")
        self.run.setToolTip("See how many of the known pairs the map finds again; again: stop")
        self.table.setAccessibleName("Result of the benchmark")
        self.table.setToolTip("What the map finds again of the pairs that are known")
        self._lay_out(self.run, self.map)
        self.run.clicked.connect(self._run_or_stop)
        self._follow_session()

    def set_file(self, path: str) -> None:
        """Choose a table; it is read when it is run."""
        self._path = path
        self._show_file(path)
        self._stop("")

    def _frame(self) -> pd.DataFrame | None:
        if self._result is None:
            return None
        made_of = {"file": self._result.path, **asdict(self._result.spec)}
        return self._result.outcome.frame.assign(**made_of)

    def _name_of_csv(self) -> str:
        return f"benchmark of {Path(self._path).stem}.csv"

    def _on_dataset(self, dataset: Dataset | None) -> None:
        self._stop("" if self._path else _HINT)
        self._on_query(self._session.query)

    def _on_query(self, query: Query) -> None:
        spec = self._spec()
        words = f"Map: {map_in_words(spec)}" if spec is not None else ""
        self.map.setText(words)
        tip = f"{words}\nIt is the map of the neighbor list; choose another one there."
        self.map.setToolTip(wrapped_tooltip(tip) if words else "")
        self._update()

    def _spec(self) -> MapSpec | None:
        """The map that is asked now; None if there is none."""
        dataset = self._session.dataset
        is_known = dataset is not None and dataset.known_default is not None
        return self._session.map_spec if is_known else None

    def _run_or_stop(self) -> None:
        dataset, spec, path = self._session.dataset, self._spec(), self._path
        if self._is_running:
            self._stop("Stopped.")
        elif dataset is not None and spec is not None and path:
            self._run(dataset, spec, path)

    def _run(self, dataset: Dataset, spec: MapSpec, path: str) -> None:
        def work(progress: Progress) -> BenchmarkResult:
            return benchmarked(dataset, spec, path, progress)

        self._stop("Working …")
        self._is_running = True
        self._ask(work, self._on_result, self._stop, f"reading {path}")
        self._update()

    def _on_stopped(self) -> None:
        self._stop("Stopped.")

    def _stop(self, sentence: str) -> None:
        """End the work, if there is any, and say why there is no result."""
        self._tasks.cancel(self._task)
        self._is_running, self._result = False, None
        self._said = sentence
        self.table.set_rows((), ())
        self._update()

    def _on_result(self, result: BenchmarkResult) -> None:
        self._is_running, self._result = False, result
        self.table.set_rows(result.outcome.columns, result.outcome.rows)
        self._update()

    def _update(self) -> None:
        """Show what can be done, and say of which map the result is."""
        result = self._result
        self.run.setText("Stop" if self._is_running else "Run")
        self.run.setEnabled(bool(self._path) and self._spec() is not None)
        self.save.setEnabled(result is not None)
        self.table.setVisible(result is not None)
        said = self._said
        if result is not None:
            other = result.asked != self._spec()
            of = f"Of another map: {map_in_words(result.spec)}" if other else ""
            said = "\n".join(line for line in (of, result.note, result.outcome.sentence) if line)
        self.note.setText(said)
