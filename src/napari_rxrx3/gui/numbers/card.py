"""What is known of the selected perturbation: numbers, doubts, outside links, molecule."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest

from fonticon_mdi7 import MDI7
from qtpy.QtCore import QEvent, QSize, Qt, QUrl, Signal
from qtpy.QtGui import (
    QAction,
    QDesktopServices,
    QFontMetrics,
    QGuiApplication,
    QKeySequence,
    QResizeEvent,
    QShowEvent,
)
from qtpy.QtWidgets import (
    QHBoxLayout,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import QFlowLayout

from napari_rxrx3.core.links import Link, links_for, plain_smiles
from napari_rxrx3.core.perturbation import CONTROL_MEANING, is_blinded
from napari_rxrx3.core.words import kind_in_words
from napari_rxrx3.gui.numbers.structure import StructureView, why_no_picture
from napari_rxrx3.gui.widgets import call_later, tool_button
from napari_rxrx3.gui.words import Words, wrapped_tooltip
from napari_rxrx3.maps.card import Card, Number

__all__ = ["PerturbationCard"]

BLINDED_NOTE = "blinded gene: its name is withheld"
_NONE, _NO_NUMBER = "–", "This perturbation has no such number."
_MAX_LINKS = 2
_REPORT_TIP = "Report: a page about it, with pictures, neighbors and evidence"
_APART = 10  # pixels between two numbers
_BUTTON = 18  # its height makes its line no higher


class PerturbationCard(QWidget):
    """A few lines about one perturbation; `set_card` is all there is to it."""

    link_clicked = Signal(str)
    """The address that was clicked; it is opened in the browser."""
    link_failed = Signal(str)
    """A sentence: there is no browser to open the address."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._card: Card | None = None
        self._drawable = True
        self._make_parts()
        self._lay_out()
        self.link_clicked.connect(self._open)
        self.structure.settled.connect(self._on_structure)
        self.set_card(None)

    def set_card(self, card: Card | None) -> None:
        """Show a perturbation; None: nothing, without taking any room."""
        self._card = card
        shown = card or Card("")
        about = shown.note or _note_of(shown) or kind_in_words(shown.kind)
        self.head.set_words(shown.name, about, f"{shown.name}\n{about}".strip())
        links = links_for(shown.kind, shown.gene, shown.treatment, shown.smiles)
        for button, link in zip_longest(self.links, links):
            button.set_link(link)
        self._show_numbers()
        self._show_of_map(shown.of_map)
        self._show_doubts(shown.doubts)
        parts = (*self.numbers, self.of_map, self.doubts)
        self._rows.hold([part for part in parts if not part.isHidden()])
        self._show_molecule(plain_smiles(shown.smiles))
        self._body.setVisible(card is not None)

    def _make_parts(self) -> None:
        # in the order in which Tab goes through them
        self._body = QWidget(self)
        self.head = Words(self._body, bold=True)
        self.links = [_LinkButton(self._body) for _ in range(_MAX_LINKS)]
        self.report = tool_button("file_chart_outline", _REPORT_TIP, self._body)
        self.report.setMaximumHeight(_BUTTON)
        self._rows = _Rows(self._body)
        self.numbers = [Words(self._rows)]
        self.of_map = Words(self._rows)
        self.doubts = Words(self._rows, glyph=MDI7.alert_outline)
        self.smiles = Words(self._body)
        self.structure = StructureView(self._body)
        self.copy_smiles = QAction("Copy SMILES", self)
        self.copy_smiles.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        self.copy_smiles.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        self.copy_smiles.triggered.connect(self._copy_smiles)
        for widget in (self.structure, self.smiles):
            widget.addAction(self.copy_smiles)
            widget.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        for button in self.links:
            button.clicked.connect(lambda _, button=button: self.link_clicked.emit(button.url))

    def _lay_out(self) -> None:
        top, lines = QHBoxLayout(), QVBoxLayout()
        top.setSpacing(0)
        lines.setSpacing(1)
        top.addWidget(self.head, 1)
        for button in (*self.links, self.report):
            top.addWidget(button)
        lines.addLayout(top)
        lines.addWidget(self._rows)
        lines.addWidget(self.smiles)
        lines.addStretch(1)
        body = QHBoxLayout(self._body)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(6)
        body.addLayout(lines, 1)
        body.addWidget(self.structure, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._body)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def _show_numbers(self) -> None:
        numbers = self._card.numbers if self._card else ()
        if self._card is not None and not self._card.is_scored:
            numbers = tuple(replace(number, text="…") for number in numbers)
            numbers = numbers or (Number("", "…", "The numbers are being computed."),)
        while len(self.numbers) < len(numbers):
            self._add_number()
        for line, number in zip_longest(self.numbers, numbers):
            line.setVisible(number is not None)
            if number is not None:
                text = number.text or _NONE
                head = f"{number.label}: {text}\n" if number.label else ""
                line.set_words(text, number.label, head + (number.tip or _NO_NUMBER))

    def _add_number(self) -> None:
        line = Words(self._rows)
        QWidget.setTabOrder(self.numbers[-1], line)
        self.numbers.append(line)

    def _show_of_map(self, number: Number | None) -> None:
        if number is not None:
            self.of_map.set_words(number.text, "", number.tip)
        self.of_map.setVisible(number is not None)

    def _show_doubts(self, doubts: tuple[tuple[str, str], ...]) -> None:
        names = ", ".join(name for name, _ in doubts)
        sentences = "\n".join(f"{name}: {sentence}" for name, sentence in doubts)
        self.doubts.set_words(names, "", sentences)
        self.doubts.setAccessibleName(f"Reasons to doubt: {names}")
        self.doubts.setVisible(bool(doubts))

    def _show_molecule(self, smiles: str) -> None:
        self.smiles.set_words("", smiles, f"{smiles}\n{why_no_picture()}" if smiles else "")
        self.smiles.setAccessibleName(f"SMILES {smiles}")
        self.structure.set_smiles(smiles)
        # until it is drawn, guess that it goes as with the last one: less flicker
        self.structure.setVisible(bool(smiles) and self._drawable)
        self.smiles.setVisible(bool(smiles) and not self._drawable)

    def _on_structure(self) -> None:
        self._drawable = self.structure.has_picture
        self.structure.setVisible(self._drawable)
        self.smiles.setVisible(not self._drawable)

    def _copy_smiles(self) -> None:
        QGuiApplication.clipboard().setText(self.smiles.text())

    def _open(self, url: str) -> None:
        if not QDesktopServices.openUrl(QUrl(url, QUrl.ParsingMode.StrictMode)):
            self.link_failed.emit(f"{url} could not be opened in a browser.")


