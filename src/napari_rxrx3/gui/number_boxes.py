"""Boxes to type numbers into: a point and a comma mean the same, whatever language is set.

Qt shows and reads numbers as the user's language does. Then a German box takes the point of 0.25
for one between thousands, while all else here, as every table of the field, has a point.
"""

from __future__ import annotations

import re
import unicodedata

from qtpy.QtCore import QEvent, QLocale, QObject, Qt
from qtpy.QtGui import QKeyEvent, QValidator
from qtpy.QtWidgets import QAbstractSpinBox, QWidget
from superqt import QLargeIntSpinBox

__all__ = ["finish_typing", "read_plain_numbers"]

_POINTS = {ord(","): ".", ord("\N{ARABIC DECIMAL SEPARATOR}"): ".", ord("\N{MINUS SIGN}"): "-"}
_WHOLE = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(r"-?[0-9]*\.?[0-9]*")
_KEYS = (
    *(Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Up, Qt.Key.Key_Down),
    *(Qt.Key.Key_PageUp, Qt.Key.Key_PageDown),
)
_ENDING = (
    *(QEvent.Type.FocusOut, QEvent.Type.Close),
    *(QEvent.Type.Wheel, QEvent.Type.MouseButtonPress),
)


def read_plain_numbers(*boxes: QAbstractSpinBox) -> None:
    """Let boxes show numbers with a point, and take a comma or other digits for what they mean.

    A box has the new value when it was typed to the end, by Enter or by leaving it: "25" is no
    value on the way from "2" to "2.5", and 15 is none that is too small at its first digit. What
    is none for the box in the end, as a fraction where a whole number is wanted, or one too many
    digits, changes nothing.
    """
    for box in boxes:
        plain = QLocale.c()
        options = QLocale.NumberOption
        plain.setNumberOptions(options.OmitGroupSeparator | options.RejectGroupSeparator)
        box.setLocale(plain)
        box.setKeyboardTracking(False)
        box.lineEdit().setValidator(_PlainNumbers(box))
        if isinstance(box, QLargeIntSpinBox):
            box.installEventFilter(_Restorer(box))


def finish_typing(form: QWidget) -> None:
    """Take what is just being typed into a box: not every click on a button leaves the box."""
    for box in form.findChildren(QAbstractSpinBox):
        if box.hasFocus():
            box.clearFocus()


class _PlainNumbers(QValidator):
    """Writes what is typed or pasted with a point and with 0 to 9, then has the box judge it."""

    def __init__(self, box: QAbstractSpinBox) -> None:
        super().__init__(box)
        self._box = box

    def validate(self, text: str, place: int) -> tuple[QValidator.State, str, int]:
        plain = _plain(text)
        return self._state(plain, place), plain, place

    def _state(self, text: str, place: int) -> QValidator.State:
        box = self._box
        if not isinstance(box, QLargeIntSpinBox):
            state = box.validate(text, place)[0]
        elif _WHOLE.fullmatch(text) and box.minimum() <= int(text) <= box.maximum():
            state = QValidator.State.Acceptable
        else:
            state = QValidator.State.Invalid
        # if one key were refused, the others would make another number
        is_refused = state == QValidator.State.Invalid and _NUMBER.fullmatch(text)
        return QValidator.State.Intermediate if is_refused else state


class _Restorer(QObject):
    """Puts the value back where superqt's box would fail at a text that is no whole number."""

    def __init__(self, box: QLargeIntSpinBox) -> None:
        super().__init__(box)

    def eventFilter(self, box: QObject, event: QEvent) -> bool:
        by_key = isinstance(event, QKeyEvent) and event.key() in _KEYS
        if event.type() in _ENDING or (by_key and event.type() == QEvent.Type.KeyPress):
            line = box.lineEdit()
            if not line.hasAcceptableInput():
                line.setText(str(box.value()))
        return False


def _plain(text: str) -> str:
    return "".join(
        character if (digit := unicodedata.decimal(character, None)) is None else str(digit)
        for character in text.translate(_POINTS)
    )
