"""The choice of two maps, A and B, one row each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_rxrx3.gui.compare.map_choice import MapChoice, another_map
from napari_rxrx3.maps.spec import MapSpec

__all__ = ["TwoMapsChoice"]


class TwoMapsChoice(QWidget):
    """A starts as the map of the neighbor list and follows it, B as another one."""

    changed = Signal()
    """The user chose something, be it what was chosen before."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.a, self.b = MapChoice("A"), MapChoice("B")
        self._followed: MapSpec | None = None
        self._b_is_chosen = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        for choice in (self.a, self.b):
            layout.addWidget(choice)
        self.a.changed.connect(self._on_a)
        self.b.changed.connect(self._on_b)

    def forget(self) -> None:
        """Another data set is open: what was chosen of the last one means nothing."""
        self._followed, self._b_is_chosen = None, False

    def follow(self, spec: MapSpec, embeddings: Sequence[str]) -> bool:
        """Go along with the map of the neighbor list; return whether it is another one.

        B stays what it was chosen to be, but for what only the query says.
        """
        names, is_new = list(embeddings), spec != self._followed
        for choice in (self.a, self.b):
            choice.set_embeddings(names)
        if is_new:
            self._followed = spec
            self.a.set_spec(spec)
        if self._b_is_chosen:
            same = {name: getattr(spec, name) for name in ("level", "control", "leave_out")}
            self.b.set_spec(replace(self.b.spec, **same))
        else:
            self.b.set_spec(another_map(self.a.spec, names))
        return is_new

    def take(self, other: TwoMapsChoice) -> None:
        """Show the same maps as another choice."""
        self._followed, self._b_is_chosen = other._followed, other._b_is_chosen
        for mine, its in ((self.a, other.a), (self.b, other.b)):
            mine.set_embeddings(its.embeddings)
            mine.set_spec(its.spec)

    def set_narrow(self, narrow: bool) -> None:
        """Leave vectors and alignment, which matter more, the room."""
        for choice in (self.a, self.b):
            choice.more.setVisible(not narrow or len(choice.embeddings) < 2)
            choice.layout().activate()
        self.layout().activate()

    def _on_a(self) -> None:
        if not self._b_is_chosen:
            self.b.set_spec(another_map(self.a.spec, self.b.embeddings))
        self.changed.emit()

    def _on_b(self) -> None:
        self._b_is_chosen = True
        self.changed.emit()
