"""Asks once what the columns of a table of one's own say, with a guess filled in."""

from __future__ import annotations

import os
import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_rxrx3.core.errors import printable
from napari_rxrx3.data.screen_file import NAME, ScreenFile
from napari_rxrx3.data.wells.own_columns import Roles
from napari_rxrx3.gui.widgets import accept_and_reject

if TYPE_CHECKING:
    from napari_rxrx3.data.wells.own_table import OwnTable
    from napari_rxrx3.dataset import Dataset

__all__ = ["ScreenForm"]

_WIDTH, _LIST_HEIGHT = 460, 132
_NONE = "(none)"
_ROLES = {
    "plate": ("Plate", "Says which plate a well is on"),
    "well": ("Well", "Says where a well is, such as B02"),
    "treatment": ("Treatment", "Says what a well received: a compound, a gene, a guide"),
    "dose": ("Dose", "Says how much of it; the unit is in the name of the column, or uM"),
}


class ScreenForm(QDialog):
    """A small form about a table of wells, that of a data set."""

    told = Signal(object, bool)
    """A `ScreenFile`, and whether to keep it beside the data."""

    def __init__(self, dataset: Dataset, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        assert dataset.own_table is not None
        self.setWindowTitle("Your own screen")
        self._said: ScreenFile = dataset.screen_file
        self._table: OwnTable = dataset.own_table
        roles = self._table.roles
        self.columns = {
            role: _choice(self._table, getattr(roles, role), *words)
            for role, words in _ROLES.items()
        }
        self.control_column = _choice(
            self._table,
            roles.control_column or roles.treatment,
            "Controls by",
            "The column that marks the wells that all others are compared with",
        )
        self.controls = QListWidget()
        self.controls.setFixedHeight(_LIST_HEIGHT)
        self.controls.setAccessibleName("Controls")
        self.controls.setToolTip("Wells that say this are controls: tick one or more")
        self.beside = QCheckBox(f"keep it beside the data, as {NAME}")
        can = "://" not in dataset.home and os.access(dataset.home, os.W_OK)
        self.beside.setChecked(can)
        self.beside.setEnabled(can)
        self.beside.setToolTip(
            "Whoever opens this data set next need not say it again"
            if can
            else "Nothing can be written there: it is kept in your own folder"
        )
        self._lay_out()
        self._list_controls(roles.controls)
        self.control_column.currentTextChanged.connect(lambda _: self._list_controls(()))
        self.columns["treatment"].currentTextChanged.connect(self.control_column.setCurrentText)

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for role, box in self.columns.items():
            form.addRow(_ROLES[role][0], box)
        form.addRow("Controls by", self.control_column)
        form.addRow("Controls", self.controls)
        name = printable(posixpath.basename(self._table.path))
        intro = QLabel(f"{name} names its columns in its own way. This is how it is read:")
        intro.setTextFormat(Qt.TextFormat.PlainText)
        intro.setWordWrap(True)
        buttons, self.use, self.later = accept_and_reject(
            ("Use it", "Keep this, and open the data set again with it"),
            ("Not now", "Go on with what was guessed, and ask again the next time"),
        )
        layout = QVBoxLayout(self)
        layout.addWidget(intro)
        layout.addLayout(form)
        layout.addWidget(self.beside)
        layout.addWidget(buttons)
        self.setFixedWidth(_WIDTH)
        buttons.accepted.connect(self._tell)
        buttons.rejected.connect(self.reject)

    def _list_controls(self, ticked: tuple[str, ...]) -> None:
        self.controls.clear()
        column = _chosen(self.control_column)
        values = self._table.values.get(column, ())
        for text in (*ticked, *(value for value in values if value not in ticked)):
            item = QListWidgetItem(text)
            item.setFlags(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled)
            is_ticked = text in ticked
            item.setCheckState(Qt.CheckState.Checked if is_ticked else Qt.CheckState.Unchecked)
            self.controls.addItem(item)

    @property
    def roles(self) -> Roles:
        """What is said now."""
        items = (self.controls.item(i) for i in range(self.controls.count()))
        ticked = tuple(i.text() for i in items if i.checkState() == Qt.CheckState.Checked)
        said = {role: _chosen(box) for role, box in self.columns.items()}
        column = _chosen(self.control_column) if ticked else ""
        return replace(self._table.roles, **said, control_column=column, controls=ticked)

    def _tell(self) -> None:
        self.told.emit(replace(self._said, roles=self.roles), self.beside.isChecked())
        self.accept()


def _choice(table: OwnTable, chosen: str, label: str, tip: str) -> QComboBox:
    box = QComboBox()
    box.addItems([_NONE, *table.values])
    box.setCurrentText(chosen or _NONE)
    box.setAccessibleName(label)
    box.setToolTip(tip)
    return box


def _chosen(box: QComboBox) -> str:
    return "" if box.currentText() == _NONE else box.currentText()
