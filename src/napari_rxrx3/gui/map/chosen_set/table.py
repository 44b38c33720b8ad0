"""The chosen set as a table in a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_rxrx3.core.words import decimals, key_in_words, kind_in_words
from napari_rxrx3.gui.results import Column, ResultTable, Row
from napari_rxrx3.gui.widgets import tool_button

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ChosenTable", "Listed", "as_rows"]

_SIZE = QSize(560, 420)
_MOST = 5_000


@dataclass(frozen=True)
class Listed:
    """Rows of the table, the key of each, and how many are not listed."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    keys: tuple[str, ...]
    n_more: int


def as_rows(table: pd.DataFrame) -> Listed:
    """Make rows to be shown of a table of the set, the most similar to the query first."""
    cosine = next((name for name in table.columns if name.startswith("cosine to ")), "")
    if cosine:
        table = table.sort_values(cosine, ascending=False, kind="stable")
    columns = [
        Column("entry", "What the map calls it", is_number=False),
        Column("kind", "Gene or compound", is_number=False),
        Column("wells", "Wells that it was averaged over"),
    ]
    also = [name for name in (cosine, "activity", "effect", "consistency") if name in table]
    columns += [Column(name, _tip(name)) for name in also]
    shown = table.iloc[:_MOST]
    rows = tuple(
        Row(
            (
                key_in_words(record["key"]),
                kind_in_words(record["perturbation_type"]),
                f"{record['n_wells']:,}",
                *(decimals(record[name]) for name in also),
            )
        )
        for record in shown.to_dict("records")
    )
    return Listed(tuple(columns), rows, tuple(shown["key"].tolist()), len(table) - len(shown))


class ChosenTable(QWidget):
    """A window that goes with its parent's."""

    key_chosen = Signal(str)
    """The entry whose row became current, or was double-clicked."""

    def __init__(self, title: str, listed: Listed, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Tool | Qt.WindowType.WindowCloseButtonHint)
        self.setWindowTitle(title)
        self.resize(_SIZE)
        self._keys = listed.keys
        self.list = ResultTable("The chosen set")
        self.list.setToolTip("A click asks about an entry and shows its well")
        self.list.set_rows(listed.columns, listed.rows)
        self.list.chosen.connect(self._choose)
        self.list.activated_row.connect(self._choose)
        self.copy = tool_button("content_copy", "Copy the chosen set as a table")
        self.save = tool_button("download", "Save the chosen set as CSV")
        words = QLabel(title)
        words.setTextFormat(Qt.TextFormat.PlainText)
        if listed.n_more:
            words.setText(f"{title}; {listed.n_more:,} of them are in the CSV alone")
        head = QHBoxLayout()
        head.addWidget(words, 1)
        head.addWidget(self.copy)
        head.addWidget(self.save)
        layout = QVBoxLayout(self)
        layout.addLayout(head)
        layout.addWidget(self.list, 1)

    def _choose(self, row: int) -> None:
        self.key_chosen.emit(self._keys[row])


def _tip(name: str) -> str:
    tips = {
        "activity": "How reliably its wells are told from the controls of their plates: 1 always, "
        "0 by chance",
        "effect": "Distance from the controls, without what few wells add to it",
        "consistency": "Mean cosine of all pairs of its wells",
    }
    return tips.get(name, "Cosine of the two vectors in all dimensions")
