"""The bar of the chosen set: how many entries it has, and actions on them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QWidget

from napari_rxrx3.core.words import count, key_in_words
from napari_rxrx3.gui.line import Line
from napari_rxrx3.gui.map.chosen_set.entries import (
    MOST_WELLS,
    Chosen,
    ChosenWells,
    find_wells,
    table_of,
    typical_wells,
)
from napari_rxrx3.gui.map.chosen_set.table import ChosenTable
from napari_rxrx3.gui.results import save_text
from napari_rxrx3.gui.widgets import tool_button
from napari_rxrx3.gui.words import wrapped_tooltip
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.session import Session

if TYPE_CHECKING:
    import pandas as pd

    from napari_rxrx3.dataset import Dataset

__all__ = ["ChosenBar"]

_WELLS, _STRIP, _TABLE = "chosen-wells", "chosen-strip", "chosen-table"
_TASKS = (_WELLS, _STRIP, _TABLE)


class ChosenBar(QWidget):
    """Follows the session's chosen set; takes no room while there is none."""

    queue_wanted = Signal()
    heat_map_wanted = Signal()
    found = Signal(object)
    """The wells of the set, `ChosenWells`; None when there is no set any more."""

    def __init__(self, session: Session, tasks: TaskGroup, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._tasks = session, tasks
        self._connections = tasks.connections(self)
        self.table: ChosenTable | None = None
        self.words = Line()
        self.side_by_side = _button("Side by side", "A well of each of them beside the others")
        self.queue = _button("Queue", "Look at them one by one in the tab Hits, and tag them")
        self.heat_map = _button("Heat map", "How alike they are, pair by pair")
        self.sets = _button("Gene sets", "Which gene sets they have in common")
        self.list = _button("Table", "List them, to read, to copy or to save as CSV")
        self.clear = tool_button("close", "Choose nothing: all points are shown alike again")
        tasks.at_end(self._close_table)
        self._lay_out()
        self._connect()
        self._on_chosen(session.chosen)

    def save_csv(self, path: Path) -> None:
        """Write the set to a file; what goes wrong is said in the window."""

        def work(table: pd.DataFrame) -> str:
            return save_text(path, table.to_csv(index=False, lineterminator="\n"))

        self._with_table(work, self._session.say, f"writing {path}")

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(1)
        row.addWidget(self.words, 1)
        for button in (self.side_by_side, self.queue, self.heat_map, self.sets, self.list):
            row.addWidget(button)
        self.clear.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        row.addWidget(self.clear)

    def _connect(self) -> None:
        follow, session = self._connections.connect, self._session
        follow(session.chosen_changed, self._on_chosen)
        follow(session.dataset_changed, self._on_dataset)
        self.side_by_side.clicked.connect(self._show_side_by_side)
        self.queue.clicked.connect(self.queue_wanted)
        self.heat_map.clicked.connect(self.heat_map_wanted)
        self.sets.clicked.connect(lambda: session.want_sets("chosen"))
        self.list.clicked.connect(self._show_table)
        self.clear.clicked.connect(lambda: session.choose_entries(()))

    def _on_dataset(self, dataset: Dataset | None) -> None:
        self._close_table()

    def _on_chosen(self, keys: tuple[str, ...]) -> None:
        self._tasks.cancel(*_TASKS)
        self._close_table()
        self.setVisible(bool(keys))
        title = self._session.chosen_title or f"{len(keys):,} chosen"
        self.words.setText(f"{len(keys):,} chosen")
        named = ", ".join(map(key_in_words, keys[:40])) + (" …" if len(keys) > 40 else "")
        self.words.setToolTip(wrapped_tooltip(f"{title}: {named}"))
        dataset = self._session.dataset
        if not keys or dataset is None:
            self.found.emit(None)
            return
        chosen = self._chosen()

        def work(progress: Progress) -> ChosenWells:
            return find_wells(dataset, chosen, progress)

        self._tasks.run(_WELLS, work, self.found.emit, self._session.say)

    def _chosen(self) -> Chosen:
        session = self._session
        return Chosen(session.chosen, session.chosen_title, session.chosen_spec)

    def _show_side_by_side(self) -> None:
        dataset, session, chosen = self._session.dataset, self._session, self._chosen()
        if dataset is None:
            return
        picture_of = session.picture_finder()

        def work(progress: Progress) -> list[str]:
            return typical_wells(dataset, chosen, picture_of, progress)

        def done(wells: list[str]) -> None:
            if not wells:
                session.say("No image of the chosen set is here.")
                return
            session.want_strip("wells", wells=wells, title=chosen.title)
            if len(wells) == MOST_WELLS < len(chosen.keys):
                of = f"of the {len(chosen.keys):,} chosen"
                session.say(f"The {MOST_WELLS} {of} that are nearest to their middle are shown.")

        text = "looking for images of the chosen set"
        self._tasks.run(_STRIP, work, done, session.say, text)

    def _with_table(
        self, work: Callable[[pd.DataFrame], Any], done: Callable[[Any], None], text: str
    ) -> None:
        """Do something with the table of the set in the background."""
        dataset, chosen, query = self._session.dataset, self._chosen(), self._session.query
        if dataset is None or not chosen.keys:
            return

        def run(progress: Progress) -> Any:
            return work(table_of(dataset, chosen, query, progress))

        self._tasks.run(_TABLE, run, done, self._session.say, text)

    def _copy(self) -> None:
        def work(table: pd.DataFrame) -> str:
            return str(table.to_csv(sep="\t", index=False, lineterminator="\n"))

        self._with_table(work, self._take_copy, "listing the chosen set")

    def _take_copy(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self._session.say(f"Copied {count(len(self._session.chosen), 'row')}.")

    def _save(self) -> None:
        name = "chosen set.csv"
        path = QFileDialog.getSaveFileName(self, "Save the chosen set", name, "CSV (*.csv)")[0]
        if path:
            self.save_csv(Path(path))

    def _show_table(self) -> None:
        from napari_rxrx3.gui.map.chosen_set.table import as_rows

        self._with_table(as_rows, self._open_table, "listing the chosen set")

    def _open_table(self, listed: Any) -> None:
        self._close_table()
        title = self._session.chosen_title
        self.table = ChosenTable(title, listed, self.window())
        self.table.key_chosen.connect(self._ask)
        self.table.copy.clicked.connect(self._copy)
        self.table.save.clicked.connect(self._save)
        self.table.show()

    def _ask(self, key: str) -> None:
        """Ask about an entry of the table, and show its most typical well with an image."""
        dataset, session, chosen = self._session.dataset, self._session, self._chosen()
        if dataset is None:
            return
        one, picture_of = Chosen((key,), "", chosen.spec), session.picture_finder()

        def work(progress: Progress) -> list[str]:
            return typical_wells(dataset, one, picture_of, progress)

        self._tasks.run(_STRIP, work, partial(self._go_to, key), session.say)

    def _go_to(self, key: str, wells: list[str]) -> None:
        if wells:
            self._session.select_well(wells[0], key=key)
        else:
            self._session.ask(key=key, well=None)

    def _close_table(self) -> None:
        table, self.table = self.table, None
        if table is not None:
            table.close()
            table.deleteLater()


def _button(word: str, tip: str) -> QPushButton:
    button = QPushButton(word)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys where they were
    button.setMinimumWidth(1)
    return button
