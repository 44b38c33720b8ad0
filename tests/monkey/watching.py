"""Hears of everything that goes wrong in any thread, and answers what would wait for a person."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from qtpy.QtGui import QDesktopServices, QDrag
from qtpy.QtWidgets import QFileDialog, QInputDialog, QMessageBox

__all__ = ["answered", "watched"]


class _Errors(logging.Handler):
    def __init__(self, trouble: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._trouble = trouble

    def emit(self, record: logging.LogRecord) -> None:
        self._trouble.append(self.format(record))


@contextmanager
def watched(trouble: list[str]) -> Iterator[None]:
    """Add to `trouble` every exception that nobody catches, and every error that is logged."""
    handler = _Errors(trouble)

    def note(kind: Any, error: Any, where: Any) -> None:
        trouble.append("".join(traceback.format_exception(kind, error, where)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "excepthook", note)
        patch.setattr(
            threading, "excepthook", lambda a: note(a.exc_type, a.exc_value, a.exc_traceback)
        )
        patch.setattr(
            sys, "unraisablehook", lambda a: note(a.exc_type, a.exc_value, a.exc_traceback)
        )
        logging.getLogger().addHandler(handler)
        try:
            yield
        finally:
            logging.getLogger().removeHandler(handler)


@contextmanager
def answered(folder: Path, dice: Random) -> Iterator[None]:
    """Answer the windows of the system at random; nothing leaves for a browser."""

    def a_file(*_: Any) -> tuple[str, str]:
        return dice.choice(("", str(folder / f"saved {dice.randrange(4)}"))), ""

    buttons = QMessageBox.StandardButton
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(QFileDialog, "getOpenFileName", a_file)
        patch.setattr(QFileDialog, "getSaveFileName", a_file)
        patch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
        patch.setattr(QInputDialog, "getText", lambda *_, **__: ("Somebody", dice.random() < 0.5))
        patch.setattr(QMessageBox, "exec", lambda *_: dice.choice((buttons.Yes, buttons.No)))
        patch.setattr(QDesktopServices, "openUrl", lambda *_: True)
        patch.setattr(QDrag, "exec", lambda *_: None)
        yield
