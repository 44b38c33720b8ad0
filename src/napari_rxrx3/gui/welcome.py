"""What a first-time user sees: the next step."""

from __future__ import annotations

import sys
from importlib import import_module
from threading import Thread

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFileDialog, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_rxrx3.data.files.addresses import HUB
from napari_rxrx3.gui.addresses import HubOffer
from napari_rxrx3.gui.diagnostics import copy_button

__all__ = ["Welcome", "ask_for_file", "ask_for_folder", "load_ahead"]

_TEXT = (
    "See RxRx3: the plate, the six stains of a well, and the perturbations that look most like "
    "it.\n\n"
    "Open the folder that holds what you downloaded of RxRx3 or RxRx3-core: metadata, plate tars, "
    "extracted images, parquet shards, embeddings, or any part of them. You can also drop it here."
)
_DEMO = "No data yet? The demo has synthetic plates; they are made once, in less than a minute."
_FILES = "RxRx3 files (*.csv *.zip *.parquet *.tar *.json);;All files (*)"


class Welcome(QWidget):
    """Offers to open a folder, a file or an address, the last session, RxRx3-core, or the demo."""

    path_chosen = Signal(str)
    address_asked = Signal()
    last_chosen = Signal()
    demo_chosen = Signal()
    diagnostics_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.folder_button = QPushButton("Open a folder …")
        self.file_button = QPushButton("Open a file …")
        self.address_button = QPushButton("Open an address …")
        self.hub = HubOffer()
        self.last_button = QPushButton("Go on where you stopped")
        self.demo_button = QPushButton("Try the demo")
        self.diagnostics_button = copy_button()
        self.folder_button.setToolTip("The folder that holds what you downloaded; or drop it here")
        self.file_button.setToolTip(
            "Metadata, a tar, a shard: what belongs to it is found beside it"
        )
        self.address_button.setToolTip("A data set on a server: https://, s3://, gs://, hf://")
        self.last_button.setToolTip("Data set, wells, contrast and question as they were last")
        self.demo_button.setToolTip("Synthetic plates, in RxRx3's own formats")
        self.folder_button.clicked.connect(self._choose_folder)
        self.file_button.clicked.connect(self._choose_file)
        self.address_button.clicked.connect(self.address_asked)
        self.hub.chosen.connect(lambda: self.path_chosen.emit(HUB))
        self.last_button.clicked.connect(self.last_chosen)
        self.demo_button.clicked.connect(self.demo_chosen)
        self.trouble = _text("")
        self.say("")
        self.diagnostics_button.clicked.connect(self.diagnostics_asked)
        self.offer_last(False)
        title = QLabel("RxRx3 Explorer")
        font = title.font()
        font.setBold(True)  # its size is that of napari's style sheet
        title.setFont(font)
        layout = QVBoxLayout(self)
        layout.setSpacing(7)
        layout.addStretch(1)
        opening = (self.folder_button, self.file_button, self.address_button, self.last_button)
        for widget in (title, _text(_TEXT), *opening):
            layout.addWidget(widget)
        layout.addSpacing(8)
        layout.addWidget(self.hub)
        layout.addSpacing(8)
        layout.addWidget(_text(_DEMO))
        layout.addWidget(self.demo_button)
        layout.addSpacing(8)
        layout.addWidget(self.trouble)
        layout.addStretch(2)
        layout.addWidget(self.diagnostics_button, 0, Qt.AlignmentFlag.AlignRight)

    def offer_last(self, there_is_one: bool) -> None:
        """Offer the last session, if there is one."""
        self.last_button.setVisible(there_is_one)

    def say(self, message: str) -> None:
        """Show the whole of a message, for which the line below is too short."""
        self.trouble.setText(message)
        self.trouble.setVisible(bool(message))

    def _choose_folder(self) -> None:
        path = ask_for_folder(self)
        if path:
            self.path_chosen.emit(path)

    def _choose_file(self) -> None:
        path = ask_for_file(self)
        if path:
            self.path_chosen.emit(path)


def load_ahead() -> None:
    """Import what opens data sets in the background: it is about to be needed.

    Not earlier: an import can hold up the window for a moment, and most sessions of napari never
    need it.
    """
    name = "napari_rxrx3.dataset"
    if name not in sys.modules:
        Thread(target=import_module, args=(name,), name="rxrx3-import", daemon=True).start()


def ask_for_folder(parent: QWidget) -> str:
    """Let the user choose a folder; empty if she does not."""
    load_ahead()
    return str(QFileDialog.getExistingDirectory(parent, "Folder with RxRx3 data"))


def ask_for_file(parent: QWidget) -> str:
    """Let the user choose a file; empty if she does not."""
    load_ahead()
    return str(QFileDialog.getOpenFileName(parent, "RxRx3 file", "", _FILES)[0])


def _text(text: str) -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label