class _Rows(QWidget):
    """Widgets beside each other, in as many rows as it takes to show each in full."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._flow = QFlowLayout(self)
        self._flow.setContentsMargins(0, 0, 0, 0)
        self._flow.setHorizontalSpacing(_APART)
        self._flow.setVerticalSpacing(1)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._held: list[Words] = []

    def hold(self, widgets: list[Words]) -> None:
        """Lay out these; a hidden one would leave a gap."""
        if widgets != self._held:
            self._held = widgets
            while self._flow.count():
                self._flow.takeAt(0)
            for widget in widgets:
                self._flow.addWidget(widget)
        self.fit()

    def fit(self) -> None:
        """Take the height of the rows; Qt's own way of asking for it ends at scroll areas."""
        if not self.isVisible():  # it has no width of its own yet
            return
        for number in range(self._flow.count()):  # else it would go on beyond the edge
            self._flow.itemAt(number).widget().setMaximumWidth(self.width())
        height = self._flow.heightForWidth(self.width())
        if height != self.minimumHeight():
            self.setFixedHeight(height)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        call_later(self, self.fit)  # in the midst of a layout, Qt would not lay out again

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            call_later(self, self.fit)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self.fit()  # words, or their font, have changed
        return bool(super().event(event))


class _LinkButton(QToolButton):
    """A word that leads to a page."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.url = ""
        self.setAutoRaise(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        font = self.font()
        font.setUnderline(True)
        self.setFont(font)

    def set_link(self, link: Link | None) -> None:
        self.setVisible(link is not None)
        if link is not None:
            self.url = link.url
            self.setText(link.name)
            self.setAccessibleName(link.tip)
            self.setToolTip(wrapped_tooltip(f"{link.tip}. Opens in your browser."))

    def sizeHint(self) -> QSize:
        # the style's own margins would leave no room for the name of the perturbation
        metrics = QFontMetrics(self.font())
        return QSize(metrics.horizontalAdvance(self.text()) + 10, metrics.height() + 2)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()


def _note_of(card: Card) -> str:
    if is_blinded(card.gene):
        return BLINDED_NOTE
    return CONTROL_MEANING.get(card.treatment, "")
