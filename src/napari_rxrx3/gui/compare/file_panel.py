"""What panels have in common that hold a table of the user's against a map."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_rxrx3.gui.question_panel import QuestionPanel
from napari_rxrx3.gui.results import ResultTable, ask_for_csv, save_text
from napari_rxrx3.gui.widgets import tool_button
from napari_rxrx3.gui.words import wrapped_tooltip
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.session import Session

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FilePanel"]


class FilePanel(QuestionPanel):
    """A file that is chosen; below it what came out: a sentence, and a table that can be saved."""

    def __init__(
        self, session: Session, tasks: TaskGroup, task: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(session, tasks, task, parent)
        self.choose = QPushButton()
        self.file = QElidingLabel()
        self.save = tool_button("download", "Save the result as CSV")
        self.note = QLabel()
        self.note.setWordWrap(True)
        for label in (self.file, self.note):
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.table = ResultTable(task)
        self.choose.clicked.connect(self._choose)
        self.save.clicked.connect(self._save)

    def to_csv(self) -> str:
        """The result as CSV, with the file and the map in every row."""
        frame = self._frame()
        return "" if frame is None else str(frame.to_csv(index=False, lineterminator="\n"))

    def save_csv(self, path: Path) -> None:
        """Write the result to a file; what goes wrong is said in the window."""
        self._session.say(save_text(path, self.to_csv()))

    def _lay_out(self, button: QWidget, *above_note: QWidget) -> None:
        """Lay out with one more button beside the file, and what is to be above the sentence."""
        top = QHBoxLayout()
        top.setSpacing(4)
        for widget in (self.choose, self.file, button, self.save):
            top.addWidget(widget, int(widget is self.file))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        for widget in (*above_note, self.note):
            layout.addWidget(widget)
        layout.addWidget(self.table, 1)
        layout.addStretch(0)

    def _show_file(self, path: str) -> None:
        self.file.setText(Path(path).name)
        self.file.setToolTip(wrapped_tooltip(path))

    def _choose(self) -> None:
        title, files = self._asks_for
        path = QFileDialog.getOpenFileName(self, title, "", files)[0]
        if path:
            self.set_file(str(path))

    def _save(self) -> None:
        path = ask_for_csv(self, "Save the result", self._name_of_csv())
        if path is not None:
            self.save_csv(path)

    # -- what a panel does ------------------------------------------------------------------------

    _asks_for: tuple[str, str]
    """Title of the dialog for files, and which of them it lists."""

    def set_file(self, path: str) -> None:
        """Take another file."""
        raise NotImplementedError

    def _frame(self) -> pd.DataFrame | None:
        """The result, if there is one, with what it was made of."""
        raise NotImplementedError

    def _name_of_csv(self) -> str:
        """What a file with the result is called, unless the user says otherwise."""
        raise NotImplementedError
