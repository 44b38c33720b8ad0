"""The molecule of a compound, drawn from its SMILES where rdkit is installed."""

from __future__ import annotations

from functools import cache, partial
from importlib.util import find_spec
from typing import Any

from qtpy.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from qtpy.QtGui import QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from napari_rxrx3.gui.plate.legend import window_inks
from napari_rxrx3.gui.widgets import OnDestroyed
from napari_rxrx3.gui.work.latest_only import LatestOnly

__all__ = ["StructureView", "draw_structure", "why_no_picture"]

SMALL, LARGE = (84, 60), (320, 240)

_MAX_TEXT = 1000
_MAX_ATOMS = 150
"""More take seconds, and rdkit lets no other thread run meanwhile."""

_RGB = tuple[float, float, float]
_INK = {False: (0.12, 0.12, 0.12), True: (0.92, 0.93, 0.94)}
_ATOMS: dict[bool, dict[int, _RGB]] = {
    False: {7: (0.05, 0.2, 0.8), 8: (0.75, 0.05, 0.05), 16: (0.48, 0.36, 0), 9: (0, 0.4, 0.1)},
    True: {7: (0.5, 0.7, 1), 8: (1, 0.5, 0.45), 16: (0.95, 0.8, 0.3), 9: (0.45, 0.85, 0.5)},
}
_SAME_COLOR = {15: 16, 17: 9, 35: 9, 53: 9}
"""Phosphorus as sulfur, the other halogens as fluorine."""

Pictures = tuple[QImage, QImage]
"""The small and the large one."""

Job = tuple[str, bool, float]
"""SMILES, whether the background is dark, pixels a point of the screen."""


def draw_structure(smiles: str, width: int, height: int, dark: bool) -> QImage | None:
    """Draw a molecule on a transparent background; takes some ms, the first time 0.3 s.

    Parameters
    ----------
    smiles : str
        Without a CXSMILES tail.
    width, height : int
        Pixels.
    dark : bool
        Whether the background will be dark.

    Returns
    -------
    QImage or None
        None without rdkit, and for what is no molecule or one too large to be read.
    """
    if not smiles or len(smiles) > _MAX_TEXT or min(width, height) < 1:
        return None
    try:
        png = _png(smiles, width, height, dark)
    except Exception:  # no or a broken rdkit, or one of its many errors: there is no picture
        return None
    image = QImage.fromData(png, "PNG") if png else QImage()
    return None if image.isNull() else image


def why_no_picture() -> str:
    """Return a sentence for a molecule that `draw_structure` cannot draw."""
    if not _has_rdkit():
        return "It is drawn once rdkit is installed: pip install napari-rxrx3[chem]"
    return "It cannot be drawn: it is too large, or not written as rdkit expects."


@cache
def _has_rdkit() -> bool:
    return find_spec("rdkit") is not None


def _png(smiles: str, width: int, height: int, dark: bool) -> bytes:
    from rdkit import Chem, rdBase
    from rdkit.Chem.Draw import rdMolDraw2D

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
        if molecule is None or not 0 < molecule.GetNumAtoms() <= _MAX_ATOMS:
            return b""
        drawer = rdMolDraw2D.MolDraw2DCairo(width, height)
        _set_style(drawer.drawOptions(), dark, height)
        rdMolDraw2D.PrepareAndDrawMolecule(drawer, molecule)
        drawer.FinishDrawing()
        return bytes(drawer.GetDrawingText())


