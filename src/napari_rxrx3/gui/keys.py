"""All keys of the window, by the place where they work: what the cheat sheet and the guide show.

The widgets bind their keys themselves; tests hold what they bind against this table.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["KEYS", "Key", "KeyScope"]


@dataclass(frozen=True)
class Key:
    """Keys, or clicks, that do something.

    Attributes
    ----------
    caps : tuple of str
        What is written on them, e.g. ``("Alt+←", "Alt+→")``.
    does : str
    """

    caps: tuple[str, ...]
    does: str


@dataclass(frozen=True)
class KeyScope:
    """Where some keys work, and their table."""

    name: str
    keys: tuple[Key, ...]


def _place(name: str, *keys: tuple[str, str]) -> KeyScope:
    """Put a place together; keys that belong to one thing are separated by blanks."""
    return KeyScope(name, tuple(Key(tuple(caps.split()), does) for caps, does in keys))


KEYS: tuple[KeyScope, ...] = (
    _place(
        "Anywhere in the window",
        ("Ctrl+F", "find a gene, a compound or a well"),
        ("Alt+← Alt+→", "back to what was asked before, forward"),
        ("M", "the map of all perturbations"),
        ("0", "all wells of the plate, and back"),
        ("1…6", "show or hide a stain"),
        ("Shift+1…6", "one stain alone in gray, and back"),
        ("F5", "open the data set again, as its files are now"),
        ("?", "this sheet"),
    ),
    _place(
        "On the plate map",
        ("← ↑ ↓ →", "next well"),
        ("Home End", "first, last well"),
        ("Page↑ Page↓", "previous, next plate"),
        ("Enter", "open the well, as a double-click does"),
        ("Shift+click Ctrl+click", "several wells; also drag, Shift+arrows"),
    ),
    _place(
        "In lists",
        ("↑ ↓", "look at the next one"),
        ("Enter", "ask for the neighbor, as a double-click does"),
    ),
    _place(
        "Sharing",
        ("Ctrl+Shift+S", "save a figure"),
        ("Ctrl+Shift+Y", "copy what is shown as Python"),
    ),
    _place(
        "Side by side",
        ("C", "a control of the plate; again: another one"),
        ("N", "control and nearest neighbors"),
        ("R", "replicates"),
        ("G", "guides of the gene, doses of the compound"),
        ("P", "the same position on other plates"),
        ("W", "the selected wells"),
        ("B", "swap well and control in place"),
        ("D", "difference to the controls, and back"),
        ("X", "whole wells, middle 512, middle 256 pixels"),
        ("Escape", "the well alone"),
    ),
    _place(
        "Hits",
        ("H", "the tab Hits"),
        ("[ ]", "previous, next in the queue"),
        ("1…5", "in the tab Hits: tag the well, go on"),
        ("0", "in the tab Hits: take the tag away"),
        ("Enter", "in the tab Hits: write a note"),
        ("Ctrl+Z Ctrl+Shift+Z", "in the tab Hits: undo, redo"),
    ),
)
