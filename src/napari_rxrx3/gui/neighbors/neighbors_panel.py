"""The tab Neighbors: the question to the map, and below it the candidates."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_rxrx3.gui.neighbors.candidates_panel import CandidatesPanel
from napari_rxrx3.gui.neighbors.map_question import MapQuestion
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.session import Session

__all__ = ["NeighborsPanel"]


class NeighborsPanel(QWidget):
    """What looks most like, or unlike, the perturbation that is asked about."""

    def __init__(self, session: Session, tasks: TaskGroup, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.question = MapQuestion(session, tasks)
        self.candidates = CandidatesPanel(session, tasks, self.question)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.question)
        layout.addWidget(self.candidates, 1)
