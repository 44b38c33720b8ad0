"""Opening what lies on a server: any address, or RxRx3-core as it is published."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt, QUrl, Signal
from qtpy.QtGui import QDesktopServices, QShowEvent
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QLabel,
    QLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_rxrx3.core.secrets import has_secrets
from napari_rxrx3.data.files.addresses import (
    HUB,
    HUB_PAGE,
    missing_package,
    recent_addresses,
    trouble_with,
)
from napari_rxrx3.gui.widgets import FoldingRow, accept_and_reject

__all__ = ["AddressDialog", "HubDialog", "HubOffer"]

_WIDTH = 460
_ADDRESS = (
    "Where a data set lies on a server, as a folder or a single file: https://, s3://, gs:// or "
    "hf:// and the rest. It is read as you look at it, not downloaded."
)
_SECRET = "The login or signature in this address is used now, and kept nowhere."
_TERMS = (
    "RxRx3-core belongs to Recursion and is under a license agreement of its own. Its terms hold "
    f"for whoever uses the data; they stand on {HUB_PAGE.partition('://')[2]}"
)
_FETCHED = (
    "Fetched now: the table of wells, 21 MB. In the background: the vectors, 532 MB; you can stop "
    "that, and later it goes on where it stood. Images come as you look at them. If the Hub wants "
    "to know who you are, log in once with “hf auth login”."
)


class AddressDialog(QDialog):
    """Takes an address; those that were opened last can be chosen."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Open an address")
        self.address = QComboBox()
        self.address.setEditable(True)
        self.address.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.address.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.address.setAccessibleName("Address")
        self.address.setToolTip("Type or paste one, or choose one that was opened before")
        self.address.lineEdit().setPlaceholderText(HUB)
        self.note = _text("")
        buttons, self.open_button, self.cancel_button = accept_and_reject(
            ("Open", "Ask the server what is there"), ("Cancel", "Open nothing")
        )
        layout = QVBoxLayout(self)
        for part in (_text(_ADDRESS), self.address, self.note, buttons):
            part.setFixedWidth(_WIDTH)
            layout.addWidget(part)
        layout.setSizeConstraint(QLayout.SizeConstraint.SetFixedSize)
        self.address.editTextChanged.connect(self._look)
        buttons.accepted.connect(self._choose)
        buttons.rejected.connect(self.reject)

    def ask(self) -> None:
        """Show it, with the addresses that were opened last."""
        self.address.clear()
        self.address.addItems(recent_addresses())
        self.address.setCurrentIndex(-1)
        self.address.clearEditText()
        self._look()
        self.open()
        self.address.setFocus()

    def _look(self) -> None:
        """Say what is wrong with an address while it is typed, as far as that can be known."""
        text = self.address.currentText().strip()
        trouble = trouble_with(text) if "://" in text else ""
        self.note.setText(trouble or (_SECRET if has_secrets(text) else ""))
        self.open_button.setEnabled(bool(text) and not trouble)

    def _choose(self) -> None:
        text = self.address.currentText().strip()
        if trouble := trouble_with(text):
            self.note.setText(trouble)
            return
        self.accept()
        self.address.clearEditText()  # it may hold a password
        self.chosen.emit(text)


class HubOffer(QWidget):
    """Says what RxRx3-core on the Hub is, under which terms, and what is fetched; and opens it."""

    chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.terms = _text(_TERMS)
        self.terms_button = QPushButton("Read the terms")
        self.terms_button.setToolTip(f"Opens {HUB_PAGE} in your browser")
        self.terms_button.clicked.connect(lambda: QDesktopServices.openUrl(QUrl(HUB_PAGE)))
        self.fetched = _text(_FETCHED)
        self.missing = _text("")
        self.button = QPushButton("Look at RxRx3-core")
        self.button.setToolTip(f"Opens {HUB} on the Hugging Face Hub")
        self.button.clicked.connect(self.chosen)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self.terms, self.fetched, self.missing):
            layout.addWidget(part)
        layout.addWidget(FoldingRow(([self.terms_button], [self.button]), apart=6))
        self._look()

    def showEvent(self, event: QShowEvent) -> None:
        self._look()
        super().showEvent(event)

    def _look(self) -> None:
        missing = missing_package(HUB)
        self.missing.setText(missing)
        self.missing.setVisible(bool(missing))
        self.button.setEnabled(not missing)


class HubDialog(QDialog):
    """The offer in a window of its own."""

    def __init__(self, open_it: Callable[[], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("RxRx3-core on the Hub")
        self.offer = HubOffer()
        self.offer.chosen.connect(self.accept)
        self.accepted.connect(open_it)
        layout = QVBoxLayout(self)
        layout.addWidget(self.offer)
        self.offer.setFixedWidth(_WIDTH)
        layout.setSizeConstraint(QLayout.SizeConstraint.SetFixedSize)


def _text(text: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label
