"""The row above the map: how it is made, what its colors mean, and what the mouse does."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QBoxLayout, QButtonGroup, QHBoxLayout, QToolButton, QWidget

from napari_rxrx3.gui.map.points.coloring import KIND
from napari_rxrx3.gui.map.points.making import FILE, PCA, UMAP
from napari_rxrx3.gui.map.points.umap_settings import UmapSettingsButton
from napari_rxrx3.gui.widgets import ShrinkingBox, tool_button

__all__ = ["MapControls"]

_METHODS = {PCA: "PCA", UMAP: "UMAP …", FILE: "From a file …"}
_MODES = {
    "pan": ("cursor_move", "Drag moves the map, the wheel zooms, a click chooses an entry"),
    "lasso": ("lasso", "Drag around entries to choose a set; Shift adds to it, Ctrl takes away"),
    "box": ("select_drag", "Drag a box around entries; Shift adds to the set, Ctrl takes away"),
}


class MapControls(QWidget):
    """Emits what the user chose; the setters never emit."""

    method_chosen = Signal(str)
    umap_asked = Signal()
    color_chosen = Signal(str)
    mode_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.method, self.color_by = ShrinkingBox(), ShrinkingBox()
        self.method.addItems(list(_METHODS.values()))
        self.method.setToolTip(
            "How entries are laid out in two dimensions: principal components, at once; UMAP, "
            "which keeps neighbors together; or coordinates of your own from a CSV or parquet file"
        )
        self.method.setAccessibleName("Projection")
        self.color_by.addItem(KIND)
        self.color_by.setToolTip("What the colors of the points mean")
        self.color_by.setAccessibleName("Color by")
        self.settings = UmapSettingsButton()
        self.modes = {mode: tool_button(*words) for mode, words in _MODES.items()}
        self.fit = tool_button("fit_to_page_outline", "Show all entries (0 in the map)")
        self.save = tool_button("image_outline", "Save the picture as PNG, SVG or PDF")
        self._lay_out()
        self.method.activated.connect(lambda i: self.method_chosen.emit(list(_METHODS)[i]))
        self.color_by.activated.connect(self._choose_color)
        self.settings.asked.connect(self.umap_asked)

    def set_method(self, method: str) -> None:
        self.method.setCurrentIndex(list(_METHODS).index(method))
        self.settings.setVisible(method == UMAP)

    def set_colorings(self, choices: list[str]) -> str:
        """Offer these; returns the one that is chosen, the one of before if it is still there."""
        before = self.color_by.currentText()
        if choices != [self.color_by.itemText(i) for i in range(self.color_by.count())]:
            self.color_by.clear()
            self.color_by.addItems(choices)
            self.color_by.setCurrentText(before if before in choices else choices[0])
        return str(self.color_by.currentText())

    def set_mode(self, mode: str) -> None:
        self.modes[mode].setChecked(True)

    def set_narrow(self, narrow: bool) -> None:
        """Put the tools below the choices, or beside them."""
        direction = QBoxLayout.Direction
        self._rows.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)
        self._rows.activate()

    def _lay_out(self) -> None:
        self._rows = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        choice, row = QHBoxLayout(), QHBoxLayout()
        for layout in (self._rows, choice, row):
            layout.setSpacing(2)
        self._rows.addLayout(choice, 1)
        self._rows.addLayout(row)
        choice.addWidget(self.method, 3)
        choice.addWidget(self.settings)
        choice.addWidget(self.color_by, 4)
        group = QButtonGroup(self)
        for mode, button in self.modes.items():
            button.setCheckable(True)
            button.clicked.connect(partial(self._choose_mode, mode))
            group.addButton(button)
            row.addWidget(button)
        self.modes["pan"].setChecked(True)
        for button in (self.fit, self.save):
            row.addWidget(button)
        row.addStretch(1)
        for button in self.findChildren(QToolButton):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def _choose_color(self, index: int) -> None:
        self.color_chosen.emit(self.color_by.itemText(index))

    def _choose_mode(self, mode: str, checked: bool = False) -> None:
        self.mode_chosen.emit(mode)
