"""The window about the embedding itself: two maps compared, and what is known found again."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from napari_rxrx3.gui.compare.arms_panel import ArmsPanel
from napari_rxrx3.gui.compare.benchmark_panel import BenchmarkPanel
from napari_rxrx3.gui.compare.compare_panel import ComparePanel
from napari_rxrx3.gui.pages import LazyPage
from napari_rxrx3.gui.widgets import add_tabs
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.session import Session

__all__ = ["TABS", "EmbeddingWindow"]

_SIZE = QSize(720, 640)
TABS = {
    "Compare": "Two maps: other vectors, or another alignment",
    "Benchmark": "How much of what is known a map finds again",
    "Arms": "Whether genes on one chromosome arm look alike, whatever they do",
}


class EmbeddingWindow(QWidget):
    """Goes with the window of a dock, whose keys work in it; closing it keeps what it shows.

    A panel is made when it is first looked at.
    """

    def __init__(self, session: Session, tasks: TaskGroup, parent: QWidget) -> None:
        flags = Qt.WindowType.Tool | Qt.WindowType.WindowMaximizeButtonHint
        super().__init__(parent, flags | Qt.WindowType.WindowCloseButtonHint)
        self.compare = ComparePanel(session, tasks)
        self._benchmark = LazyPage(lambda: BenchmarkPanel(session, tasks))
        self._arms = LazyPage(lambda: ArmsPanel(session, tasks))
        self.setWindowTitle("RxRx3: embedding")
        self.tabs = QTabWidget()
        add_tabs(self.tabs, (self.compare, self._benchmark, self._arms), TABS)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(self.tabs)
        self.resize(_SIZE.boundedTo(self.screen().availableSize()))

    @property
    def benchmark(self) -> BenchmarkPanel:
        panel: BenchmarkPanel = self._benchmark.held
        return panel

    @property
    def arms(self) -> ArmsPanel:
        panel: ArmsPanel = self._arms.held
        return panel
