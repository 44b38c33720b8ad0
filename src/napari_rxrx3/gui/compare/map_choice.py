"""One row that chooses a map: vectors and alignment, and the rest behind a button."""

from __future__ import annotations

from dataclasses import replace

from magicgui.widgets import CheckBox, ComboBox, Container
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QWidget,
)

from napari_rxrx3.gui.neighbors.map_settings import ALIGNMENT_WORDS, POSITION_TIP
from napari_rxrx3.gui.widgets import ShrinkingBox, form_menu
from napari_rxrx3.gui.words import wrapped_tooltip
from napari_rxrx3.maps.align import ALIGNMENTS
from napari_rxrx3.maps.spec import AVERAGES, BATCHES, MapSpec

__all__ = ["MapChoice", "another_map", "map_in_words"]

_ALIGN_LENGTH = 10
"""Letters as wide as an X that are seen of an alignment at least."""
_BESIDE_NAMES = 24
"""Pixels that a list needs beside its longest name, for margins and a scroll bar."""


class MapChoice(QWidget):
    """Shows a `MapSpec` and lets the user change it."""

    changed = Signal()
    """The user chose something, be it what was chosen before; read `spec`."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.spec = MapSpec()
        self.embeddings: list[str] = []
        self.embedding, self.align = ShrinkingBox(), ShrinkingBox()
        self.align.addItems(ALIGNMENT_WORDS.values())
        self.average = ComboBox(name="average", choices=AVERAGES)
        self.batch = ComboBox(name="batch", choices=BATCHES)
        self.position = CheckBox(name="position", text="subtract the effect of the position")
        self.more = QPushButton()
        self._name_parts(name)
        self._put_form_in_menu()
        self._lay_out(name)
        self.embedding.activated.connect(self._choose)
        self.align.activated.connect(self._choose)
        self.average.changed.connect(self._choose)
        self.batch.changed.connect(self._choose)
        self.position.changed.connect(self._choose)

    def set_embeddings(self, names: list[str]) -> None:
        """Offer these vectors; there is nothing to choose from one."""
        if names == self.embeddings:
            return
        self.embeddings = list(names)
        self.embedding.clear()
        self.embedding.addItems(names)
        listed = self.embedding.view()
        listed.setMinimumWidth(listed.sizeHintForColumn(0) + _BESIDE_NAMES)
        self.embedding.setVisible(len(names) > 1)
        self.set_spec(self.spec)

    def set_spec(self, spec: MapSpec) -> None:
        """Show a map."""
        self.spec = spec
        if spec.embedding in self.embeddings:
            self.embedding.setCurrentIndex(self.embeddings.index(spec.embedding))
        self.align.setCurrentIndex(ALIGNMENTS.index(spec.align))
        for widget in (self.average, self.batch, self.position):
            with widget.changed.blocked():
                widget.value = getattr(spec, widget.name)
        self.more.setText(_rest_in_words(spec))
        self.setToolTip(wrapped_tooltip(map_in_words(spec)))

    def _choose(self) -> None:
        spec = replace(
            self.spec,
            align=ALIGNMENTS[self.align.currentIndex()],
            average=self.average.value,
            batch=self.batch.value,
            position=self.position.value,
        )
        if self.embeddings:
            spec = replace(spec, embedding=self.embeddings[self.embedding.currentIndex()])
        self.set_spec(spec)
        self.changed.emit()

    def _name_parts(self, name: str) -> None:
        self.embedding.setAccessibleName(f"Vectors of map {name}")
        self.align.setAccessibleName(f"Alignment of map {name}")
        self.more.setAccessibleName(f"Average and batch of map {name}")
        self.embedding.setToolTip("The vectors that the map is made of")
        self.align.setToolTip("How batches are aligned to their controls before they are averaged")
        self.more.setToolTip("How wells are averaged, and what is aligned to what")
        self.average.tooltip = "How the wells of a perturbation are made one vector"
        self.batch.tooltip = "What is aligned to what: experiments, or plates"
        self.position.tooltip = POSITION_TIP

    def _put_form_in_menu(self) -> None:
        self.form = Container(widgets=[self.average, self.batch, self.position])
        self.more.setMenu(form_menu(self.form.native, self))

    def _lay_out(self, name: str) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(QLabel(name))
        self.align.setMinimumContentsLength(_ALIGN_LENGTH)
        listed = self.align.view()
        listed.setMinimumWidth(listed.sizeHintForColumn(0) + _BESIDE_NAMES)
        for box in (self.embedding, self.align):
            row.addWidget(box, 1)
        row.addWidget(self.more)


def map_in_words(spec: MapSpec) -> str:
    """How a map is made, in a few words."""
    align = spec.align if spec.align != "none" else "not aligned"
    return f"{spec.level} · {align} · {_rest_in_words(spec)} · {spec.embedding}"


def _rest_in_words(spec: MapSpec) -> str:
    batch = "" if spec.batch == "experiment" else f"by {spec.batch}"
    less = "no position" if spec.position else "", "no arm bias" if spec.arm_tables else ""
    return ", ".join(filter(None, (spec.average, batch, *less)))


def another_map(spec: MapSpec, embeddings: list[str]) -> MapSpec:
    """What to compare a map with: other vectors if there are any, else another alignment."""
    others = [name for name in embeddings if name != spec.embedding]
    if others:
        return replace(spec, embedding=others[0])
    return replace(spec, align="pca-centerscale" if spec.align != "pca-centerscale" else "tvn")