def _set_style(options: Any, dark: bool, height: int) -> None:
    colors = _ATOMS[dark]
    alike = {element: colors[like] for element, like in _SAME_COLOR.items()}
    options.clearBackground = False
    options.setAtomPalette({-1: _INK[dark], **colors, **alike})
    options.setSymbolColour(_INK[dark])
    options.setAnnotationColour(_INK[dark])
    options.padding = 0.03
    options.bondLineWidth = 1 if height < 2 * SMALL[1] else 2
    options.minFontSize = 5  # rdkit's own minimum lets letters overlap in a small picture
    options.maxFontSize = max(5, height // 4)


class StructureView(QWidget):
    """The drawn molecule; a click, Enter or Space shows it larger with its SMILES."""

    settled = Signal()
    """The molecule asked for last is drawn, or it is known that it cannot be: see `has_picture`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.drawing = LatestOnly(self._on_drawn)
        self._job: Job | None = None
        self._smiles, self._dark = "", False
        self._pictures: Pictures | None = None
        self.popup = _Popup(self)
        self.setFixedSize(*SMALL)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip("Click for a larger picture and the SMILES")
        self.setAccessibleName("Structure of the compound")
        self._at_end = OnDestroyed(self, self.drawing.close)

    @property
    def has_picture(self) -> bool:
        """Whether the molecule is drawn (or being drawn anew for another theme)."""
        return self._pictures is not None

    def set_smiles(self, smiles: str) -> None:
        """Draw a molecule in the background; none if empty."""
        if smiles == self._smiles:
            return
        self._smiles, self._pictures = smiles, None
        self.popup.hide()
        self.popup.text.setText(smiles)
        self.popup.text.setCursorPosition(0)
        self.setAccessibleDescription(smiles)
        self._draw()

    def _draw(self) -> None:
        self._dark = self._is_dark()
        job = self._smiles, self._dark, self.devicePixelRatioF()
        self._job = job if self._smiles else None
        if self._job is not None:
            self.drawing.ask("structure", partial(_drawn, job))
        self.update()

    def _on_drawn(self, kind: str, drawn: tuple[Job, Pictures | None]) -> None:
        job, pictures = drawn
        if job != self._job:
            return
        self._job = None
        self._pictures = pictures
        self.popup.picture = pictures and pictures[1]
        self.popup.update()
        self.update()
        self.settled.emit()

    def _is_dark(self) -> bool:
        return sum(window_inks(self)[1]) < 3 * 128

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        kinds = (QEvent.Type.PaletteChange, QEvent.Type.StyleChange)
        if event.type() in kinds and self._dark != self._is_dark():
            self._draw()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._pictures is not None:
            painter.drawImage(self.rect(), self._pictures[0])
        if self.hasFocus():
            painter.setPen(self.palette().windowText().color())
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.pos()):
            self._enlarge()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._enlarge()
        else:
            super().keyPressEvent(event)

    def _enlarge(self) -> None:
        if self.has_picture:
            self.popup.show_below(self)


class _Popup(QWidget):
    """The large picture and the SMILES to copy; any click outside or Escape closes it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.picture: QImage | None = None
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.text = QLineEdit()
        self.text.setReadOnly(True)
        self.text.setAccessibleName("SMILES")
        self.text.setToolTip("The SMILES of the compound, to be copied")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addSpacing(LARGE[1] + 6)
        layout.addWidget(self.text)
        self.setFixedWidth(LARGE[0] + 16)

    def show_below(self, view: QWidget) -> None:
        """Show it below a widget, their right edges aligned, within the screen."""
        self.adjustSize()
        corner = view.mapToGlobal(QPoint(view.width() - self.width(), view.height()))
        place, screen = QRect(corner, self.size()), view.screen().availableGeometry()
        left = max(screen.left(), min(place.left(), screen.right() - place.width()))
        top = max(screen.top(), min(place.top(), screen.bottom() - place.height()))
        self.move(left, top)
        self.show()
        self.text.setFocus(Qt.FocusReason.PopupFocusReason)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self.picture is not None:
            painter.drawImage(QRect(QPoint(8, 8), QSize(*LARGE)), self.picture)
        painter.setPen(self.palette().windowText().color())
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()


def _drawn(job: Job) -> tuple[Job, Pictures | None]:
    return job, _both_sizes(*job)


def _both_sizes(smiles: str, dark: bool, scale: float) -> Pictures | None:
    small, large = (
        draw_structure(smiles, round(width * scale), round(height * scale), dark)
        for width, height in (SMALL, LARGE)
    )
    return None if small is None or large is None else (small, large)
