"""Which stains are shown, and where their contrast comes from: chips over the canvas."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import QRectF, QSize, Qt, Signal
from qtpy.QtGui import QAction, QActionGroup, QColor, QFontMetrics, QPainter, QPaintEvent
from qtpy.QtWidgets import QAbstractButton, QHBoxLayout, QMenu, QToolButton, QWidget

from napari_rxrx3.core.display import stain_color
from napari_rxrx3.core.stains import STAINS, Stain, sets_of
from napari_rxrx3.gui.widgets import tool_button
from napari_rxrx3.session import CONTRAST_RULES

__all__ = ["StainBar"]

_HEIGHT, _PAD = 24, 5
_GROUND, _ON_GROUND = QColor(0, 0, 0, 170), QColor(255, 255, 255)
"""Of what is hidden: the canvas may have any picture below."""


class StainBar(QWidget):
    """A chip for each stain, and a menu of sets of them and of the contrast rule.

    A click leaves the keyboard to the canvas; the Tab key reaches each of them.
    """

    toggled = Signal(int)
    again_wanted = Signal(int)
    """The layer of this stain (from 1), which the user removed."""
    set_chosen = Signal(tuple)
    """The stains (from 1) to be shown, and no others."""
    rule_chosen = Signal(str)
    reset_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._stains: tuple[Stain, ...] = ()
        self.sets: dict[str, QAction] = {}
        """What is in the menu to be shown, by its name."""
        self._wide = 0
        self.buttons: list[_StainButton] = []
        self.menu_button = tool_button("tune_variant", "Sets of stains, and their contrast")
        self.menu_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu_button.setMenu(self._make_menu())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.menu_button)
        self.set_stains(STAINS)

    def set_stains(self, stains: tuple[Stain, ...]) -> None:
        """Have a chip for each of these, and sets of them in the menu."""
        if stains == self._stains:
            return
        self._stains = stains
        for button in self.buttons:
            self.layout().removeWidget(button)
            button.deleteLater()
        self.buttons = [_StainButton(stain) for stain in stains]
        for place, button in enumerate(self.buttons):
            self.layout().insertWidget(place, button)
            button.clicked.connect(self._on_click)
        self._list_sets()
        self.fit(self._wide or self.sizeHint().width())

    def _list_sets(self) -> None:
        for action in self.sets.values():
            self.menu_button.menu().removeAction(action)
        self.sets.clear()
        for name, numbers in sets_of(self._stains).items():
            action = self.sets[name] = QAction(name, self)
            shown = (self._stains[number - 1] for number in numbers)
            words = ", ".join(stain.structure or stain.name for stain in shown)
            action.setToolTip(f"Show {words}, and nothing else")
            action.triggered.connect(lambda _, numbers=numbers: self.set_chosen.emit(numbers))
            self.menu_button.menu().insertAction(self._contrast, action)

    def _make_menu(self) -> QMenu:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        menu.addSection("Stains")
        self._contrast: QAction = menu.addSection("Contrast")
        self._rules = QActionGroup(menu)
        self.rules = {rule: menu.addAction(f"contrast {rule}") for rule in CONTRAST_RULES}
        """Where the contrast may come from."""
        for rule, action in self.rules.items():
            action.setCheckable(True)
            action.setToolTip(
                "Where the contrast limits come from. 'from controls': the plate's EMPTY_control "
                "wells, so that all wells of a plate can be compared by eye. 'as its file says': "
                "those of OME-Zarr, where a data set begins if they suit the controls."
            )
            action.triggered.connect(partial(self._choose_rule, rule))
            self._rules.addAction(action)
        menu.addSeparator()
        self.reset = menu.addAction("measure the controls again")
        self.reset.setToolTip("Contrast from the plate's controls again")
        self.reset.triggered.connect(lambda: self.reset_asked.emit())
        return menu

    def offer_file(self, has_windows: bool) -> None:
        """List the contrast that files say, where they do."""
        self.rules[CONTRAST_RULES[3]].setVisible(has_windows)

    @property
    def rule(self) -> str:
        """The contrast rule that is marked in the menu."""
        return next(rule for rule, action in self.rules.items() if action.isChecked())

    def set_shown(self, shown: tuple[bool, ...]) -> None:
        """Draw the chips of hidden stains hollow."""
        for button, show in zip(self.buttons, shown, strict=True):
            button.setChecked(show)

    def set_removed(self, removed: tuple[bool, ...]) -> None:
        """Strike out the stains whose layers the user removed."""
        for button, is_removed in zip(self.buttons, removed, strict=True):
            button.set_removed(is_removed)

    def set_rule(self, rule: str) -> None:
        self.rules[rule].setChecked(True)

    def recolor(self) -> None:
        """Take the colors that the user prefers by now."""
        for button in self.buttons:
            button.update()

    def fit(self, width: int) -> None:
        """Write as much on the chips as there is room for: number and name, name, or number."""
        self._wide = width
        for words in _WORDS:
            for button in self.buttons:
                button.set_words(words)
            self.adjustSize()
            if self.sizeHint().width() <= width:
                return

    def _choose_rule(self, rule: str, checked: bool) -> None:
        self.rule_chosen.emit(rule)

    def _on_click(self) -> None:
        button = self.sender()
        button.setChecked(not button.isChecked())  # the layers say what is shown
        wanted = self.again_wanted if button.is_removed else self.toggled
        wanted.emit(button.stain.number)


_WORDS = ("{number} {name}", "{name}", "{number}")


class _StainButton(QAbstractButton):
    """A chip in the stain's color; hollow when the stain is hidden, struck when it has no layer."""

    def __init__(self, stain: Stain) -> None:
        super().__init__()
        self.stain = stain
        self.is_removed = False
        self.setCheckable(True)
        self.setChecked(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(stain.name)
        self.set_removed(False)
        self.set_words(_WORDS[0])

    def set_words(self, words: str) -> None:
        text = words.format(number=self.stain.number, name=self.stain.name)
        if text != self.text():
            self.setText(text)
            self.updateGeometry()

    def set_removed(self, is_removed: bool) -> None:
        self.is_removed = is_removed
        number, name = self.stain.number, self.stain.name
        what = f"{name}: {self.stain.words}."
        self.setToolTip(
            f"{what} Its layer was removed; a click makes it again."
            if is_removed
            else f"{what} {_keys_of(number)}"
        )
        self.update()

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self.font())
        height = max(_HEIGHT, metrics.height() + 6)
        return QSize(max(height, metrics.horizontalAdvance(self.text()) + 2 * _PAD), height)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        color = QColor.fromRgbF(*stain_color(self.stain))
        is_full = self.isChecked() and not self.is_removed
        box = QRectF(self.rect()).adjusted(1.5, 1.5, -1.5, -1.5)
        painter.setPen(_ON_GROUND if self.hasFocus() else color)
        painter.setBrush(color if is_full else _GROUND)
        painter.drawRoundedRect(box, 4, 4)
        on_color = QColor(0, 0, 0) if _is_light(color) else QColor(255, 255, 255)
        painter.setPen(on_color if is_full else _ON_GROUND)
        font = self.font()
        font.setStrikeOut(self.is_removed)
        painter.setFont(font)
        painter.setOpacity(0.6 if self.is_removed else 1.0)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self.text())
        if self.hasFocus():
            painter.setOpacity(1.0)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(_GROUND)
            painter.drawRoundedRect(box.adjusted(1.5, 1.5, -1.5, -1.5), 3, 3)
        painter.end()


def _keys_of(number: int) -> str:
    if number > len(STAINS):
        return "A click shows or hides it."
    return f"Key {number} shows or hides it, Shift+{number} shows it alone in gray."


def _is_light(color: QColor) -> bool:
    """Whether black has more contrast to a color than white, by their relative luminance."""
    red, green, blue = (channel**2.2 for channel in (color.redF(), color.greenF(), color.blueF()))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18
