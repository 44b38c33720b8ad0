"""Texts as they are shown."""

from __future__ import annotations

__all__ = ["in_menu", "key_in_words"]


def in_menu(text: str) -> str:
    """A text as it is: Qt takes one ampersand for the mark of a key, two for one."""
    return text.replace("&", "&&")


def key_in_words(key: str) -> str:
    """``Bortezomib 2.5 µM`` of ``Bortezomib@2.5``; other keys as they are."""
    name, at, dose = key.rpartition("@")
    return f"{name} {dose} µM" if at else key
