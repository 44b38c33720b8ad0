"""The button with the parameters of UMAP behind it."""

from __future__ import annotations

from magicgui.widgets import Container, FloatSpinBox, PushButton, SpinBox
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QToolButton, QWidget

from napari_rxrx3.gui.number_boxes import finish_typing, read_plain_numbers
from napari_rxrx3.gui.widgets import form_menu, tool_button

__all__ = ["UmapSettingsButton"]

_MOST_SEED = 2**31 - 1


class UmapSettingsButton(QWidget):
    """A form in a menu; `value` is number of neighbors, minimum distance and seed."""

    asked = Signal()
    """The user wants a map with these parameters."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.n_neighbors = SpinBox(
            name="n_neighbors",
            label="neighbors",
            value=15,
            min=2,
            max=1000,
            tooltip="How many neighbors an entry is kept near to: few show the fine structure, "
            "many the coarse one",
        )
        self.min_dist = FloatSpinBox(
            name="min_dist",
            label="min. distance",
            value=0.1,
            min=0.0,
            max=1.0,
            step=0.05,
            tooltip="How close together points may be drawn: small makes tight clusters",
        )
        self.seed = SpinBox(
            name="seed",
            label="seed",
            value=0,
            min=0,
            max=_MOST_SEED,
            tooltip="The same seed gives the same picture; another one shows what is chance in it",
        )
        read_plain_numbers(*(box.native for box in (self.n_neighbors, self.min_dist, self.seed)))
        self.make = PushButton(
            text="Make the map", tooltip="Compute UMAP with these parameters; it can be stopped"
        )
        self.form = Container(widgets=[self.n_neighbors, self.min_dist, self.seed, self.make])
        self.button = tool_button("tune", "Parameters of UMAP: neighbors, distance and seed", self)
        self.button.setMenu(form_menu(self.form.native, self.button))
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setFixedSize(self.button.sizeHint())
        self.make.changed.connect(self._ask)

    @property
    def value(self) -> tuple[int, float, int]:
        return self.n_neighbors.value, self.min_dist.value, self.seed.value

    def _ask(self) -> None:
        finish_typing(self.form.native)
        self.button.menu().close()
        self.asked.emit()
