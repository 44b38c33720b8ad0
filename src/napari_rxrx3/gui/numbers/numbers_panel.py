"""The tab Numbers: what is known of the perturbation, what stands beside it, and brightness."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_rxrx3.gui.numbers.card import PerturbationCard
from napari_rxrx3.gui.numbers.side_panel import SidePanel
from napari_rxrx3.gui.strips.arranger import Arranger
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.session import Session

__all__ = ["NumbersPanel"]


class NumbersPanel(QWidget):
    """The card of the perturbation that is asked about; below, the well beside its controls."""

    def __init__(
        self,
        session: Session,
        tasks: TaskGroup,
        arranger: Arranger,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.card = PerturbationCard()
        tasks.add(self.card.structure.drawing)
        self.side_by_side = SidePanel(session, tasks, arranger)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.card)
        layout.addWidget(self.side_by_side, 1)
        self._connections = tasks.connections(self)
        self._connections.connect(session.card_changed, self.card.set_card)
        self.card.link_failed.connect(session.say)
        self.card.report.clicked.connect(session.want_report)
        self.card.set_card(session.card)
