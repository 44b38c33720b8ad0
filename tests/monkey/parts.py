"""What of the window, and of the data, is there to be used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qtpy.QtWidgets import QAbstractButton, QPushButton, QToolButton, QWidget

from builders import Screen

__all__ = ["has_menu", "holds_ours", "is_ours", "leaves", "names_of"]

_NOT_OURS = ("demo", "umap", "…")
"""Words on what takes minutes, or asks for a file with a window of the system."""


def names_of(screen: Screen) -> Iterator[str]:
    for row in screen.rows:
        yield from (row[name] for name in ("gene", "treatment", "well_id", "address") if row[name])
        if row["concentration"]:
            yield f"{row['treatment']}@{row['concentration']}"


def has_menu(button: QAbstractButton) -> bool:
    """A click on it would wait for the menu to be closed."""
    return isinstance(button, (QToolButton, QPushButton)) and button.menu() is not None


def is_ours(words: str) -> bool:
    return not any(word in words.lower() for word in _NOT_OURS)


def holds_ours(widget: QWidget) -> bool:
    """A dialog or floating panel of the plugin, not napari's main window."""
    return type(widget).__module__.startswith("napari_rxrx3.")


def leaves(menu: Any) -> Iterator[Any]:
    for action in menu.actions():
        if action.menu() is not None:
            yield from leaves(action.menu())
        elif not action.isSeparator():
            yield action
